"""Replacing the key-encryption key: nothing is lost whenever it is killed, and nothing is left."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path

import pytest

from steward_core import open_database
from steward_rewrapping import (
    build_changing_keyring,
    build_new_keyring,
    build_old_keyring,
    change,
    count_found,
    fill,
    list_wraps,
    open_all,
    run_killed,
)
from steward_runtime.clock import ManualClock
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.crypto.rewrapping import KEYS_PER_BATCH, Rewrapping, RewrapStep
from steward_runtime.errors import EncryptionKeyMissing, StorageTooNew
from steward_runtime.retention.opening import wipe
from steward_runtime.storage.database import DATABASE_FILE, Database
from steward_runtime.storage.schema import apply_migrations, gather_migrations

COUNT = KEYS_PER_BATCH * 2 + 7
KILLS = [
    (RewrapStep.BEGUN, 1),
    (RewrapStep.BATCH_WRAPPED, 1),
    (RewrapStep.BATCH_WRAPPED, 2),
    (RewrapStep.BATCH_WRAPPED, 4),
    (RewrapStep.ALL_WRAPPED, 1),
    (RewrapStep.WIPED, 1),
    (RewrapStep.ENDED, 1),
]


def test_every_step_has_a_kill_point() -> None:
    """A step that nobody dies after could lose something unseen."""
    assert {step for step, _ in KILLS} == set(RewrapStep)


@pytest.mark.parametrize(("step", "times"), KILLS, ids=str)
def test_killed_after_any_step_it_loses_nothing_and_goes_on(
    tmp_path: Path, step: RewrapStep, times: int
) -> None:
    """SIGKILL, then a start with both keys: every value opens, before and after the end."""
    with open_database(tmp_path) as database:
        sealed = fill(database, build_old_keyring(), COUNT)
        old_wraps = list_wraps(database)
    assert run_killed(tmp_path, step, times) == -signal.SIGKILL
    with open_database(tmp_path) as database:
        assert open_all(database, build_changing_keyring(), sealed) == list(sealed)
    assert change(tmp_path)
    with open_database(tmp_path) as database:
        keyring = build_new_keyring()
        database.read_now(keyring.check_kek)
        assert open_all(database, keyring, sealed) == list(sealed)
        assert count_found(tmp_path, old_wraps) == 0
        assert count_found(tmp_path, list_wraps(database)) == len(old_wraps)


def test_the_bytes_of_older_wraps_lie_there_until_it_has_ended(tmp_path: Path) -> None:
    """So the search of the test above can see what it says is gone."""
    with open_database(tmp_path) as database:
        fill(database, build_old_keyring(), COUNT)
        old_wraps = list_wraps(database)
    assert count_found(tmp_path, old_wraps) == len(old_wraps)


def test_pseudonyms_stay_the_same(tmp_path: Path) -> None:
    """Owners of conversations and memories are found again by the same names for ever."""
    first = build_old_keyring()
    with open_database(tmp_path) as database:
        fill(database, first, 1)
    assert change(tmp_path)
    second = build_new_keyring()
    assert second.pseudonym("subject", "ada") != first.pseudonym("subject", "ada")
    with open_database(tmp_path) as database:
        database.write_now(second.open_root_keys)
    assert second.pseudonym("subject", "ada") == first.pseudonym("subject", "ada")
    assert second.keyed_digest("retry", b"x") == first.keyed_digest("retry", b"x")


def test_an_older_runtime_finds_its_pseudonyms_until_a_key_is_replaced(tmp_path: Path) -> None:
    """It derives them from the key-encryption key, and ours are the same until then."""
    older = build_old_keyring()
    keyring = build_old_keyring()
    with open_database(tmp_path) as database:
        database.write_now(keyring.open_root_keys)
    assert keyring.pseudonym("subject", "ada") == older.pseudonym("subject", "ada")
    assert open_as_version_before(tmp_path) is None
    assert change(tmp_path)
    assert open_as_version_before(tmp_path) is StorageTooNew


def test_a_database_of_the_version_before_may_be_rotated_at_once(tmp_path: Path) -> None:
    """Its pseudonyms come from the key that wrapped its data keys, not from the new one."""
    with open_database(tmp_path) as database:
        fill(database, build_old_keyring(), 3)
        database.write_now(lambda c: c.execute("DELETE FROM root_keys"))
    assert change(tmp_path)
    keyring = build_new_keyring()
    with open_database(tmp_path) as database:
        database.write_now(keyring.open_root_keys)
    expected = build_old_keyring().pseudonym("subject", "ada")
    assert keyring.pseudonym("subject", "ada") == expected


def test_what_is_made_meanwhile_is_wrapped_by_the_newest_key(tmp_path: Path) -> None:
    """A turn that runs during the change never leaves a key behind."""
    with open_database(tmp_path) as database:
        fill(database, build_old_keyring(), 2)
        keyring = build_changing_keyring()
        database.write_now(lambda c: keyring.obtain(c, "new", "tasks"))
        names = database.read_now(
            lambda c: c.execute("SELECT kek_id FROM data_keys WHERE subject = 'new'").fetchall()
        )
    assert names == [("kek-2",)]


def test_refuses_to_go_on_without_the_older_key(tmp_path: Path) -> None:
    """Killed in the middle and then started without it: said before serving, nothing is changed."""
    with open_database(tmp_path) as database:
        fill(database, build_old_keyring(), COUNT)
    run_killed(tmp_path, RewrapStep.BATCH_WRAPPED)
    with open_database(tmp_path) as database, pytest.raises(EncryptionKeyMissing, match="kek-1"):
        database.read_now(build_new_keyring().check_kek)


def test_nothing_is_written_where_nothing_changed(tmp_path: Path) -> None:
    """A start with the same key costs no rewriting."""
    with open_database(tmp_path) as database:
        fill(database, build_old_keyring(), 3)
        rewrapping = Rewrapping(database, build_old_keyring(), ManualClock(), wipe)
        commits = database.commits
        rewrapping.run()
        assert rewrapping.is_settled
        assert database.commits == commits


def test_stands_still_when_told_to_and_goes_on_later(tmp_path: Path) -> None:
    """A runtime that drains does not wait for all keys."""
    with open_database(tmp_path) as database:
        fill(database, build_old_keyring(), COUNT)
        rewrapping = Rewrapping(database, build_changing_keyring(), ManualClock(), wipe)
        rewrapping.stop()
        rewrapping.run()
        assert not rewrapping.is_settled
    assert change(tmp_path)


def test_a_second_change_follows_the_first(tmp_path: Path) -> None:
    """Three keys at once: those of the first and of the second go under the third."""
    with open_database(tmp_path) as database:
        sealed = fill(database, build_old_keyring(), COUNT)
    run_killed(tmp_path, RewrapStep.BATCH_WRAPPED)
    older = {"kek-1": b"\x01" * 32, "kek-2": b"\x02" * 32}
    with open_database(tmp_path) as database:
        keyring = Keyring(b"\x03" * 32, "kek-3", ManualClock(), older=older)
        Rewrapping(database, keyring, ManualClock(), wipe).run()
        alone = Keyring(b"\x03" * 32, "kek-3", ManualClock())
        database.read_now(alone.check_kek)
        assert open_all(database, alone, sealed) == list(sealed)


def open_as_version_before(folder: Path) -> type[Exception] | None:
    """Open the database as a runtime does that has one migration less; return what it raises."""
    connection = sqlite3.connect(folder / DATABASE_FILE)
    try:
        apply_migrations(connection, "test", gather_migrations()[:3])
    except StorageTooNew:
        return StorageTooNew
    finally:
        connection.close()
    return None


def test_wipe_leaves_a_database_that_opens(tmp_path: Path) -> None:
    """Written anew and cut, it holds what it held."""
    with open_database(tmp_path) as database:
        sealed = fill(database, build_old_keyring(), 3)
        wipe(database)
    reopened = Database(tmp_path)
    assert open_all(reopened, build_old_keyring(), sealed) == list(sealed)
    reopened.close()
