"""The whole chain over real sockets: order, purge, receipt, archive, acknowledgement, verdict.

The archive talks to the runtime's own administration application, the Job to its purge endpoint.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from steward_api.blueprint import Trust, TrustedKey
from steward_api.receipt import key_id_of
from steward_api.verification import Verdict, verify_receipt
from steward_operator.archive.check import Issuer
from steward_operator.archive.errors import ChainBroken, SourceUnreachable
from steward_operator.archive.http_source import HttpSource
from steward_operator.archive.keys import check_ed25519
from steward_operator.archive.puller import Puller
from steward_operator.archive.shelf import Shelf
from steward_operator.archive.tokens import RECEIPTS_SCOPE, build_token
from steward_purge import (
    KEEP_SECONDS,
    OPERATOR_KEY,
    RUNTIME_KEY,
    PurgeBench,
    open_bench,
    public_key_of,
    seed_memory,
)
from steward_receipts import STRANGER
from steward_runtime.clock import ManualClock, SystemClock
from steward_runtime.retention.client import PurgeExit, Server, run_purge_client
from steward_runtime.retention.service import PurgeService
from steward_runtime.server.admin import AdminEndpoints
from steward_runtime.server.administration import ErasureOrder, Status, StatusFacts
from steward_runtime.server.app import build_admin_app
from steward_runtime.server.health import Readiness
from steward_runtime.server.operator_tokens import AdminTokens
from steward_runtime.server.serving import Listening, Servers
from steward_runtime.telemetry.metrics import Metrics

UID = "uid-1"
TOKEN = "purge-token"  # noqa: S105 # of a test
KEYS = (public_key_of(RUNTIME_KEY), public_key_of(OPERATOR_KEY))


@dataclass
class Site:
    """A runtime's administration on loopback, and the archive beside it."""

    bench: PurgeBench
    clock: ManualClock
    url: str
    session: aiohttp.ClientSession
    shelf: Shelf

    def seed(self) -> None:
        """Write a memory that is due."""
        seed_memory(self.bench.database, self.bench.keyring, self.clock.now_ms())
        self.clock.move(KEEP_SECONDS)

    def source(self, key: Any = OPERATOR_KEY) -> HttpSource:
        """Return the runtime as the archive sees it."""
        return HttpSource(self.session, self.url, UID, key)

    def puller(self) -> Puller:
        """Return the archive's puller."""
        issuer = Issuer("default", "helpdesk", UID, public_key_of(RUNTIME_KEY))
        return Puller(self.source(), self.shelf, issuer, OPERATOR_KEY)

    async def purge(self) -> tuple[int, list[str]]:
        """Run the purge Job."""
        said: list[str] = []
        server = Server(self.url, TOKEN)
        code = await asyncio.to_thread(run_purge_client, server, said.append)
        return code, said


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Serve the administration of one assistant."""
    clock = ManualClock()
    raw = public_key_of(OPERATOR_KEY)
    trusted = TrustedKey(key_id=key_id_of(raw), public_key=base64.b64encode(raw).decode())
    trust = Trust(namespace="default", assistant="helpdesk", uid=UID, operator_keys=(trusted,))
    system = SystemClock()
    with open_bench(tmp_path / "data", clock) as bench:
        service = PurgeService(bench.build(), bench.receipts)
        readiness = Readiness()
        facts = StatusFacts("0", "helpdesk", "sha256:", KEYS[0], "", "", lambda: 0)
        tokens = AdminTokens(lambda: trust, lambda: TOKEN, lambda: system.now_ms() // 1_000)
        endpoints = AdminEndpoints(tokens, Status(facts, readiness), service, ErasureOrder(service))
        app = build_admin_app(endpoints, readiness, Metrics(), system.monotonic_seconds)
        servers = Servers((Listening("admin", app, "127.0.0.1", 0),))
        await servers.start()
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{servers.ports['admin']}"
            yield Site(bench, clock, url, session, Shelf(tmp_path / "archive"))
        await servers.stop()
        await service.close()


async def test_from_the_order_to_a_complete_receipt(site: Site) -> None:
    """Both the archive's file and the runtime's own verify as Complete afterwards."""
    site.seed()
    code, said = await site.purge()
    assert code == PurgeExit.DONE
    assert "Uncosigned" in said[0]
    (digest,) = (await site.puller().pull()).digests
    archived = site.shelf.read(UID, digest)
    assert archived is not None
    assert verify_receipt(archived, KEYS, check_ed25519).verdict is Verdict.COMPLETE
    assert await site.source().read(digest) == archived
    assert site.bench.receipts.find(digest).is_archived


async def test_a_second_pull_finds_what_came_since(site: Site) -> None:
    """One receipt per purge, in one chain."""
    puller = site.puller()
    for _ in range(2):
        site.seed()
        await site.purge()
        assert len((await puller.pull()).digests) == 1
    head = site.shelf.find_head(UID)
    assert head is not None
    assert head.log_size == 1


async def test_the_jobs_token_opens_nothing_but_purges(site: Site) -> None:
    """It can neither read receipts nor order an erasure."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    for method, path in (("GET", "receipts"), ("POST", "erasures"), ("GET", "status")):
        async with site.session.request(
            method, f"{site.url}/internal/v1/{path}", headers=headers
        ) as answer:
            assert answer.status == 403


async def test_a_strangers_tokens_are_not_accepted(site: Site) -> None:
    """The archive of somebody else gets nothing."""
    with pytest.raises(SourceUnreachable, match="HTTP 401"):
        await site.source(STRANGER).list_after(None)


async def test_an_unknown_head_is_a_broken_chain(site: Site) -> None:
    """The shelf has seen more than this volume knows."""
    with pytest.raises(ChainBroken):
        await site.source().list_after("sha256:" + "0" * 64)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"x" * 5_000])
async def test_a_misshapen_acknowledgement_is_refused(site: Site, body: bytes) -> None:
    """With an error body, not a defect."""
    site.seed()
    await site.purge()
    (digest,) = await site.source().list_after(None)
    now_seconds = SystemClock().now_ms() // 1_000
    token = build_token(OPERATOR_KEY, UID, RECEIPTS_SCOPE, now_seconds)
    async with site.session.put(
        f"{site.url}/internal/v1/receipts/{digest}/cosignature",
        data=body,
        headers={"Authorization": f"Bearer {token}"},
    ) as answer:
        assert answer.status in {400, 413}
        assert (await answer.json())["error"]["code"]
