"""What the fields of a RetentionPolicy do, seen in the bytes that are left."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from steward_api.receipt import ReceiptPredicate
from steward_effects import assistant_set, plan_blueprint
from steward_kinds.objects import Manifest, build_object
from steward_purge import open_bench, seed_conversation, seed_memory, seed_task
from steward_runtime.clock import ManualClock
from steward_runtime.retention.windows import parse_windows

DAY = 86_400


def policy(name: str = "r", more: dict[str, Any] | None = None, **keep: int) -> Manifest:
    """Return a RetentionPolicy that keeps everything for a day, but for the classes named."""
    classes = ("Conversations", "Tasks", "Memory", "AuditDetail")
    windows = [{"class": each, "keepSeconds": keep.get(each, DAY)} for each in classes]
    return build_object("RetentionPolicy", name, windows=windows, **(more or {}))


def purge(folder: Path, *manifests: Manifest) -> tuple[ReceiptPredicate, ...]:
    """Let an hour pass over a record of each sort, purge, and return what the receipts claim."""
    clock = ManualClock()
    with open_bench(folder, clock) as bench:
        bench.windows = parse_windows(plan_blueprint(*assistant_set(*manifests)).retention)
        for seed in (seed_conversation, seed_task, seed_memory):
            seed(bench.database, bench.keyring, clock.now_ms())
        clock.move(3_600)
        return tuple(bench.read_claim(run) for run in bench.run())


def purged(folder: Path, *manifests: Manifest) -> set[str]:
    """Return the classes of data from which something went."""
    claims = purge(folder, *manifests)
    return {each.data_class.value for claim in claims for each in claim.classes if each.deleted}


def test_keep_seconds_end_what_is_older(tmp_path: Path) -> None:
    """After an hour, conversations and tasks with a window of a minute are gone."""
    gone = purged(tmp_path, policy(Conversations=60, Tasks=60))
    assert gone == {"Conversations", "Tasks"}


def test_class_says_what_a_window_is_for(tmp_path: Path) -> None:
    """A short window of one class leaves the others alone."""
    assert purged(tmp_path, policy(Memory=60)) == {"Memory"}


def test_retention_policy_ref_chooses_the_windows(tmp_path: Path) -> None:
    """Of two policies the one that the Assistant names decides."""
    named = build_object("Assistant", "desk", retentionPolicyRef={"name": "short"})
    gone = purged(tmp_path, named, policy("short", Memory=60), policy("r"))
    assert gone == {"Memory"}


def test_a_hold_keeps_its_class(tmp_path: Path) -> None:
    """What a hold names stays, although its window is over; another class goes."""
    holds = {"holds": [{"name": "court", "class": "Memory"}]}
    assert purged(tmp_path, policy("r", holds, Memory=60, Tasks=60)) == {"Tasks"}


def test_the_name_of_a_hold_is_in_the_receipt(tmp_path: Path) -> None:
    """An auditor reads which hold kept the data."""
    holds = {"holds": [{"name": "court-of-rome", "class": "Memory"}]}
    claims = purge(tmp_path, policy("r", holds, Memory=60, Tasks=60))
    assert {each.hold for claim in claims for each in claim.exceptions} == {"court-of-rome"}


def test_the_name_of_a_backup_is_in_the_receipt(tmp_path: Path) -> None:
    """An auditor reads which backup may still hold a copy."""
    backups = {"backups": [{"name": "nightly", "keepSeconds": DAY}]}
    claims = purge(tmp_path, policy("r", backups, Tasks=60))
    assert [each.name for claim in claims for each in claim.backups] == ["nightly"]


def test_keep_seconds_of_a_backup_say_when_the_last_copy_is_gone(tmp_path: Path) -> None:
    """The receipt names the time: the end of deletion and what the backup keeps."""
    backups = {"backups": [{"name": "nightly", "keepSeconds": DAY}]}
    (claim,) = purge(tmp_path, policy("r", backups, Tasks=60))
    gone_after = [datetime.fromisoformat(each.gone_after) for each in claim.backups]
    begun = datetime.fromisoformat(claim.started_at)
    assert [round((each - begun).total_seconds() / DAY) for each in gone_after] == [1]
