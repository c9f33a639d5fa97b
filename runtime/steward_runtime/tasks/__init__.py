"""Tasks: what drives a turn. Journal first, then the decision, then the effect, then its result.

Lives here: the driver, recovery after a crash, conversations, attachment of retries, and the ports
that models, tools and memory implement. The turn itself is decided in `turn`, leave is given in
`policy`; nothing here knows HTTP.
Imports everything below it. Imported by server and wiring.
"""
