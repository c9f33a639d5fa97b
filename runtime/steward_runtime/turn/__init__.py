"""The turn: one answer to one request, as a pure state machine.

Lives here: messages, events, commands, the state and `step(state, event) -> (state, commands)`.
Recovery after a crash is the same fold over the journal. No I/O, clock or randomness; what is
allowed is judged in `policy`, what happens is driven in `tasks`.
Imports labels and steward_api only. Imported by policy, journal, tasks and the adapters' rooms.
"""
