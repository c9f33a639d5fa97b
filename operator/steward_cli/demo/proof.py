"""Takes a receipt out of the archive and lays it open for tools that are not ours.

The folder that is left behind holds the receipt, the public keys, the bytes that were signed and
the raw signatures, so that `openssl` alone can repeat the check; and the receipt with one byte
flipped, which must be refused.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from steward_api.receipt import Envelope, Statement, key_id_of
from steward_api.v1alpha1.retention_policy import DataClass
from steward_cli.local.receipts import Signer, render_public_key

RECEIPT_FILE: Final = "receipt.json"
FLIPPED_FILE: Final = "receipt-flipped.json"
SIGNED_FILE: Final = "signed.bin"
VERIFY_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Proof:
    """What was left behind."""

    folder: Path
    signers: tuple[Signer, ...]
    """Those whose signature the receipt carries."""


def count_deleted(envelope: Envelope, data_class: DataClass) -> int:
    """Return how many records of a class a receipt counts as deleted."""
    statement = Statement.model_validate_json(envelope.payload_bytes())
    return sum(
        count.deleted for count in statement.predicate.classes if count.data_class is data_class
    )


def apply_proof(raw: bytes, signers: tuple[Signer, ...], folder: Path) -> Proof:
    """Write the receipt `raw` and everything needed to check it into a fresh `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    envelope = Envelope.model_validate_json(raw)
    (folder / RECEIPT_FILE).write_bytes(raw)
    (folder / FLIPPED_FILE).write_bytes(flip_byte(envelope))
    (folder / SIGNED_FILE).write_bytes(envelope.signed_bytes())
    signatures = {signature.keyid: signature.sig for signature in envelope.signatures}
    signed = tuple(one for one in signers if key_id_of(one.public_key) in signatures)
    for signer in signed:
        signature = base64.b64decode(signatures[key_id_of(signer.public_key)])
        (folder / f"{signer.name}.sig").write_bytes(signature)
        (folder / f"{signer.name}.pem").write_bytes(render_public_key(signer.public_key))
    return Proof(folder, signed)


def flip_byte(envelope: Envelope) -> bytes:
    """Return the file with one bit of one byte in the middle of its statement changed."""
    payload = bytearray(envelope.payload_bytes())
    payload[len(payload) // 2] ^= 1
    changed = base64.b64encode(bytes(payload)).decode()
    return envelope.model_copy(update={"payload": changed}).render()


def build_verify_command(proof: Proof, file: str) -> tuple[str, ...]:
    """Return the `steward verify` command line for one file of the folder."""
    keys = (part for one in proof.signers for part in ("--key", str(proof.folder / _pem(one))))
    return ("steward", "verify", str(proof.folder / file), *keys)


def build_openssl_command(proof: Proof, signer: Signer) -> tuple[str, ...]:
    """Return the command line with which OpenSSL 3 repeats the check of one signature."""
    return (
        *("openssl", "pkeyutl", "-verify", "-pubin", "-rawin"),
        *("-inkey", str(proof.folder / _pem(signer))),
        *("-in", str(proof.folder / SIGNED_FILE)),
        *("-sigfile", str(proof.folder / f"{signer.name}.sig")),
    )


def run_quietly(command: tuple[str, ...]) -> int | None:
    """Run a command of this folder; return its exit code, None if the program is absent."""
    if command[0] == "steward":
        command = (sys.executable, "-m", "steward_cli.main", *command[1:])
    elif shutil.which(command[0]) is None:
        return None
    done = subprocess.run(  # noqa: S603  # our own words and files
        command, capture_output=True, check=False, timeout=VERIFY_SECONDS
    )
    return done.returncode


def _pem(signer: Signer) -> str:
    return f"{signer.name}.pem"
