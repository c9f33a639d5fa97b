"""The administration API, with scripted purges behind it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from steward_api.blueprint import Trust
from steward_runtime.clock import SystemClock
from steward_runtime.errors import NotFound
from steward_runtime.server.admin import AdminEndpoints
from steward_runtime.server.administration import ErasureOrder, Status, StatusFacts
from steward_runtime.server.app import build_admin_app
from steward_runtime.server.health import Readiness
from steward_runtime.server.operator_tokens import AdminTokens, Scope
from steward_runtime.telemetry.metrics import Metrics

PURGE_TOKEN = "purge-1"  # noqa: S105 - of a test
DIGEST = "sha256:" + "ab" * 32


class ScriptedPurges:
    """Purge runs and receipts that a test sets."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.erasures_started = 0
        self.acknowledged: list[tuple[str, object]] = []

    async def start_purge(self) -> Mapping[str, Any]:
        """Return a fresh run."""
        return self.put("run_1", "Running", "Window")

    async def start_erasure(self) -> Mapping[str, Any]:
        """Return a fresh erasure."""
        self.erasures_started += 1
        return self.put(f"erasure_{self.erasures_started}", "Running", "AssistantDeleted")

    async def show_purge(self, run_id: str) -> Mapping[str, Any] | None:
        """Return a run."""
        return self.runs.get(run_id)

    async def list_receipts(self, after: str | None) -> Mapping[str, Any]:
        """Return one receipt."""
        if after == "unknown":
            raise NotFound("There is no receipt unknown.")
        return {"receipts": [{"digest": DIGEST}]}

    async def read_receipt(self, digest: str) -> bytes | None:
        """Return the one receipt."""
        return b'{"payload":"x"}' if digest == DIGEST else None

    async def acknowledge_receipt(self, digest: str, document: object) -> None:
        """Keep the co-signature."""
        self.acknowledged.append((digest, document))

    def put(
        self, run_id: str, state: str, trigger: str, following: str | None = None
    ) -> dict[str, Any]:
        """Set one run."""
        run = {"runId": run_id, "state": state, "trigger": trigger, "nextRunId": following}
        self.runs[run_id] = {**run, "outcome": None, "receiptDigest": None}
        return self.runs[run_id]


class OpenTokens(AdminTokens):
    """Takes the name of a scope as the token for it, besides the purge token."""

    def __init__(self) -> None:
        trust = Trust(namespace="n", assistant="a", uid="u")
        super().__init__(lambda: trust, lambda: PURGE_TOKEN, lambda: 0)

    def check(self, authorization: str | None, scope: Scope) -> None:
        """Let the scope's own name through."""
        if authorization != f"Bearer {scope.value}":
            super().check(authorization, scope)


@pytest.fixture
def purges() -> ScriptedPurges:
    """Return purges without runs."""
    return ScriptedPurges()


@pytest.fixture
async def client(purges: ScriptedPurges) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the administration API in this process."""
    readiness = Readiness()
    readiness.open()
    facts = StatusFacts("0.1", "helpdesk", DIGEST, b"\x01" * 32, "k1", "2026-01-01T00:00:00Z", int)
    endpoints = AdminEndpoints(OpenTokens(), Status(facts, readiness), purges, ErasureOrder(purges))
    app = build_admin_app(endpoints, readiness, Metrics(), SystemClock().monotonic_seconds)
    transport = httpx.ASGITransport(app)
    base_url = "http://admin/internal/v1"
    async with httpx.AsyncClient(transport=transport, base_url=base_url) as opened:
        yield opened


def _show(scope: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {scope}"}


async def test_tells_operators_what_is_served_and_who_signs(client: httpx.AsyncClient) -> None:
    """The contract of the operator: Blueprint digest and raw public key, base64."""
    document = (await client.get("/status", headers=_show("status"))).json()
    assert document["blueprintDigest"] == DIGEST
    assert base64.b64decode(document["publicKey"], validate=True) == b"\x01" * 32
    assert (document["isReady"], document["tasksRunning"]) == (True, 0)


async def test_starts_and_shows_purges_for_the_purge_job(client: httpx.AsyncClient) -> None:
    """The purge Job's token starts a run and follows it; an unknown run is 404."""
    started = await client.post("/purges", headers=_show(PURGE_TOKEN))
    assert (started.status_code, started.json()["runId"]) == (202, "run_1")
    assert (await client.get("/purges/run_1", headers=_show(PURGE_TOKEN))).status_code == 200
    missing = await client.get("/purges/run_9", headers=_show(PURGE_TOKEN))
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "PurgeNotFound")


