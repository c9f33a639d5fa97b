"""The purge behind the administration API: starting, joining, showing, acknowledging."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from steward_api.receipt import Envelope
from steward_core import KEK
from steward_purge import KEEP_SECONDS, PurgeBench, open_bench, seed_memory
from steward_purge.bench import cosign
from steward_runtime.clock import ManualClock
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.crypto.rewrapping import Rewrapping
from steward_runtime.errors import NotFound, RequestRefused, StorageError
from steward_runtime.retention.errors import CosignatureRefused
from steward_runtime.retention.opening import wipe
from steward_runtime.retention.runs import Step
from steward_runtime.retention.service import PurgeService

ABSENT = "sha256:" + "0" * 64


@pytest.fixture
def clock() -> ManualClock:
    """Return the only clock there is."""
    return ManualClock()


@pytest.fixture
def bench(tmp_path: Path, clock: ManualClock) -> Iterator[PurgeBench]:
    """Return a bench with one memory that is due."""
    with open_bench(tmp_path, clock) as made:
        seed_memory(made.database, made.keyring, clock.now_ms())
        clock.move(KEEP_SECONDS)
        yield made


@pytest.fixture
async def service(bench: PurgeBench) -> AsyncIterator[PurgeService]:
    """Return the service of the bench."""
    made = PurgeService(bench.build(), bench.receipts)
    yield made
    await made.close()


async def poll(probe: Callable[[], Awaitable[Any]]) -> Any:
    """Return the first true value of `probe`, asked again and again until a deadline."""
    async with asyncio.timeout(30):
        while not (value := await probe()):  # noqa: ASYNC110 # the purge's thread tells nobody
            await asyncio.sleep(0.01)
    return value


async def wait_for_end(service: PurgeService, run: Any) -> Any:
    """Wait until a run has ended and return it."""

    async def show() -> Any:
        shown = await service.show_purge(run["runId"])
        return shown if shown is not None and shown["state"] == "Finished" else None

    return await poll(show)


async def test_a_run_is_started_and_shown_to_its_end(service: PurgeService) -> None:
    """It counts as Complete only once the archive has acknowledged its receipt."""
    run = await service.start_purge()
    assert run["trigger"] == "Window"
    ended = await wait_for_end(service, run)
    assert ended["outcome"] == "Uncosigned"
    raw = await service.read_receipt(ended["receiptDigest"])
    assert raw is not None
    signature = cosign(Envelope.model_validate_json(raw))
    await service.acknowledge_receipt(ended["receiptDigest"], signature.model_dump())
    shown = await service.show_purge(run["runId"])
    assert shown is not None
    assert shown["outcome"] == "Complete"


class PausingObserver:
    """Holds a run before a step until it is let go."""

    def __init__(self, loop: asyncio.AbstractEventLoop, step: Step) -> None:
        self.reached = asyncio.Event()
        self.may_go = asyncio.Event()
        self._loop = loop
        self._step = step

    def before(self, _run_id: str, step: Step) -> None:
        """Wait if this is the step."""
        if step is self._step:
            self._loop.call_soon_threadsafe(self.reached.set)
            asyncio.run_coroutine_threadsafe(self.may_go.wait(), self._loop).result(30)

    def after(self, _run_id: str, _step: Step) -> None:
        """Do nothing."""


async def test_a_second_order_joins_the_run_under_way(bench: PurgeBench) -> None:
    """A CronJob and a person cannot run two purges at once."""
    observer = PausingObserver(asyncio.get_running_loop(), Step.DELETED)
    bench.observer = observer
    service = PurgeService(bench.build(), bench.receipts)
    first = await service.start_purge()
    await observer.reached.wait()
    second = await service.start_purge()
    assert (second["runId"], second["state"]) == (first["runId"], "Running")
    observer.may_go.set()
    ended = await wait_for_end(service, first)
    assert ended["nextRunId"] is None
    await service.close()


async def test_an_erasure_follows_the_run_under_way(bench: PurgeBench) -> None:
    """It is ordered at once, and shown as the next run."""
    observer = PausingObserver(asyncio.get_running_loop(), Step.DELETED)
    bench.observer = observer
    service = PurgeService(bench.build(), bench.receipts)
    first = await service.start_purge()
    await observer.reached.wait()
    ordered = await service.start_erasure()
    assert ordered["runId"] == first["runId"]
    observer.may_go.set()

    async def find_next() -> Any:
        shown = await service.show_purge(first["runId"])
        return None if shown is None else shown["nextRunId"]

    following = await poll(find_next)
    erasure = await wait_for_end(service, {"runId": following})
    assert erasure["trigger"] == "AssistantDeleted"
    await service.close()


async def test_closing_lets_a_run_stand_still_and_the_next_start_go_on(
    bench: PurgeBench,
) -> None:
    """Draining does not wait for a whole purge, and nothing is lost by it."""
    observer = PausingObserver(asyncio.get_running_loop(), Step.DELETED)
    bench.observer = observer
    service = PurgeService(bench.build(), bench.receipts)
    run = await service.start_purge()
    await observer.reached.wait()
    closing = asyncio.create_task(service.close())
    await asyncio.sleep(0)
    observer.may_go.set()
    await closing
    bench.observer = None
    again = PurgeService(bench.build(), bench.receipts)
    stopped = await again.show_purge(run["runId"])
    assert stopped is not None
    assert (stopped["state"], stopped["step"]) == ("Interrupted", "Deleted")
    again.resume()
    ended = await wait_for_end(again, run)
    assert ended["outcome"] == "Uncosigned"
    await again.close()


async def test_receipts_are_listed_after_a_digest(
    service: PurgeService, bench: PurgeBench, clock: ManualClock
) -> None:
    """The archive asks from its head on."""
    first = await wait_for_end(service, await service.start_purge())
    seed_memory(bench.database, bench.keyring, clock.now_ms())
    clock.move(KEEP_SECONDS)
    second = await wait_for_end(service, await service.start_purge())
    everything = (await service.list_receipts(None))["receipts"]
    digests = [entry["digest"] for entry in everything]
    assert digests == [first["receiptDigest"], second["receiptDigest"]]
    rest = (await service.list_receipts(first["receiptDigest"]))["receipts"]
    assert [entry["digest"] for entry in rest] == digests[1:]


async def test_what_is_absent_is_not_found(service: PurgeService) -> None:
    """A run, a receipt, a head that the runtime does not know."""
    assert await service.show_purge("purge_absent") is None
    assert await service.read_receipt(ABSENT) is None
    with pytest.raises(NotFound):
        await service.list_receipts(ABSENT)


@pytest.mark.parametrize("document", [None, [], {}, {"keyid": 1}, {"keyid": "a", "more": ""}])
async def test_refuses_an_acknowledgement_that_is_none(
    service: PurgeService, document: object
) -> None:
    """The error says what it must hold."""
    with pytest.raises(RequestRefused, match="keyid and sig"):
        await service.acknowledge_receipt(ABSENT, document)


async def test_refuses_a_cosignature_by_nobody(service: PurgeService) -> None:
    """A stranger's signature does not archive a receipt."""
    ended = await wait_for_end(service, await service.start_purge())
    with pytest.raises(CosignatureRefused):
        await service.acknowledge_receipt(
            ended["receiptDigest"], {"keyid": "0" * 16, "sig": "AAAA"}
        )


