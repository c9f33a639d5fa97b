"""The test kubelet does to Pods what its rules say, driven by the real controllers."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from typing import Any

import pytest

from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import KubeClient, Manifest
from steward_lab.kubelet import Kubelet, Outcome, Rule
from steward_lab.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("kubelet")]


def build_deployment(name: str, **pod_spec: Any) -> Manifest:
    """A Deployment of one Pod with one container, plus what is said of the Pod."""
    containers = [{"name": "main", "image": "any"}]
    spec = {"containers": containers, "automountServiceAccountToken": False, **pod_spec}
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def build_job(name: str, **spec: Any) -> Manifest:
    """A Job of one container that is not retried."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "any"}]}
    job = {"backoffLimit": 0, "template": {"spec": pod}, **spec}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": job}


def is_available(deployment: Manifest) -> bool:
    """Whether a Deployment's Pod is available and its status is about its present spec."""
    status = deployment["status"]
    is_current = status.get("observedGeneration") == deployment["metadata"]["generation"]
    return bool(is_current and status.get("availableReplicas") == 1)


def has_condition(manifest: Manifest, name: str) -> bool:
    """Whether a condition of an object is True."""
    conditions = manifest.get("status", {}).get("conditions") or ()
    return any(item["type"] == name and item["status"] == "True" for item in conditions)


def find_pod(admin: KubeClient, namespace: str, app: str) -> Manifest:
    """The only Pod of a Deployment."""
    (pod,) = admin.list("v1/Pod", namespace, labels=f"app={app}")
    return pod


def wait_event(admin: KubeClient, namespace: str, reason: str) -> Manifest:
    """Waits until a namespace has an Event of a reason, and answers it."""
    path = f"/api/v1/namespaces/{namespace}/events"
    return admin.wait_any(path, lambda event: event["reason"] == reason)


def test_makes_a_deployment_available(admin: KubeClient, namespace: str) -> None:
    """Pods are bound, get an address, and become ready."""
    admin.create(build_deployment("web"), namespace)

    admin.wait("apps/v1/Deployment", "web", namespace, is_available)

    pod = find_pod(admin, namespace, "web")
    assert pod["spec"]["nodeName"] == "lab-node"
    assert pod["status"]["podIP"].startswith("127.")


def test_writes_each_pod_twice_and_then_rests(
    control_plane: ControlPlane, admin: KubeClient, namespace: str
) -> None:
    """A Pod costs one binding and one status; looking again at it costs nothing."""
    mark = control_plane.audit.mark()
    admin.create(build_deployment("web"), namespace)
    admin.wait("apps/v1/Deployment", "web", namespace, is_available)
    admin.create(build_job("later"), namespace)
    admin.wait("batch/v1/Job", "later", namespace, lambda job: has_condition(job, "Complete"))

    writes = control_plane.audit.writes_since(mark, "lab-kubelet")
    own = [item.subresource for item in writes if item.namespace == namespace]
    assert sorted(own) == ["binding", "binding", "status", "status"]


def test_says_why_a_mount_fails_and_recovers(admin: KubeClient, namespace: str) -> None:
    """A missing Secret is a FailedMount Event; the Pod starts as soon as it is there."""
    volume = {"name": "keys", "secret": {"secretName": "missing"}}
    admin.create(build_deployment("web", volumes=[volume]), namespace)

    event = wait_event(admin, namespace, "FailedMount")

    expected = 'MountVolume.SetUp failed for volume "keys" : secret "missing" not found'
    assert (event["type"], event["message"]) == ("Warning", expected)
    assert event["involvedObject"]["kind"] == "Pod"
    assert event["involvedObject"]["name"] == find_pod(admin, namespace, "web")["metadata"]["name"]
    assert not is_available(admin.get("apps/v1/Deployment", "web", namespace))
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "missing"}}
    admin.create(secret, namespace)
    admin.wait("apps/v1/Deployment", "web", namespace, is_available)


def test_starts_without_an_optional_secret(admin: KubeClient, namespace: str) -> None:
    """An optional volume is no reason to wait."""
    volume = {"name": "keys", "secret": {"secretName": "missing", "optional": True}}
    admin.create(build_deployment("web", volumes=[volume]), namespace)

    admin.wait("apps/v1/Deployment", "web", namespace, is_available)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.CRASH_LOOP, "CrashLoopBackOff"),
        (Outcome.FAILED, "CrashLoopBackOff"),
        (Outcome.IMAGE_PULL_BACK_OFF, "ImagePullBackOff"),
        (Outcome.PENDING, "ContainerCreating"),
    ],
)
def test_breaks_a_pod_on_command_and_mends_it(
    admin: KubeClient, kubelet: Kubelet, namespace: str, outcome: Outcome, reason: str
) -> None:
    """A rule reaches Pods that are there already, and so does its end."""
    kubelet.add_rule(Rule(outcome, namespace=namespace, labels={"app": "web"}))
    admin.create(build_deployment("web"), namespace)

    def is_waiting(pod: Manifest) -> bool:
        statuses = pod["status"].get("containerStatuses") or [{}]
        return bool(statuses[0].get("state", {}).get("waiting", {}).get("reason") == reason)

    admin.wait_any(f"/api/v1/namespaces/{namespace}/pods", is_waiting)
    kubelet.drop_rules(namespace)
    admin.wait("apps/v1/Deployment", "web", namespace, is_available)


