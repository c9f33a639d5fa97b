"""The control plane of the lab is a real one, and its audit log counts what happened."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from steward_lab.building import build_binaries, check_free_disk
from steward_lab.control_plane import ControlPlane
from steward_lab.errors import ApiError, BuildError, DeadlineError, LabError
from steward_lab.kube_client import KubeClient, Manifest
from steward_lab.pins import CONTROL_PLANE
from steward_lab.toolchain import resolve_toolchain
from steward_lab.waiting import wait_until

pytestmark = pytest.mark.cluster


def build_config_map(value: str = "1") -> Manifest:
    """A ConfigMap with one entry."""
    metadata = {"name": "thing"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": value}}


def build_crd(group: str) -> Manifest:
    """A CustomResourceDefinition with a described field and a CEL rule."""
    spec = {
        "type": "object",
        "description": "What is wanted.",
        "properties": {"size": {"type": "integer"}},
        "x-kubernetes-validations": [{"rule": "self.size < 5", "message": "too large"}],
    }
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


def test_serves_the_pinned_version_to_kubectl(control_plane: ControlPlane) -> None:
    """The server and its command line client answer with the versions of the pins."""
    answer = yaml.safe_load(control_plane.kubectl("version", "-o", "yaml"))

    assert answer["serverVersion"]["gitVersion"] == "v1.37.2"
    assert answer["clientVersion"]["gitVersion"] == "v1.37.1"


def test_counts_an_apply_that_changes_nothing_as_a_write(
    control_plane: ControlPlane, admin: KubeClient, namespace: str
) -> None:
    """A repeated apply and a refused create are writes, since each is a request."""
    mark = control_plane.audit.mark()

    admin.apply(build_config_map(), namespace)
    admin.apply(build_config_map(), namespace)
    with pytest.raises(ApiError, match="already exists"):
        admin.create(build_config_map(), namespace)

    writes = control_plane.audit.writes_since(mark, "lab-admin")
    assert [(entry.verb, entry.name, entry.code) for entry in writes] == [
        ("patch", "thing", 201),
        ("patch", "thing", 200),
        ("create", "thing", 409),
    ]


def test_counts_neither_a_dry_run_nor_a_read_as_a_write(
    control_plane: ControlPlane, admin: KubeClient, namespace: str
) -> None:
    """A dry run is seen as such, and reads are seen but aren't writes."""
    mark = control_plane.audit.mark()

    admin.apply(build_config_map(), namespace, is_dry_run=True)
    assert admin.find("v1/ConfigMap", "thing", namespace) is None

    entries = [item for item in control_plane.audit.since(mark) if item.user == "lab-admin"]
    seen = [(item.verb, item.is_dry_run, item.is_write, item.code) for item in entries]
    assert seen == [("patch", True, False, 201), ("get", False, False, 404)]


def test_does_not_count_a_lease_as_a_write(
    control_plane: ControlPlane, admin: KubeClient, namespace: str
) -> None:
    """Leader election is no write by our definition."""
    mark = control_plane.audit.mark()

    metadata = {"name": "leader"}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}
    admin.create(lease, namespace)

    entries = control_plane.audit.since(mark)
    leases = [(item.verb, item.is_write) for item in entries if item.resource == "leases"]
    assert leases == [("create", False)]


def test_names_subresources_and_the_users_behind_requests(
    control_plane: ControlPlane, admin: KubeClient, namespace: str
) -> None:
    """A ServiceAccount's request is recorded under its own name, a token by its subresource."""
    mark = control_plane.audit.mark()

    token = control_plane.token_for("default", namespace)
    with (
        control_plane.client(token) as client,
        pytest.raises(ApiError, match="forbidden") as caught,
    ):
        client.get("v1/Secret", "any", namespace)

    assert caught.value.status == 403
    entries = control_plane.audit.since(mark)
    own = [item for item in entries if item.user == f"system:serviceaccount:{namespace}:default"]
    assert ("get", "secrets", 403) in {(item.verb, item.resource, item.code) for item in own}
    assert "token" in {item.subresource for item in entries if item.user == "lab-admin"}


