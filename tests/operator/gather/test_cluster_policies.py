"""The bounds as last seen: whom a change concerns, and what is unknown."""

from __future__ import annotations

from typing import Any

import pytest

from steward_api.meta import API_VERSION
from steward_operator.gather.cluster_policies import NOT_LISTED, ClusterPolicies
from steward_operator.gather.own_cache import OwnCache
from steward_operator.gather.subject import Subject
from steward_operator.objects import Manifest
from steward_plans.objects import make_model

KIND = "ClusterAssistantPolicy"


def model_in(namespace: str) -> Manifest:
    """Return a Model as a watch brings it."""
    model = make_model().model_dump(mode="json", by_alias=True, exclude_none=True)
    metadata = {"name": "chat", "namespace": namespace, "uid": namespace, "resourceVersion": "1"}
    return {**model, "metadata": metadata}


def policy(version: int, generation: int = 1, name: str = "p", **spec: Any) -> Manifest:
    """Return a policy as a watch brings it: without a namespace."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": name,
            "uid": name,
            "resourceVersion": str(version),
            "generation": generation,
        },
        "spec": spec,
    }


@pytest.fixture
def policies() -> ClusterPolicies:
    """Policies of a cluster with a Model in each of two namespaces, listed and empty."""
    own = OwnCache()
    for namespace in ("team", "web"):
        own.observe(model_in(namespace))
    found = ClusterPolicies(own)
    found.find()
    return found


def places(subjects: tuple[Subject, ...]) -> list[str]:
    """Return the namespaces that are concerned; none for the policy itself."""
    return sorted(subject.namespace for subject in subjects)


def test_nothing_is_allowed_before_the_first_list() -> None:
    """A decision that came before the bounds could be wrong."""
    assert ClusterPolicies(OwnCache()).bounds_of("team").unknown == NOT_LISTED


def test_a_change_concerns_what_was_and_what_is_governed(policies: ClusterPolicies) -> None:
    """A policy that moves to another namespace is news in both."""
    assert places(policies.observe(policy(2, 1, namespaces=["team"]))) == ["", "team"]
    assert places(policies.observe(policy(3, 2, namespaces=["web"]))) == ["", "team", "web"]
    assert places(policies.forget("p")) == ["", "web"]


def test_a_status_concerns_the_policy_alone(policies: ClusterPolicies) -> None:
    """What the operator writes itself moves nobody."""
    policies.observe(policy(2))
    changed = {**policy(3), "status": {"observedGeneration": 1}}
    assert places(policies.observe(changed)) == [""]


def test_governs_its_namespaces_alone(policies: ClusterPolicies) -> None:
    """Elsewhere the bounds are known, and there are none."""
    policies.observe(policy(2, namespaces=["team"]))
    assert [p.metadata.name for p in policies.bounds_of("team").policies] == ["p"]
    assert policies.bounds_of("web").policies == ()


def test_an_unreadable_policy_is_everybodys_business(policies: ClusterPolicies) -> None:
    """It is named, and mending it is news to all."""
    assert places(policies.observe(policy(2, future="x"))) == ["", "team", "web"]
    assert f"{KIND} p cannot be read" in policies.bounds_of("web").unknown
    assert places(policies.observe(policy(3, 2))) == ["", "team", "web"]
    assert policies.bounds_of("web").unknown == ""


def test_the_same_version_may_read_differently(policies: ClusterPolicies) -> None:
    """After a change of the schema a list shows what the watch had cut off."""
    policies.observe(policy(2, namespaces=["team"]))
    assert policies.observe(policy(2, namespaces=["team"])) == ()
    assert places(policies.observe(policy(2, future="x"))) == ["", "team", "web"]


def test_losing_sight_is_news_once(policies: ClusterPolicies) -> None:
    """The reason is told again only where it is another one."""
    assert places(policies.lose("forbidden")) == ["team", "web"]
    assert policies.lose("forbidden") == ()
    assert policies.bounds_of("team").unknown == "forbidden"
    assert places(policies.find()) == ["team", "web"]
    assert policies.find() == ()
