"""The log of receipts: signing, files, co-signatures."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api.receipt import Envelope
from steward_api.verification import Verdict, verify_receipt
from steward_purge import (
    OPERATOR_KEY,
    RUNTIME_KEY,
    PurgeBench,
    open_bench,
    public_key_of,
    seed_memory,
)
from steward_purge.bench import cosign
from steward_runtime.clock import ManualClock
from steward_runtime.errors import NotFound
from steward_runtime.retention.errors import CosignatureRefused
from steward_runtime.retention.runs import Run
from steward_runtime.retention.signing import check_ed25519

KEYS = (public_key_of(RUNTIME_KEY), public_key_of(OPERATOR_KEY))


@pytest.fixture
def clock() -> ManualClock:
    """Return the only clock there is."""
    return ManualClock()


@pytest.fixture
def bench(tmp_path: Path, clock: ManualClock) -> Iterator[PurgeBench]:
    """Return a bench on a real database."""
    with open_bench(tmp_path, clock) as made:
        yield made


def purge(bench: PurgeBench, clock: ManualClock) -> Run:
    """Purge one memory."""
    seed_memory(bench.database, bench.keyring, clock.now_ms())
    clock.move(60)
    (run,) = bench.run()
    return run


def test_the_runtimes_signature_alone_is_not_complete(
    bench: PurgeBench, clock: ManualClock
) -> None:
    """The archive has not acknowledged it."""
    raw = bench.receipts.read(purge(bench, clock).receipt_digest or "")
    assert verify_receipt(raw, KEYS, check_ed25519).verdict is Verdict.UNCOSIGNED


def test_with_the_operators_signature_it_is(bench: PurgeBench, clock: ManualClock) -> None:
    """The digest is the same before and after."""
    run = purge(bench, clock)
    verification = verify_receipt(bench.cosign(run), KEYS, check_ed25519)
    assert verification.verdict is Verdict.COMPLETE
    assert verification.digest == run.receipt_digest


def test_the_file_follows_the_row(bench: PurgeBench, clock: ManualClock) -> None:
    """First with one signature, then with two; never half written under its name."""
    run = purge(bench, clock)
    assert run.receipt_digest is not None
    path = bench.directory / "receipts" / f"{run.receipt_digest.removeprefix('sha256:')}.json"
    assert path.read_bytes() == bench.receipts.read(run.receipt_digest)
    second = bench.cosign(run)
    assert path.read_bytes() == second
    path.unlink()
    bench.receipts.write_missing_files()
    assert path.read_bytes() == second


def test_a_file_may_be_written_by_several_threads(bench: PurgeBench, clock: ManualClock) -> None:
    """The end of a run and an acknowledgement meet: neither fails, and the newest state stays."""
    run = purge(bench, clock)
    digest = run.receipt_digest
    assert digest is not None
    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(bench.receipts.write_file, digest) for _ in range(32)]
        second = bench.cosign(run)
        assert [write.result() for write in writes] == [None] * 32
    path = bench.directory / "receipts" / f"{digest.removeprefix('sha256:')}.json"
    assert path.read_bytes() == second


def test_the_first_cosignature_stays(bench: PurgeBench, clock: ManualClock) -> None:
    """The same again changes nothing."""
    run = purge(bench, clock)
    assert bench.cosign(run) == bench.cosign(run)


@pytest.mark.parametrize(
    "key", [RUNTIME_KEY, Ed25519PrivateKey.from_private_bytes(bytes([9] * 32))]
)
def test_refuses_a_cosignature_of_anybody_else(
    bench: PurgeBench, clock: ManualClock, key: Ed25519PrivateKey
) -> None:
    """Neither the runtime itself nor a stranger can make a receipt Complete."""
    digest = purge(bench, clock).receipt_digest or ""
    envelope = Envelope.model_validate_json(bench.receipts.read(digest))
    with pytest.raises(CosignatureRefused):
        bench.receipts.acknowledge(digest, cosign(envelope, key))
    assert len(Envelope.model_validate_json(bench.receipts.read(digest)).signatures) == 1


@pytest.mark.parametrize("sig", ["", "no base64!", "AAAA"])
def test_refuses_a_cosignature_that_is_none(
    bench: PurgeBench, clock: ManualClock, sig: str
) -> None:
    """Misshapen bytes are refused like wrong ones."""
    digest = purge(bench, clock).receipt_digest or ""
    envelope = Envelope.model_validate_json(bench.receipts.read(digest))
    broken = cosign(envelope).model_copy(update={"sig": sig})
    with pytest.raises(CosignatureRefused):
        bench.receipts.acknowledge(digest, broken)


def test_an_absent_receipt_is_not_found(bench: PurgeBench) -> None:
    """And nothing about others is told."""
    with pytest.raises(NotFound):
        bench.receipts.read("sha256:" + "0" * 64)


def test_lists_receipts_after_a_position(bench: PurgeBench, clock: ManualClock) -> None:
    """The archive asks for what it does not have."""
    runs = [purge(bench, clock) for _ in range(3)]
    bench.cosign(runs[0])
    entries = bench.receipts.list_entries()
    assert [entry.digest for entry in entries] == [run.receipt_digest for run in runs]
    assert [entry.is_archived for entry in entries] == [True, False, False]
    assert [entry.log_size for entry in bench.receipts.list_entries(0)] == [1, 2]
