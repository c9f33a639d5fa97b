"""Argo CD as test equipment: its health scripts under Lua 5.1, and the real program on loopback.

Here live the reader of `charts/steward/argocd`, the builder of Argo CD, and the code that starts
and stops its repository server and controller against any kubeconfig. Nothing of the product may
live here; tests import it, the product never does.
"""
