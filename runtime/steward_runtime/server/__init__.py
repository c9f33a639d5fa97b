"""The doors: OpenAI's API for clients, the administration API, health and metrics.

Lives here: authentication, request and response shapes, admission, and the three applications.
What a turn does is the driver's business; a handler turns HTTP into one call of it and back.
Errors leave as OpenAI's error body, with a CamelCase code and never with content or a traceback.
Imports tasks, limits and telemetry.names. Imported by wiring and main.
"""
