"""The purge Job as a client: what it waits for, what it says, how it exits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from steward_loopback import LoopbackServer, find_free_port
from steward_runtime.clock import ManualClock
from steward_runtime.retention.client import PurgeExit, Server, run_purge_client
from steward_runtime.retention.errors import PurgeRefused, PurgeUnreachable

TOKEN = "purge-token"  # noqa: S105 # of a test


class ScriptedRuntime(LoopbackServer):
    """Answers one document after another; the last one again and again."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.asked: list[str] = []
        self._answers = list(answers)

    def build_app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.router.add_route("*", "/internal/v1/{tail:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path.rpartition('/')[2]}")
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        if isinstance(answer, tuple):
            return web.Response(status=answer[0], text=answer[1])
        return web.json_response(answer)


def show(run_id: str = "purge_1", **members: Any) -> dict[str, Any]:
    """Return a run that has ended as Complete, changed at will."""
    return {
        "runId": run_id,
        "state": "Finished",
        "step": "Issued",
        "outcome": "Complete",
        "reason": "",
        "receiptDigest": None,
        "nextRunId": None,
        **members,
    }


RUNNING = show(state="Running", outcome=None, step="Deleting")


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that moves when somebody sleeps."""
    return ManualClock()


@pytest.fixture
def ask(clock: ManualClock) -> Callable[..., tuple[int, list[str]]]:
    """Return what runs the client against a scripted runtime."""

    def run(runtime: ScriptedRuntime, token: str = TOKEN) -> tuple[int, list[str]]:
        said: list[str] = []
        with runtime:
            server = Server(runtime.url, token, clock.monotonic_seconds, clock.move)
            return run_purge_client(server, said.append, run_seconds_max=60), said

    return run


Ask = Callable[..., tuple[int, list[str]]]


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        ("Complete", PurgeExit.DONE),
        ("Uncosigned", PurgeExit.DONE),
        ("NothingDue", PurgeExit.DONE),
        ("Partial", PurgeExit.PARTIAL),
    ],
)
def test_the_outcome_decides_the_exit_code(ask: Ask, outcome: str, code: int) -> None:
    """Partial is 3, so that a Job that left something behind does not look done."""
    runtime = ScriptedRuntime(RUNNING, RUNNING, show(outcome=outcome, receiptDigest="sha256:ab"))
    exit_code, said = ask(runtime)
    assert exit_code == code
    assert said == [f"run purge_1: {outcome}, receipt sha256:ab"]
    assert runtime.asked == ["POST purges", "GET purge_1", "GET purge_1"]


@pytest.mark.parametrize("first", [{"outcome": "Abandoned"}, {"reason": "Postponed"}])
def test_follows_to_the_run_that_takes_over(ask: Ask, first: dict[str, str]) -> None:
    """The last run in the chain decides."""
    runtime = ScriptedRuntime(
        show(**first),
        show(**first, nextRunId="purge_2"),
        show("purge_2", outcome="Partial", reason="Held"),
    )
    exit_code, said = ask(runtime)
    assert exit_code == PurgeExit.PARTIAL
    assert said[-1] == "run purge_2: Partial (Held)"


def test_a_run_that_stands_still_is_a_failure(ask: Ask) -> None:
    """The next purge goes on with it."""
    exit_code, said = ask(ScriptedRuntime(show(state="Interrupted", step="Deleted")))
    assert exit_code == PurgeExit.FAILED
    assert "stands still after Deleted" in said[0]


def test_a_run_that_takes_too_long_is_a_failure(ask: Ask) -> None:
    """The Job ends before its own deadline; the run goes on."""
    exit_code, _ = ask(ScriptedRuntime(RUNNING))
    assert exit_code == PurgeExit.FAILED


def test_a_runtime_that_is_starting_is_asked_again(clock: ManualClock) -> None:
    """A Job that comes a moment too early does not fail."""
    port = find_free_port()
    runtime = ScriptedRuntime(show())
    runtime.port = port
    begun: list[ScriptedRuntime] = []

    def sleep(seconds: float) -> None:
        clock.move(seconds)
        if not begun:
            begun.append(runtime.__enter__())

    server = Server(f"http://127.0.0.1:{port}", TOKEN, clock.monotonic_seconds, sleep)
    try:
        assert run_purge_client(server, lambda _: None) == PurgeExit.DONE
    finally:
        runtime.__exit__(None, None, None)


def test_a_runtime_that_stays_away_is_an_error(clock: ManualClock) -> None:
    """The message says what to check."""
    server = Server(
        f"http://127.0.0.1:{find_free_port()}", TOKEN, clock.monotonic_seconds, clock.move
    )
    with pytest.raises(PurgeUnreachable, match="check that the runtime is running"):
        run_purge_client(server, lambda _: None)


def test_a_wrong_token_is_refused(ask: Ask) -> None:
    """Without trying again."""
    runtime = ScriptedRuntime(show())
    with pytest.raises(PurgeRefused, match="HTTP 401"):
        ask(runtime, token="wrong")  # noqa: S106 # of a test
    assert runtime.asked == ["POST purges"]


@pytest.mark.parametrize(
    "answer",
    [(500, "{}"), (200, "no json"), (200, "[]")],
)
def test_an_answer_that_is_no_run_is_an_error(ask: Ask, answer: tuple[int, str]) -> None:
    """Whatever listens there, it is no runtime of ours."""
    with pytest.raises(PurgeUnreachable, match="and no run"):
        ask(ScriptedRuntime(answer))


@pytest.mark.parametrize("url", ["https://x", "file:///x", "x"])
def test_refuses_an_address_that_is_no_plain_http(url: str) -> None:
    """The token goes nowhere else."""
    with pytest.raises(PurgeRefused):
        Server(url, TOKEN).request("POST", "/x")
