"""The help desk in a cluster: chat through the Service, purge by CronJob, archived receipt."""

from __future__ import annotations

import base64
import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from steward_api.meta import DataClass
from steward_api.verification import parse_envelope
from steward_cli.demo.proof import count_deleted
from steward_lab.waiting import wait_until
from steward_node.cluster import Cluster
from steward_node.installing import NAMESPACE as OPERATOR_NAMESPACE
from steward_node.installing import Installation
from steward_node.showing import Example
from steward_node.visiting import Reply, Visitor, place_client, welcome_visitor

pytestmark = pytest.mark.e2e

NAMESPACE, ASSISTANT = "helpdesk", "helpdesk"
SUBJECT = "local:paula"
ARCHIVE = "/var/lib/steward-archive"
# Runs in the archive's Pod: every file of an assistant's shelf, and the runtime's pinned key.
READ_SHELF = """
import base64, json, pathlib, sys
root, uid = pathlib.Path(sys.argv[1]), sys.argv[2]
files = sorted(path for path in root.rglob("*.json") if uid in str(path))
pin = root / "pinned" / uid
print(json.dumps({
    "receipts": [base64.b64encode(path.read_bytes()).decode() for path in files],
    "pin": base64.b64encode(pin.read_bytes()).decode() if pin.exists() else "",
}))
"""


@pytest.fixture(scope="module")
def visitor(cluster: Cluster, steward: Installation, examples: tuple[Example, ...]) -> Visitor:
    """Paula, in a Pod of the help desk's namespace."""
    assert "01-helpdesk" in {item.name for item in examples}
    viewpoint = place_client(cluster, NAMESPACE, steward.runtime_image)
    return welcome_visitor(cluster, viewpoint, ASSISTANT, SUBJECT)


def read_shelf(cluster: Cluster, uid: str) -> dict[str, Any]:
    """What the archive holds of an assistant."""
    where = (f"--namespace={OPERATOR_NAMESPACE}", "statefulset/steward-archive")
    said = cluster.kubectl("exec", *where, "--", "python3", "-c", READ_SHELF, ARCHIVE, uid)
    found: dict[str, Any] = json.loads(said)
    return found


def is_about_conversations(receipt: bytes) -> bool:
    """Whether a receipt says that a conversation was deleted."""
    return count_deleted(parse_envelope(receipt), DataClass.CONVERSATIONS) > 0


@pytest.fixture(scope="module")
def reply(visitor: Visitor) -> Reply:
    """The answer to a greeting."""
    return visitor.say("Hello, I am Paula.")


def test_an_assistant_answers_through_its_service(reply: Reply) -> None:
    """Operator, runtime and model server work together across Pods."""
    assert reply.status == 200, reply.text
    assert reply.read()["choices"][0]["message"]["content"]


def test_a_conversation_is_its_subjects_own(visitor: Visitor, reply: Reply) -> None:
    """What was said can be read back by who said it, and by nobody else."""
    path = f"/v1/conversations/{reply.conversation}"
    other = dataclasses.replace(visitor, subject="local:quentin")
    assert (visitor.ask("GET", path).status, other.ask("GET", path).status) == (200, 404)


def test_the_purge_leaves_a_receipt_in_the_archive(
    cluster: Cluster, visitor: Visitor, reply: Reply, tmp_path: Path
) -> None:
    """The CronJob runs, the conversation is gone, and both signatures of the receipt hold."""

    def is_gone() -> bool:
        return visitor.ask("GET", f"/v1/conversations/{reply.conversation}").status == 404

    wait_until(is_gone, "the purge of the conversation", deadline_seconds=240)
    uid = cluster.read(f"assistant/{ASSISTANT}", f"--namespace={NAMESPACE}")["metadata"]["uid"]
    kept: dict[str, Any] = {}

    def is_archived() -> bool:
        kept.update(read_shelf(cluster, uid))
        return any(is_about_conversations(base64.b64decode(item)) for item in kept["receipts"])

    wait_until(is_archived, "the receipt in the archive", deadline_seconds=120)
    receipt = next(
        content
        for content in map(base64.b64decode, kept["receipts"])
        if is_about_conversations(content)
    )
    verdict = verify(cluster, receipt, kept["pin"], tmp_path)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def verify(
    cluster: Cluster, receipt: bytes, pin: str, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Runs `steward verify` with the runtime's pinned key and the operator's published one."""
    trust = cluster.read(f"configmap/{ASSISTANT}-trust", f"--namespace={NAMESPACE}")
    published = json.loads(next(iter(trust["data"].values())))
    keys = [pin, *find_public_keys(published)]
    (folder / "receipt.json").write_bytes(receipt)
    options: list[str] = []
    for number, key in enumerate(keys):
        path = folder / f"{number}.key"
        path.write_text(key, encoding="ascii")
        options += ["--key", str(path)]
    command = (sys.executable, "-m", "steward_cli.main", "verify", *options)
    return subprocess.run(
        (*command, str(folder / "receipt.json")), check=False, capture_output=True, text=True
    )


def find_public_keys(document: Any) -> list[str]:
    """The public keys of a trust document."""
    return [str(entry["publicKey"]) for entry in document["operatorKeys"]]
