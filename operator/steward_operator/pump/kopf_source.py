"""kopf as a pump: events of our own kinds come in, nothing goes out.

`on.event` alone leaves no annotation and no finalizer. Posting, peering and scanning are off, and
the kinds are named exactly, so kopf lists, watches and asks for discovery, and writes nothing.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from typing import Any, Final

import kopf

from steward_operator.kube.connection import Connection, is_proxy_set
from steward_operator.kube.resources import OWN
from steward_operator.objects import Manifest
from steward_operator.pump.kopf_storage import NoDiffBase, NoProgress

LIST_CHUNK: Final = 25
IDLE_SECONDS: Final = 0.5
"""How long kopf keeps a task per object after its last event; the default of 5 s costs memory."""

Take = Callable[[str | None, Manifest], None]
"""Takes the type of an event (None for an item of kopf's list) and the object."""


class KopfSource:
    """Runs kopf inside our loop until it is told to stop, or is told by a signal."""

    def __init__(self, connection: Connection, namespace: str | None, take: Take) -> None:
        """Feed `take` with events of our kinds.

        Args:
            connection: Server and credentials, the same as our own client's.
            namespace: None for all namespaces.
            take: Called for each event, inside the loop.
        """
        self._connection = connection
        self._namespace = namespace
        self._take = take

    async def run(self, stop: asyncio.Event) -> None:
        """Pump until `stop` is set, or until SIGTERM or SIGINT, which kopf handles."""
        registry = kopf.OperatorRegistry()
        self._register(registry)
        with warnings.catch_warnings():
            # kopf warns of its own deprecated parameters even where they are not used.
            await kopf.operator(
                registry=registry,
                settings=build_settings(),
                standalone=True,
                clusterwide=self._namespace is None,
                namespaces=[self._namespace] if self._namespace else [],
                stop_flag=stop,
            )

    def _register(self, registry: kopf.OperatorRegistry) -> None:
        @kopf.on.login(registry=registry)
        async def log_in(**_: Any) -> kopf.ConnectionInfo:
            return await build_login(self._connection)

        for resource in OWN:

            @kopf.on.event(
                group=resource.group,
                version=resource.version,
                plural=resource.plural,
                registry=registry,
                id=resource.plural,
            )
            async def take_event(event: Any, **_: Any) -> None:
                self._take(event["type"], event["object"])


def build_settings() -> kopf.OperatorSettings:
    """Return kopf's settings: read events, touch nothing."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.watching.chunk_size = LIST_CHUNK
    settings.queueing.idle_timeout = IDLE_SECONDS
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    settings.networking.trust_env = is_proxy_set()
    return settings


async def build_login(connection: Connection) -> kopf.ConnectionInfo:
    """Return the credentials of our own connection in kopf's words, read anew at each 401."""
    await connection.reload()
    configuration = connection.configuration
    authorization = await connection.authorization()
    scheme, credentials = authorization or (None, None)
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme,
        token=credentials,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        proxy_url=configuration.proxy,
    )
