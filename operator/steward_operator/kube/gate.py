"""The last look before a write leaves the process: does this replica still lead?

A process can be stopped between any two of its instructions and go on minutes later. So the answer
is asked for twice: before a request waits for a connection, where a refusal is cheap, and again in
the same breath in which its body is handed to the socket. One thread hands over one body at a
time, so no more than one request can slip through between that look and the socket.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

import aiohttp

Gate = Callable[[], bool]
"""Says whether a write may leave now."""


class GateClosedError(aiohttp.ClientError):
    """The request was given up unsent: this replica does not lead."""


_GATE: Final[ContextVar[Gate | None]] = ContextVar("gate", default=None)


def guard_writes(gate: Gate) -> None:
    """Ask `gate` before each body that the running task and its children send from here on."""
    _GATE.set(gate)


def build_trace() -> aiohttp.TraceConfig:
    """Return what a session needs for the second look; it acts where `guard_writes` was called."""
    trace = aiohttp.TraceConfig()
    trace.on_request_chunk_sent.append(_look)  # told just before the chunk is written
    return trace


async def _look(*_: Any) -> None:
    gate = _GATE.get()
    if gate is not None and not gate():
        raise GateClosedError("this replica does not lead")


def build_middleware(gate: Gate) -> Any:
    """Return a client middleware that lets no request pass, reads included, while `gate` is shut.

    For what is said to runtimes: only the leader asks them and takes their receipts.
    """

    async def pass_gate(
        request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if not gate():
            raise GateClosedError("this replica does not lead")
        return await send(request)

    return pass_gate
