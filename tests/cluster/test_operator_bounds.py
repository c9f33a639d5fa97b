"""Bounds of the platform team on a real API server: who is looked at again, and what is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from steward_api.blueprint import TRUST_FILE
from steward_api.meta import API_VERSION
from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import Manifest
from steward_operator_lab.operating import OperatorProcess
from steward_operator_lab.reading import (
    find_condition,
    has_condition,
    wait_condition,
    wait_quiet,
    wait_ready,
)
from steward_operator_lab.samples import build_assistant, build_needs, build_object
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = pytest.mark.cluster

POLICY = f"{API_VERSION}/ClusterAssistantPolicy"


@contextmanager
def policy(bench: Workbench, **spec: Any) -> Iterator[str]:
    """Let a policy govern the namespace until the block ends."""
    name = f"p-{bench.namespace}"[:40]
    body = {"namespaces": [bench.namespace], **spec}
    bench.admin.create(build_object("ClusterAssistantPolicy", name, body))
    try:
        yield name
    finally:
        bench.admin.delete(POLICY, name)


def start(bench: Workbench) -> None:
    """Create an Assistant and what it needs."""
    bench.create(*build_needs(), build_assistant())


def denial(bench: Workbench) -> Manifest:
    """Return what the runtime is told of a denial, if anything."""
    trust = bench.get("v1/ConfigMap", "helper-trust")["data"][TRUST_FILE]
    return dict(json.loads(trust).get("denial") or {})


def test_a_new_assistant_beyond_its_bounds_gets_no_pod(
    operator: OperatorProcess, bench: Workbench
) -> None:
    """Its Model is not accepted, and the conditions name policy, field and remedy."""
    assert operator.process is not None
    with policy(bench, models={"allowedHosts": ["other.example.com"]}) as name:
        start(bench)
        found = wait_condition(bench.admin, bench.namespace, "helper", "Accepted", "False")
        message = find_condition(found, "Accepted")["message"]
        assert f"spec.models.allowedHosts of ClusterAssistantPolicy {name}" in message
        assert bench.find("apps/v1/Deployment", "helper") is None
        model = bench.get(f"{API_VERSION}/Model", "chat")
        assert has_condition(model, "Accepted", "False", "BeyondClusterPolicy", name)
    wait_ready(bench.admin, bench.namespace)


def test_a_tightened_policy_denies_a_running_assistant(
    operator: OperatorProcess, bench: Workbench
) -> None:
    """The runtime is told at once, and told again when the bound is widened."""
    assert operator.process is not None
    start(bench)
    wait_ready(bench.admin, bench.namespace)
    with policy(bench, models={"allowedHosts": ["*.example.com"]}) as name:
        bench.admin.wait(POLICY, name, None, lambda m: has_condition(m, "Accepted", "True"))
        wait_ready(bench.admin, bench.namespace)
        assert denial(bench) == {}
        body: Manifest = {"spec": {"models": {"allowedHosts": []}}}
        bench.admin.patch(POLICY, name, None, body=body)
        words = ("Ready", "False", "BeyondClusterPolicy")
        wait_condition(bench.admin, bench.namespace, "helper", *words)
        assert denial(bench)["reason"] == "BeyondClusterPolicy"
    wait_ready(bench.admin, bench.namespace)
    assert denial(bench) == {}


def test_only_the_governed_are_looked_at_again(
    control_plane: ControlPlane, operator: OperatorProcess, bench: Workbench
) -> None:
    """A policy of other namespaces costs nothing here, and one that changes nothing no write."""
    start(bench)
    wait_ready(bench.admin, bench.namespace)
    wait_quiet(operator, control_plane.audit.mark(), bench.namespace)
    mark = control_plane.audit.mark()
    with policy(bench, namespaces=["elsewhere"], models={"allowedHosts": []}) as name:
        bench.admin.wait(POLICY, name, None, lambda m: has_condition(m, "Accepted", "True"))
        assert wait_quiet(operator, mark, bench.namespace) == ()
    with policy(bench, models={"allowedHosts": ["models.example.com"]}) as name:
        bench.admin.wait(POLICY, name, None, lambda m: has_condition(m, "Accepted", "True"))
        assert wait_quiet(operator, mark, bench.namespace) == ()
