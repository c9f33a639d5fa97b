"""A host: listens, connects, and answers orders until its input ends."""

from __future__ import annotations

import json
import socket
import sys
from typing import Any, Final

CONNECT_SECONDS: Final = 2.0
"""A dropped packet is a refusal after this time; an allowed one takes microseconds."""

_listening: list[socket.socket] = []


def serve() -> None:
    """Answer one line of JSON for each that comes."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_obey(json.loads(line))) + "\n")
        sys.stdout.flush()


def _obey(order: dict[str, Any]) -> bool:
    match order["do"]:
        case "listen":
            # Nobody accepts: the kernel completes the handshake, which is all that is asked.
            places = [(order["address"], port) for port in order["ports"]]
            _listening.extend(socket.create_server(place, backlog=128) for place in places)
            return True
        case "connect":
            return _connect(order["address"], order["port"])
    return True


def _connect(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
