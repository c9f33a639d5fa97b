"""Models: one adapter per API, one wrapper per file for what is added around it.

Lives here: the OpenAI-compatible chat adapter on aiohttp and orjson, the wrapper that asks for a
tool by JSON Schema, fail-over, observation, embeddings, and the scripted double that we ship. What
is pure (`sse`, `openai_wire`, `constrained_wire`, `partial_reply`) touches no socket.
An adapter takes a Permit. Imports policy.permit, turn, limits. Imported by wiring alone.
"""
