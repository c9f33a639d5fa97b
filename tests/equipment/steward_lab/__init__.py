"""The lab: a real Kubernetes control plane and a test kubelet, as local processes.

Here live the builder of etcd, kube-apiserver and kube-controller-manager, the code that starts
and stops them, the reader of the audit log, a small client, and the kubelet that stands in for
nodes. Nothing of the product may live here. Tests and benches import it; the product never does.
"""
