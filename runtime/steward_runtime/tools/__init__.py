"""Tools: one adapter per way of reaching one, one wrapper per file for what all adapters share.

Lives here: the HTTP adapter, the connector that knows the Blueprint's hosts and no others,
credentials that go only where their Secret says, and wrappers (deadline, breaker, observed).
An adapter takes a Permit, so a call that nobody judged does not type-check.
Imports policy.permit and turn. Imported by wiring alone.
"""
