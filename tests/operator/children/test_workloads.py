"""Deployment, CronJob, volume, Services and ConfigMaps: what a Pod gets and may do."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from steward_api.blueprint import Trust, TrustedKey
from steward_operator.children.purge_cron_job import build_schedule
from steward_operator.objects import Manifest
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.world import World
from steward_operator.settings import OperatorSettings
from steward_plans.objects import (
    make_assistant,
    make_memory_policy,
    make_prompt,
    make_retention_policy,
    make_world,
    with_object,
)


def child(world: World, kind: str, name: str) -> Manifest:
    """Return one planned child."""
    for found in plan_assistant(world).children:
        if (found["kind"], found["metadata"]["name"]) == (kind, name):
            return found
    raise AssertionError(f"{kind} {name} is not planned")


def pods(world: World) -> list[Manifest]:
    """Return the Pod specs of the runtime and of a purge Job."""
    runtime = child(world, "Deployment", "desk")["spec"]["template"]["spec"]
    purge = child(world, "CronJob", "desk-purge")["spec"]["jobTemplate"]["spec"]
    return [runtime, purge["template"]["spec"]]


def worlds() -> list[World]:
    """Return a serving and a suspended world."""
    return [make_world(), make_world(make_assistant(suspend=True))]


@pytest.mark.parametrize("world", worlds(), ids=["serving", "suspended"])
def test_pods_satisfy_the_restricted_level(world: World) -> None:
    """No root, no privilege, no capability, a seccomp profile, read-only files, no token."""
    for pod in pods(world):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
        kinds = {key for volume in pod["volumes"] for key in volume if key != "name"}
        assert kinds <= {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}


@pytest.mark.parametrize("world", worlds(), ids=["serving", "suspended"])
def test_every_mount_has_its_volume_and_secrets_are_whole(world: World) -> None:
    """A changed Secret reaches the running Pod, which `subPath` would prevent."""
    for pod in pods(world):
        volumes = [volume["name"] for volume in pod["volumes"]]
        mounts = pod["containers"][0]["volumeMounts"]
        assert sorted(volumes) == sorted(mount["name"] for mount in mounts)
        assert len(set(volumes)) == len(volumes)
        assert not any("subPath" in mount for mount in mounts)


def test_the_old_pod_ends_before_the_new_one_starts() -> None:
    """Only one runtime may open the embedded database."""
    spec = child(make_world(), "Deployment", "desk")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert spec["revisionHistoryLimit"] == 2


def test_a_new_blueprint_is_a_new_pod() -> None:
    """The digest is in the template, and the ConfigMap is named after it."""
    before = child(make_world(), "Deployment", "desk")["spec"]["template"]
    changed = with_object(make_world(), make_prompt(template="Be brief."))
    after = child(changed, "Deployment", "desk")["spec"]["template"]
    assert before["metadata"]["annotations"] != after["metadata"]["annotations"]
    assert before["spec"]["volumes"][0] != after["spec"]["volumes"][0]


def test_a_pod_may_finish_its_turns_before_it_ends() -> None:
    """The grace follows the turn deadline."""
    assistant = make_assistant(limits={"turnDeadlineSeconds": 600})
    pod, _ = pods(make_world(assistant))
    assert pod["terminationGracePeriodSeconds"] == 630


def test_probes_ask_the_public_port() -> None:
    """Alive and ready are answered where clients connect."""
    container = pods(make_world())[0]["containers"][0]
    for name, path in (
        ("startupProbe", "/livez"),
        ("livenessProbe", "/livez"),
        ("readinessProbe", "/readyz"),
    ):
        assert container[name]["httpGet"] == {"path": path, "port": "http"}


def test_resources_are_those_of_the_spec() -> None:
    """What is not set is not asked for."""
    amounts: dict[str, Any] = {"requests": {"cpu": "2"}, "limits": {"memory": "1Gi"}}
    assistant = make_assistant(pod={"resources": amounts})
    assert pods(make_world(assistant))[0]["containers"][0]["resources"] == amounts


def test_credentials_lie_where_the_blueprint_says() -> None:
    """Secrets of users, each whole and once, under their own names."""
    assistant = make_assistant(authentication={"keysSecretRef": {"name": "people.keys"}})
    pod, _ = pods(make_world(assistant))
    paths = {m["mountPath"] for m in pod["containers"][0]["volumeMounts"]}
    secrets = {v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}
    assert {"people.keys", "model-credential"} <= secrets
    assert "/etc/steward/credentials/people.keys" in paths
    assert "/etc/steward/credentials/model-credential" in paths


def test_a_purge_job_is_a_client_with_the_purge_token_only() -> None:
    """It sees neither keys nor data, and does not change with the Blueprint."""
    _, pod = pods(make_world())
    assert [volume["name"] for volume in pod["volumes"]] == ["keys-purge", "temporary"]
    assert pod["containers"][0]["args"] == [
        "purge",
        "--config",
        "/etc/steward",
        "--server",
        "http://desk-admin.team.svc:8081",
    ]
    changed = with_object(make_world(), make_prompt(template="Be brief."))
    assert pods(changed)[1] == pod


def test_a_purge_job_of_a_suspended_assistant_opens_the_volume() -> None:
    """It needs keys, Blueprint and data then, and no credential of a user."""
    _, pod = pods(make_world(make_assistant(suspend=True)))
    assert [volume["name"] for volume in pod["volumes"]] == [
        "blueprint",
        "trust",
        "data",
        "temporary",
        "keys-encryption",
        "keys-signing",
    ]
    assert pod["containers"][0]["args"][-2:] == ["--data", "/var/lib/steward"]


def test_purging_is_never_suspended_and_never_runs_twice() -> None:
    """Windows do not wait for a suspended assistant."""
    for world in worlds():
        spec = child(world, "CronJob", "desk-purge")["spec"]
        assert (spec["suspend"], spec["concurrencyPolicy"]) == (False, "Forbid")


@pytest.mark.parametrize(
    ("minutes", "line"),
    [
        (1, r"\* \* \* \* \*"),
        (15, r"\d+-59/15 \* \* \* \*"),
        (60, r"\d+ \* \* \* \*"),
        (240, r"\d+ \d-23/4 \* \* \*"),
        (1_440, r"\d+ \d+ \* \* \*"),
    ],
)
def test_the_schedule_follows_interval_and_uid(minutes: int, line: str) -> None:
    """The offset is stable for one Assistant and spread over all of them."""
    schedules = {build_schedule(f"uid-{number}", minutes) for number in range(50)}
    assert all(re.fullmatch(line, schedule) for schedule in schedules)
    assert build_schedule("uid-1", minutes) == build_schedule("uid-1", minutes)
    assert len(schedules) > 10 or minutes == 1


def test_the_schedule_comes_from_the_policy() -> None:
    """An edited interval changes the CronJob."""
    world = with_object(make_world(), make_retention_policy(purge={"intervalMinutes": 1}))
    assert child(world, "CronJob", "desk-purge")["spec"]["schedule"] == "* * * * *"


def test_the_volume_outlives_the_assistant_unless_told_otherwise() -> None:
    """Retain leaves the claim without owner."""
    kept = child(make_world(), "PersistentVolumeClaim", "desk-data")
    erased = make_world(make_assistant(deletionPolicy="Erase"))
    owned = child(erased, "PersistentVolumeClaim", "desk-data")
    assert "ownerReferences" not in kept["metadata"]
    assert owned["metadata"]["ownerReferences"][0]["name"] == "desk"


def test_the_volume_has_the_size_of_the_spec() -> None:
    """`storage.size` is what is asked for."""
    claim = child(
        make_world(make_assistant(storage={"size": "5Gi"})), "PersistentVolumeClaim", "desk-data"
    )
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"


def test_trust_holds_identity_and_keys_outside_the_blueprint() -> None:
    """A new key of the operator changes no Blueprint and starts no Pod anew."""
    key = TrustedKey(key_id="k1", public_key="AAAA")
    world = replace(make_world(), operator_keys=(key,))
    trust = Trust.model_validate_json(child(world, "ConfigMap", "desk-trust")["data"]["trust.json"])
    assert (trust.namespace, trust.assistant, trust.operator_keys) == ("team", "desk", (key,))
    assert trust.uid == world.assistant.metadata.uid
    plain = child(make_world(), "Deployment", "desk")
    assert child(world, "Deployment", "desk") == plain


def test_the_public_service_has_no_administration_port() -> None:
    """Who may chat cannot even address administration."""
    public = child(make_world(), "Service", "desk")["spec"]["ports"]
    admin = child(make_world(), "Service", "desk-admin")["spec"]["ports"]
    assert [port["name"] for port in public] == ["http"]
    assert [port["name"] for port in admin] == ["admin"]


def test_the_image_is_a_setting_of_the_operator() -> None:
    """Runtime and purge run the same image."""
    world = replace(make_world(), settings=OperatorSettings(runtime_image="r.example/x:2"))
    assert {pod["containers"][0]["image"] for pod in pods(world)} == {"r.example/x:2"}


def test_every_child_is_plain_json() -> None:
    """What goes to the API server is what `render` prints."""
    world = with_object(make_world(), make_memory_policy())
    for found in plan_assistant(world).children:
        assert json.loads(json.dumps(found)) == found


def test_pods_name_the_pull_secrets_of_the_platform() -> None:
    """A private registry needs them in runtime and purge Pods; without one the field is absent."""
    settings = OperatorSettings(runtime_image_pull_secrets=("registry",))
    for pod in pods(replace(make_world(), settings=settings)):
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
    for pod in pods(make_world()):
        assert "imagePullSecrets" not in pod
