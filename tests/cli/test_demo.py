"""The parts of the demo: what `expect.yaml` may say, how a journal is read, what proof is left."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api.receipt import build_envelope, build_signature, pre_authentication_encoding
from steward_cli.demo.expectations import Step, gather_expectations
from steward_cli.demo.journey import Outcome, render_summary, run_steps
from steward_cli.demo.proof import (
    SIGNED_FILE,
    apply_proof,
    build_openssl_command,
    flip_byte,
    run_quietly,
)
from steward_cli.demo.visit import Visit, choice_of, list_tools
from steward_cli.errors import InputError
from steward_cli.local.layout import StateFolder
from steward_cli.local.receipts import Signer
from steward_cli.local.record import RunRecord, RunState

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PAYLOAD = b'{"claim":"a statement of some length"}'
SIGNER = Signer("runtime", KEY.public_key().public_bytes_raw())


def task_of(*tools: tuple[str, str, str | None], status: str = "Replied") -> dict[str, Any]:
    """Return a task as `/v1/tasks` shows it."""
    steps = [{"type": "Tool", "tool": t, "status": s, "reason": r} for t, s, r in tools]
    return {"status": status, "steps": steps}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("steps: []", "steps"),
        ("steps: [{name: a}]", "exactly one"),
        ("steps: [{name: a, memories: {}, purged: {conversation: x}}]", "exactly one"),
        ("steps: [{name: a, chat: {say: x}}]", "conversation"),
        ("steps: [{name: a, request: {path: /internal/v1, status: 200}}]", "path"),
        ("steps: [", "cannot be read as YAML"),
    ],
)
def test_refuses_expectations_and_says_where(tmp_path: Path, text: str, told: str) -> None:
    """The message names file and field."""
    (tmp_path / "expect.yaml").write_text(text)
    with pytest.raises(InputError, match=told):
        gather_expectations(tmp_path)


def test_an_example_without_expectations_is_named(tmp_path: Path) -> None:
    """A missing file is wrong input, not a crash."""
    with pytest.raises(InputError, match=r"expect\.yaml"):
        gather_expectations(tmp_path)


def test_only_tools_that_were_done_count_as_done() -> None:
    """A refused call and one under way are not in the ledger of the service either."""
    task = task_of(("a", "Resolved", None), ("b", "Resolved", "CallsExceeded"), ("c", "Sent", None))
    assert list_tools(task) == ["a"]


@pytest.mark.parametrize(
    ("task", "choice"),
    [
        (task_of(("a", "Resolved", "ToolAnsweredError"), ("b", "Resolved", None)), "a"),
        (task_of(), "reply"),
        (task_of(status="Failed"), "unusable"),
    ],
)
def test_the_first_choice_counts(task: dict[str, Any], choice: str) -> None:
    """Also where the call was refused; a turn that failed before any choice chose nothing."""
    assert choice_of(task) == choice


def test_a_step_that_does_not_hold_does_not_hide_the_others(tmp_path: Path) -> None:
    """All are tried, and the summary counts."""
    record = RunRecord(
        assistant="a",
        state=RunState.READY,
        pid=1,
        folder="",
        endpoint="http://127.0.0.1:1/v1",
        admin_url="",
        metrics_url="",
        key_file=str(tmp_path / "key"),
        blueprint_digest="",
        model="",
    )
    (tmp_path / "key").write_text("k")
    said: list[str] = []
    chat = {"say": "x", "conversation": "c"}
    steps = tuple(Step.model_validate({"name": name, "chat": chat}) for name in ("one", "two"))
    outcomes = run_steps(Visit(record, StateFolder(tmp_path), said.append), steps)
    assert [one.fault is None for one in outcomes] == [False, False]
    assert "demo: 0 passed, 2 failed, in 3 s" in render_summary(outcomes, 3.2)
    assert "".join(said).count("NOT HELD") == 2


def test_the_summary_names_what_held() -> None:
    """One line per step."""
    step = Step.model_validate({"name": "it works", "memories": {}})
    text = render_summary((Outcome(step, 1.25, None),), 2)
    assert "  held        1.2 s  it works\n" in text
    assert "demo: 1 passed, 0 failed" in text


def test_openssl_confirms_what_is_left_behind(tmp_path: Path) -> None:
    """The printed command works on the files, and not on changed ones."""
    proof = apply_proof(envelope().render(), (SIGNER,), tmp_path / "proof")
    command = build_openssl_command(proof, SIGNER)
    if run_quietly(("openssl", "version")) is None:
        pytest.skip("openssl is not installed")
    assert run_quietly(command) == 0
    signed = proof.folder / SIGNED_FILE
    signed.write_bytes(signed.read_bytes()[:-1] + b"!")
    assert run_quietly(command) == 1


def test_a_flipped_byte_changes_the_statement_and_nothing_else() -> None:
    """Exactly one bit of the payload; the signatures are those of the original."""
    original = envelope()
    changed = type(original).model_validate_json(flip_byte(original))
    before, after = base64.b64decode(original.payload), base64.b64decode(changed.payload)
    assert len(before) == len(after)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
    assert changed.signatures == original.signatures


def test_signatures_of_strangers_are_not_left_behind(tmp_path: Path) -> None:
    """Only signers whose signature the receipt carries get files."""
    stranger = Signer("operator", Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    proof = apply_proof(envelope().render(), (SIGNER, stranger), tmp_path / "proof")
    assert proof.signers == (SIGNER,)
    assert not (proof.folder / "operator.pem").exists()


def envelope() -> Any:
    """Return a signed envelope around a small payload."""
    signed = pre_authentication_encoding("application/vnd.in-toto+json", PAYLOAD)
    return build_envelope(PAYLOAD, (build_signature(SIGNER.public_key, KEY.sign(signed)),))
