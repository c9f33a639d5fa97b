"""`steward doctor` on the real API server: what is there, what is missing, and nothing left behind.

Here no packet flows: the test kubelet plays a network that enforces policies and one that does not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from steward_lab.control_plane import ControlPlane
from steward_lab.kubelet import Kubelet, Outcome, Rule
from steward_loopback.polling import wait_until
from steward_operator.rbac import build_access

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

POLICY_PATH = "/apis/networking.k8s.io/v1/networkpolicies"


@pytest.fixture
def home(control_plane: ControlPlane, kinds: tuple[str, ...], kubelet: Kubelet) -> Iterator[str]:
    """A namespace with the operator's account."""
    assert kinds
    name = control_plane.create_namespace("operator")
    for manifest in build_access(name):
        control_plane.admin.apply(manifest, manifest["metadata"].get("namespace"))
    yield name
    kubelet.drop_rules("")
    control_plane.admin.delete("v1/Namespace", name)


def run_doctor(plane: ControlPlane, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the word as a process."""
    program = "from steward_cli.main import run; run()"
    return subprocess.run(
        (sys.executable, "-c", program, "doctor", "--kubeconfig", str(plane.kubeconfig()), *words),
        check=False,
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "NO_COLOR": "1"},
    )


def read_verdicts(report: dict[str, Any]) -> dict[str, str]:
    """The verdict of each check."""
    return {finding["check"]: finding["verdict"] for finding in report["findings"]}


def has_probe(plane: ControlPlane) -> bool:
    """Say whether something of a probe is left."""
    found = plane.admin.list("v1/Namespace")
    return any(n["metadata"]["name"].startswith("steward-doctor-") for n in found)


def test_a_whole_installation_is_well(control_plane: ControlPlane, home: str) -> None:
    """Without the probe everything can be told here; the table says it in a line per check."""
    done = run_doctor(control_plane, "-n", home, "--no-probe", "-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(read_verdicts(json.loads(done.stdout)).values()) == {"Ok"}
    table = run_doctor(control_plane, "-n", home, "--no-probe")
    assert [line.split()[0] for line in table.stdout.splitlines()] == [
        "clock",
        "definitions",
        "rights",
        "storage",
    ]


def test_a_missing_account_has_no_rights(control_plane: ControlPlane, home: str) -> None:
    """The operator is looked for in another namespace: its rights are named, and the code is 1."""
    assert home
    done = run_doctor(control_plane, "-n", "nowhere", "--no-probe", "-o", "yaml")
    assert done.returncode == 1, done.stdout + done.stderr
    report = yaml.safe_load(done.stdout)
    assert read_verdicts(report)["rights"] == "Failed"
    assert "steward-operator may not: " in done.stdout
    own = run_doctor(control_plane, "-n", "nowhere", "--no-probe", "--self")
    assert own.returncode == 0, own.stdout


def test_without_a_pod_enforcement_cannot_be_told(
    control_plane: ControlPlane, kubelet: Kubelet, home: str
) -> None:
    """The image cannot be had: the report says so, the code is 4, and nothing stays."""
    kubelet.add_rule(Rule(Outcome.IMAGE_PULL_BACK_OFF, name_prefix="server", image="no:image"))
    done = run_doctor(control_plane, "-n", home, "--image", "no:image", "-o", "json")
    assert done.returncode == 4, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert read_verdicts(report)["network policy, egress"] == "Unknown"
    assert "ImagePullBackOff" in done.stdout
    wait_until(lambda: not has_probe(control_plane), "the probe's end", 60)


def test_a_network_without_enforcement_is_told(control_plane: ControlPlane, home: str) -> None:
    """The client stays ready whatever the policies say."""
    done = run_doctor(control_plane, "-n", home, "-o", "json")
    assert done.returncode == 1, done.stdout + done.stderr
    verdicts = read_verdicts(json.loads(done.stdout))
    assert verdicts["network policy, egress"] == verdicts["network policy, ingress"] == "Failed"
    wait_until(lambda: not has_probe(control_plane), "the probe's end", 60)


def test_an_enforcing_network_is_told(
    control_plane: ControlPlane, kubelet: Kubelet, home: str
) -> None:
    """While a policy is there the client is cut, as an enforcer would do it."""
    ended = threading.Event()

    def enforce() -> None:
        cut: set[str] = set()
        while not ended.wait(0.05):
            policies = control_plane.admin.request("GET", POLICY_PATH)["items"]
            now = {
                p["metadata"]["namespace"]
                for p in policies
                if p["metadata"]["namespace"].startswith("steward-doctor-")
            }
            for namespace in now - cut:
                kubelet.add_rule(Rule(Outcome.NOT_READY, namespace, name_prefix="client"))
            for namespace in cut - now:
                kubelet.drop_rules(namespace)
            cut = now

    enforcer = threading.Thread(target=enforce)
    enforcer.start()
    try:
        done = run_doctor(control_plane, "-n", home, "-o", "json")
    finally:
        ended.set()
        enforcer.join()
    assert done.returncode == 0, done.stdout + done.stderr
    verdicts = read_verdicts(json.loads(done.stdout))
    assert verdicts["network policy, egress"] == verdicts["network policy, ingress"] == "Ok"
