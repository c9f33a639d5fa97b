"""In process mode the kubelet runs a Pod's command with its probes and signals."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from steward_lab.kube_client import KubeClient, Manifest
from steward_lab.kubelet import Kubelet
from steward_lab.pod_samples import (
    PORT,
    build_pod_spec,
    build_script,
    build_server,
    deploy,
    run_pod,
    wait_pod,
)
from steward_lab.waiting import wait_until

CHECKOUT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("processes")]


def test_lets_readiness_follow_the_probe(
    admin: KubeClient, kubelet: Kubelet, namespace: str
) -> None:
    """A failing probe takes the Pod out of service, a passing one puts it back."""
    deploy(admin, namespace, "web", build_pod_spec(build_server()))
    server = kubelet.endpoint("web", namespace, "http")

    httpx.put(f"{server.url}/health", content=b"bad")
    wait_pod(admin, namespace, lambda status: not status["ready"])
    httpx.put(f"{server.url}/health", content=b"good")

    pod = wait_pod(admin, namespace, lambda status: status["ready"])
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


def test_restarts_a_container_whose_liveness_fails(
    admin: KubeClient, kubelet: Kubelet, namespace: str
) -> None:
    """The process is asked to end, and a fresh one takes its place."""
    probe = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1}
    startup = {**probe, "failureThreshold": 30}
    container = build_server(livenessProbe={**probe, "failureThreshold": 1}, startupProbe=startup)
    deploy(admin, namespace, "web", build_pod_spec(container))
    server = kubelet.endpoint("web", namespace, "http")

    httpx.put(f"{server.url}/health", content=b"bad")

    pod = wait_pod(admin, namespace, lambda status: status["ready"] and status["restartCount"])
    ended = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert (ended["exitCode"], ended["message"]) == (7, "asked to end")


def test_asks_a_deleted_pod_to_end(admin: KubeClient, kubelet: Kubelet, namespace: str) -> None:
    """SIGTERM comes first, and the final status carries code and message."""
    deploy(admin, namespace, "web", build_pod_spec(build_server()))
    kubelet.endpoint("web", namespace, "http")
    (pod,) = admin.list("v1/Pod", namespace)

    admin.delete("apps/v1/Deployment", "web", namespace)

    states = admin.watch("v1/Pod", pod["metadata"]["name"], namespace, 20)
    last: Manifest = {}
    for state in states:
        if state is None:
            break
        last = state["status"]["containerStatuses"][0]["state"]
    ended = last["terminated"]
    assert (ended["exitCode"], ended["message"]) == (7, "asked to end")


def test_kills_a_process_that_ignores_its_end(
    admin: KubeClient, kubelet: Kubelet, namespace: str
) -> None:
    """After the grace period nothing runs any more."""
    container = build_server(args=["$(POD_IP)", str(PORT), "deaf"])
    spec = {**build_pod_spec(container), "terminationGracePeriodSeconds": 1}
    deploy(admin, namespace, "web", spec)
    server = kubelet.endpoint("web", namespace, "http")
    (pod,) = admin.list("v1/Pod", namespace)

    admin.delete("apps/v1/Deployment", "web", namespace)

    admin.wait_gone("v1/Pod", pod["metadata"]["name"], namespace)
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


@pytest.mark.parametrize(("code", "condition"), [(0, "Complete"), (5, "Failed")])
def test_ends_a_job_as_its_process_ends(
    admin: KubeClient, namespace: str, code: int, condition: str
) -> None:
    """The Job's condition and the container's status follow the exit code."""
    script = f"open('/dev/termination-log', 'w').write('x' * 5000); raise SystemExit({code})"
    pod = {**build_pod_spec(build_script(script)), "restartPolicy": "Never"}
    spec = {"backoffLimit": 0, "template": {"spec": pod}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": spec}
    admin.create(job, namespace)

    def is_over(found: Manifest) -> bool:
        conditions = found["status"].get("conditions") or ()
        return any(item["type"] == condition and item["status"] == "True" for item in conditions)

    admin.wait("batch/v1/Job", "job", namespace, is_over)
    (found,) = admin.list("v1/Pod", namespace)
    ended = found["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], len(ended["message"])) == (code, 4096)


def test_lets_two_pods_use_one_port_number_and_names_them(
    admin: KubeClient, kubelet: Kubelet, namespace: str
) -> None:
    """Each Pod has an address of its own, and one finds the other by its Service's name."""
    for name in ("one", "two"):
        deploy(admin, namespace, name, build_pod_spec(build_server()))
    one = kubelet.endpoint("one", namespace, "http")
    two = kubelet.endpoint("two", namespace, PORT)

    assert (one.port, one.host != two.host) == (two.port, True)
    target = f"http://two.{namespace}.svc:{PORT}/environment"
    wait_until(lambda: httpx.get(f"{one.url}/ask/{target}").status_code == 200, "the name")
    asked = json.loads(httpx.get(f"{one.url}/ask/{target}").text)
    assert asked["POD_IP"] == two.host


def test_restarts_what_crashes_with_a_growing_pause(admin: KubeClient, namespace: str) -> None:
    """A crash loop is shown as one, with its last exit code."""
    deploy(admin, namespace, "web", build_pod_spec(build_script("raise SystemExit(9)")))

    pod = wait_pod(
        admin,
        namespace,
        lambda status: status["restartCount"] > 1 and "waiting" in status["state"],
    )

    status = pod["status"]["containerStatuses"][0]
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["lastState"]["terminated"]["exitCode"] == 9


def test_finds_the_checkout_again_below_a_volume_that_outlives_the_first_run(
    admin: KubeClient, namespace: str
) -> None:
    """The mount point that the first run leaves in the volume does not stand for the folder."""
    mount = {"name": "above", "mountPath": str(CHECKOUT.parent)}
    container = {**build_script("import steward_api; raise SystemExit(9)"), "volumeMounts": [mount]}
    volume = {"name": "above", "emptyDir": {}}
    deploy(admin, namespace, "web", build_pod_spec(container, (volume,)))

    pod = wait_pod(
        admin,
        namespace,
        lambda status: status["restartCount"] > 0 and "terminated" in status["lastState"],
    )

    assert pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 9
    again = wait_pod(admin, namespace, lambda status: status["restartCount"] > 1)
    assert again["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 9


def test_says_why_a_command_cannot_start(admin: KubeClient, namespace: str) -> None:
    """An unknown command is a StartError with the reason as its message."""
    container = {"name": "main", "image": "any", "command": ["no-such-command"]}

    ended = run_pod(admin, namespace, build_pod_spec(container))

    assert (ended["reason"], ended["exitCode"]) == ("StartError", 128)
    assert "no-such-command" in ended["message"]


def test_runs_init_containers_first_and_in_order(admin: KubeClient, namespace: str) -> None:
    """Each init container ends before the next begins, and they share the volumes."""
    mounts = [{"name": "scratch", "mountPath": "/scratch-lab"}]
    first = {**build_script("open('/scratch-lab/x', 'x').write('1')"), "name": "first"}
    second = {**build_script("open('/scratch-lab/x', 'a').write('2')"), "name": "second"}
    main = build_script("assert open('/scratch-lab/x').read() == '12'")
    spec = build_pod_spec({**main, "volumeMounts": mounts}, ({"name": "scratch", "emptyDir": {}},))
    spec["initContainers"] = [{**item, "volumeMounts": mounts} for item in (first, second)]

    ended = run_pod(admin, namespace, spec)

    assert ended["exitCode"] == 0
