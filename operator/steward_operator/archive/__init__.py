"""The archive: receipts kept outside the assistant that issued them.

Lives here: checking and co-signing of receipts, a shelf that only ever adds, and the loop that
pulls them from a runtime. Used by `steward up` inside its process, and later by a process of its
own in a cluster.
Imports steward_api alone, no Kubernetes; nothing of it is in the path of a user's request.
"""
