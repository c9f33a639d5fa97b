"""The operator's archive and erasure steps against a real runtime process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import aiohttp
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api.verification import ReceiptRefused, Verdict
from steward_loopback.polling import STEP_SECONDS
from steward_model_server import ModelServer, Received, Say
from steward_operator.archive.errors import ReceiptForeign
from steward_operator.archive.pins import PINS_FOLDER
from steward_operator.contract.address import PodAddresses
from steward_operator.contract.archives import Archives
from steward_operator.contract.client import RuntimeClient
from steward_operator.contract.erasures import ErasureSteps
from steward_operator.contract.errors import RuntimeFault, RuntimeRefused, RuntimeUnreachable
from steward_operator.contract.runtimes import Runtimes
from steward_operator.objects import Subject
from steward_operator.plan.world import ErasureReport
from steward_runtime.clock import SystemClock
from steward_serving import ServedRuntime, build_blueprint, build_model, serve
from steward_serving.files import OPERATOR_KEY, UID, build_signing_pem

HELPDESK = Subject("Assistant", "test", "helpdesk")


class Addresses:
    """Knows where the one runtime listens."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def find(self, subject: Subject) -> str:
        """Return its address."""
        assert subject == HELPDESK
        return self._url

    def forget(self, subject: Subject) -> None:
        """Nothing to forget."""


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[ServedRuntime]:
    """Serve an assistant that has had one conversation."""

    def greet(_: Received) -> Say:
        return Say("Hello.")

    with ModelServer(greet) as model:
        blueprint = build_blueprint(build_model(model.base_url))
        with serve(tmp_path / "runtime", blueprint) as served:
            body = {"model": "helpdesk", "messages": [{"role": "user", "content": "hi"}]}
            headers = {"Authorization": f"Bearer {served.key}"}
            url = f"{served.url}/v1/chat/completions"
            assert httpx.post(url, json=body, headers=headers, trust_env=False).status_code == 200
            yield served


