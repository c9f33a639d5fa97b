"""Builds a Pod's status from what its containers do. Pure; times come in as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from steward_lab.kubelet.rules import Outcome, Rule

Manifest = dict[str, Any]
NODE_NAME = "lab-node"
HOST_ADDRESS = "127.0.0.1"
# The back-off that a crash loop shows; a real one grows up to five minutes.
BACK_OFF_TEXT = "back-off 10s restarting failed container"


@dataclass(frozen=True, slots=True)
class ContainerState:
    """What one container does.

    Attributes:
        state: `{"running": …}`, `{"waiting": …}` or `{"terminated": …}`, without times where the
            last status knows them.
        last_state: How it ended the time before, or {}.
        is_ready: Whether its readiness probe passes.
        is_started: Whether its startup probe has passed.
    """

    name: str
    state: Manifest
    last_state: Manifest
    is_ready: bool = False
    is_started: bool = False
    restart_count: int = 0


@dataclass(frozen=True, slots=True)
class PodState:
    """What a Pod does: its phase and containers, and why, where that needs saying."""

    phase: str
    address: str
    containers: tuple[ContainerState, ...]
    init_containers: tuple[ContainerState, ...] = ()
    is_initialized: bool = True
    reason: str = ""
    message: str = ""


def build_marked_state(pod: Manifest, rule: Rule, address: str, now: str) -> PodState:
    """Answers what a Pod does whose outcome is decided and not run."""
    phases = {
        Outcome.PENDING: "Pending",
        Outcome.IMAGE_PULL_BACK_OFF: "Pending",
        Outcome.SUCCEEDED: "Succeeded",
        Outcome.FAILED: "Failed",
    }
    containers = tuple(
        _build_marked_container(container["name"], rule, now, is_first=index == 0)
        for index, container in enumerate(pod["spec"]["containers"])
    )
    done = {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}
    is_initialized = rule.outcome not in {Outcome.PENDING, Outcome.IMAGE_PULL_BACK_OFF}
    waiting = {"waiting": {"reason": "PodInitializing"}}
    init_containers = tuple(
        ContainerState(
            item["name"], {"terminated": done} if is_initialized else waiting, {}, is_initialized
        )
        for item in pod["spec"].get("initContainers") or ()
    )
    phase = phases.get(rule.outcome, "Running")
    return PodState(phase, address, containers, init_containers, is_initialized)


def build_waiting_state(pod: Manifest, address: str, reason: str, message: str = "") -> PodState:
    """Answers a Pod that has not started: each container waits for the same reason."""
    waiting = {"waiting": {"reason": reason} | ({"message": message} if message else {})}
    containers, init_containers = (
        tuple(ContainerState(item["name"], waiting, {}) for item in pod["spec"].get(key) or ())
        for key in ("containers", "initContainers")
    )
    return PodState("Pending", address, containers, init_containers, not init_containers)


def _build_marked_container(name: str, rule: Rule, now: str, *, is_first: bool) -> ContainerState:
    """One container under a rule; only the first one fails, the others do well."""
    ended = {
        "terminated": {
            "exitCode": rule.exit_code if is_first else 0,
            "reason": "Error" if is_first and rule.exit_code else "Completed",
            "startedAt": now,
            "finishedAt": now,
        }
    }
    if rule.message and is_first:
        ended["terminated"]["message"] = rule.message
    match rule.outcome:
        case Outcome.SUCCEEDED:
            ended["terminated"].update(exitCode=0, reason="Completed")
            return ContainerState(name, ended, {})
        case Outcome.FAILED:
            return ContainerState(name, ended, {})
        case Outcome.CRASH_LOOP if is_first:
            waiting = {"reason": "CrashLoopBackOff", "message": BACK_OFF_TEXT}
            return ContainerState(name, {"waiting": waiting}, ended, restart_count=1)
        case Outcome.IMAGE_PULL_BACK_OFF:
            return ContainerState(name, {"waiting": {"reason": "ImagePullBackOff"}}, {})
        case Outcome.PENDING:
            return ContainerState(name, {"waiting": {"reason": "ContainerCreating"}}, {})
        case _:
            is_ready = rule.outcome is not Outcome.NOT_READY
            return ContainerState(name, {"running": {"startedAt": now}}, {}, is_ready, True)


def build_status(pod: Manifest, state: PodState, now: str) -> Manifest:
    """Answers the status to write; times of what hasn't changed are taken from the old one."""
    old = pod.get("status") or {}
    status: Manifest = {
        "phase": state.phase,
        "conditions": build_conditions(old.get("conditions") or [], state, now),
        "containerStatuses": [
            _build_container_status(pod, "containers", item, old) for item in state.containers
        ],
        "hostIP": HOST_ADDRESS,
        "hostIPs": [{"ip": HOST_ADDRESS}],
        "podIP": state.address,
        "podIPs": [{"ip": state.address}],
        "startTime": old.get("startTime", now),
        "qosClass": old.get("qosClass", "BestEffort"),
    }
    if state.init_containers:
        status["initContainerStatuses"] = [
            _build_container_status(pod, "initContainers", item, old)
            for item in state.init_containers
        ]
    if state.reason:
        status |= {"reason": state.reason, "message": state.message}
    return status


