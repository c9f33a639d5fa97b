"""`steward doctor` on a real node: it tells a network with enforcement from one without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from steward_node.cluster import Cluster, Enforcement
from steward_node.installing import Installation

pytestmark = pytest.mark.e2e

DOCTOR = "from steward_cli.main import run; run()"
EGRESS, INGRESS = "network policy, egress", "network policy, ingress"


def run_doctor(cluster: Cluster) -> tuple[int, dict[str, str]]:
    """Run the word as a process; return its exit code and the verdict of each check."""
    done = subprocess.run(
        (sys.executable, "-c", DOCTOR, "doctor", "-o", "json", "--image", read_image(cluster)),
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)},
    )
    report = json.loads(done.stdout)
    return done.returncode, {each["check"]: each["verdict"] for each in report["findings"]}


def read_image(cluster: Cluster) -> str:
    """The runtime's image, as the installed operator was told it."""
    found: dict[str, Any] = cluster.read("deployments", "-n", "steward-system")
    words = [
        str(word)
        for deployment in found["items"]
        for container in deployment["spec"]["template"]["spec"]["containers"]
        for word in container.get("args") or ()
    ]
    return next(w.partition("=")[2] for w in words if w.startswith("--runtime-image="))


def test_tells_whether_policies_are_enforced(cluster: Cluster, steward: Installation) -> None:
    """All is well on this installation, but for policies while nobody enforces them."""
    del steward  # installed before
    if cluster.node is None:
        pytest.skip("the enforcer is the node's own; a cluster of the user's has another")
    code, verdicts = run_doctor(cluster)
    assert (code, verdicts.pop(EGRESS), verdicts.pop(INGRESS)) == (1, "Failed", "Failed")
    assert set(verdicts.values()) == {"Ok"}, verdicts
    enforcement = Enforcement(cluster.node)
    enforcement.start()
    try:
        code, verdicts = run_doctor(cluster)
    finally:
        enforcement.stop()
    assert code == 0, verdicts
    assert set(verdicts.values()) == {"Ok"}
