"""A purge with everything around it in reach of a test."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api.blueprint import TrustedKey
from steward_api.receipt import (
    Envelope,
    ReceiptPredicate,
    Signature,
    Trigger,
    build_signature,
    key_id_of,
)
from steward_api.v1alpha1.retention_policy import DataClass
from steward_api.verification import parse_envelope, parse_statement
from steward_purge.doubles import PlainKeyring
from steward_purge.seeding import (
    Seeded,
    seed_audit,
    seed_conversation,
    seed_memory,
    seed_task,
)
from steward_runtime.clock import Clock, ManualClock, RandomIds
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.memory.scope import ScopeCache
from steward_runtime.retention.ballast import Ballast
from steward_runtime.retention.proof import Identity
from steward_runtime.retention.purge import Purge, StepObserver
from steward_runtime.retention.receipts import ReceiptLog
from steward_runtime.retention.runs import Run
from steward_runtime.retention.scan import Index, Walk, scan_place
from steward_runtime.retention.scanner import Places, ProcessScanner
from steward_runtime.retention.signing import SigningKey
from steward_runtime.retention.steps import Workshop
from steward_runtime.retention.stores import PurgeStore, build_stores
from steward_runtime.retention.windows import Hold, Windows
from steward_runtime.storage.database import Database

KEK: Final = bytes(range(32))
PLAIN: Final = "plain"
KEEP_SECONDS: Final = 60
RUNTIME_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
OPERATOR_KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes([2] * 32))
DIGEST: Final = "sha256:" + "0" * 64


def public_key_of(key: Ed25519PrivateKey) -> bytes:
    """Return the raw public half."""
    return key.public_key().public_bytes_raw()


def build_windows(
    *holds: Hold, keep_seconds: int = KEEP_SECONDS, backup_seconds: dict[str, int] | None = None
) -> Windows:
    """Return the same window for every class."""
    return Windows(
        policy="short",
        policy_digest=DIGEST,
        keep_seconds=dict.fromkeys(DataClass, keep_seconds),
        holds=holds,
        backup_seconds=backup_seconds or {},
    )


@dataclass
class PurgeBench:
    """A purge on a folder.

    Attributes:
        directory: data directory.
        database: the database.
        keyring: data keys.
        clock: moves when told.
        windows: windows and holds in force; replace it as a new policy would.
        cache: open scopes of memory.
        wrap_stores: puts doubles around the real stores.
        observer: hears of every step.
        logs: where logs lie.
        temporary: where temporary files lie.
        rows_max: rows that one run deletes at most.
        ballast: makes room on a full disk.
    """

    directory: Path
    database: Database
    keyring: Keyring
    clock: Clock
    windows: Windows = field(default_factory=build_windows)
    cache: ScopeCache = field(default_factory=ScopeCache)
    wrap_stores: Callable[[tuple[PurgeStore, ...]], tuple[PurgeStore, ...]] = tuple
    observer: StepObserver | None = None
    logs: tuple[Path, ...] = ()
    temporary: tuple[Path, ...] = ()
    rows_max: int = 5_000
    ballast: Ballast | None = None

    def build(self) -> Purge:
        """Return a purge as the wiring makes it."""
        shop = Workshop(
            database=self.database,
            keyring=self.keyring,
            stores=self.wrap_stores(build_stores(self.cache.clear)),
            scanner=ProcessScanner(Places(self.directory, self.temporary, self.logs)),
            windows=lambda: self.windows,
            rows_max=self.rows_max,
        )
        signing_key = SigningKey(RUNTIME_KEY)
        identity = Identity(
            "default", "helpdesk", "uid-1", DIGEST, signing_key.key_id, shop.scanner.digest
        )
        return Purge(
            shop,
            self.receipts,
            lambda: identity,
            self.clock,
            RandomIds(),
            self.observer,
            self.ballast,
        )

    @cached_property
    def receipts(self) -> ReceiptLog:
        """The log of receipts: one per process, as the wiring has it."""
        raw = public_key_of(OPERATOR_KEY)
        trusted = TrustedKey(key_id=key_id_of(raw), public_key=base64.b64encode(raw).decode())
        return ReceiptLog(self.database, SigningKey(RUNTIME_KEY), lambda: (trusted,), self.clock)

    def run(self, trigger: Trigger = Trigger.WINDOW) -> tuple[Run, ...]:
        """Run purges until nothing that may go is due."""
        return self.build().run(trigger)

    def run_one(self) -> tuple[Run, ReceiptPredicate]:
        """Run one purge that issues a receipt; return it with its claim."""
        (run,) = self.run()
        return run, self.read_claim(run)

    def read_claim(self, run: Run) -> ReceiptPredicate:
        """Return the claim of a run's receipt."""
        assert run.receipt_digest is not None
        raw = self.receipts.read(run.receipt_digest)
        return parse_statement(parse_envelope(raw)).predicate

    def cosign(self, run: Run) -> bytes:
        """Let the operator's archive acknowledge a receipt, and return the file."""
        assert run.receipt_digest is not None
        envelope = Envelope.model_validate_json(self.receipts.read(run.receipt_digest))
        self.receipts.acknowledge(run.receipt_digest, cosign(envelope))
        return self.receipts.read(run.receipt_digest)

    def count_rows(self, table: str) -> int:
        """Count the rows of a table."""
        (count,) = self.database.read_now(
            lambda connection: connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 # names of the tests
        )
        return int(count)

    def find_bytes(self, *values: bytes) -> int:
        """Count how often any of some byte strings occurs in the files of the data directory."""
        self.database.checkpoint_now()
        found: set[int] = set()
        walk = Walk([str(self.directory)], [])
        counts = scan_place("data", walk, Index([(value,) for value in values]), found)
        return int(counts["hits"])


def seed_all(bench: PurgeBench, *, subject: str = "ada") -> list[Seeded]:
    """Write one record of every class now."""
    now_ms = bench.clock.now_ms()
    return [
        seed(bench.database, bench.keyring, now_ms, subject=subject)
        for seed in (seed_conversation, seed_task, seed_memory, seed_audit)
    ]


def cosign(envelope: Envelope, key: Ed25519PrivateKey = OPERATOR_KEY) -> Signature:
    """Return the operator's signature."""
    return build_signature(public_key_of(key), key.sign(envelope.signed_bytes()))


@contextmanager
def open_bench(
    directory: Path,
    clock: Clock | None = None,
    *,
    encryption: str = "sealed",
    kek: bytes = KEK,
) -> Iterator[PurgeBench]:
    """Open a bench; `encryption=PLAIN` is the control run in which nothing is encrypted."""
    clock = clock or ManualClock()
    database = Database(directory)
    kind = PlainKeyring if encryption == PLAIN else Keyring
    try:
        yield PurgeBench(directory, database, kind(kek, "kek-1", clock), clock)
    finally:
        database.close()