def build_conditions(old: list[Manifest], state: PodState, now: str) -> list[Manifest]:
    """Answers the conditions that follow from a state, keeping times and foreign conditions."""
    is_ready = state.phase == "Running" and all(item.is_ready for item in state.containers)
    is_over = state.phase in {"Succeeded", "Failed"}
    unready = "PodCompleted" if is_over else "ContainersNotReady"
    wanted = {
        "PodReadyToStartContainers": (state.is_initialized and not is_over, ""),
        "Initialized": (state.is_initialized, "ContainersNotInitialized"),
        "Ready": (is_ready, unready),
        "ContainersReady": (is_ready, unready),
        "PodScheduled": (True, ""),
    }
    known = {item["type"]: item for item in old}
    conditions = [item for item in old if item["type"] not in wanted]
    for name, (holds, reason) in wanted.items():
        text = "True" if holds else "False"
        same = name in known and known[name]["status"] == text
        since = known[name].get("lastTransitionTime", now) if same else now
        condition = {"type": name, "status": text, "lastTransitionTime": since}
        if not holds and reason:
            condition["reason"] = reason
        conditions.append(condition)
    return sorted(conditions, key=lambda item: str(item["type"]))


def _build_container_status(
    pod: Manifest, key: str, container: ContainerState, old: Manifest
) -> Manifest:
    """One entry of `containerStatuses`, with the start time that was written before."""
    image = next(item["image"] for item in pod["spec"][key] if item["name"] == container.name)
    statuses = old.get(f"{key.removesuffix('s')}Statuses") or ()
    known: Manifest = next((item for item in statuses if item["name"] == container.name), {})
    is_same_run = known.get("restartCount") == container.restart_count
    state, last_state = (
        _keep_times(new, known.get(name) or {}) if is_same_run else new
        for name, new in (("state", container.state), ("lastState", container.last_state))
    )
    uid = pod["metadata"]["uid"]
    return {
        "name": container.name,
        "image": image,
        "imageID": f"lab://{image}",
        "containerID": f"lab://{uid}/{container.name}/{container.restart_count}",
        "ready": container.is_ready,
        "started": container.is_started,
        "restartCount": container.restart_count,
        "state": state,
        "lastState": last_state,
    }


def _keep_times(state: Manifest, known: Manifest) -> Manifest:
    """The state, with the times of the known one where it is the same apart from times."""
    if not state:
        return state
    times = {"startedAt", "finishedAt"}
    name, detail = next(iter(state.items()))
    old: Manifest = known.get(name, {})
    if {**detail, **dict.fromkeys(times)} != {**old, **dict.fromkeys(times)}:
        return state
    return {name: {**detail, **{key: old[key] for key in times & old.keys()}}}


def is_status_due(pod: Manifest, status: Manifest) -> bool:
    """Whether writing a status would change the Pod."""
    old = pod.get("status") or {}
    same = ("phase", "podIP", "reason", "message")
    if any(old.get(key) != status.get(key) for key in same):
        return True
    lists = ("containerStatuses", "initContainerStatuses")
    if any((old.get(key) or []) != (status.get(key) or []) for key in lists):
        return True
    return sort_conditions(old.get("conditions")) != sort_conditions(status["conditions"])


def sort_conditions(conditions: list[Manifest] | None) -> list[tuple[str, str, str]]:
    """What counts of conditions, in a fixed order."""
    return sorted(
        (str(item["type"]), str(item["status"]), str(item.get("reason", "")))
        for item in conditions or ()
    )