def test_gives_kubeconfigs_for_tokens_and_for_users(
    control_plane: ControlPlane, namespace: str
) -> None:
    """A kubectl call acts as whom its kubeconfig names."""
    account = control_plane.kubeconfig(token=control_plane.token_for("default", namespace))
    person = control_plane.kubeconfig(user="somebody")

    query = ("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
    assert control_plane.kubectl(*query) == "lab-admin"
    assert control_plane.kubectl(*query, kubeconfig=person) == "somebody"
    name = f"system:serviceaccount:{namespace}:default"
    assert control_plane.kubectl(*query, kubeconfig=account) == name
    with pytest.raises(LabError, match="forbidden"):
        control_plane.kubectl("get", "secrets", "-n", namespace, kubeconfig=account)


def test_serves_a_new_kind_as_soon_as_its_crd_is_applied(
    control_plane: ControlPlane, admin: KubeClient, namespace: str, tmp_path: Path
) -> None:
    """A CRD's kind can be listed, explained, created and refused by its rule at once."""
    group = f"{namespace}.example"
    (tmp_path / "crd.yaml").write_text(yaml.safe_dump(build_crd(group)))

    (kind,) = control_plane.apply_crds(tmp_path)

    assert kind == f"{group}/v1/Widget"
    assert admin.list(kind, namespace) == ()
    assert "What is wanted." in control_plane.kubectl("explain", f"widgets.{group}.spec")
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "one"}}
    admin.create({**widget, "spec": {"size": 1}}, namespace)
    with pytest.raises(ApiError, match="too large") as caught:
        admin.apply({**widget, "spec": {"size": 9}}, namespace)
    assert caught.value.status == 422


def test_enforces_quotas_and_pod_security(control_plane: ControlPlane, admin: KubeClient) -> None:
    """The admission plugins of a real cluster are on."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = control_plane.create_namespace("strict", labels)
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}}
    admin.create({**quota, "spec": {"hard": {"count/configmaps": "1"}}}, namespace)
    admin.wait("v1/ResourceQuota", "none", namespace, lambda found: found["status"].get("used"))

    spec = {"containers": [{"name": "main", "image": "any"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "loose"}, "spec": spec}
    with pytest.raises(ApiError, match="violates PodSecurity"):
        admin.create(pod, namespace)
    with pytest.raises(ApiError, match="exceeded quota"):
        admin.create(build_config_map(), namespace)


def test_collects_what_an_owner_leaves_behind(admin: KubeClient, namespace: str) -> None:
    """Deleting an owner deletes its dependants, by the real garbage collector."""
    owner = admin.create(build_config_map(), namespace)
    child = build_config_map()
    child["metadata"] = {
        "name": "child",
        "ownerReferences": [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": "thing",
                "uid": owner["metadata"]["uid"],
            }
        ],
    }
    admin.create(child, namespace)

    admin.delete("v1/ConfigMap", "thing", namespace)

    admin.wait_gone("v1/ConfigMap", "child", namespace)


def test_says_what_an_object_was_when_a_deadline_passes(admin: KubeClient, namespace: str) -> None:
    """A wait that fails shows the object's last state."""
    admin.create(build_config_map(), namespace)

    with pytest.raises(DeadlineError, match="key: '1'"):
        admin.wait("v1/ConfigMap", "thing", namespace, lambda found: False, deadline_seconds=1)


def test_survives_a_crash_of_the_api_server_and_dies_with_its_stop() -> None:
    """A killed API server comes back with its data, and stopping leaves no process."""
    with ControlPlane() as plane:
        namespace = plane.create_namespace()
        plane.admin.create(build_config_map(), namespace)
        plane.api_server.kill()
        plane.api_server.start()
        plane.wait_ready()
        assert plane.admin.find("v1/ConfigMap", "thing", namespace) is not None
        pids = [plane.etcd.pid, plane.api_server.pid, plane.controllers.pid]

    for pid in pids:
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not plane.directory.exists()


def test_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    """A test run that is killed leaves nothing running."""
    starter = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from steward_lab.processes import ChildProcess\n"
        "child = ChildProcess('sleeper', ('sleep', '600'), Path(sys.argv[1]))\n"
        "child.start()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    command = (sys.executable, "-c", starter, str(tmp_path))
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        wait_until(lambda: read_command(child).startswith("sleep"), "the start")
        parent.kill()

    wait_until(lambda: not read_command(child), "the end")


def read_command(pid: int) -> str:
    """The command line of a process; "" for one that is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_refuses_to_build_where_the_disk_is_too_small(tmp_path: Path) -> None:
    """The refusal comes before the first package and says what to do."""
    go = resolve_toolchain(lambda _: None)

    with pytest.raises(BuildError, match=r"GB of free disk.*set XDG_CACHE_HOME"):
        check_free_disk(go, tmp_path, needed_gib=10**9)


def test_builds_once_for_all_who_ask(control_plane: ControlPlane) -> None:
    """What is in the cache is used; nothing is reported, since nothing is built."""
    lines: list[str] = []

    binaries = build_binaries(lines.append)

    assert (binaries, lines) == (control_plane.plant.binaries, [])
    targets = CONTROL_PLANE.targets
    assert all(os.access(binaries.directory / target.name, os.X_OK) for target in targets)
