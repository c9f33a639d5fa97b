"""What runs here is what the cluster would run: same Blueprint, same arguments, same files."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from steward_api.blueprint import Blueprint, Trust
from steward_cli.local.errors import PlanRefused
from steward_cli.local.layout import StateFolder
from steward_cli.local.planning import Found, gather_assistant, plan_found
from steward_cli.local.programs import LocalPlan, build_arguments, plan_local
from steward_cli.local.specs import (
    LocalPorts,
    Site,
    build_here,
    build_purge_spec,
    build_runtime_spec,
)
from steward_cli.render import render_directory
from steward_operator.names import SecretRole

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UID = "6b1f0c6e-0000-4000-8000-000000000001"
NAMES = ("01-helpdesk", "02-memory", "03-retention")


def local_plan(folder: Path) -> tuple[Found, LocalPlan]:
    """Plan an example for this machine."""
    found = gather_assistant(folder)
    return found, plan_local(plan_found(found, uid=UID, keys=(), now=NOW))


def rendered(folder: Path) -> list[dict[str, Any]]:
    """Return what `steward render` prints."""
    items: list[dict[str, Any]] = json.loads(render_directory(folder, "json"))["items"]
    return items


def site_of(found: Found, tmp_path: Path) -> Site:
    """Return a place to run at."""
    ports = LocalPorts(9101, 9102, 9103, 9104, 9105, {})
    state = StateFolder(tmp_path / found.name)
    return Site(state, tmp_path, found.namespace, {"PATH": "/bin", "OPENAI_API_KEY": "no"}, ports)


@pytest.mark.parametrize("example", NAMES)
def test_the_blueprint_is_the_one_that_render_shows(examples: Path, example: str) -> None:
    """Same bytes, so the same digest as in a cluster."""
    _, plan = local_plan(examples / example)
    texts = [
        item["data"]["blueprint.json"]
        for item in rendered(examples / example)
        if item["kind"] == "ConfigMap" and "blueprint.json" in item.get("data", {})
    ]
    mounted = [text.text for text in plan.texts if text.path.endswith("/blueprint.json")]
    assert mounted == texts
    assert Blueprint.model_validate_json(texts[0]).digest == plan.blueprint.digest


@pytest.mark.parametrize("example", NAMES)
def test_the_purge_schedule_has_the_arguments_of_the_cron_job(examples: Path, example: str) -> None:
    """Word for word; only three folders and one address are placed elsewhere."""
    _, plan = local_plan(examples / example)
    (job,) = [item for item in rendered(examples / example) if item["kind"] == "CronJob"]
    container = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    assert plan.purge is not None
    assert list(plan.purge.program.arguments) == container["command"] + container["args"]


def test_only_folders_and_the_address_differ_on_this_machine(
    examples: Path, tmp_path: Path
) -> None:
    """The purge run's command line is the container's, put in place."""
    found, plan = local_plan(examples / "01-helpdesk")
    assert plan.purge is not None
    site = site_of(found, tmp_path)
    here = build_arguments(plan.purge.program, build_here(site), is_runtime=False)
    assert here == (
        sys.executable,
        "-m",
        "steward_runtime.main",
        "purge",
        "--config",
        str(site.state.config),
        "--server",
        "http://127.0.0.1:9102",
    )


def test_the_runtime_listens_on_loopback_with_local_bindings(
    examples: Path, tmp_path: Path
) -> None:
    """Ports are this machine's, everything else is the Deployment's."""
    found, plan = local_plan(examples / "01-helpdesk")
    assert plan.runtime is not None
    site = site_of(found, tmp_path)
    words = list(build_runtime_spec(site, plan.runtime).command)[3:]
    assert words == [
        "serve",
        "--config",
        str(site.state.config),
        "--data",
        str(site.state.data),
        "--host",
        "127.0.0.1",
        "--port",
        "9101",
        "--admin-port",
        "9102",
        "--metrics-port",
        "9103",
        "--local",
    ]


def test_all_secrets_of_the_pod_become_folders(examples: Path) -> None:
    """Generated keys by role, and the user's own by name."""
    _, plan = local_plan(examples / "01-helpdesk")
    by_path = {secret.path: secret for secret in plan.secrets}
    roles = {secret.role for secret in plan.secrets}
    assert roles == {*SecretRole, None}
    own = by_path["/etc/steward/credentials/ticket-service-token"]
    assert (own.secret, own.role) == ("ticket-service-token", None)


def test_trust_names_this_machines_uid(examples: Path) -> None:
    """Tokens for another assistant are refused by the runtime."""
    _, plan = local_plan(examples / "01-helpdesk")
    (trust,) = [text.text for text in plan.texts if text.path.endswith("/trust.json")]
    assert Trust.model_validate_json(trust).uid == UID


def test_keys_of_the_user_do_not_reach_the_children(examples: Path, tmp_path: Path) -> None:
    """The environment is a list of what children need."""
    found, plan = local_plan(examples / "01-helpdesk")
    assert plan.purge is not None
    spec = build_purge_spec(site_of(found, tmp_path), plan.purge.program)
    assert "OPENAI_API_KEY" not in spec.environment
    assert spec.environment["PATH"] == "/bin"


def test_a_suspended_assistant_is_not_served_and_still_purged(
    examples: Path, tmp_path: Path
) -> None:
    """The schedule then opens the database itself."""
    for file in (examples / "03-retention").glob("0*.yaml"):
        text = file.read_text()
        if "kind: Assistant" in text:
            text += "  suspend: true\n"
        (tmp_path / file.name).write_text(text)
    _, plan = local_plan(tmp_path)
    assert plan.runtime is None
    assert plan.purge is not None
    assert "--data" in plan.purge.program.arguments


def test_an_assistant_that_is_not_accepted_says_why(examples: Path, tmp_path: Path) -> None:
    """The conditions of the plan are the message."""
    for file in (examples / "03-retention").glob("0*.yaml"):
        if "retention-policy" not in file.name:
            (tmp_path / file.name).write_text(file.read_text())
    with pytest.raises(PlanRefused, match="one-minute"):
        local_plan(tmp_path)


def test_a_folder_with_several_assistants_wants_a_name(examples: Path, tmp_path: Path) -> None:
    """Nothing is chosen at random."""
    for example in ("02-memory", "03-retention"):
        for file in (examples / example).glob("0*.yaml"):
            (tmp_path / f"{example}-{file.name}").write_text(file.read_text())
    with pytest.raises(PlanRefused, match="benefits, visitors"):
        gather_assistant(tmp_path)
    assert gather_assistant(tmp_path, "visitors").name == "visitors"


def test_a_file_that_is_wrong_is_named_with_its_line(tmp_path: Path) -> None:
    """As `steward validate` says it."""
    (tmp_path / "a.yaml").write_text("kind: Assistant\nkind: Assistant\n")
    with pytest.raises(PlanRefused, match=r"a\.yaml:2"):
        gather_assistant(tmp_path)
