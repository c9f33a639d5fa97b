"""Runs what an example's `expect.yaml` says against a running assistant, and `make demo`.

Lives here: the schema of `expect.yaml`, the steps that it may have, and the readable transcript.
Everything is asked through documented doors: the OpenAI-compatible API, `/v1/tasks` and
`/v1/memories`,
the example's own service and the archive of receipts. No expectation is about wording.
Imported by `examples/01-helpdesk/demo.py` and by tests.
"""
