"""A scripted server with OpenAI's chat API: says what a test wrote, and fails on request.

Test equipment, never shipped. `python -m steward_model_server --port N` runs it by hand.
"""

from steward_model_server.script import (
    Answer,
    Call,
    Cut,
    Fault,
    Garbage,
    Hang,
    Refuse,
    Say,
)
from steward_model_server.serving import ModelServer, Received

__all__ = [
    "Answer",
    "Call",
    "Cut",
    "Fault",
    "Garbage",
    "Hang",
    "ModelServer",
    "Received",
    "Refuse",
    "Say",
]
