"""The installed chart with a real runtime: its archive keeps the proof that its operator waits for.

Operator, archive and runtime are three processes under three accounts, and the archive's volume is
mounted by the archive alone.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from steward_api.receipt import ReceiptPredicate, Trigger
from steward_api.verification import Verdict, verify_receipt
from steward_chart.releasing import Release
from steward_chart.rendering import NAMESPACE
from steward_cluster_chain.chain import Chain
from steward_cluster_chain.declared import Declared
from steward_lab.control_plane import ControlPlane
from steward_lab.helm import HelmLine
from steward_lab.kubelet import Kubelet, Outcome, Rule
from steward_loopback.polling import wait_until
from steward_model_server import ModelServer, Say
from steward_operator.archive.keys import check_ed25519
from steward_operator.contract.keys import KEY_FILE, SECRET_NAME
from steward_operator_lab.reading import ASSISTANT_KIND
from steward_tool_server import ToolServer

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

SECONDS = 180.0
"""The archive goes round every 30 s."""


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A control plane of its own: the kinds belong to the release."""
    with ControlPlane() as running:
        yield running


@pytest.fixture(scope="module")
def node(plane: ControlPlane) -> Iterator[Kubelet]:
    """Every Pod runs."""
    with Kubelet(plane) as kubelet:
        kubelet.add_rule(Rule(Outcome.PROCESS))
        release = Release(plane, HelmLine.HELM_4)
        release.prepare_namespace()
        release.install({"operator": {"replicas": 1}})
        yield kubelet


@pytest.fixture(scope="module")
def desk(plane: ControlPlane, node: Kubelet) -> Iterator[Chain]:
    """An assistant to be erased, which has had a conversation."""
    home = plane.create_namespace("desk")
    with (
        ModelServer(lambda _: Say("The crimson archive is closed.")) as model,
        ToolServer({}) as tool,
    ):
        chain = Chain(plane.admin, node, home, Declared("desk", model.base_url, tool.url))
        chain.give_credential(chain.declared.model_secret, "model-token-1")
        chain.give_credential(chain.declared.tool_secret, "tool-token-1")
        chain.apply()
        chain.edit(ASSISTANT_KIND, {"spec": {"deletionPolicy": "Erase"}})
        chain.wait_condition("RuntimeVerified", "True")
        chain.wait_ready()
        chain.ask("Is the vermilion hall open?")
        yield chain


def read_keys(plane: ControlPlane, archive: Path, uid: str) -> tuple[bytes, bytes]:
    """Return the runtime's pinned public key and the operator's, as an auditor is given them."""
    pem = plane.admin.get("v1/Secret", SECRET_NAME, NAMESPACE)["data"][KEY_FILE]
    key = load_pem_private_key(base64.b64decode(pem), password=None)
    own = key.public_key().public_bytes_raw()  # type: ignore[union-attr] # it is an Ed25519 key
    return (archive / "pinned" / uid).read_bytes(), own


def find_proofs(plane: ControlPlane, archive: Path, uid: str) -> list[ReceiptPredicate]:
    """Return what complete receipts of the assistant's end claim."""
    keys = read_keys(plane, archive, uid)
    found = [
        verify_receipt(path.read_bytes(), keys, check_ed25519)
        for path in sorted((archive / uid).glob("*.json"))
    ]
    return [
        each.statement.predicate
        for each in found
        if each.verdict is Verdict.COMPLETE
        and each.statement.predicate.trigger is Trigger.ASSISTANT_DELETED
    ]


@contextmanager
def showing_logs(plane: ControlPlane, node: Kubelet) -> Iterator[None]:
    """Let a failure say what operator and archive have logged."""
    try:
        yield
    except AssertionError as fault:
        pods = [pod["metadata"]["name"] for pod in plane.admin.list("v1/Pod", NAMESPACE)]
        logs = [node.read_log(pod, NAMESPACE, pod.split("-")[1])[-3000:] for pod in pods]
        raise AssertionError("\n".join((str(fault), *logs))) from fault


def test_an_erasure_ends_when_the_archive_holds_its_proof(
    plane: ControlPlane, node: Kubelet, desk: Chain
) -> None:
    """The operator has no shelf; it lets the Assistant go for the archive's co-signature."""
    uid = desk.read()["metadata"]["uid"]
    plane.admin.delete(ASSISTANT_KIND, desk.name, desk.namespace)
    with showing_logs(plane, node):
        wait_until(
            lambda: plane.admin.find(ASSISTANT_KIND, desk.name, desk.namespace) is None,
            "the end of the erasure",
            SECONDS,
        )
    archive = node.claim_directory("archive-steward-archive-0", NAMESPACE)
    claim = find_proofs(plane, archive, uid)[-1]
    assert sum(store.rows_deleted for store in claim.stores) > 0
    records = plane.admin.list("v1/ConfigMap", NAMESPACE)
    assert not [each for each in records if (each.get("data") or {}).get("uid") == uid]
