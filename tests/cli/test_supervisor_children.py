"""Children as real processes: started, healthy, restarted, stopped, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from steward_children.waiting import wait_until, wait_until_async
from steward_cli.local.child import Child, ChildSpec, describe_exit
from steward_cli.local.errors import ChildFailed
from steward_cli.local.ports import gather_free_port
from steward_cli.local.record import measure_start

EQUIPMENT = str(Path(__file__).resolve().parents[1] / "equipment")


class Stage:
    """Starts children and remembers what they said."""

    def __init__(self, folder: Path) -> None:
        self.said: list[str] = []
        self.children: list[Child] = []
        self._folder = folder

    def child(self, *options: str, port: int | None = None, seconds: int = 20) -> Child:
        """Build a child that serves health on a port of its own."""
        port = port or gather_free_port()
        spec = ChildSpec(
            name="example",
            command=(sys.executable, "-m", "steward_children.server", str(port), *options),
            environment={"PYTHONPATH": EQUIPMENT, "PATH": os.environ["PATH"]},
            folder=self._folder,
            log=self._folder / "logs" / "example.log",
            health_url=f"http://127.0.0.1:{port}/health",
            start_seconds=seconds,
            grace_seconds=1,
        )
        child = Child(spec, self.said.append, lambda: None)
        self.children.append(child)
        return child


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose children end with the test."""
    built = Stage(tmp_path)
    yield built
    await asyncio.gather(*(child.stop() for child in built.children))


def pid_of(child: Child) -> int:
    """Return the pid of the running process."""
    record = child.record()
    assert record is not None
    return record.pid


async def test_starting_waits_for_health(stage: Stage) -> None:
    """When `start` returns, the child answers."""
    child = stage.child()
    await child.start()
    assert child.spec.health_url is not None
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(child.spec.health_url)).status_code == 200


async def test_a_child_that_ends_while_starting_names_its_log(stage: Stage) -> None:
    """The message says how it ended and where to read."""
    child = stage.child("--dead")
    with pytest.raises(ChildFailed, match=r"exit code 7.*example\.log"):
        await child.start()


async def test_a_child_that_never_gets_healthy_names_its_log(stage: Stage) -> None:
    """The wait is bounded."""
    child = stage.child("--broken", seconds=1)
    with pytest.raises(ChildFailed, match=r"not ready within 1 s.*example\.log"):
        await child.start()


async def test_a_crashed_child_is_started_again_and_said_so(stage: Stage) -> None:
    """After a pause, with a new pid; the record counts it."""
    child = stage.child()
    await child.start()
    before = pid_of(child)
    os.kill(before, signal.SIGKILL)
    await wait_until_async(lambda: "example is back" in stage.said)
    assert "example ended (signal SIGKILL); starting it again in 1 s" in stage.said[0]
    record = child.record()
    assert record is not None
    assert record.pid != before
    assert record.restarts == 1


async def test_stopping_is_asked_first(stage: Stage) -> None:
    """SIGTERM is enough for a child that obeys."""
    child = stage.child()
    await child.start()
    await child.stop()
    assert child.record() is None
    assert stage.said == []


async def test_a_stubborn_child_is_killed_after_its_grace(stage: Stage) -> None:
    """Stopping ends, whatever the child does."""
    child = stage.child("--stubborn")
    await child.start()
    await child.stop()
    assert child.record() is None
    assert "killed" in stage.said[0]


def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """SIGKILL to the parent leaves nothing behind: no handler of ours runs then."""
    port = gather_free_port()
    script = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'steward_cli.local.tether', "
        "str(os.getpid()), '--', sys.executable, '-m', 'steward_children.server', sys.argv[1]])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": EQUIPMENT}
    with subprocess.Popen(
        (sys.executable, "-c", script, str(port)),
        stdout=subprocess.PIPE,
        env=environment,
        cwd=tmp_path,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        wait_until(lambda: answers(port))
        parent.kill()
    wait_until(lambda: measure_start(pid) is None)


def test_a_tether_without_program_is_refused() -> None:
    """Usage errors have a code of their own."""
    done = subprocess.run(
        (sys.executable, "-m", "steward_cli.local.tether", "1"), check=False, timeout=30
    )
    assert done.returncode == 64


def test_a_tether_whose_parent_is_gone_does_not_start(tmp_path: Path) -> None:
    """Between fork and exec the parent may die: then nothing is started."""
    witness = tmp_path / "witness"
    done = subprocess.run(
        (sys.executable, "-m", "steward_cli.local.tether", "1", "--", "touch", str(witness)),
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert not witness.exists()


@pytest.mark.parametrize(
    ("code", "text"), [(3, "exit code 3"), (-9, "signal SIGKILL"), (-200, "signal 200")]
)
def test_an_exit_is_described_in_words(code: int, text: str) -> None:
    """Signals by name."""
    assert describe_exit(code) == text


def answers(port: int) -> bool:
    """Say whether the child answers now."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
