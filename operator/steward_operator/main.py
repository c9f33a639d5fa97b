"""Start of the operator process: wiring, health, and a clean stop."""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from steward_operator.apply.children import ChildWriter
from steward_operator.apply.effects import Effects
from steward_operator.apply.events import EventPoster
from steward_operator.apply.finalizers import FinalizerWriter
from steward_operator.apply.keys import KeyStores, KeyWriter
from steward_operator.apply.status import StatusWriter
from steward_operator.contract.archives import Archives
from steward_operator.contract.erasures import Erasures
from steward_operator.contract.line import Line
from steward_operator.contract.reports import Reports
from steward_operator.contract.runtimes import open_runtimes
from steward_operator.errors import ApiError, ConfigurationError, DefinitionsError, OperatorError
from steward_operator.gather.anchors import AnchorStore
from steward_operator.gather.blueprints import BlueprintStore, BlueprintUses
from steward_operator.gather.child_cache import ChildCache
from steward_operator.gather.cluster_policies import ClusterPolicies
from steward_operator.gather.definitions import wait_for_definitions
from steward_operator.gather.mount_failures import MountFailures
from steward_operator.gather.own_cache import OwnCache
from steward_operator.gather.pod_faults import PodFaults
from steward_operator.gather.probes import SecretProbes
from steward_operator.gather.upgrades import Upgrades
from steward_operator.gather.world import Gatherer, Sources, Stores
from steward_operator.health import HealthServer
from steward_operator.kube.client import KubeClient
from steward_operator.kube.connection import Connection
from steward_operator.kube.throttle import Throttle
from steward_operator.kube.transport import Transport
from steward_operator.names import ENTROPY_LENGTH, FIELD_MANAGER
from steward_operator.objects import Subject
from steward_operator.options import Options, parse_options
from steward_operator.pump.electing import Leadership
from steward_operator.pump.engine import Engine
from steward_operator.pump.kopf_source import KopfSource
from steward_operator.pump.lease import Election
from steward_operator.pump.ledger import Ledgers
from steward_operator.pump.passes import Passes
from steward_operator.telemetry import configure_logs, log

EXIT_FAULT = 1
"""Stopped by a fault, the loss of the Lease among them; another start may do."""
EXIT_CONFIGURATION = 2
"""Flags, kubeconfig, key or rights: nothing changes until somebody mends what the message names."""
EXIT_DEFINITIONS = 3
"""A CustomResourceDefinition is missing or older than this version."""
SYNC_ATTEMPTS = 5


async def serve(options: Options) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Raises:
        OperatorError: if it cannot start.
    """
    loop = asyncio.get_running_loop()
    end_at_signals(loop)
    connection = Connection(options.kubeconfig)
    await connection.load()
    leadership = build_leadership(connection, options, loop) if options.is_elected else None
    may_write = leadership.is_leader if leadership else _always
    client = KubeClient(Transport(connection, Throttle(loop.time), may_write), FIELD_MANAGER)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(connection.close)
        runtimes = None
        if options.key_path is not None:
            # Every replica may make the key; the first one wins, and all wait for the file.
            free = KubeClient(Transport(connection, Throttle(loop.time)), FIELD_MANAGER)
            home = options.settings.operator_namespace
            opening = open_runtimes(options.key_path, free, home, may_write)
            runtimes = await stack.enter_async_context(opening)
        archives = None
        if runtimes is not None and options.archive_path is not None:
            archives = Archives(options.archive_path, runtimes)
        engine = build_engine(client, options, loop, Line(runtimes, archives))
        health = HealthServer(engine, options.health_port, options.metrics_port, host=options.host)
        stack.push_async_callback(health.stop)
        await health.start()
        await wait_for_definitions(client, loop.time)
        if leadership is not None:
            engine.is_standing_by = True
            await leadership.acquire()
            engine.is_standing_by = False
            stack.push_async_callback(leadership.release)
        source = KopfSource(connection, options.namespace, engine.take_own)
        await _run(engine, source, archives, leadership)
    log().info("stopped")


def end_at_signals(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the running task at SIGTERM and SIGINT, until kopf takes both over.

    The first process of a container hears no signal that it has no handler for, so a replica that
    stands by, or waits for its key, would be killed only when its Pod's grace is over.
    """
    task = asyncio.current_task(loop)
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)


