"""Bounds on work as pure state machines on a given clock.

Lives here: the token bucket of a key, the bounded queue with a fair share per subject, and the
circuit breaker of a tool or a model on one host. Each takes a state, an event and the time, and
returns the next state and what to do. Nothing here waits, reads a clock or knows HTTP; the
adapters that do are `server.admission`, `tools.breaker` and `models.failover`.
Everybody in the runtime may import this room; it imports the standard library alone.
"""
