"""The runtime: one assistant, serving behind an OpenAI-compatible API.

Pure rooms: labels, turn, policy, journal/records, audit/chain, limits, memory's ranking and
retention's arithmetic. Rooms that touch the world: storage, crypto, journal, tasks, models, tools,
memory, retention, server, telemetry. They meet in `tasks` and `wiring`.
Never imports steward_operator, and holds no Kubernetes client. Imported by steward_cli, lazily.
"""
