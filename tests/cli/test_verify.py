"""`steward verify`: verdicts, refusals, and the same check by OpenSSL alone."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from steward_api.receipt import Outcome, Residue, ResidueReason
from steward_cli.errors import InputError
from steward_cli.main import app
from steward_cli.verify import VerifyExit
from steward_receipts import (
    OPERATOR,
    RUNTIME,
    STRANGER,
    build_claim,
    build_class,
    build_receipt,
    pem_public,
    raw_public,
)


@dataclass(frozen=True)
class Desk:
    """An auditor's folder: a receipt and the public keys."""

    root: Path

    def write(self, raw: bytes) -> Path:
        """Write the receipt."""
        path = self.root / "receipt.json"
        path.write_bytes(raw)
        return path

    def key(self, name: str) -> str:
        """Return the path of a public key."""
        return str(self.root / f"{name}.pub")

    def verify(self, raw: bytes, *options: str, keys: tuple[str, ...]) -> tuple[int, str]:
        """Run `steward verify`; return exit code and output."""
        named = [part for name in keys for part in ("--key", self.key(name))]
        done = CliRunner().invoke(app, ["verify", str(self.write(raw)), *named, *options])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output


BOTH = ("runtime", "operator")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder with the keys of runtime, operator and a stranger."""
    for name, key in (("runtime", RUNTIME), ("operator", OPERATOR), ("stranger", STRANGER)):
        (tmp_path / f"{name}.pub").write_bytes(pem_public(key))
    return Desk(tmp_path)


def build_partial() -> bytes:
    """Return a co-signed receipt that states a hold."""
    residue = Residue(reason=ResidueReason.HELD, hold="court-order", count=1)
    claim = build_claim(
        outcome=Outcome.PARTIAL,
        exceptions=(residue,),
        classes=(build_class(held=1, deleted=0),),
    )
    return build_receipt(claim=claim)


def test_a_complete_receipt_ends_with_0(desk: Desk) -> None:
    """People read the verdict first, then what it rests on."""
    code, output = desk.verify(build_receipt(), keys=BOTH)
    assert code == 0
    assert output.startswith("Complete: 1 records are gone")
    for part in ("default/helpdesk", "purge_1", "Conversations", "conversations", "Database"):
        assert part in output


def test_without_the_operators_key_it_is_uncosigned(desk: Desk) -> None:
    """The output says whose key to give."""
    code, output = desk.verify(build_receipt(), keys=("runtime",))
    assert code == VerifyExit.UNCOSIGNED
    assert output.startswith("Uncosigned: ")
    assert "give the operator's key" in output


def test_without_a_cosignature_it_is_uncosigned(desk: Desk) -> None:
    """The archive has not acknowledged it."""
    code, output = desk.verify(build_receipt(RUNTIME), keys=BOTH)
    assert code == VerifyExit.UNCOSIGNED
    assert "is absent" in output


def test_a_partial_receipt_names_what_stayed(desk: Desk) -> None:
    """With the hold that kept it."""
    code, output = desk.verify(build_partial(), keys=BOTH)
    assert code == VerifyExit.PARTIAL
    assert output.startswith("Partial: ")
    assert "Held 1 by hold court-order" in output


@pytest.mark.parametrize("place", [0, 40, 400, -40, -1])
def test_one_flipped_byte_is_refused(desk: Desk, place: int) -> None:
    """Wherever it lies."""
    raw = bytearray(build_receipt())
    raw[place] ^= 1
    code, output = desk.verify(bytes(raw), keys=BOTH)
    assert code == VerifyExit.REFUSED
    assert output.startswith("Refused (")


def test_refuses_a_receipt_of_another_runtime(desk: Desk) -> None:
    """The reason says whose key is missing."""
    code, output = desk.verify(build_receipt(), keys=("stranger", "operator"))
    assert code == VerifyExit.REFUSED
    assert "UnknownSigner" in output


def test_answers_programs_with_one_document(desk: Desk) -> None:
    """The verdict, the keys and the whole claim."""
    code, output = desk.verify(build_receipt(), "-o", "json", keys=BOTH)
    document: dict[str, Any] = json.loads(output)
    assert (code, document["verdict"]) == (0, "Complete")
    assert document["claim"]["stores"][0]["needles"][0]["foundAfter"] == 0
    code, output = desk.verify(b"{}", "-o", "json", keys=BOTH)
    assert (code, json.loads(output)["verdict"]) == (1, "Refused")


def test_takes_keys_as_they_stand_in_trust_json(desk: Desk) -> None:
    """Base64 of the raw key does as well as PEM."""
    Path(desk.key("runtime")).write_bytes(base64.b64encode(raw_public(RUNTIME)) + b"\n")
    code, _ = desk.verify(build_receipt(), keys=BOTH)
    assert code == 0


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PUBLIC KEY-----\n", bytes(32)])
def test_refuses_a_file_that_holds_no_key(desk: Desk, content: bytes) -> None:
    """Wrong input, named."""
    Path(desk.key("runtime")).write_bytes(content)
    with pytest.raises(InputError, match=r"runtime\.pub holds no Ed25519 public key"):
        desk.verify(build_receipt(), keys=BOTH)


def test_refuses_a_private_key_in_place_of_a_public_one(desk: Desk) -> None:
    """Nobody should have to hand it over."""
    from cryptography.hazmat.primitives import serialization  # this test alone

    pem = RUNTIME.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    Path(desk.key("runtime")).write_bytes(pem)
    with pytest.raises(InputError):
        desk.verify(build_receipt(), keys=BOTH)


def test_a_missing_file_is_wrong_input(desk: Desk, tmp_path: Path) -> None:
    """The message names it."""
    with pytest.raises(InputError, match="absent"):
        CliRunner().invoke(
            app,
            ["verify", str(tmp_path / "absent"), "--key", desk.key("runtime")],
            catch_exceptions=False,
        )


def test_openssl_alone_confirms_both_signatures(desk: Desk, tmp_path: Path) -> None:
    """The printed commands run as they stand, and fail for other bytes."""
    folder = tmp_path / "extracted"
    _, output = desk.verify(build_receipt(), "--extract", str(folder), keys=BOTH)
    commands = [shlex.split(line) for line in output.splitlines() if "openssl" in line]
    assert len(commands) == 2
    for command in commands:
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        assert b"Signature Verified Successfully" in done.stdout
    signed = bytearray((folder / "pae.bin").read_bytes())
    signed[-1] ^= 1
    (folder / "pae.bin").write_bytes(signed)
    done = subprocess.run(commands[0], capture_output=True, timeout=30, check=False)
    assert done.returncode != 0


def test_verification_needs_the_base_install_alone(desk: Desk) -> None:
    """An auditor installs neither kopf nor a web framework nor a model."""
    raw = desk.write(build_receipt())
    program = (
        "import sys\n"
        "from steward_cli.main import run\n"
        "try:\n    run()\nexcept SystemExit as end:\n    code = end.code\n"
        "heavy = {'aiohttp', 'httpx', 'kopf', 'kubernetes', 'openai', 'orjson', 'starlette'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    keys = ["--key", desk.key("runtime"), "--key", desk.key("operator")]
    done = subprocess.run(
        [sys.executable, "-c", program, "verify", str(raw), *keys],
        capture_output=True,
        timeout=60,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stderr.strip()) == (0, "[]")
