"""The children of a plan as processes of this machine: what `steward up`, `chat` and `down` do.

Lives here: the state folder, the reading of `local.yaml`, the pure mapping from `Plan.children` to
processes, files and schedules, the supervisor that runs them, and the small model servers.
Nothing here decides what an assistant may do: that is in the plan and in the Blueprint.
Imports `steward_operator` for plan and archive, lazily; the runtime is only ever started as a
process. Imported by the words of the command line and by `steward_cli.demo`.
"""