def test_takes_readiness_away_from_a_running_pod(
    admin: KubeClient, kubelet: Kubelet, namespace: str
) -> None:
    """An available Deployment stops being so when its Pod is no longer ready."""
    admin.create(build_deployment("web"), namespace)
    admin.wait("apps/v1/Deployment", "web", namespace, is_available)

    kubelet.add_rule(Rule(Outcome.NOT_READY, namespace=namespace))

    admin.wait(
        "apps/v1/Deployment", "web", namespace, lambda found: not has_condition(found, "Available")
    )
    kubelet.drop_rules(namespace)


def test_completes_a_job_and_fails_another(
    admin: KubeClient, kubelet: Kubelet, namespace: str
) -> None:
    """Jobs succeed by default; a rule fails them with its code and message."""
    kubelet.add_rule(Rule(Outcome.FAILED, namespace, "bad", exit_code=3, message="no disk"))
    admin.create(build_job("good"), namespace)
    admin.create(build_job("bad"), namespace)

    admin.wait("batch/v1/Job", "good", namespace, lambda job: has_condition(job, "Complete"))
    admin.wait("batch/v1/Job", "bad", namespace, lambda job: has_condition(job, "Failed"))

    (pod,) = admin.list("v1/Pod", namespace, labels="batch.kubernetes.io/job-name=bad")
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["message"]) == (3, "no disk")
    kubelet.drop_rules(namespace)


def test_lets_a_cron_job_create_jobs(admin: KubeClient, namespace: str) -> None:
    """The real CronJob controller makes the Job that is due, which then completes."""
    spec = {"schedule": "* * * * *", "jobTemplate": {"spec": build_job("unused")["spec"]}}
    metadata = {"name": "tick"}
    cron = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec}
    created = admin.create(cron, namespace)["metadata"]["creationTimestamp"]
    # A run seems to be overdue, which spares the wait for the full minute.
    last = datetime.datetime.fromisoformat(created) - datetime.timedelta(minutes=2)
    status = {"status": {"lastScheduleTime": last.isoformat()}}
    admin.patch("batch/v1/CronJob", "tick", namespace, body=status, subresource="status")

    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    job = admin.wait_any(path, lambda job: has_condition(job, "Complete"))

    assert job["metadata"]["ownerReferences"][0]["name"] == "tick"


def test_waits_with_a_pod_until_its_claim_is_bound(admin: KubeClient, namespace: str) -> None:
    """A claim of the default class gets a volume, and only then the Pod a node."""
    source = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    admin.create(build_deployment("web", volumes=[source]), namespace)
    wait_event(admin, namespace, "FailedScheduling")
    assert "nodeName" not in find_pod(admin, namespace, "web")["spec"]

    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": "data"}
    kind = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    admin.create({**kind, "metadata": metadata, "spec": spec}, namespace)

    admin.wait("apps/v1/Deployment", "web", namespace, is_available)
    claim = admin.get("v1/PersistentVolumeClaim", "data", namespace)
    assert claim["status"]["phase"] == "Bound"


def test_removes_the_pods_of_a_deleted_deployment(admin: KubeClient, namespace: str) -> None:
    """A Pod that is being deleted leaves the API."""
    admin.create(build_deployment("web"), namespace)
    admin.wait("apps/v1/Deployment", "web", namespace, is_available)
    name = find_pod(admin, namespace, "web")["metadata"]["name"]

    admin.delete("apps/v1/Deployment", "web", namespace)

    admin.wait_gone("v1/Pod", name, namespace)


@pytest.fixture(scope="module")
def spare_plane() -> Iterator[ControlPlane]:
    """A control plane without a kubelet, for tests that bring and break things."""
    with ControlPlane() as plane:
        yield plane


def test_goes_on_after_a_crash_of_the_api_server(spare_plane: ControlPlane) -> None:
    """A kubelet that lost its server finds it again and sees what it missed."""
    namespace = spare_plane.create_namespace()
    with Kubelet(spare_plane):
        spare_plane.api_server.kill()
        spare_plane.api_server.start()
        spare_plane.wait_ready()

        spare_plane.admin.create(build_deployment("web"), namespace)

        spare_plane.admin.wait("apps/v1/Deployment", "web", namespace, is_available)


def test_leaves_no_process_when_it_stops(spare_plane: ControlPlane) -> None:
    """Stopping a kubelet ends the processes of its Pods."""
    namespace = spare_plane.create_namespace()
    path = spare_plane.directory / "pid"
    script = f"import os, time; open('{path}', 'w').write(str(os.getpid())); time.sleep(600)"
    container = {"name": "main", "image": "any", "command": ["python", "-c", script]}
    with Kubelet(spare_plane, fallback=Rule(Outcome.PROCESS, namespace)):
        spare_plane.admin.create(build_deployment("worker", containers=[container]), namespace)
        wait_until(lambda: path.exists() and path.read_text(), "the start of the process")
        pid = int(path.read_text())

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