async def _run(
    engine: Engine,
    source: KopfSource,
    archives: Archives | None,
    leadership: Leadership | None,
) -> None:
    """Sync, follow and work until told to stop."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    works: list[asyncio.Task[None]] = []
    try:
        if leadership is not None:
            works.append(loop.create_task(leadership.hold()))
        await _sync(engine)
        log().info("synced")
        works.append(loop.create_task(engine.run()))
        if archives is not None:
            # Only now is it known whose receipts there are.
            works.append(loop.create_task(archives.keep_pulling(engine.served)))
        for work in works:
            work.add_done_callback(lambda _: stop.set())
        await source.run(stop)
        for work in works:
            if work.done():
                # It never ends by itself: show what ended it.
                work.result()
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        engine.queue.close()


def build_leadership(
    connection: Connection, options: Options, loop: asyncio.AbstractEventLoop
) -> Leadership:
    """Take part in the election; its own requests wait for nobody and are never gated."""
    client = KubeClient(Transport(connection, Throttle(loop.time)), FIELD_MANAGER)
    identity = f"{socket.gethostname()}-{secrets.token_hex(4)}"
    return Leadership(
        client,
        Election(identity),
        options.settings.operator_namespace,
        now=_now,
        clock=loop.time,
    )


def build_engine(
    client: KubeClient,
    options: Options,
    loop: asyncio.AbstractEventLoop,
    line: Line,
) -> Engine:
    """Wire the rooms together: the only place that chooses clocks and randomness."""
    clock, draw = loop.time, _draw
    period = float(options.settings.requeue_seconds)
    anchors, probes = AnchorStore(client), SecretProbes(client, clock, draw, period)

    def wake(subject: Subject) -> None:
        engine.queue.add(subject)  # made below

    own, children, pods = OwnCache(), ChildCache(), PodFaults(client, clock)
    stores = Stores(
        own=own,
        policies=ClusterPolicies(own),
        children=children,
        anchors=anchors,
        probes=probes,
        mounts=MountFailures(),
        blueprints=BlueprintStore(client),
        uses=BlueprintUses(client),
        reports=Reports(line.ask, wake, clock, draw),
        erasures=Erasures(line.erase, wake),
        pods=pods,
        upgrades=Upgrades(own, children, pods, options.settings, wake),
    )
    sources = Sources(
        _now,
        lambda: secrets.token_hex(ENTROPY_LENGTH // 2),
        options.settings,
        line.trusted_keys,
    )
    keys = KeyWriter(client, KeyStores(children, anchors, probes), clock)
    writer = ChildWriter(client, children, clock)
    events = EventPoster(client, _now, lambda: secrets.token_hex(8))
    ledgers = Ledgers(clock)
    passes = Passes(
        stores,
        Gatherer(client, stores, sources),
        Effects(client, children, keys, writer),
        StatusWriter(client, stores.own, events, clock),
        FinalizerWriter(client),
        ledgers=ledgers,
        now=_now,
        clock=clock,
        settings=options.settings,
    )
    engine = Engine(
        client,
        stores,
        passes,
        ledgers=ledgers,
        namespace=options.namespace,
        resync_seconds=period,
        clock=clock,
        draw=draw,
    )
    return engine


async def _sync(engine: Engine) -> None:
    """Make the first lists, with patience for a server that is just starting."""
    for attempt in range(1, SYNC_ATTEMPTS + 1):
        try:
            await engine.sync()
        except ApiError as error:
            if attempt == SYNC_ATTEMPTS:
                raise
            log().warning("sync_failed", **error.explain())
            await asyncio.sleep(error.retry_after_seconds or 2.0 ** (attempt - 1))
        else:
            return


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the one wall clock of the operator


def _always() -> bool:
    return True


def _draw() -> float:
    return secrets.randbelow(1 << 32) / (1 << 32)


def run() -> None:
    """Run the operator as a process; the console command `steward-operator`."""
    options = parse_options(sys.argv[1:])
    configure_logs(options.log_level)
    try:
        asyncio.run(serve(options))
    except asyncio.CancelledError:
        log().info("stopped")
    except DefinitionsError as error:
        log().error("cannot_start", reason=error.reason, message=str(error))
        sys.exit(EXIT_DEFINITIONS)
    except ConfigurationError as error:
        log().error("cannot_start", reason=error.reason, message=str(error))
        sys.exit(EXIT_CONFIGURATION)
    except OperatorError as error:
        log().error("stopped_by_fault", reason=error.reason, message=str(error))
        sys.exit(EXIT_FAULT)


if __name__ == "__main__":
    run()
