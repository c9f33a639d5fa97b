"""Calls the runtime of an Assistant by name: finds its Pod, then speaks the contract."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api.blueprint import TrustedKey
from steward_operator.contract.address import PodAddresses
from steward_operator.contract.client import Erasure, RuntimeClient, RuntimeStatus, Target
from steward_operator.contract.errors import RuntimeFault
from steward_operator.contract.keys import (
    build_trusted_key,
    obtain_operator_key,
    read_further_keys,
)
from steward_operator.kube.client import KubeClient
from steward_operator.kube.gate import build_middleware
from steward_operator.objects import Subject

CONNECTIONS_MAX: Final = 16
IDLE_SECONDS: Final = 5.0
"""A Pod is asked rarely, so a connection is not kept for the next time."""


@dataclass(frozen=True, slots=True)
class Runtimes:
    """Every runtime, behind the operator's key."""

    key: Ed25519PrivateKey
    session: aiohttp.ClientSession
    addresses: PodAddresses
    client: RuntimeClient
    further_keys: tuple[bytes, ...] = ()
    """Raw public keys that are trusted besides: of the key before, or of the next one."""

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """Raw public keys whose co-signatures count, the operator's own first."""
        return tuple(dict.fromkeys((self.key.public_key().public_bytes_raw(), *self.further_keys)))

    @property
    def trusted_keys(self) -> tuple[TrustedKey, ...]:
        """The public keys that runtimes must trust."""
        return tuple(build_trusted_key(key) for key in self.public_keys)

    async def ask(self, subject: Subject, uid: str) -> RuntimeStatus:
        """Ask a runtime for its status.

        Raises:
            RuntimeFault: if it does not answer as the contract says.
        """
        self.addresses.forget(subject)  # a roll-out has just brought another Pod
        return await self.client.read_status(await self.find(subject, uid))

    async def erase(self, subject: Subject, uid: str) -> Erasure:
        """Order the erasure of an Assistant's data, or see how far it is.

        Raises:
            RuntimeFault: if it does not answer as the contract says.
        """
        target = await self.find(subject, uid)
        try:
            return await self.client.start_erasure(target)
        except RuntimeFault:
            self.addresses.forget(subject)
            raise

    async def find(self, subject: Subject, uid: str) -> Target:
        """Return the runtime of an Assistant.

        Raises:
            RuntimeUnreachable: if no Pod runs.
        """
        return Target(subject.name, uid, await self.addresses.find(subject))


@asynccontextmanager
async def open_runtimes(
    key_path: Path, client: KubeClient, namespace: str, may_ask: Callable[[], bool]
) -> AsyncIterator[Runtimes]:
    """Obtain the operator's key and open the HTTP session.

    Args:
        key_path: file or folder of the operator's key.
        client: makes the key's Secret and lists Pods.
        namespace: the operator's namespace.
        may_ask: asked before each request to a runtime: only the leader asks, pulls and erases.

    Raises:
        ConfigurationError: if there is no usable key.
    """
    key = await obtain_operator_key(key_path, client, namespace, time.monotonic)
    further = await asyncio.to_thread(read_further_keys, key_path)
    connector = aiohttp.TCPConnector(limit=CONNECTIONS_MAX, keepalive_timeout=IDLE_SECONDS)
    gate = build_middleware(may_ask)
    async with aiohttp.ClientSession(
        connector=connector, trust_env=False, middlewares=(gate,)
    ) as session:
        calls = RuntimeClient(session, key, _now_seconds)
        yield Runtimes(key, session, PodAddresses(client), calls, further)


def _now_seconds() -> int:
    return time.time_ns() // 1_000_000_000
