"""The operator: custom resources in, children out.

Pure rooms: plan, children, names, labels, settings, compare, rbac. Rooms that touch the world:
gather (reads), apply (writes), kube (the client), pump (events and queues).
Never imports steward_runtime. Imported by steward_cli, lazily, and by tests.
"""
