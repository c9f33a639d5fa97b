"""`steward verify`: what a receipt proves, checked offline from its bytes and given public keys.

Needs no cluster, no runtime and no network. Exit codes: 0 Complete, 1 refused, 4 Partial,
5 Uncosigned.
"""

from __future__ import annotations

import base64
import shlex
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from steward_cli.errors import InputError
from steward_cli.output import OutputFormat, OutputOption, write_json, write_line

if TYPE_CHECKING:
    from steward_api.receipt import ReceiptPredicate
    from steward_api.verification import ReceiptRefused, Verification

SIGNED_FILE: Final = "pae.bin"
"""The bytes that every signature covers: DSSE's pre-authentication encoding."""
SIGNATURE_FILE: Final = "signature.bin"
COSIGNATURE_FILE: Final = "cosignature.bin"


class VerifyExit(IntEnum):
    """Exit codes of `steward verify`."""

    COMPLETE = 0
    REFUSED = 1
    PARTIAL = 4
    UNCOSIGNED = 5


@dataclass(frozen=True, slots=True)
class GivenKey:
    """A public key and the file that it came from."""

    path: Path
    raw: bytes


ReceiptArgument = Annotated[Path, typer.Argument(help="File of the receipt, as it was handed out.")]
KeysOption = Annotated[
    list[Path],
    typer.Option(
        "--key",
        help="Public key of the runtime, and once more that of the operator: PEM, or base64.",
    ),
]
ExtractOption = Annotated[
    Path | None,
    typer.Option("--extract", help="Write what openssl needs to repeat the check into a folder."),
]


def verify(
    receipt: ReceiptArgument,
    key: KeysOption,
    extract: ExtractOption = None,
    output: OutputOption = OutputFormat.TEXT,
) -> None:
    """Check a receipt offline: who signed it, what went, and whether it is Complete.

    Exit codes: 0 Complete, 1 refused, 4 Partial, 5 Uncosigned (the operator's signature is absent
    or its key was not given).
    """
    raise typer.Exit(run_verify(receipt, tuple(key), extract, output))


def register_verify(app: typer.Typer) -> None:
    """Add the word to the command line."""
    app.command()(verify)


def run_verify(
    receipt: Path, key_files: tuple[Path, ...], extract: Path | None, output: OutputFormat
) -> int:
    """Verify the file of a receipt, say what it proves, and return the exit code.

    Raises:
        InputError: if a file cannot be read or holds no public key.
    """
    from steward_api.verification import ReceiptRefused, verify_receipt
    from steward_operator.archive.keys import check_ed25519

    raw = _read(receipt)
    keys = tuple(GivenKey(path, _read_key(path)) for path in key_files)
    try:
        verification = verify_receipt(raw, tuple(each.raw for each in keys), check_ed25519)
    except ReceiptRefused as refusal:
        _tell_refusal(receipt, refusal, output)
        return VerifyExit.REFUSED
    commands = _extract(raw, keys, verification, extract) if extract is not None else ()
    if output is OutputFormat.JSON:
        write_json(render_document(verification))
    else:
        for line in (*render_lines(verification), *commands):
            write_line(line)
    return VerifyExit[verification.verdict.name]


def render_document(verification: Verification) -> dict[str, Any]:
    """Return the verdict and the whole claim as one JSON document."""
    return {
        "verdict": verification.verdict.value,
        "digest": verification.digest,
        "runtimeKeyId": verification.runtime_key_id,
        "cosignedBy": verification.cosigned_by,
        "uncheckedKeyIds": list(verification.unchecked),
        "claim": verification.statement.predicate.model_dump(
            mode="json", by_alias=True, exclude_none=True
        ),
    }


def render_lines(verification: Verification) -> tuple[str, ...]:
    """Return the verdict and the claim as lines for people."""
    claim = verification.statement.predicate
    return (
        f"{verification.verdict.value}: {_explain(verification)}",
        "",
        f"receipt     {verification.digest}",
        f"assistant   {claim.namespace}/{claim.assistant} (uid {claim.assistant_uid})",
        f"run         {claim.run_id} ({claim.trigger}), {claim.started_at} to {claim.finished_at}",
        f"policy      {claim.policy} {claim.policy_digest}",
        f"log         receipt number {claim.log_size}"
        + (f" after {claim.previous_digest}" if claim.previous_digest else ", the first"),
        f"signed by   runtime key {verification.runtime_key_id}",
        f"co-signed   {_describe_cosignature(verification)}",
        "",
        *_render_classes(claim),
        "",
        *_render_stores(claim),
        "",
        *_render_places(claim),
        *(f"exception   {line}" for line in _describe_exceptions(claim)),
        *(
            f"backup      {each.name} is free of it after {each.gone_after}"
            for each in claim.backups
        ),
    )


