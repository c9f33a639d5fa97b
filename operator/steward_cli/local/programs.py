"""From the children of a plan to what runs on this machine (pure).

The Deployment becomes a process, the CronJob a schedule, ConfigMaps and Secrets become files. What
differs from the cluster is said by `Here` alone: where three folders lie, which ports are free, and
that names of Services lead to loopback. Programs, their other arguments and the schedule are those
of the children.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from steward_api.blueprint import BLUEPRINT_FILE, Blueprint
from steward_cli.local.errors import PlanRefused
from steward_operator.names import (
    ADMIN_PORT_NAME,
    HTTP_PORT_NAME,
    METRICS_PORT_NAME,
    RUNTIME_COMMAND,
    SecretRole,
)
from steward_operator.objects import Manifest
from steward_operator.plan.world import Plan

RUNTIME_MODULE: Final = "steward_runtime.main"
PORT_OPTIONS: Final = {
    HTTP_PORT_NAME: "--port",
    ADMIN_PORT_NAME: "--admin-port",
    METRICS_PORT_NAME: "--metrics-port",
}
LOCAL_OPTION: Final = "--local"


@dataclass(frozen=True, slots=True)
class Program:
    """A container as the cluster would start it."""

    arguments: tuple[str, ...]
    """Command and arguments, word for word."""
    environment: tuple[tuple[str, str], ...]
    """Variables with a literal value; values from the Pod's own fields are `Here`'s to give."""
    ready_path: str | None
    """Path of the readiness probe on the port `http`; None where there is no probe."""
    grace_seconds: int
    """Seconds from SIGTERM to SIGKILL."""
    ready_seconds: int
    """Seconds that starting may take."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A CronJob."""

    cron: str
    """Five cron fields."""
    time_zone: str
    program: Program
    deadline_seconds: int
    """Seconds that one run may take before it is ended."""


@dataclass(frozen=True, slots=True)
class MountedText:
    """One key of a ConfigMap as a file."""

    path: str
    """Path inside the Pod."""
    text: str


@dataclass(frozen=True, slots=True)
class MountedSecret:
    """A Secret as a folder."""

    path: str
    """Path inside the Pod."""
    secret: str
    role: SecretRole | None
    """None for a Secret of the user."""
    keys: tuple[str, ...] = ()
    """Keys to generate, where it is generated."""


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """What runs here, still with the cluster's paths and names."""

    blueprint: Blueprint
    texts: tuple[MountedText, ...]
    secrets: tuple[MountedSecret, ...]
    runtime: Program | None
    """None while the Assistant is suspended."""
    purge: Schedule | None


@dataclass(frozen=True, slots=True)
class Here:
    """Everything in which this machine differs from the cluster."""

    paths: tuple[tuple[str, str], ...]
    """Folder of the Pod to folder of this machine, longest first."""
    ports: Mapping[str, int]
    """Name of a container port to the port here."""
    addresses: tuple[tuple[str, str], ...]
    """Text that names something of the cluster, to its place here."""
    python: str
    """The Python that stands in for the image."""


def plan_local(plan: Plan) -> LocalPlan:
    """Find runtime, purge schedule and files among the children of `plan`.

    Raises:
        PlanRefused: if the plan has no Deployment; its conditions are in the text.
    """
    children = {(str(c["kind"]), str(c["metadata"]["name"])): c for c in plan.children}
    deployment = next((c for c in plan.children if c["kind"] == "Deployment"), None)
    cron_job = next((c for c in plan.children if c["kind"] == "CronJob"), None)
    if deployment is None:
        raise PlanRefused(_explain(plan))
    pods = [deployment["spec"]["template"]]
    if cron_job is not None:
        pods.append(cron_job["spec"]["jobTemplate"]["spec"]["template"])
    texts, secrets = _collect_files(plan, children, pods)
    return LocalPlan(
        blueprint=_find_blueprint(texts),
        texts=texts,
        secrets=secrets,
        runtime=_build_program(pods[0]) if deployment["spec"].get("replicas", 1) else None,
        purge=None if cron_job is None else _build_schedule(cron_job),
    )


