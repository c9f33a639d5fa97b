"""The operator and real runtimes: RuntimeVerified, archived receipts, and `deletionPolicy: Erase`.

Runtimes run as processes of the test kubelet, from the Deployment that the operator made.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from steward_api.meta import API_VERSION
from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import KubeClient, Manifest
from steward_lab.kubelet import Kubelet
from steward_loopback.polling import wait_until
from steward_operator import names
from steward_operator.contract.keys import KEY_FILE, SECRET_NAME
from steward_operator_lab.contract import Keeper, run_keeper
from steward_operator_lab.operating import OperatorProcess
from steward_operator_lab.reading import (
    ASSISTANT_KIND,
    find_condition,
    has_condition,
    list_children,
    wait_condition,
    wait_quiet,
    wait_ready,
)
from steward_operator_lab.samples import (
    build_assistant,
    build_memory_policy,
    build_needs,
    build_retention_policy,
)
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = pytest.mark.cluster

MARKER = "marker-of-an-erased-memory"
SECONDS = 60.0


@pytest.fixture(scope="module")
def keeper(
    control_plane: ControlPlane,
    kubelet: Kubelet,
    kinds: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Keeper]:
    """An operator with a key and an archive."""
    del kubelet, kinds
    with run_keeper(control_plane, tmp_path_factory.mktemp("keeper")) as running:
        yield running


def start(bench: Workbench, **spec: Any) -> Manifest:
    """Create an Assistant with memory, and wait until it is Ready."""
    assistant = build_assistant(memoryPolicyRef={"name": "memory"}, **spec)
    bench.create(*build_needs(), build_memory_policy(), assistant)
    return wait_ready(bench.admin, bench.namespace)


def read_key(bench: Workbench, secret: str) -> str:
    """Return the generated key."""
    return base64.b64decode(bench.get("v1/Secret", secret)["data"]["apiKey"]).decode()


def remember(bench: Workbench, kubelet: Kubelet, secret: str) -> None:
    """Write one record of memory through the public API."""
    key = read_key(bench, secret)
    endpoint = kubelet.endpoint("helper", bench.namespace, "http")
    answer = httpx.post(
        f"{endpoint.url}/v1/memories",
        json={"segment": "facts", "text": MARKER},
        headers={"Authorization": f"Bearer {key}", "Steward-Subject": "user:ada"},
        trust_env=False,
    )
    assert answer.status_code == 201, answer.text


@pytest.mark.usefixtures("processes")
def test_ready_and_verified_come_in_one_write(
    control_plane: ControlPlane, keeper: Keeper, bench: Workbench
) -> None:
    """The runtime itself names its Blueprint; asking costs no further write."""
    mark = control_plane.audit.mark()
    ready = start(bench)
    assert has_condition(ready, "RuntimeVerified", "True", "Verified")
    writes = wait_quiet(keeper.process, mark, bench.namespace)
    statuses = [each for each in writes if each.subresource == "status" and each.name == "helper"]
    assert len(statuses) <= 2


@pytest.mark.usefixtures("processes")
def test_a_restart_asks_again_and_writes_nothing(
    control_plane: ControlPlane, keeper: Keeper, bench: Workbench
) -> None:
    """The answer is the same, so the status is."""
    before = start(bench)
    mark = control_plane.audit.mark()
    keeper.process.restart()
    assert wait_quiet(keeper.process, mark, bench.namespace) == ()
    after = bench.get(ASSISTANT_KIND, "helper")
    assert after["status"] == before["status"]
    assert has_condition(after, "RuntimeVerified", "True")


@pytest.mark.usefixtures("processes")
def test_erase_waits_for_the_archived_proof_and_leaves_nothing(
    control_plane: ControlPlane, keeper: Keeper, kubelet: Kubelet, bench: Workbench
) -> None:
    """Deleted, erased by its runtime, proven by a co-signed receipt, then volume and keys go."""
    ready = start(bench, deletionPolicy="Erase")
    uid = ready["metadata"]["uid"]
    assert ready["metadata"].get("finalizers") == [names.ERASURE_FINALIZER]
    remember(bench, kubelet, ready["status"]["apiKeySecretName"])
    bench.admin.delete(ASSISTANT_KIND, "helper", bench.namespace)
    wait_until(lambda: bench.find(ASSISTANT_KIND, "helper") is None, "its deletion", SECONDS)
    claim = keeper.find_erasure(uid)
    assert claim is not None
    assert claim.assistant_uid == uid
    assert sum(store.rows_deleted for store in claim.stores) > 0
    assert keeper.find_record(control_plane, uid) is None
    wait_until(lambda: not list_children(bench.admin, bench.namespace), "its end", SECONDS)


@pytest.mark.usefixtures("processes")
def test_retain_keeps_volume_and_keys(keeper: Keeper, bench: Workbench) -> None:
    """Nothing of ours holds the deletion up, and nothing is erased."""
    ready = start(bench)
    assert "finalizers" not in ready["metadata"]
    bench.admin.delete(ASSISTANT_KIND, "helper", bench.namespace)
    wait_until(lambda: bench.find(ASSISTANT_KIND, "helper") is None, "its deletion", SECONDS)
    assert bench.find("v1/PersistentVolumeClaim", "helper-data") is not None
    assert not (keeper.archive / ready["metadata"]["uid"]).exists()


def test_past_its_deadline_an_erasure_is_recorded_as_unproven(
    control_plane: ControlPlane, keeper: Keeper, bench: Workbench
) -> None:
    """Here a Pod is marked ready that runs nothing: nobody can prove anything, and it ends."""
    ready = start(bench, deletionPolicy="Erase", erasureDeadlineSeconds=60)
    uid = ready["metadata"]["uid"]
    assert find_condition(ready, "RuntimeVerified")["reason"] == "RuntimeUnreachable"
    bench.admin.delete(ASSISTANT_KIND, "helper", bench.namespace)
    wait_until(lambda: bench.find(ASSISTANT_KIND, "helper") is None, "its deletion", 90)
    record = keeper.find_record(control_plane, uid)
    assert record is not None
    assert (record["reason"], record["namespace"]) == ("RuntimeUnreachable", bench.namespace)
    assert bench.find("v1/ConfigMap", "helper-keys-anchor-1") is None


@pytest.mark.usefixtures("processes")
def test_a_deleted_namespace_does_not_hang(
    control_plane: ControlPlane, keeper: Keeper, admin: KubeClient
) -> None:
    """Its runtime may go first; then the erasure is unproven, and all the same the end comes."""
    name = control_plane.create_namespace("short")
    ready = start(Workbench(admin, name), deletionPolicy="Erase")
    uid = ready["metadata"]["uid"]
    admin.delete("v1/Namespace", name)
    wait_until(lambda: admin.find("v1/Namespace", name) is None, "the end", 90)
    is_recorded = keeper.find_record(control_plane, uid) is not None
    assert is_recorded or keeper.find_erasure(uid) is not None


@pytest.mark.usefixtures("processes")
def test_a_missing_policy_denies_chat_until_it_is_back(
    keeper: Keeper, kubelet: Kubelet, bench: Workbench
) -> None:
    """The running Pod answers 503 PolicyMissing, and serves again without a restart."""
    assert keeper.process.process is not None
    ready = start(bench)
    key = read_key(bench, ready["status"]["apiKeySecretName"])
    endpoint = kubelet.endpoint("helper", bench.namespace, "http")

    def ask() -> str:
        answer = httpx.post(
            f"{endpoint.url}/v1/memories",
            json={"segment": "facts", "text": "x"},
            headers={"Authorization": f"Bearer {key}", "Steward-Subject": "user:ada"},
            trust_env=False,
        )
        return "" if answer.status_code == 201 else str(answer.json()["error"]["code"])

    assert not ask()
    bench.admin.delete(f"{API_VERSION}/RetentionPolicy", "retention", bench.namespace)
    wait_until(lambda: ask() == "PolicyMissing", "the denial", SECONDS)
    wait_condition(
        bench.admin, bench.namespace, "helper", "Ready", "False", "RetentionPolicyMissing"
    )
    bench.create(build_retention_policy())
    wait_until(lambda: not ask(), "the end of the denial", SECONDS)
    wait_ready(bench.admin, bench.namespace)


def test_makes_its_key_once_and_waits_for_the_kubelet_to_show_it(
    control_plane: ControlPlane, kinds: tuple[str, ...], tmp_path: Path
) -> None:
    """With the rights of `rbac.py`: the Secret is POSTed, never read, and its file is used."""
    del kinds
    home = control_plane.create_namespace("operator")
    file = tmp_path / KEY_FILE
    arguments = ("--key-file", str(file), "--operator-namespace", home)
    operator = OperatorProcess(control_plane, home, scope=home, arguments=arguments)
    mark = control_plane.audit.mark()

    def show() -> None:
        secret = control_plane.admin.wait(
            "v1/Secret", SECRET_NAME, home, lambda found: bool(found["data"])
        )
        file.write_bytes(base64.b64decode(secret["data"][KEY_FILE]))

    with ThreadPoolExecutor(1) as kubelet_of_the_operator:
        shown = kubelet_of_the_operator.submit(show)
        operator.start()
        shown.result()
    try:
        operator.restart()
        secrets = [
            each.verb for each in operator.requests_since(mark) if each.resource == "secrets"
        ]
        assert secrets == ["create"]
    finally:
        operator.stop()
        control_plane.admin.delete("v1/Namespace", home)
