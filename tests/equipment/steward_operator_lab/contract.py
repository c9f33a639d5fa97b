"""An operator with a key and an archive, for tests of what it says to real runtimes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api.receipt import ReceiptPredicate, Trigger
from steward_api.verification import Verdict, verify_receipt
from steward_lab.control_plane import ControlPlane
from steward_lab.errors import ApiError
from steward_lab.kube_client import Manifest
from steward_operator.archive.keys import check_ed25519
from steward_operator.contract.keys import KEY_FILE
from steward_operator_lab.operating import OperatorProcess


@dataclass(frozen=True, slots=True)
class Keeper:
    """A running operator that keeps an archive."""

    process: OperatorProcess
    namespace: str
    archive: Path
    key: Ed25519PrivateKey

    def find_erasure(self, uid: str) -> ReceiptPredicate | None:
        """Return the claim of an erasure that anybody can verify as complete, from the files."""
        pin = self.archive / "pinned" / uid
        if not pin.exists():
            return None
        keys = (
            pin.read_bytes(),
            self.key.public_key().public_bytes_raw(),
        )
        for path in sorted((self.archive / uid).glob("*.json")):
            found = verify_receipt(path.read_bytes(), keys, check_ed25519)
            claim = found.statement.predicate
            if claim.trigger is Trigger.ASSISTANT_DELETED and found.verdict is Verdict.COMPLETE:
                return claim
        return None

    def find_record(self, plane: ControlPlane, uid: str) -> Manifest | None:
        """Return what is recorded about an unproven erasure."""
        for found in plane.admin.list("v1/ConfigMap", self.namespace):
            if (found.get("data") or {}).get("uid") == uid:
                return dict(found["data"])
        return None


@contextlib.contextmanager
def run_keeper(plane: ControlPlane, folder: Path) -> Iterator[Keeper]:
    """Run an operator with key and archive below `folder` until the block ends."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / KEY_FILE).write_bytes(pem)
    archive = folder / "archive"
    home = plane.create_namespace("operator")
    arguments = ("--key-file", str(folder / KEY_FILE), "--archive-dir", str(archive))
    process = OperatorProcess(plane, home, arguments=(*arguments, "--operator-namespace", home))
    process.start()
    try:
        yield Keeper(process, home, archive, key)
    finally:
        process.stop()
        with contextlib.suppress(ApiError):
            plane.admin.delete("v1/Namespace", home)
