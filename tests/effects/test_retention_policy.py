"""What the fields of a RetentionPolicy do, seen in the bytes that are left."""

from __future__ import annotations

from pathlib import Path

from steward_effects import assistant_set, plan_blueprint
from steward_kinds.objects import Manifest, build_object
from steward_purge import open_bench, seed_conversation, seed_memory, seed_task
from steward_runtime.clock import ManualClock
from steward_runtime.retention.windows import parse_windows

DAY = 86_400


def policy(name: str = "r", **keep: int) -> Manifest:
    """Return a RetentionPolicy that keeps everything for a day, but for the classes named."""
    classes = ("Conversations", "Tasks", "Memory", "AuditDetail")
    windows = [{"class": each, "keepSeconds": keep.get(each, DAY)} for each in classes]
    return build_object("RetentionPolicy", name, windows=windows)


def purged(folder: Path, *manifests: Manifest) -> set[str]:
    """Let an hour pass over a record of each sort, purge, and return the stores they went from."""
    clock = ManualClock()
    with open_bench(folder, clock) as bench:
        bench.windows = parse_windows(plan_blueprint(*assistant_set(*manifests)).retention)
        seeds = [
            seed(bench.database, bench.keyring, bench.clock.now_ms())
            for seed in (seed_conversation, seed_task, seed_memory)
        ]
        clock.move(3_600)
        runs = bench.run()
        deleted = {
            count.data_class.value: count.deleted
            for run in runs
            for count in bench.read_claim(run).classes
        }
    assert seeds
    return {name for name, number in deleted.items() if number}


def test_keep_seconds_end_what_is_older(tmp_path: Path) -> None:
    """After an hour, conversations with a window of a minute are gone."""
    assert purged(tmp_path, policy(Conversations=60)) == {"Conversations"}


def test_class_says_what_a_window_is_for(tmp_path: Path) -> None:
    """A short window of one class leaves the others alone."""
    assert purged(tmp_path, policy(Memory=60)) == {"Memory"}


def test_retention_policy_ref_chooses_the_windows(tmp_path: Path) -> None:
    """Of two policies the one that the Assistant names decides."""
    named = build_object("Assistant", "desk", retentionPolicyRef={"name": "short"})
    gone = purged(tmp_path, named, policy("short", Conversations=60), policy("r"))
    assert gone == {"Conversations"}
