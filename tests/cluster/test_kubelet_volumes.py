"""In process mode a Pod sees its volumes, environment and tokens where its template says."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from steward_lab.kube_client import KubeClient
from steward_lab.kubelet import Kubelet
from steward_lab.pod_samples import (
    build_pod_spec,
    build_script,
    build_server,
    create_claim,
    create_data,
    deploy,
    run_pod,
    wait_pod,
)
from steward_lab.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("processes")]


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
