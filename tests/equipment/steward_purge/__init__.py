"""Purges on a real database for tests: seeded through product code, searched by the real scanner.

Test equipment, never shipped.
"""

from steward_purge.bench import (
    KEEP_SECONDS,
    OPERATOR_KEY,
    PLAIN,
    RUNTIME_KEY,
    PurgeBench,
    build_windows,
    open_bench,
    public_key_of,
    seed_all,
)
from steward_purge.doubles import ForgetfulStore, KillingObserver, KillingStore, PlainKeyring
from steward_purge.seeding import Seeded, seed_audit, seed_conversation, seed_memory, seed_task

__all__ = [
    "KEEP_SECONDS",
    "OPERATOR_KEY",
    "PLAIN",
    "RUNTIME_KEY",
    "ForgetfulStore",
    "KillingObserver",
    "KillingStore",
    "PlainKeyring",
    "PurgeBench",
    "Seeded",
    "build_windows",
    "open_bench",
    "public_key_of",
    "seed_all",
    "seed_audit",
    "seed_conversation",
    "seed_memory",
    "seed_task",
]
