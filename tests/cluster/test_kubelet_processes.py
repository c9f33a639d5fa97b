"""In process mode the kubelet runs a Pod's command with its mounts, probes and signals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from steward_lab import echo_server
from steward_lab.kube_client import KubeClient, Manifest
from steward_lab.kubelet import Kubelet, Outcome, Rule
from steward_lab.waiting import wait_until

pytestmark = pytest.mark.cluster

PORT = 8080


@pytest.fixture(autouse=True)
def processes(kubelet: Kubelet, namespace: str) -> Iterator[None]:
    """Pods of the test's namespace run as processes."""
    kubelet.add_rule(Rule(Outcome.PROCESS, namespace=namespace))
    yield
    kubelet.drop_rules(namespace)


def build_server(**container: Any) -> Manifest:
    """A container that runs the lab's small server on the Pod's address."""
    address = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    return {
        "name": "main",
        "image": "any",
        "command": ["python", str(Path(echo_server.__file__))],
        "args": ["$(POD_IP)", str(PORT)],
        "env": [address],
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {
            "httpGet": {"path": "/health", "port": "http"},
            "periodSeconds": 1,
            "failureThreshold": 1,
        },
        **container,
    }


def build_script(code: str) -> Manifest:
    """A container that runs a piece of Python and ends."""
    return {"name": "main", "image": "any", "command": ["python", "-c", code]}


def build_pod_spec(container: Manifest, volumes: tuple[Manifest, ...] = ()) -> Manifest:
    """A Pod of one container."""
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 5,
        "containers": [container],
        "volumes": list(volumes),
    }


def deploy(admin: KubeClient, namespace: str, name: str, spec: Manifest) -> None:
    """Creates a Deployment and a Service of one name."""
    labels = {"app": name}
    metadata = {"name": name}
    port = {"name": "http", "port": PORT, "targetPort": "http"}
    template = {"metadata": {"labels": labels}, "spec": spec}
    deployment = {"selector": {"matchLabels": labels}, "template": template}
    service = {"selector": labels, "ports": [port]}
    kind = {"apiVersion": "apps/v1", "kind": "Deployment"}
    admin.create({**kind, "metadata": metadata, "spec": deployment}, namespace)
    kind = {"apiVersion": "v1", "kind": "Service"}
    admin.create({**kind, "metadata": metadata, "spec": service}, namespace)


def create_data(admin: KubeClient, namespace: str, kind: str, **data: str) -> None:
    """Creates a Secret or ConfigMap named like its kind in lower case."""
    metadata = {"name": kind.lower()}
    key = "stringData" if kind == "Secret" else "data"
    admin.create({"apiVersion": "v1", "kind": kind, "metadata": metadata, key: data}, namespace)


def create_claim(admin: KubeClient, namespace: str) -> Manifest:
    """Creates a claim named `data` and answers the volume that mounts it."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    kind = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    admin.create({**kind, "metadata": {"name": "data"}, "spec": spec}, namespace)
    return {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}


def wait_pod(admin: KubeClient, namespace: str, is_as_awaited: Any) -> Manifest:
    """Waits for a Pod whose first container's status is as awaited."""

    def check(pod: Manifest) -> bool:
        statuses = pod["status"].get("containerStatuses")
        return bool(statuses and is_as_awaited(statuses[0]))

    return admin.wait_any(f"/api/v1/namespaces/{namespace}/pods", check)


