"""`steward purge`: by hand, on a stopped assistant or through a runtime's administration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from typer.testing import CliRunner

from steward_api.blueprint import BlueprintHold, BlueprintWindow
from steward_api.v1alpha1.retention_policy import DataClass
from steward_cli.errors import CommandError, InputError
from steward_cli.main import app
from steward_cli.purge import PurgeCode
from steward_core import build_blueprint
from steward_loopback import LoopbackServer
from steward_purge import open_bench, seed_memory
from steward_serving.files import ConfigFiles
from steward_serving.journal import KEK

TOKEN = "purge-token"  # noqa: S105 # of a test
LONG_AGO_MS = 1_700_000_000_000


def purge(*arguments: str) -> tuple[int, str]:
    """Run `steward purge`; return exit code and output."""
    done = CliRunner().invoke(app, ["purge", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def build_state(root: Path, *holds: BlueprintHold) -> Path:
    """Write the state of a stopped assistant with a memory of long ago; return its folder."""
    folder = root / "helpdesk"
    blueprint = build_blueprint()
    windows = tuple(BlueprintWindow(data_class=each, keep_seconds=60) for each in DataClass)
    retention = blueprint.retention.model_copy(update={"windows": windows, "holds": holds})
    ConfigFiles(folder / "config").write_all(blueprint.model_copy(update={"retention": retention}))
    with open_bench(folder / "data", kek=KEK) as bench:
        seed_memory(bench.database, bench.keyring, LONG_AGO_MS)
    return folder


def count_memories(folder: Path) -> int:
    """Count the memories of an assistant."""
    with open_bench(folder / "data", kek=KEK) as bench:
        return bench.count_rows("memories")


def test_purges_a_stopped_assistant_itself(tmp_path: Path) -> None:
    """By the machine's clock; no option moves it."""
    folder = build_state(tmp_path)
    code, output = purge("helpdesk", "--state", str(tmp_path))
    assert code == PurgeCode.DONE
    assert "Complete, receipt sha256:" in output
    assert count_memories(folder) == 0
    assert len(list((folder / "data" / "receipts").glob("*.json"))) == 1


def test_what_a_hold_keeps_makes_it_partial(tmp_path: Path) -> None:
    """Exit code 4, since 3 means that an extra is missing."""
    hold = BlueprintHold(name="court-order", data_class=DataClass.MEMORY)
    folder = build_state(tmp_path, hold)
    code, output = purge("helpdesk", "--state", str(tmp_path))
    assert code == PurgeCode.PARTIAL
    assert "Partial (Held)" in output
    assert count_memories(folder) == 1


def test_an_unknown_assistant_is_wrong_input(tmp_path: Path) -> None:
    """The message says how to start it."""
    with pytest.raises(InputError, match="steward up"):
        purge("nobody", "--state", str(tmp_path))


class Runtime(LoopbackServer):
    """A runtime whose purge is done at once."""

    def build_app(self) -> web.Application:
        """Return the application."""
        app = web.Application()
        app.router.add_post("/internal/v1/purges", self._start)
        return app

    async def _start(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        return web.json_response(
            {"runId": "purge_1", "state": "Finished", "outcome": "Complete", "reason": ""}
        )


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """Serve a runtime on loopback."""
    with Runtime() as served:
        yield served


def test_asks_a_runtime_elsewhere(runtime: Runtime, tmp_path: Path) -> None:
    """With the purge token alone."""
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    code, output = purge("helpdesk", "--server", runtime.url, "--token-file", str(token))
    assert (code, output) == (PurgeCode.DONE, "run purge_1: Complete\n")


def test_a_refused_token_is_an_error_in_one_sentence(runtime: Runtime, tmp_path: Path) -> None:
    """It says what to mount."""
    token = tmp_path / "token"
    token.write_text("wrong")
    with pytest.raises(CommandError, match="does not accept the purge token"):
        purge("helpdesk", "--server", runtime.url, "--token-file", str(token))


@pytest.mark.parametrize("option", ["--server", "--token-file"])
def test_server_and_token_belong_together(option: str) -> None:
    """One without the other is wrong input."""
    with pytest.raises(InputError, match="belong together"):
        purge("helpdesk", option, "x")


def test_a_missing_token_file_is_wrong_input(tmp_path: Path) -> None:
    """The message names it."""
    with pytest.raises(InputError, match="purge token"):
        purge(
            "helpdesk",
            "--server",
            "http://127.0.0.1:1",
            "--token-file",
            str(tmp_path / "absent"),
        )
