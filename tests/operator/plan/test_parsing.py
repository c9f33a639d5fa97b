"""parse_object: manifests of our kinds become objects, or Broken, never an error."""

from __future__ import annotations

from typing import Any

import pytest

from steward_api.meta import API_VERSION, GROUP
from steward_api.v1alpha1 import Prompt
from steward_operator.plan.parsing import parse_object
from steward_operator.plan.world import Broken


def prompt(**changes: Any) -> dict[str, Any]:
    """Return the manifest of a Prompt."""
    manifest = {
        "apiVersion": API_VERSION,
        "kind": "Prompt",
        "metadata": {"name": "greeting", "namespace": "team", "managedFields": []},
        "spec": {"template": "Hello."},
    }
    return {**manifest, **changes}


def test_reads_an_object_of_ours() -> None:
    """Fields of metadata that we don't know pass through unseen."""
    parsed = parse_object(prompt())
    assert isinstance(parsed, Prompt)
    assert parsed.metadata.name == "greeting"


@pytest.mark.parametrize(
    "manifest",
    [
        {},
        prompt(kind="Assistent"),
        prompt(apiVersion=f"{GROUP}/v9"),
        prompt(spec=None),
        prompt(spec={"template": 1.5}),
        prompt(spec={"template": "\ud800"}),
        prompt(spec={"template": "x", "more": True}),
        prompt(metadata=None),
        prompt(metadata={"name": 3}),
        prompt(metadata="name"),
        prompt(status={"conditions": "none"}, spec=7),
    ],
)
def test_what_cannot_be_read_is_broken(manifest: dict[str, Any]) -> None:
    """Nothing is raised, and the message names no value."""
    broken = parse_object(manifest)
    assert isinstance(broken, Broken)
    assert broken.message
    assert "1.5" not in broken.message


def test_a_status_of_another_version_is_dropped() -> None:
    """The next plan writes it anew; the spec counts."""
    parsed = parse_object(prompt(status={"phase": "Happy"}))
    assert isinstance(parsed, Prompt)
    assert parsed.status.conditions == ()


def test_a_broken_object_keeps_the_conditions_it_has() -> None:
    """Their times are kept, so that a plan for it settles."""
    good = {
        "type": "Accepted",
        "status": "True",
        "reason": "Accepted",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    broken = parse_object(prompt(spec={}, status={"conditions": [good, {"type": 1}]}))
    assert isinstance(broken, Broken)
    assert [condition.type for condition in broken.status.conditions] == ["Accepted"]
