"""`steward down`: stops, and with --erase removes what it lists."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from steward_children.waiting import wait_until
from steward_cli.local.down import erase, run_down
from steward_cli.local.errors import NotRunning
from steward_cli.local.files import apply_folders, write_private
from steward_cli.local.layout import StateFolder
from steward_cli.local.record import RunState, is_held

SUPERVISOR = """
import signal, sys
from pathlib import Path
from steward_cli.local.layout import StateFolder
from steward_cli.local.record import RunRecord, RunState, apply_record, hold_lock
import os
state = StateFolder(Path(sys.argv[1]))
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
with hold_lock(state):
    apply_record(state, RunRecord(assistant=state.name, state=RunState.READY, pid=os.getpid(),
        folder='', endpoint='http://127.0.0.1:1/v1', admin_url='', metrics_url='', key_file='',
        blueprint_digest='', model=''))
    signal.sigwait({signal.SIGTERM})
"""


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    """A state folder with something in every corner."""
    folder = StateFolder(tmp_path / "state" / "helpdesk")
    apply_folders(folder)
    for part in (folder.data / "steward.db", folder.archive / "receipt.json", folder.record):
        write_private(part, b"{}")
    return folder


def test_refuses_when_nothing_runs(tmp_path: Path) -> None:
    """A wrong name is not taken for success."""
    with pytest.raises(NotRunning, match="helpdesk is not running"):
        run_down(StateFolder(tmp_path / "helpdesk"), print)


def test_erase_keeps_the_archive_unless_told(state: StateFolder) -> None:
    """Receipts outlive the data that they speak of."""
    lines = erase(state, with_archive=False)
    assert [path.name for path in state.root.iterdir()] == ["archive"]
    assert (state.archive / "receipt.json").exists()
    assert any(line.startswith("kept") and "archive" in line for line in lines)
    assert any("data (1 file, 2 bytes)" in line for line in lines)


def test_erase_with_the_archive_leaves_nothing(state: StateFolder) -> None:
    """The folder of the assistant itself goes too."""
    lines = erase(state, with_archive=True)
    assert not state.root.exists()
    assert lines[-1] == f"removed  {state.root}"


def test_an_empty_archive_is_not_worth_keeping(state: StateFolder) -> None:
    """Where no receipt was ever made, everything goes."""
    (state.archive / "receipt.json").unlink()
    erase(state, with_archive=False)
    assert not state.root.exists()


def test_stops_the_supervisor_and_waits_for_it(state: StateFolder) -> None:
    """When `down` returns, the state folder is free."""
    said: list[str] = []
    with subprocess.Popen((sys.executable, "-c", SUPERVISOR, str(state.root))) as running:
        wait_until(lambda: is_held(state) and RunState.READY in state.record.read_text())
        assert run_down(state, said.append, is_erasing=True) == 0
        assert running.wait(timeout=30) == 0
    assert said[0] == f"stopping helpdesk (process {running.pid}); running tasks may finish"
    assert [path.name for path in state.root.iterdir()] == ["archive"]
    assert os.path.exists(state.archive)  # noqa: PTH110  # says what the user would check