def run_pod(admin: KubeClient, namespace: str, spec: Manifest) -> Manifest:
    """Runs a Pod that is not restarted and answers how its container ended."""
    spec = {**spec, "restartPolicy": "Never"}
    metadata = {"name": "once"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    admin.create(pod, namespace)
    done = wait_pod(admin, namespace, lambda status: "terminated" in status["state"])
    ended: Manifest = done["status"]["containerStatuses"][0]["state"]["terminated"]
    return ended


def test_shows_config_maps_and_secrets_at_their_exact_paths(
    admin: KubeClient, kubelet: Kubelet, namespace: str
) -> None:
    """The process sees its mounts where the template says, and the machine keeps clean."""
    create_data(admin, namespace, "ConfigMap", settings="a: 1")
    create_data(admin, namespace, "Secret", key="hidden", other="unused")
    mounts = [
        {"name": "settings", "mountPath": "/etc/steward/settings"},
        {"name": "keys", "mountPath": "/var/run/steward-lab/keys"},
    ]
    items = [{"key": "key", "path": "deep/token", "mode": 0o440}]
    volumes = (
        {"name": "settings", "configMap": {"name": "configmap"}},
        {"name": "keys", "secret": {"secretName": "secret", "items": items}},
    )
    deploy(admin, namespace, "web", build_pod_spec(build_server(volumeMounts=mounts), volumes))

    server = kubelet.endpoint("web", namespace, "http")

    assert httpx.get(f"{server.url}/file/etc/steward/settings/settings").text == "a: 1"
    keys = f"{server.url}/file/var/run/steward-lab/keys"
    assert httpx.get(f"{keys}/deep/token").text == "hidden"
    assert httpx.get(f"{keys}/other").status_code == 404
    assert httpx.put(f"{keys}/deep/token", content=b"x").status_code == 507
    assert not Path("/var/run/steward-lab").exists()


def test_gives_an_environment_of_its_own(
    admin: KubeClient, kubelet: Kubelet, namespace: str
) -> None:
    """Variables come from the template, the Pod, Secrets and ConfigMaps, not from the test."""
    create_data(admin, namespace, "Secret", key="hidden")
    create_data(admin, namespace, "ConfigMap", COLOUR="red")
    secret = {"secretKeyRef": {"name": "secret", "key": "key"}}
    variables = [
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "KEY", "valueFrom": secret},
        {"name": "JOINED", "value": "$(KEY)-$(COLOUR)-$$(KEY)-$(UNKNOWN)"},
    ]
    sources = [{"configMapRef": {"name": "configmap"}}]
    container = build_server(env=variables, envFrom=sources)
    deploy(admin, namespace, "web", build_pod_spec(container))

    server = kubelet.endpoint("web", namespace, "http")

    environment = httpx.get(f"{server.url}/environment").json()
    assert environment["JOINED"] == "hidden-red-$(KEY)-$(UNKNOWN)"
    assert environment["POD_IP"] == server.host
    assert environment["NAME"] == environment["HOSTNAME"]
    assert "PYTEST_CURRENT_TEST" not in environment


def test_lets_only_volumes_be_written_under_a_read_only_root(
    admin: KubeClient, kubelet: Kubelet, namespace: str
) -> None:
    """The restricted level's read-only root holds for processes too."""
    mounts = [{"name": "scratch", "mountPath": "/var/lib/steward"}]
    security = {"readOnlyRootFilesystem": True}
    container = build_server(volumeMounts=mounts, securityContext=security)
    volumes = ({"name": "scratch", "emptyDir": {}},)
    deploy(admin, namespace, "web", build_pod_spec(container, volumes))

    server = kubelet.endpoint("web", namespace, "http")

    assert httpx.put(f"{server.url}/file/var/lib/steward/new", content=b"x").status_code == 200
    assert httpx.put(f"{server.url}/file/etc/new", content=b"x").status_code == 507
    assert not Path("/var/lib/steward").exists()


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


def test_keeps_a_claims_data_from_pod_to_pod(
    admin: KubeClient, kubelet: Kubelet, namespace: str
) -> None:
    """What one Pod wrote the next one reads, until the claim is deleted."""
    volume = create_claim(admin, namespace)
    container = build_server(volumeMounts=[{"name": "data", "mountPath": "/var/lib/steward"}])
    deploy(admin, namespace, "web", build_pod_spec(container, (volume,)))
    path = "/file/var/lib/steward/note"
    first = kubelet.endpoint("web", namespace, "http")
    httpx.put(f"{first.url}{path}", content=b"kept")
    (pod,) = admin.list("v1/Pod", namespace)

    admin.delete("v1/Pod", pod["metadata"]["name"], namespace)
    admin.wait_gone("v1/Pod", pod["metadata"]["name"], namespace)
    second = kubelet.endpoint("web", namespace, "http")

    assert httpx.get(f"{second.url}{path}").text == "kept"
    folder = kubelet.claim_directory("data", namespace)
    assert (folder / "note").read_text() == "kept"
    volume_name = admin.get("v1/PersistentVolumeClaim", "data", namespace)["spec"]["volumeName"]
    admin.delete("apps/v1/Deployment", "web", namespace)
    admin.delete("v1/PersistentVolumeClaim", "data", namespace)
    admin.wait_gone("v1/PersistentVolume", volume_name, None)
    assert not folder.exists()


