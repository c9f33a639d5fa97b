"""The Kubernetes API as seven verbs over plain manifests, for all kinds alike.

Lives here: connection settings, the one client class, faults by status, list-then-watch. Built on
`kubernetes.aio` by its untyped path, so no generated model is imported. Decides nothing about
assistants. Imported by `pump`, `gather`, `apply` and `main`; nothing else may import `kubernetes`.
"""