def _explain(verification: Verification) -> str:
    claim = verification.statement.predicate
    gone = sum(row.deleted for row in claim.classes)
    if verification.verdict.value == "Partial":
        return f"{gone} records are gone; the receipt states what is not"
    if verification.verdict.value == "Uncosigned":
        return f"the runtime says that {gone} records are gone; the archive's co-signature " + (
            "was not checked: give the operator's key" if verification.unchecked else "is absent"
        )
    return f"{gone} records are gone, and no byte of them was found afterwards"


def _describe_cosignature(verification: Verification) -> str:
    if verification.cosigned_by is not None:
        return f"operator key {verification.cosigned_by}"
    if verification.unchecked:
        return f"not checked: key {verification.unchecked[0]} was not given"
    return "no"


def _render_classes(claim: ReceiptPredicate) -> list[str]:
    rows: list[tuple[str, ...]] = [("class", "window", "cutoff", "due", "held", "deleted")]
    for row in claim.classes:
        window = "everything" if row.keep_seconds is None else f"{row.keep_seconds} s"
        counts = (str(row.due), str(row.held), str(row.deleted))
        rows.append((row.data_class.value, window, row.cutoff, *counts))
    return _align(rows)


def _render_stores(claim: ReceiptPredicate) -> list[str]:
    rows: list[tuple[str, ...]] = [
        ("store", "rows due", "deleted", "left", "needles", "seen before", "found after")
    ]
    for store in claim.stores:
        searched, before, after = (
            sum(getattr(needle, name) for needle in store.needles)
            for name in ("searched", "found_before", "found_after")
        )
        counts = (store.rows_due, store.rows_deleted, store.rows_left, searched, before, after)
        rows.append((store.store, *(str(count) for count in counts)))
    return _align(rows)


def _render_places(claim: ReceiptPredicate) -> list[str]:
    rows: list[tuple[str, ...]] = [
        ("place", "files", "bytes before", "hits", "bytes after", "hits")
    ]
    for scan in claim.places:
        counts = (
            scan.files,
            scan.bytes_before,
            scan.hits_before,
            scan.bytes_after,
            scan.hits_after,
        )
        rows.append((scan.place.value, *(str(count) for count in counts)))
    return _align(rows)


def _describe_exceptions(claim: ReceiptPredicate) -> list[str]:
    found = []
    for residue in claim.exceptions:
        place = residue.store or (residue.data_class.value if residue.data_class else "")
        parts = [residue.reason.value, str(residue.count), place]
        if residue.hold is not None:
            parts.append(f"by hold {residue.hold}")
        found.append(" ".join(part for part in parts if part))
    return found


def _align(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _tell_refusal(receipt: Path, refusal: ReceiptRefused, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        write_json(
            {"verdict": "Refused", "reason": refusal.reason.value, "message": refusal.message}
        )
    else:
        write_line(f"Refused ({refusal.reason}): {receipt}: {refusal.message}")


def _extract(
    raw: bytes, keys: tuple[GivenKey, ...], verification: Verification, folder: Path
) -> tuple[str, ...]:
    """Write the signed bytes and the raw signatures; return the openssl commands as lines."""
    from steward_api.receipt import key_id_of
    from steward_api.verification import parse_envelope

    envelope = parse_envelope(raw)
    files = {verification.runtime_key_id: SIGNATURE_FILE}
    if verification.cosigned_by is not None:
        files[verification.cosigned_by] = COSIGNATURE_FILE
    given = {key_id_of(key.raw): key.path for key in keys}
    lines = ["", "The same with OpenSSL 3 alone:"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SIGNED_FILE).write_bytes(envelope.signed_bytes())
        for signature in envelope.signatures:
            name = files.pop(signature.keyid, None)
            if name is None:
                continue
            (folder / name).write_bytes(base64.b64decode(signature.sig))
            lines.append("  " + build_openssl_command(given[signature.keyid], folder, name))
    except OSError as fault:
        raise InputError(
            f"{folder} cannot be written ({fault.strerror}): name another folder"
        ) from fault
    return tuple(lines)


def build_openssl_command(key: Path, folder: Path, signature_file: str) -> str:
    """Return the command line that checks one signature; the key must be PEM."""
    return shlex.join(
        (
            *("openssl", "pkeyutl", "-verify", "-pubin", "-rawin"),
            *("-inkey", str(key)),
            *("-in", str(folder / SIGNED_FILE)),
            *("-sigfile", str(folder / signature_file)),
        )
    )


def _read(path: Path) -> bytes:
    from steward_api.verification import RECEIPT_BYTES_MAX

    try:
        with path.open("rb") as stream:
            return stream.read(RECEIPT_BYTES_MAX + 1)
    except OSError as fault:
        raise InputError(f"{path} cannot be read ({fault.strerror}): name the right file") from None


def _read_key(path: Path) -> bytes:
    from steward_operator.archive.errors import KeyUnreadable
    from steward_operator.archive.keys import parse_public_key

    try:
        return parse_public_key(_read(path), str(path))
    except KeyUnreadable as fault:
        raise InputError(fault.message) from None