def test_shows_a_changed_secret_to_a_running_process(
    admin: KubeClient, kubelet: Kubelet, namespace: str
) -> None:
    """A Secret's new content replaces the old one in place."""
    create_data(admin, namespace, "Secret", word="old", gone="x")
    mounts = [{"name": "keys", "mountPath": "/etc/steward/keys"}]
    volumes = ({"name": "keys", "secret": {"secretName": "secret"}},)
    deploy(admin, namespace, "web", build_pod_spec(build_server(volumeMounts=mounts), volumes))
    server = kubelet.endpoint("web", namespace, "http")
    pid = httpx.get(f"{server.url}/file/proc/self/stat").text.split()[0]

    admin.patch("v1/Secret", "secret", namespace, body={"stringData": {"word": "new"}})
    path = f"{server.url}/file/etc/steward/keys"
    admin.patch("v1/Secret", "secret", namespace, body={"data": {"gone": None}})

    wait_until(lambda: httpx.get(f"{path}/gone").status_code == 404, "the swap")
    assert httpx.get(f"{path}/word").text == "new"
    assert httpx.get(f"{server.url}/file/proc/self/stat").text.split()[0] == pid


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


def test_says_which_key_of_a_secret_is_missing(admin: KubeClient, namespace: str) -> None:
    """A volume with an item that isn't there is a FailedMount until it comes."""
    create_data(admin, namespace, "Secret", there="x")
    items = [{"key": "missing", "path": "missing"}]
    volumes = ({"name": "keys", "secret": {"secretName": "secret", "items": items}},)
    deploy(admin, namespace, "web", build_pod_spec(build_server(), volumes))

    path = f"/api/v1/namespaces/{namespace}/events"
    event = admin.wait_any(path, lambda event: event["reason"] == "FailedMount")

    assert "references non-existent secret key: missing" in event["message"]
    admin.patch("v1/Secret", "secret", namespace, body={"stringData": {"missing": "y"}})
    wait_pod(admin, namespace, lambda status: status["ready"])


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


def test_says_why_a_command_cannot_start(admin: KubeClient, namespace: str) -> None:
    """An unknown command is a StartError with the reason as its message."""
    container = {"name": "main", "image": "any", "command": ["no-such-command"]}

    ended = run_pod(admin, namespace, build_pod_spec(container))

    assert (ended["reason"], ended["exitCode"]) == ("StartError", 128)
    assert "no-such-command" in ended["message"]


def test_runs_init_containers_first_and_in_order(admin: KubeClient, namespace: str) -> None:
    """Each init container ends before the next begins, and they share the volumes."""
    mounts = [{"name": "scratch", "mountPath": "/work-lab"}]
    first = {**build_script("open('/work-lab/x', 'x').write('1')"), "name": "first"}
    second = {**build_script("open('/work-lab/x', 'a').write('2')"), "name": "second"}
    main = build_script("assert open('/work-lab/x').read() == '12'")
    spec = build_pod_spec({**main, "volumeMounts": mounts}, ({"name": "scratch", "emptyDir": {}},))
    spec["initContainers"] = [{**item, "volumeMounts": mounts} for item in (first, second)]

    ended = run_pod(admin, namespace, spec)

    assert ended["exitCode"] == 0


def test_gives_a_token_that_the_api_server_takes(
    admin: KubeClient, kubelet: Kubelet, namespace: str
) -> None:
    """The usual projected volume works, so a client inside a Pod finds its cluster."""
    code = (
        "import ssl, os, pathlib, urllib.request, urllib.error\n"
        "at = pathlib.Path('/var/run/secrets/kubernetes.io/serviceaccount')\n"
        "tls = ssl.create_default_context(cafile=str(at / 'ca.crt'))\n"
        "port = os.environ['KUBERNETES_SERVICE_PORT']\n"
        "url = f'https://127.0.0.1:{port}/apis/authentication.k8s.io/v1/selfsubjectreviews'\n"
        'body = b\'{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}\'\n'
        "head = {'Authorization': 'Bearer ' + (at / 'token').read_text(),\n"
        "        'Content-Type': 'application/json'}\n"
        "request = urllib.request.Request(url, data=body, headers=head)\n"
        "print(urllib.request.urlopen(request, context=tls).read().decode())\n"
    )
    spec = build_pod_spec(build_script(code))
    spec["automountServiceAccountToken"] = True

    ended = run_pod(admin, namespace, spec)

    log = kubelet.read_log("once", namespace, "main")
    assert ended["exitCode"] == 0, log
    assert f"system:serviceaccount:{namespace}:default" in log