@asynccontextmanager
async def opened(
    runtime: ServedRuntime,
    key: Ed25519PrivateKey = OPERATOR_KEY,
    further_keys: tuple[bytes, ...] = (),
) -> AsyncIterator[Runtimes]:
    """Open the contract with one runtime."""
    clock = SystemClock()
    async with aiohttp.ClientSession() as session:
        client = RuntimeClient(session, key, lambda: clock.now_ms() // 1_000)
        addresses = cast("PodAddresses", Addresses(runtime.admin_url))
        yield Runtimes(key, session, addresses, client, further_keys)


async def prove(steps: ErasureSteps) -> list[ErasureReport]:
    """Take steps until the erasure is proven; until then it runs, or a connection was cut."""
    reports = [await steps.take(HELPDESK, UID)]
    async with asyncio.timeout(60):
        while not reports[-1].is_proven:
            assert reports[-1].reason in {"Running", RuntimeUnreachable.reason}
            await asyncio.sleep(STEP_SECONDS)
            reports.append(await steps.take(HELPDESK, UID))
    return reports


async def test_an_erasure_is_proven_by_the_receipt_on_the_shelf(
    runtime: ServedRuntime, tmp_path: Path
) -> None:
    """Also for an operator that begins anew, and for a runtime that has restarted since."""
    async with opened(runtime) as runtimes:
        archives = Archives(tmp_path / "archive", runtimes)
        steps = ErasureSteps(runtimes, archives)
        assert (await prove(steps))[-1].reason == "Complete"
        assert archives.find_erasure_verdict(HELPDESK, UID) is Verdict.COMPLETE
        runtime.stop()
        runtime.start()
        fresh = ErasureSteps(runtimes, Archives(tmp_path / "archive", runtimes))
        assert (await prove(fresh))[-1].reason == "Complete"


async def test_a_runtime_with_another_key_is_not_trusted(
    runtime: ServedRuntime, tmp_path: Path
) -> None:
    """The first key stays pinned until somebody has looked."""
    async with opened(runtime) as runtimes:
        await Archives(tmp_path / "archive", runtimes).pull(HELPDESK, UID)
        pin = tmp_path / "archive" / PINS_FOLDER / UID
        pin.chmod(0o600)
        pin.write_bytes(b"\x09" * 32)
        with pytest.raises(ReceiptForeign):
            await Archives(tmp_path / "archive", runtimes).pull(HELPDESK, UID)


async def test_a_runtime_that_is_away_proves_nothing(
    runtime: ServedRuntime, tmp_path: Path
) -> None:
    """The step says so, and the next one tries again."""
    async with opened(runtime) as runtimes:
        archives = Archives(tmp_path / "archive", runtimes)
        runtime.stop()
        report = await ErasureSteps(runtimes, archives).take(HELPDESK, UID)
        assert report == ErasureReport(is_proven=False, reason=RuntimeUnreachable.reason)
        with pytest.raises(RuntimeFault):
            await archives.pull(HELPDESK, UID)


async def test_where_another_process_keeps_the_archive_its_co_signature_is_the_proof(
    runtime: ServedRuntime, tmp_path: Path
) -> None:
    """Nothing is proven before the receipt is on that shelf; afterwards it is, restarts or not."""
    async with opened(runtime) as runtimes:
        steps = ErasureSteps(runtimes, None)
        async with asyncio.timeout(60):
            while (report := await steps.take(HELPDESK, UID)).reason != "Uncosigned":
                assert not report.is_proven
                await asyncio.sleep(STEP_SECONDS)
        archive = Archives(tmp_path / "archive", runtimes)
        await archive.pull_round([(HELPDESK, UID)])
        assert await steps.take(HELPDESK, UID) == ErasureReport(True, "Complete")
        runtime.stop()
        runtime.start()
        async with asyncio.timeout(60):
            while (report := await steps.take(HELPDESK, UID)).reason != "Complete":
                # It may look once more, and write a further receipt.
                assert not report.is_proven
                await archive.pull_round([(HELPDESK, UID)])


async def test_follows_a_signing_key_to_the_one_that_it_named(
    runtime: ServedRuntime, tmp_path: Path
) -> None:
    """Restarted with both keys, the runtime hands out the statement; the pin moves, and holds."""
    pin = tmp_path / "archive" / PINS_FOLDER / UID
    async with opened(runtime) as runtimes:
        await Archives(tmp_path / "archive", runtimes).pull(HELPDESK, UID)
        first = pin.read_bytes()
        runtime.stop()
        runtime.files.write_generation(2)
        runtime.start()
        archives = Archives(tmp_path / "archive", runtimes)
        await archives.pull(HELPDESK, UID)
        assert pin.read_bytes() != first
        steps = ErasureSteps(runtimes, archives)
        assert (await prove(steps))[-1].reason == "Complete"


async def test_a_signing_key_that_was_swapped_is_not_followed(
    runtime: ServedRuntime, tmp_path: Path
) -> None:
    """Without the older key nobody could sign the statement, whoever brought the new one."""
    async with opened(runtime) as runtimes:
        await Archives(tmp_path / "archive", runtimes).pull(HELPDESK, UID)
        runtime.stop()
        runtime.files.write("keys/signing/signingKey", build_signing_pem(b"\x66" * 32))
        runtime.start()
        with pytest.raises(ReceiptForeign, match="successor"):
            await Archives(tmp_path / "archive", runtimes).pull(HELPDESK, UID)


async def test_the_operators_key_is_replaced_while_both_are_trusted(
    runtime: ServedRuntime, tmp_path: Path
) -> None:
    """What the old key co-signed still counts; the runtime takes tokens of the new one."""
    old, new = OPERATOR_KEY, Ed25519PrivateKey.from_private_bytes(b"\x0b" * 32)
    before = (old.public_key().public_bytes_raw(),)
    async with opened(runtime) as runtimes:
        assert (await prove(ErasureSteps(runtimes, Archives(tmp_path, runtimes))))[-1].is_proven
    async with opened(runtime, new, before) as runtimes:
        with pytest.raises(RuntimeRefused):
            await runtimes.ask(HELPDESK, UID)
        runtime.files.write_trust(operator_keys=runtimes.trusted_keys)
        await until_asked(runtimes)
        archives = Archives(tmp_path, runtimes)
        await archives.pull(HELPDESK, UID)
        assert archives.find_erasure_verdict(HELPDESK, UID) is Verdict.COMPLETE
    async with opened(runtime, new) as runtimes:
        with pytest.raises(ReceiptRefused):
            Archives(tmp_path, runtimes).find_erasure_verdict(HELPDESK, UID)


async def until_asked(runtimes: Runtimes) -> None:
    """Wait until the runtime has read its trust document again."""
    async with asyncio.timeout(30):
        while True:
            try:
                await runtimes.ask(HELPDESK, UID)
            except RuntimeRefused:
                await asyncio.sleep(STEP_SECONDS)
            else:
                return
