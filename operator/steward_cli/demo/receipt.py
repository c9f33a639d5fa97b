"""The step `receipt`: a receipt in the archive that holds, and does not survive a changed byte."""

from __future__ import annotations

import shlex
import time
from typing import Final

from steward_cli.demo.expectations import Receipt
from steward_cli.demo.proof import (
    FLIPPED_FILE,
    RECEIPT_FILE,
    Proof,
    apply_proof,
    build_openssl_command,
    build_verify_command,
    count_deleted,
    run_quietly,
)
from steward_cli.demo.visit import POLL_SECONDS, StepFailed, Visit
from steward_cli.local.identity import gather_identity
from steward_cli.local.receipts import gather_receipts, gather_signers

PROOF_FOLDER: Final = "proof"
SIGNATURES: Final = 2
"""The runtime's and the operator's: only with both is a receipt Complete."""


def check_receipt(visit: Visit, wanted: Receipt) -> None:
    """Wait for a co-signed receipt in the archive and try it with `steward verify` and openssl.

    Raises:
        StepFailed: if none comes, it does not hold, or a changed copy does.
    """
    raw = _wait_for_receipt(visit, wanted)
    signers = gather_signers(visit.state, gather_identity(visit.state))
    proof = apply_proof(raw, signers, visit.state.root / PROOF_FOLDER)
    if len(proof.signers) != SIGNATURES:
        raise StepFailed(f"the receipt carries {len(proof.signers)} known signatures, not two")
    _try(visit, build_verify_command(proof, RECEIPT_FILE), holds=True)
    _try(visit, build_verify_command(proof, FLIPPED_FILE), holds=False)
    _try_openssl(visit, proof)


def _wait_for_receipt(visit: Visit, wanted: Receipt) -> bytes:
    deadline = time.monotonic() + wanted.within_seconds
    while True:
        for raw, envelope in gather_receipts(visit.state):
            deleted = count_deleted(envelope, wanted.data_class)
            if deleted >= wanted.deleted and len(envelope.signatures) >= SIGNATURES:
                visit.tell(f"    {deleted} of class {wanted.data_class} deleted, says a receipt\n")
                return raw
        if time.monotonic() > deadline:
            raise StepFailed(
                f"no co-signed receipt about {wanted.data_class} came within "
                f"{wanted.within_seconds} s"
            )
        time.sleep(POLL_SECONDS)


def _try(visit: Visit, command: tuple[str, ...], *, holds: bool) -> None:
    visit.tell(f"    $ {shlex.join(command)}\n")
    code = run_quietly(command)
    visit.tell(f"      exit code {code}\n")
    if (code == 0) is not holds:
        raise StepFailed(f"`{command[0]} {command[1]}` ended with {code}")


def _try_openssl(visit: Visit, proof: Proof) -> None:
    for signer in proof.signers:
        command = build_openssl_command(proof, signer)
        visit.tell(f"    $ {shlex.join(command)}\n")
        code = run_quietly(command)
        visit.tell(
            "      openssl is not installed\n" if code is None else f"      exit code {code}\n"
        )
        if code not in {0, None}:
            raise StepFailed(f"openssl does not confirm the signature of the {signer.name}")
