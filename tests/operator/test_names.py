"""names and labels: inside Kubernetes' limits, and never of two children at once."""

from __future__ import annotations

import re

from steward_api.meta import OBJECT_NAME_LENGTH_MAX
from steward_operator import labels, names
from steward_operator.names import AnchorRole, Component, SecretRole
from steward_operator.objects import key_of
from steward_operator.plan.assistant import plan_assistant
from steward_plans.objects import make_assistant, make_world

LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
LONGEST = "a" * OBJECT_NAME_LENGTH_MAX
LIMITS = {"Service": 63, "CronJob": 52, "Deployment": 63, "ServiceAccount": 63}
"""A Service name is a DNS label; a CronJob leaves 11 characters to its Jobs; a Pod's hostname and
labels are cut at 63."""


def test_the_longest_allowed_name_fits_every_child() -> None:
    """`metadata.name` of an Assistant has at most 40 characters, so all children fit."""
    for child in plan_assistant(make_world(make_assistant(LONGEST))).children:
        name = child["metadata"]["name"]
        assert LABEL.match(name)
        assert len(name) <= LIMITS.get(child["kind"], 253)
        assert all(len(value) <= 63 for value in child["metadata"]["labels"].values())


def test_no_two_children_share_a_name() -> None:
    """One kind, one name, one object."""
    keys = [key_of(child).address for child in plan_assistant(make_world()).children]
    assert len(set(keys)) == len(keys)


def test_roles_of_secrets_and_anchors_are_complete() -> None:
    """Every role has an anchor and keys."""
    assert set(names.ANCHOR_OF_SECRET) == set(SecretRole) == set(names.SECRET_KEYS)
    assert set(names.ANCHOR_OF_SECRET.values()) == set(AnchorRole)


def test_names_of_secrets_end_with_the_whole_entropy() -> None:
    """128 bits stay 128 bits."""
    entropy = "f" * names.ENTROPY_LENGTH
    assert names.secret_name("desk", SecretRole.API, entropy).endswith(entropy)


def test_selectors_are_part_of_the_labels() -> None:
    """A Pod carries what selects it."""
    for component in Component:
        carried = labels.labels_of_owned_child("desk", component)
        assert labels.labels_that_select_pods("desk", component).items() <= carried.items()


def test_a_kept_child_is_not_claimed_by_a_gitops_tool() -> None:
    """Only children with an owner carry the instance label."""
    assert labels.INSTANCE in labels.labels_of_owned_child("desk", Component.RUNTIME)
    assert labels.INSTANCE not in labels.labels_of_kept_child("desk", Component.STORAGE)


def test_labels_of_users_are_never_copied() -> None:
    """A label on the Assistant stays on the Assistant."""
    assistant = make_assistant()
    metadata = assistant.metadata.model_copy(update={"labels": {"cost-centre": "42"}})
    plan = plan_assistant(make_world(assistant.model_copy(update={"metadata": metadata})))
    assert "cost-centre" not in str(plan)