def build_arguments(program: Program, here: Here, *, is_runtime: bool) -> tuple[str, ...]:
    """Return the command line of `program` on this machine."""
    words = [_replace(word, here) for word in program.arguments]
    if is_runtime:
        for name, option in PORT_OPTIONS.items():
            words = _set_option(words, option, str(here.ports[name]))
        words.append(LOCAL_OPTION)
    if words[0] == RUNTIME_COMMAND:
        words[:1] = [here.python, "-m", RUNTIME_MODULE]
    return tuple(words)


def build_path(path: str, here: Here) -> str:
    """Return where `path` of the Pod lies on this machine; other paths stay."""
    for mount, folder in here.paths:
        if path == mount or path.startswith(mount + "/"):
            return folder + path[len(mount) :]
    return path


def _replace(word: str, here: Here) -> str:
    for text, place in here.addresses:
        word = word.replace(text, place)
    return build_path(word, here)


def _set_option(words: list[str], option: str, value: str) -> list[str]:
    if option not in words:
        return [*words, option, value]
    at = words.index(option)
    return [*words[: at + 1], value, *words[at + 2 :]]


def _build_program(pod: Manifest) -> Program:
    container = pod["spec"]["containers"][0]
    ready = container.get("readinessProbe") or {}
    startup = container.get("startupProbe") or {}
    return Program(
        arguments=(*container.get("command", ()), *container.get("args", ())),
        environment=tuple(
            (str(entry["name"]), str(entry["value"]))
            for entry in container.get("env", ())
            if "value" in entry
        ),
        ready_path=(ready.get("httpGet") or {}).get("path"),
        grace_seconds=int(pod["spec"].get("terminationGracePeriodSeconds", 30)),
        ready_seconds=int(startup.get("periodSeconds", 1))
        * int(startup.get("failureThreshold", 60)),
    )


def _build_schedule(cron_job: Manifest) -> Schedule:
    spec = cron_job["spec"]
    job = spec["jobTemplate"]["spec"]
    return Schedule(
        cron=str(spec["schedule"]),
        time_zone=str(spec.get("timeZone", "Etc/UTC")),
        program=_build_program(job["template"]),
        deadline_seconds=int(job.get("activeDeadlineSeconds", 3_600)),
    )


def _collect_files(
    plan: Plan, children: Mapping[tuple[str, str], Manifest], pods: list[Manifest]
) -> tuple[tuple[MountedText, ...], tuple[MountedSecret, ...]]:
    generated = {secret.name: secret for secret in plan.secrets_to_create}
    texts: dict[str, MountedText] = {}
    secrets: dict[str, MountedSecret] = {}
    for path, volume in (pair for pod in pods for pair in _mounts_of(pod)):
        if "configMap" in volume:
            data = children["ConfigMap", str(volume["configMap"]["name"])].get("data") or {}
            for key, text in data.items():
                texts[f"{path}/{key}"] = MountedText(f"{path}/{key}", str(text))
        elif "secret" in volume:
            name = str(volume["secret"]["secretName"])
            made = generated.get(name)
            secrets[path] = MountedSecret(
                path, name, made.role if made else None, made.keys if made else ()
            )
    return tuple(texts.values()), tuple(secrets.values())


def _mounts_of(pod: Manifest) -> list[tuple[str, dict[str, Any]]]:
    volumes = {str(volume["name"]): volume for volume in pod["spec"].get("volumes", ())}
    mounts = pod["spec"]["containers"][0].get("volumeMounts", ())
    return [(str(mount["mountPath"]), volumes[str(mount["name"])]) for mount in mounts]


def _find_blueprint(texts: tuple[MountedText, ...]) -> Blueprint:
    for mounted in texts:
        if mounted.path.endswith("/" + BLUEPRINT_FILE):
            return Blueprint.model_validate_json(mounted.text)
    raise PlanRefused("the plan mounts no Blueprint: this is a fault of Steward, please report it")


def _explain(plan: Plan) -> str:
    conditions = ((plan.status or {}).get("status") or plan.status or {}).get("conditions") or ()
    reasons = [
        f"{condition['type']}={condition['status']} {condition['reason']}: {condition['message']}"
        for condition in conditions
        if condition.get("status") == "False" and condition.get("type") != "Ready"
    ]
    return "\n".join(reasons) or "the Assistant is not accepted; `steward validate` says why"
