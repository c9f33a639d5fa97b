"""The operator as a process of its own against the lab's API server, and sample objects for it.

It runs under its own ServiceAccount token with exactly the rights of `rbac.py`, so what the audit
log shows under its name is what it would do anywhere. For tests only.
"""