class StoppingObserver:
    """Stands in the way of one step, once or for ever."""

    def __init__(self, step: Step) -> None:
        self.step: Step | None = step
        self.steps: list[Step] = []

    def before(self, run_id: str, step: Step) -> None:
        """Fail at the step, as a full disk or a broken scan would."""
        del run_id
        if step is self.step:
            raise StorageError("on purpose")

    def after(self, run_id: str, step: Step) -> None:
        """Hear of a step."""
        del run_id
        self.steps.append(step)


async def test_keys_are_not_wrapped_anew_while_a_run_searches_for_their_bytes(
    bench: PurgeBench,
) -> None:
    """A run that was interrupted knows wrapped keys by their bytes; it ends first."""
    observer = StoppingObserver(Step.COMPACTED)
    bench.observer = observer
    bench.keyring = Keyring(b"\x07" * 32, "kek-2", bench.clock, older={"kek-1": KEK})
    rewrapping = Rewrapping(bench.database, bench.keyring, bench.clock, wipe)
    service = PurgeService(bench.build(), bench.receipts, rewrapping)
    run = await service.start_purge()
    await poll(lambda: _is_interrupted(service, run))
    assert not rewrapping.is_settled
    observer.step = None
    await service.start_purge()
    await wait_for_end(service, run)
    await poll(lambda: _settled(rewrapping))
    await service.close()


async def _is_interrupted(service: PurgeService, run: Any) -> bool:
    shown = await service.show_purge(run["runId"])
    return shown is not None and shown["state"] == "Interrupted"


async def _settled(rewrapping: Rewrapping) -> bool:
    return rewrapping.is_settled
