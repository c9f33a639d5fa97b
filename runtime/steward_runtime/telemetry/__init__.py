"""What the runtime tells its operators: logs, metrics and traces, and never content.

Lives here: every name that leaves the process (`names`), JSON logs on the standard library's
`logging`, Prometheus metrics, W3C trace context and spans, and the exporter that is loaded only
when an endpoint is configured. Keys outside `names` are dropped, so content cannot slip in.
`names` and `spans` may be imported by every impure room; the rest by `wiring` and `main` alone.
"""
