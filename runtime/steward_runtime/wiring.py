"""From files to a running assistant: the one place where rooms meet.

Nothing here decides anything but who gets what; a test of behaviour belongs to the room that has
it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from steward_api.blueprint import Bindings, Blueprint, Denial, Trust
from steward_runtime import config
from steward_runtime.clock import Clock, Ids, RandomIds, SystemClock, render_time
from steward_runtime.config import ConfigFolder, KeyMissing
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.limits.queue import Places
from steward_runtime.limits.rate import Rate
from steward_runtime.memory.scope import ScopeCache
from steward_runtime.memory.store import MemorySettings, MemoryStore
from steward_runtime.retention.assembly import PurgeParts, build_purge, resolve_places
from steward_runtime.retention.opening import (
    OpenedKeys,
    build_rewrapping,
    gather_key_changes,
    open_keyed_database,
    open_keys,
)
from steward_runtime.retention.service import PurgeService
from steward_runtime.server.admin import AdminEndpoints
from steward_runtime.server.administration import ErasureOrder, Status, StatusFacts
from steward_runtime.server.admission import Admission, RateLimiter
from steward_runtime.server.app import build_admin_app, build_metrics_app, build_public_app
from steward_runtime.server.auth import KeyEntry, Keys, build_generated_entry
from steward_runtime.server.body import BodyBudget
from steward_runtime.server.door import Door
from steward_runtime.server.health import Readiness
from steward_runtime.server.memory_access import MemoryAccess
from steward_runtime.server.operator_tokens import AdminTokens
from steward_runtime.server.parts import Identity, PublicParts
from steward_runtime.server.serving import Listening, Servers
from steward_runtime.storage.database import Database
from steward_runtime.storage.folder_lock import FolderLock, acquire_folder_lock
from steward_runtime.tasks.driver import Driver
from steward_runtime.tasks.pinning import Pins
from steward_runtime.telemetry.metrics import Metrics
from steward_runtime.telemetry.names import LogField
from steward_runtime.telemetry.observer import TaskObserver
from steward_runtime.telemetry.spans import PlainTracer, Tracer
from steward_runtime.tools.credentials import Credentials
from steward_runtime.watched import Watched
from steward_runtime.wiring_adapters import AdapterBuilder, AdapterTools

DISTRIBUTION: Final = "steward-operator"
DRAIN_MARGIN_SECONDS: Final = 2
"""Beyond the deadline of a turn, so that its last step becomes durable."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """How `steward-runtime serve` was started.

    Attributes:
        config: folder of files; `/etc/steward` in a Pod.
        data: folder of the database.
        host: address to listen on.
        port: public API.
        admin_port: administration API.
        metrics_port: metrics.
        is_local: reads bindings.
        sends_traces: the environment names an OTLP endpoint.
    """

    config: ConfigFolder
    data: Path
    host: str
    port: int
    admin_port: int
    metrics_port: int
    is_local: bool = False
    sends_traces: bool = False


@dataclass(frozen=True, slots=True)
class Documents:
    """What was read before anything was started."""

    blueprint: Blueprint
    bindings: Bindings
    keys: OpenedKeys
    trust: Watched[Trust]

    @property
    def keyring(self) -> Keyring:
        """Data keys and pseudonyms."""
        return self.keys.keyring


@dataclass(frozen=True, slots=True)
class Foundation:
    """What does not need an event loop."""

    documents: Documents
    clock: Clock
    ids: Ids
    metrics: Metrics
    tracer: Tracer
    database: Database
    lock: FolderLock

    def close(self) -> None:
        """Close what was opened; the data folder is free for the next process then."""
        self.tracer.close()
        self.database.close()
        self.lock.release()


def build_foundation(settings: ServeSettings) -> Foundation:
    """Read every file that is needed and open the database.

    Raises:
        StewardError: if something is absent or not usable; nothing is served then.
    """
    clock, ids = SystemClock(), RandomIds()
    folder = settings.config
    blueprint = config.load_blueprint(folder.blueprint)
    bindings = config.load_bindings(folder.bindings, is_local=settings.is_local)
    keys = open_keys(folder, clock)
    config.read_secret(folder.api_key)
    trust = Watched(folder.trust, config.load_trust, clock.monotonic_seconds)
    metrics = Metrics()
    metrics.record_blueprint(blueprint.assistant, blueprint.digest)
    tracer = _build_tracer(settings, ids, blueprint.assistant)
    lock = acquire_folder_lock(settings.data)
    try:
        database = open_keyed_database(settings.data, keys, trust.current(), clock)
    except BaseException:
        lock.release()
        raise
    documents = Documents(blueprint, bindings, keys, trust)
    return Foundation(documents, clock, ids, metrics, tracer, database, lock)


class Runtime:
    """One assistant, serving."""

    def __init__(self, settings: ServeSettings, foundation: Foundation) -> None:
        """Put the rooms together; call it on the event loop.

        Raises:
            StewardError: if the Blueprint cannot be served, or a port is taken.
        """
        self._foundation = foundation
        self._settings = settings
        self._readiness = Readiness()
        self._trust = Watched(
            settings.config.trust, config.load_trust, foundation.clock.monotonic_seconds
        )
        blueprint = foundation.documents.blueprint
        self._adapters = self._build_adapter_builder()
        embedder = None
        if blueprint.memory is not None and blueprint.memory.embedder is not None:
            embedder = self._adapters.build_embedder(blueprint.memory.embedder)
        self._scopes = ScopeCache()
        memory_settings = MemorySettings(blueprint.memory, embedder)
        self._memory = MemoryStore(
            foundation.database,
            foundation.documents.keyring,
            lambda: memory_settings,
            foundation.clock,
            foundation.ids,
            self._scopes,
        )
        memory = None if blueprint.memory is None else self._memory
        self._pins = Pins(
            foundation.database,
            blueprint,
            lambda pinned: self._adapters.build_adapters(pinned, memory),
        )
        self._driver = Driver(
            foundation.database,
            foundation.documents.keyring,
            self._pins,
            clock=foundation.clock,
            ids=foundation.ids,
            observer=TaskObserver(foundation.metrics),
        )
        self._rewrapping = build_rewrapping(
            foundation.database, foundation.documents.keys, foundation.clock
        )
        self._purges = self._build_purges()
        self._servers = Servers(self._build_listenings())

    @property
    def ports(self) -> Mapping[str, int]:
        """Ports that are listened on, by name."""
        return self._servers.ports

    async def start(self) -> None:
        """Take up what a crash interrupted, and serve."""
        resumed = await self._driver.open()
        self._purges.resume()
        await self._servers.start()
        self._readiness.open()
        blueprint = self._foundation.documents.blueprint
        _log.info(
            "Serving",
            extra={
                LogField.ASSISTANT.value: blueprint.assistant,
                LogField.BLUEPRINT.value: blueprint.digest,
                LogField.ADDRESS.value: self._settings.host,
                LogField.PORT.value: self._servers.ports["http"],
                LogField.VERSION.value: find_version(),
                LogField.COUNT.value: resumed,
            },
        )

    async def stop(self) -> None:
        """Take no more work, finish what runs or leave it to the next start, and close."""
        self._readiness.close("Draining")
        limits = self._foundation.documents.blueprint.limits
        left = await self._driver.drain(limits.turn_deadline_seconds + DRAIN_MARGIN_SECONDS)
        await self._purges.close()
        await self._servers.stop()
        await self._adapters.close()
        _log.info("Stopped", extra={LogField.COUNT.value: left})

    def _build_adapter_builder(self) -> AdapterBuilder:
        foundation = self._foundation
        clock = foundation.clock
        return AdapterBuilder(
            AdapterTools(
                clock=clock,
                ids=foundation.ids,
                tracer=foundation.tracer,
                metrics=foundation.metrics,
                credentials=Credentials(self._settings.config.credentials, clock.monotonic_seconds),
                bindings=foundation.documents.bindings,
                is_local=self._settings.is_local,
            )
        )

    def _build_listenings(self) -> tuple[Listening, ...]:
        settings, foundation = self._settings, self._foundation
        monotonic, metrics = foundation.clock.monotonic_seconds, foundation.metrics
        public = build_public_app(self._build_public_parts(), self._readiness)
        measures = build_metrics_app(self._readiness, metrics, monotonic)
        return (
            Listening("http", public, settings.host, settings.port),
            Listening("admin", self._build_admin_app(), settings.host, settings.admin_port),
            Listening("metrics", measures, settings.host, settings.metrics_port),
        )

    def _build_purges(self) -> PurgeService:
        foundation, documents = self._foundation, self._foundation.documents
        parts = PurgeParts(
            database=foundation.database,
            keyring=documents.keyring,
            signing_key=documents.keys.signing_key,
            blueprint=documents.blueprint,
            trust=documents.trust.current,
            places=resolve_places(self._settings.data, is_local=self._settings.is_local),
            clock=foundation.clock,
            ids=foundation.ids,
            on_memory_erased=self._scopes.clear,
        )
        return PurgeService(*build_purge(parts), self._rewrapping)

    def _build_admin_app(self) -> Door:
        foundation, documents = self._foundation, self._foundation.documents
        clock, signing_key = foundation.clock, documents.keys.signing_key
        facts = StatusFacts(
            version=find_version(),
            assistant=documents.blueprint.assistant,
            blueprint_digest=documents.blueprint.digest,
            public_key=signing_key.public_key,
            key_id=signing_key.key_id,
            started_at=render_time(clock.now_ms()),
            count_running=lambda: self._driver.running,
            find_key_generation=self._find_key_generation,
            key_changes=gather_key_changes(foundation.database),
        )
        purge_token = Watched(
            self._settings.config.purge_token, _gather_purge_token, clock.monotonic_seconds
        )
        endpoints = AdminEndpoints(
            AdminTokens(
                documents.trust.current,
                purge_token.current,
                lambda: clock.now_ms() // 1_000,
                _gather_older_purge_tokens(self._settings.config),
            ),
            Status(facts, self._readiness),
            self._purges,
            ErasureOrder(self._purges),
        )
        metrics = foundation.metrics
        return build_admin_app(endpoints, self._readiness, metrics, clock.monotonic_seconds)

    def _build_public_parts(self) -> PublicParts:
        foundation, folder = self._foundation, self._settings.config
        documents, clock = foundation.documents, foundation.clock
        blueprint, limits = documents.blueprint, documents.blueprint.limits
        bound = blueprint.bound_keys
        return PublicParts(
            identity=Identity(
                blueprint.assistant, blueprint.owner, blueprint.digest, clock.now_ms() // 1_000
            ),
            denial=self._find_denial,
            keys=Keys(
                folder.api_key,
                None if bound is None else folder.credentials / bound,
                clock.monotonic_seconds,
                _gather_generated_key,
                _gather_older_keys(folder),
            ),
            pseudonym=documents.keyring.pseudonym,
            turns=self._driver,
            memories=MemoryAccess(
                self._memory,
                self._pins.rules,
                foundation.database,
                documents.keyring,
                clock,
                foundation.ids,
            ),
            rates=RateLimiter(Rate(limits.requests_per_minute), clock.monotonic_seconds),
            admission=Admission(
                Places(limits.concurrent_tasks, limits.queued_tasks),
                clock.monotonic_seconds,
                foundation.metrics,
            ),
            bodies=BodyBudget(),
            tracer=foundation.tracer,
            meter=foundation.metrics,
            monotonic_seconds=clock.monotonic_seconds,
            request_bytes=limits.request_bytes,
            queue_seconds=limits.turn_deadline_seconds,
        )

    def _find_key_generation(self) -> int | None:
        is_settled = self._rewrapping.is_settled
        return self._foundation.documents.keys.generation if is_settled else None

    def _find_denial(self) -> Denial | None:
        return self._trust.current().denial


def find_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"


def _gather_generated_key(path: Path) -> KeyEntry:
    return build_generated_entry(config.read_secret(path))


def _gather_older_keys(folder: ConfigFolder) -> tuple[KeyEntry, ...]:
    """Read replaced keys that still work. They act under the id of the one that replaced them."""
    files = (each / folder.api_key.name for each in folder.list_older("api"))
    return tuple(_gather_generated_key(file) for file in files if file.is_file())


def _gather_older_purge_tokens(folder: ConfigFolder) -> tuple[str, ...]:
    files = (each / folder.purge_token.name for each in folder.list_older("purge"))
    return tuple(token for file in files if (token := _gather_purge_token(file)))


def _gather_purge_token(path: Path) -> str | None:
    try:
        return config.read_secret(path)
    except KeyMissing:
        return None


def _build_tracer(settings: ServeSettings, ids: Ids, assistant: str) -> Tracer:
    """Load the exporter only where an endpoint is named: it costs 120 ms of CPU at start."""
    if not settings.sends_traces:
        return PlainTracer(ids.salt)
    from steward_runtime.telemetry.otlp import ExportingTracer

    return ExportingTracer(find_version(), assistant)
