"""The archive as a process of its own, beside the operator's replicas.

It has a volume that one Pod alone mounts, so it cannot be a part of several replicas. It finds
Assistants by a list in each round, pulls and co-signs their receipts with the operator's key, and
changes nothing in the cluster. The operator then takes a runtime's word for an erasure only where
this process has co-signed the receipt.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from steward_operator.contract.archives import ROUND_SECONDS, Archives
from steward_operator.contract.keys import SECRET_NAME, read_operator_key
from steward_operator.contract.runtimes import open_runtimes
from steward_operator.errors import ApiError, ConfigurationError, OperatorError
from steward_operator.health import HealthServer
from steward_operator.kube.client import KubeClient, Selection
from steward_operator.kube.connection import Connection
from steward_operator.kube.resources import ASSISTANTS
from steward_operator.kube.throttle import Throttle
from steward_operator.kube.transport import Transport
from steward_operator.names import FIELD_MANAGER
from steward_operator.objects import Manifest, Subject
from steward_operator.telemetry import configure_logs, log

EXIT_CONFIGURATION: Final = 2
PAGE_SIZE: Final = 100


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """What the command line says."""

    namespace: str | None
    kubeconfig: Path | None
    key_path: Path
    archive_path: Path
    host: str | None
    health_port: int
    log_level: str


class Rounds:
    """Goes round all Assistants, and tells how it stands.

    Args:
        client: Lists Assistants.
        archives: The shelf.
        namespace: None for all namespaces.
    """

    def __init__(self, client: KubeClient, archives: Archives, namespace: str | None) -> None:
        self._client = client
        self._archives = archives
        self._namespace = namespace
        self._began: float | None = None
        self.is_synced = False
        self.is_standing_by = False

    def oldest_pass_seconds(self) -> float:
        """Return how long the present round has run: a liveness signal."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    async def keep_going(self) -> None:
        """Pull round after round, until cancelled."""
        while True:
            self._began = time.monotonic()
            try:
                served = await self._list_served()
            except ApiError as error:
                log().warning("assistants_not_listed", reason=error.reason)
            else:
                await self._archives.pull_round(served)
                self.is_synced = True
            self._began = None
            await asyncio.sleep(ROUND_SECONDS)

    async def _list_served(self) -> list[tuple[Subject, str]]:
        served: list[tuple[Subject, str]] = []
        selection = Selection(self._namespace)
        async for page in self._client.pages(ASSISTANTS, selection, PAGE_SIZE):
            served += [_identify(item) for item in page.items if _is_served(item)]
        return served


def parse_archive_options(arguments: Sequence[str]) -> ArchiveOptions:
    """Parse the command line; exits with 2 and a usage line where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python3 -m steward_operator.archiving",
        description="Pulls, co-signs and keeps receipts of runtimes.",
    )
    parser.add_argument("--namespace", help="serve this namespace alone; default: all")
    parser.add_argument("--kubeconfig", type=Path, help="default: the Pod's service account")
    parser.add_argument(
        "--key-file", type=Path, required=True, help="file or folder of the operator's Ed25519 key"
    )
    parser.add_argument(
        "--archive-dir", type=Path, required=True, help="folder that receipts are kept in"
    )
    parser.add_argument("--host", help="address to listen on; default: all")
    parser.add_argument("--health-port", type=int, default=8081, help="/livez, /readyz; 0: none")
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning"))
    given = parser.parse_args(arguments)
    return ArchiveOptions(
        namespace=given.namespace,
        kubeconfig=given.kubeconfig,
        key_path=given.key_file,
        archive_path=given.archive_dir,
        host=given.host,
        health_port=given.health_port,
        log_level=given.log_level,
    )


async def serve(options: ArchiveOptions) -> None:
    """Run the archive until SIGTERM or SIGINT.

    Raises:
        OperatorError: if it cannot start.
    """
    await check_key(options.key_path)
    connection = Connection(options.kubeconfig)
    await connection.load()
    loop = asyncio.get_running_loop()
    client = KubeClient(Transport(connection, Throttle(loop.time), _never), FIELD_MANAGER)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(connection.close)
        opening = open_runtimes(options.key_path, client, "", _always)
        runtimes = await stack.enter_async_context(opening)
        rounds = Rounds(client, Archives(options.archive_path, runtimes), options.namespace)
        health = HealthServer(rounds, options.health_port, 0, host=options.host)
        stack.push_async_callback(health.stop)
        await health.start()
        work = loop.create_task(rounds.keep_going())
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, work.cancel)
        log().info("archiving")
        await asyncio.wait([work])
        if not work.cancelled():
            # It never ends by itself: show what ended it.
            work.result()
    log().info("stopped")


async def check_key(path: Path) -> None:
    """Check that the operator has made its key.

    Raises:
        ConfigurationError: if there is no key at `path`, or none that can be used.
    """
    try:
        await asyncio.to_thread(read_operator_key, path)
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path} holds no key; the operator makes Secret {SECRET_NAME} when it starts with "
            "--key-file: mount it there"
        ) from None


def _identify(item: Manifest) -> tuple[Subject, str]:
    metadata = item["metadata"]
    subject = Subject(ASSISTANTS.kind, metadata["namespace"], metadata["name"])
    return subject, metadata["uid"]


def _is_served(item: Manifest) -> bool:
    return bool((item.get("status") or {}).get("blueprintDigest"))


def _always() -> bool:
    return True


def _never() -> bool:
    """Say that nothing may be written: the archive only reads the cluster."""
    return False


def run() -> None:
    """Run the archive as a process."""
    options = parse_archive_options(sys.argv[1:])
    configure_logs(options.log_level)
    try:
        asyncio.run(serve(options))
    except ConfigurationError as error:
        log().error("cannot_start", reason=error.reason, message=str(error))
        sys.exit(EXIT_CONFIGURATION)
    except OperatorError as error:
        log().error("stopped_by_fault", reason=error.reason, message=str(error))
        sys.exit(1)


if __name__ == "__main__":
    run()
