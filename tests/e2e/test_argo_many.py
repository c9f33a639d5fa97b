"""Many assistants from one folder, in whatever order Argo CD applies them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import pytest

from steward_argo.applications import WAVE, Deliver
from steward_lab.kube_client import Manifest
from steward_operator_lab.reading import ASSISTANT_KIND
from steward_operator_lab.samples import build_assistant, build_needs, build_prompt

pytest_plugins = ("steward_argo.fixtures",)
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

MANY = 50
MANY_SECONDS = 240.0
WATCHED_SECONDS = 12.0


def with_wave(manifest: Manifest, wave: int) -> Manifest:
    """Return an object that Argo CD applies in a wave."""
    changed = deepcopy(manifest)
    changed["metadata"]["annotations"] = {WAVE: str(wave)}
    return changed


def test_fifty_assistants_from_one_folder(deliver: Deliver) -> None:
    """All end Healthy in one synchronisation."""
    team = deliver()
    team.push(*build_needs(), *(build_assistant(f"desk-{n:02}") for n in range(MANY)))
    team.start()
    application = team.wait_delivered("Healthy", seconds=MANY_SECONDS)
    health = [
        found["health"]["status"]
        for found in application["status"]["resources"]
        if found["kind"] == "Assistant"
    ]
    assert health == ["Healthy"] * MANY


def test_no_order_is_needed(deliver: Deliver) -> None:
    """Without waves the Assistant may come first; nobody is told that something is broken."""
    team = deliver()
    team.push(*build_needs(), build_assistant("desk"))
    with ThreadPoolExecutor(1) as pool:
        team.start()
        watched = pool.submit(team.record, WATCHED_SECONDS)
        team.wait_delivered("Healthy")
        seen = watched.result()
    assert "Degraded" not in {look.health for look in seen}


def test_waves_hold_an_assistant_back_until_what_it_names_is_healthy(deliver: Deliver) -> None:
    """Who wants it so writes waves: a bad Prompt then stops the Assistant of the same commit."""
    team = deliver()
    needs = [with_wave(manifest, 0) for manifest in build_needs()]
    team.push(*needs, with_wave(build_assistant("desk"), 1))
    team.start()
    team.wait_delivered("Healthy")

    bad = with_wave(build_prompt(template="Help {{nobody}}."), 0)
    team.push(bad, with_wave(build_assistant("desk", purpose="Something else"), 1))
    team.wait_failed()
    desk = team.admin.get(ASSISTANT_KIND, "desk", team.namespace)
    assert desk["spec"]["purpose"] == "Testing"


def test_waves_the_wrong_way_round_name_what_is_missing(deliver: Deliver) -> None:
    """Argo CD waits for an Assistant whose needs it holds back: the order matters with waves."""
    team = deliver()
    needs = [with_wave(manifest, 1) for manifest in build_needs()]
    team.push(*needs, with_wave(build_assistant("desk"), 0))
    team.start()
    team.wait_failed()
    team.wait_degraded("Assistant", "desk", "Prompt prompt does not exist")
