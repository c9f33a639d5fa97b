"""Looks from inside a Pod at which destinations answer, with the Python of the Pod's own image."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from steward_node.cluster import Cluster

# Runs in the Pod: all destinations at once, so that those that are dropped cost one timeout.
PROBE = """
import concurrent.futures, json, socket, sys

def look(text):
    host, _, port = text.rpartition(":")
    try:
        socket.create_connection((host, int(port)), float(sys.argv[1])).close()
    except ConnectionRefusedError:
        return "Refused"
    except socket.gaierror:
        return "Unknown"
    except OSError:
        return "Closed"
    return "Open"

with concurrent.futures.ThreadPoolExecutor(16) as pool:
    print(json.dumps(list(pool.map(look, sys.argv[2:]))))
"""
PROBE_SECONDS = 4


class Answer(StrEnum):
    """How a destination answered."""

    OPEN = "Open"
    """A connection stands."""
    REFUSED = "Refused"
    """The host is reached, and nobody listens there."""
    UNKNOWN = "Unknown"
    """The name does not resolve."""
    CLOSED = "Closed"
    """Nothing came back in time, or the way was refused."""


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """A container whose image holds Python.

    Attributes:
        target: A Pod as kubectl names it, such as `pod/x` or `deployment/x`.
    """

    namespace: str
    target: str
    container: str


def look_from(
    cluster: Cluster, viewpoint: Viewpoint, destinations: Iterable[str]
) -> dict[str, Answer]:
    """Answers how each `host:port` looks from a container."""
    wanted = tuple(destinations)
    said = cluster.kubectl(
        "exec",
        f"--namespace={viewpoint.namespace}",
        viewpoint.target,
        f"--container={viewpoint.container}",
        "--",
        "python3",
        "-c",
        PROBE,
        str(PROBE_SECONDS),
        *wanted,
    )
    return dict(zip(wanted, map(Answer, json.loads(said)), strict=True))
