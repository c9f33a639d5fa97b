"""Pulling: check, co-sign, store, acknowledge, in this order, whatever fails in between."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from steward_api.receipt import Signature
from steward_api.verification import ReceiptRefused, Verdict, verify_receipt
from steward_operator.archive.check import Issuer
from steward_operator.archive.errors import ChainBroken, ShelfBroken, SourceUnreachable
from steward_operator.archive.keys import check_ed25519
from steward_operator.archive.puller import Pulled, Puller
from steward_operator.archive.shelf import Shelf
from steward_receipts import (
    OPERATOR,
    RUNTIME,
    STRANGER,
    build_claim,
    build_statement,
    raw_public,
    sign,
)

UID = "uid-1"
ISSUER = Issuer("default", "helpdesk", UID, raw_public(RUNTIME))


class FakeRuntime:
    """A runtime that issues receipts on demand and fails when told."""

    def __init__(self) -> None:
        self.receipts: dict[str, bytes] = {}
        self.acknowledged: list[str] = []
        self.fails_at = ""

    def issue(self, **changes: object) -> str:
        """Append a receipt to the chain."""
        previous = list(self.receipts)[-1] if self.receipts else None
        claim = build_claim(
            run_id=f"purge_{len(self.receipts)}",
            log_size=len(self.receipts),
            previous_digest=previous,
        ).model_copy(update=changes)
        envelope = sign(build_statement(claim).render(), RUNTIME)
        self.receipts[envelope.digest] = envelope.render()
        return envelope.digest

    async def list_after(self, digest: str | None) -> tuple[str, ...]:
        """List two receipts at a time."""
        self._fail("list")
        digests = list(self.receipts)
        if digest is not None and digest not in digests:
            raise ChainBroken("unknown")
        start = 0 if digest is None else digests.index(digest) + 1
        return tuple(digests[start : start + 2])

    async def read(self, digest: str) -> bytes:
        """Hand out a receipt."""
        self._fail("read")
        return self.receipts[digest]

    async def acknowledge(self, digest: str, cosignature: Signature) -> None:
        """Take a co-signature."""
        self._fail("acknowledge")
        assert cosignature.keyid
        self.acknowledged.append(digest)

    def _fail(self, what: str) -> None:
        if self.fails_at == what:
            raise SourceUnreachable("down")


def build_puller(runtime: FakeRuntime, root: Path) -> Puller:
    """Return the puller of an assistant."""
    return Puller(runtime, Shelf(root), ISSUER, OPERATOR)


async def test_pulls_everything_in_order_and_cosigns_it(tmp_path: Path) -> None:
    """What is on the shelf verifies as Complete with both keys."""
    runtime = FakeRuntime()
    digests = [runtime.issue() for _ in range(5)]
    pulled = await build_puller(runtime, tmp_path).pull()
    shelf = Shelf(tmp_path)
    assert list(pulled.digests) == digests == list(shelf.list_digests(UID))
    assert runtime.acknowledged == digests
    for digest in digests:
        raw = shelf.read(UID, digest)
        assert raw is not None
        keys = (raw_public(RUNTIME), raw_public(OPERATOR))
        assert verify_receipt(raw, keys, check_ed25519).verdict is Verdict.COMPLETE


async def test_pulls_only_what_is_new(tmp_path: Path) -> None:
    """A second pull asks from the head on."""
    runtime = FakeRuntime()
    runtime.issue()
    puller = build_puller(runtime, tmp_path)
    await puller.pull()
    new = runtime.issue()
    assert (await puller.pull()).digests == (new,)
    assert (await puller.pull()).digests == ()
    assert runtime.acknowledged == list(runtime.receipts)


@pytest.mark.parametrize("what", ["list", "read", "acknowledge"])
async def test_an_unreachable_runtime_is_pulled_later(tmp_path: Path, what: str) -> None:
    """Nothing is lost, and nothing is acknowledged that is not on the disk."""
    runtime = FakeRuntime()
    digests = [runtime.issue() for _ in range(2)]
    runtime.fails_at = what
    puller = build_puller(runtime, tmp_path)
    with pytest.raises(SourceUnreachable):
        await puller.pull()
    assert runtime.acknowledged == []
    runtime.fails_at = ""
    await puller.pull()
    assert runtime.acknowledged == digests
    assert list(Shelf(tmp_path).list_digests(UID)) == digests


async def test_a_new_process_acknowledges_what_the_last_one_stored(tmp_path: Path) -> None:
    """Killed between storing and acknowledging, the archive makes up for it."""
    runtime = FakeRuntime()
    digest = runtime.issue()
    runtime.fails_at = "acknowledge"
    with pytest.raises(SourceUnreachable):
        await build_puller(runtime, tmp_path).pull()
    runtime.fails_at = ""
    await build_puller(runtime, tmp_path).pull()
    assert runtime.acknowledged == [digest]


async def test_stops_at_a_receipt_that_contradicts_itself(tmp_path: Path) -> None:
    """It gets no second signature, and neither does anything behind it."""
    runtime = FakeRuntime()
    good = runtime.issue()
    runtime.issue(places=())
    runtime.issue()
    with pytest.raises(ReceiptRefused):
        await build_puller(runtime, tmp_path).pull()
    assert list(Shelf(tmp_path).list_digests(UID)) == [good]


async def test_a_runtime_that_forgot_receipts_is_noticed(tmp_path: Path) -> None:
    """A volume restored from before the head breaks the chain."""
    runtime = FakeRuntime()
    runtime.issue()
    puller = build_puller(runtime, tmp_path)
    await puller.pull()
    runtime.receipts.clear()
    with pytest.raises(ChainBroken):
        await puller.pull()


async def test_a_runtime_that_hands_out_another_receipt_is_noticed(tmp_path: Path) -> None:
    """What is stored is what was asked for."""
    runtime = FakeRuntime()
    digest = runtime.issue()
    other = sign(build_statement(build_claim(run_id="other")).render(), RUNTIME)
    runtime.receipts[digest] = other.render()
    with pytest.raises(ShelfBroken):
        await build_puller(runtime, tmp_path).pull()


async def test_refuses_a_receipt_of_another_key(tmp_path: Path) -> None:
    """The runtime's key is pinned."""
    runtime = FakeRuntime()
    runtime.issue()
    issuer = Issuer("default", "helpdesk", UID, raw_public(STRANGER))
    with pytest.raises(ReceiptRefused):
        await Puller(runtime, Shelf(tmp_path), issuer, OPERATOR).pull()


async def test_keeps_pulling_through_failures(tmp_path: Path) -> None:
    """The loop outlives an unreachable runtime and tells of what it archived."""
    runtime = FakeRuntime()
    runtime.fails_at = "list"
    heard: asyncio.Queue[Pulled] = asyncio.Queue()
    loop = asyncio.create_task(
        build_puller(runtime, tmp_path).keep_pulling(heard.put_nowait, interval_seconds=0.01)
    )
    digest = runtime.issue()
    runtime.fails_at = ""
    async with asyncio.timeout(20):
        assert (await heard.get()).digests == (digest,)
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
