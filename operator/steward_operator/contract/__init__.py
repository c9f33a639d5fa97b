"""The contract with runtimes: `/internal/v1` of each assistant, called with short-lived tokens.

Lives here: the operator's key, where a runtime listens, one client with deadlines, and the answers
that are remembered between passes. A runtime's fault is an answer here, never an exception that
reaches the queue. Imported by the pump, by gather and by the start of the process.
"""