async def test_hands_out_receipts_and_takes_cosignatures(
    client: httpx.AsyncClient, purges: ScriptedPurges
) -> None:
    """The archive lists, reads and acknowledges."""
    headers = _show("receipts")
    assert (await client.get("/receipts", headers=headers)).json()["receipts"][0][
        "digest"
    ] == DIGEST
    assert (await client.get("/receipts?after=unknown", headers=headers)).status_code == 404
    assert (await client.get(f"/receipts/{DIGEST}", headers=headers)).content == b'{"payload":"x"}'
    assert (await client.get("/receipts/sha256:00", headers=headers)).status_code == 404
    put = await client.put(f"/receipts/{DIGEST}/cosignature", json={"keyid": "k"}, headers=headers)
    assert (put.status_code, purges.acknowledged) == (204, [(DIGEST, {"keyid": "k"})])
    broken = await client.put(f"/receipts/{DIGEST}/cosignature", content=b"{", headers=headers)
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "BodyNotJson")


async def test_begins_an_erasure_once_and_tells_how_far_it_is(
    client: httpx.AsyncClient, purges: ScriptedPurges
) -> None:
    """A repeated order shows the run that it began, and the run that follows it, to its end."""
    headers = _show("erasures")
    first = (await client.post("/erasures", headers=headers)).json()
    assert (first["runId"], first["isEnded"]) == ("erasure_1", False)
    purges.put("erasure_1", "Finished", "AssistantDeleted", following="erasure_x")
    purges.put("erasure_x", "Running", "AssistantDeleted")
    assert (await client.post("/erasures", headers=headers)).json()["isEnded"] is False
    purges.put("erasure_x", "Finished", "AssistantDeleted")
    last = (await client.post("/erasures", headers=headers)).json()
    assert (last["runId"], last["isEnded"], purges.erasures_started) == ("erasure_x", True, 1)


async def test_goes_on_with_an_erasure_that_stands_still(
    client: httpx.AsyncClient, purges: ScriptedPurges
) -> None:
    """An interrupted run is driven on by the next order."""
    headers = _show("erasures")
    await client.post("/erasures", headers=headers)
    purges.put("erasure_1", "Interrupted", "AssistantDeleted")
    await client.post("/erasures", headers=headers)
    assert purges.erasures_started == 2


async def test_does_not_take_a_window_run_for_the_erasure(
    client: httpx.AsyncClient, purges: ScriptedPurges
) -> None:
    """A purge that was under way ends first; only the erasure's own end counts."""
    headers = _show("erasures")
    await client.post("/erasures", headers=headers)
    purges.put("erasure_1", "Finished", "Window")
    assert (await client.post("/erasures", headers=headers)).json()["isEnded"] is False


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/status", "status"),
        ("POST", "/purges", "purges"),
        ("GET", "/purges/run_1", "purges"),
        ("POST", "/erasures", "erasures"),
        ("GET", "/receipts", "receipts"),
        ("GET", f"/receipts/{DIGEST}", "receipts"),
        ("PUT", f"/receipts/{DIGEST}/cosignature", "receipts"),
    ],
)
async def test_opens_each_door_to_its_scope_alone(
    client: httpx.AsyncClient, method: str, path: str, scope: str
) -> None:
    """No token, another scope, the chat key: each is refused, and nothing happens."""
    assert (await client.request(method, path)).status_code == 401
    for shown in {"status", "purges", "receipts", "erasures"} - {scope}:
        refused = await client.request(method, path, headers=_show(shown))
        assert refused.status_code == 401
    purge = await client.request(method, path, headers=_show(PURGE_TOKEN))
    assert (purge.status_code == 403) is (scope != "purges")


async def test_serves_no_chat(client: httpx.AsyncClient) -> None:
    """Administration has its own port; the public API is not there."""
    response = await client.post("http://admin/v1/chat/completions", headers=_show("status"))
    assert response.status_code == 404
