"""Constructors of conditions: one per state, so that status, reason and text cannot disagree.

A constructor says what holds now; `settle_conditions` adds generation and times. Texts are stable:
they hold no times, no counters and nothing whose order may change, and never content or secrets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from steward_api.blueprint import Denial
from steward_api.meta import MESSAGE_LENGTH_MAX, Condition, ConditionStatus
from steward_api.reasons import ConditionType, Reason

_CUT_MARK = " …"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that keeps an object from being accepted or a reference from being resolved."""

    field: str
    """Path of the field that must change, for example `spec.toolRefs[find-ticket]`."""
    reason: Reason
    message: str
    """A sentence that names the object and says what to do."""


@dataclass(frozen=True, slots=True)
class State:
    """A condition without generation and time."""

    type: ConditionType
    status: ConditionStatus
    reason: Reason
    message: str = ""


def accepted(message: str = "") -> State:
    """The spec can be served."""
    return _true(ConditionType.ACCEPTED, Reason.ACCEPTED, message)


def accepted_without_contract() -> State:
    """The Tool is usable, but each call waits for a review."""
    return _true(
        ConditionType.ACCEPTED,
        Reason.CONTRACT_MISSING,
        "spec.contract is not set, so each call counts as Destructive and waits for a review",
    )


def not_accepted(problems: Iterable[Problem]) -> State:
    """The spec cannot be served; the reason is that of the first problem by field."""
    return _from_problems(ConditionType.ACCEPTED, problems)


def refs_resolved() -> State:
    """Every reference leads to an accepted object."""
    return _true(ConditionType.RESOLVED_REFS, Reason.RESOLVED)


def refs_not_resolved(problems: Iterable[Problem]) -> State:
    """At least one reference does not; the message names each."""
    return _from_problems(ConditionType.RESOLVED_REFS, problems)


def ready(deployment: str) -> State:
    """A Pod serves the current Blueprint."""
    return _true(
        ConditionType.READY,
        Reason.AVAILABLE,
        f"Deployment {deployment} has an available Pod with the current Blueprint",
    )


def not_ready(reason: Reason, message: str) -> State:
    """Nothing is served, because of `reason`."""
    return _false(ConditionType.READY, reason, message)


def erasing(deadline_seconds: int) -> State:
    """The Assistant is deleted, and its data is being erased."""
    return _false(
        ConditionType.READY,
        Reason.ERASING,
        "deletion waits until the erasure is proven, or at most "
        f"{deadline_seconds} seconds (spec.erasureDeadlineSeconds)",
    )


def denied(denial: Denial, *, is_purging: bool = True) -> State:
    """A Pod may run, but the runtime answers every new request with PolicyMissing."""
    purging = "purging goes on" if is_purging else "nothing is purged until windows are mended"
    return _false(
        ConditionType.READY,
        Reason(denial.reason),
        f"new requests are denied (PolicyMissing), and {purging}: {denial.message}",
    )


def rolling_out(deployment: str) -> State:
    """The Deployment's Pod is on its way."""
    return _false(
        ConditionType.READY,
        Reason.ROLLOUT_IN_PROGRESS,
        f"Deployment {deployment} has no available Pod with the current Blueprint yet",
    )


def pod_fault(reason: Reason, deployment: str, detail: str) -> State:
    """A Pod is there and does not come up."""
    return _false(
        ConditionType.READY,
        reason,
        f"Deployment {deployment} has no available Pod with the current Blueprint: {detail}",
    )


def rollout_failed(deployment: str) -> State:
    """The Deployment gave up waiting for its Pod."""
    return _false(
        ConditionType.READY,
        Reason.ROLLOUT_FAILED,
        f"Deployment {deployment} gave up waiting for its Pod; look at the Pod's events and logs",
    )


def suspended() -> State:
    """Serving is switched off by the spec."""
    return _false(
        ConditionType.READY,
        Reason.SUSPENDED,
        "spec.suspend is true: nothing is served, and purging goes on",
    )


def key_missing(missing: str, claim: str) -> State:
    """A key of existing data is gone, and nothing may be made in its place."""
    return _false(
        ConditionType.READY,
        Reason.KEY_MISSING,
        f"{missing} is gone, and what lies on PersistentVolumeClaim {claim} cannot be read "
        "without it; restore it from a backup, or delete the claim to start without the data",
    )


def secret_missing(names: Iterable[str]) -> State:
    """The Pod waits for Secrets that do not exist."""
    listed = ", ".join(sorted(set(names)))
    return _false(
        ConditionType.READY,
        Reason.SECRET_MISSING,
        f"the Pod waits for Secret {listed}, which does not exist; create it in this namespace",
    )


def name_conflict(kind: str, name: str) -> State:
    """An object that is not ours has the name of a child."""
    return _false(
        ConditionType.READY,
        Reason.NAME_CONFLICT,
        f"{kind} {name} exists and is not Steward's; remove it or rename the Assistant",
    )


def write_refused(kind: str, name: str, words: str) -> State:
    """The API server refused a child for good."""
    return _false(
        ConditionType.READY,
        Reason.WRITE_REFUSED,
        f"the API server refused {kind} {name}: {words}",
    )


def runtime_verified() -> State:
    """The runtime said that it serves the current Blueprint."""
    return _true(ConditionType.RUNTIME_VERIFIED, Reason.VERIFIED)


def runtime_not_asked() -> State:
    """Nobody asked the runtime yet."""
    return State(ConditionType.RUNTIME_VERIFIED, ConditionStatus.UNKNOWN, Reason.NOT_ASKED)


def runtime_differs() -> State:
    """The runtime said that it serves another Blueprint."""
    return _false(
        ConditionType.RUNTIME_VERIFIED,
        Reason.BLUEPRINT_MISMATCH,
        "the runtime serves another Blueprint than the one in the status",
    )


def signing_key_unproven() -> State:
    """The runtime signs by another key than the pinned one, and nothing leads there."""
    return _false(
        ConditionType.RUNTIME_VERIFIED,
        Reason.SIGNING_KEY_UNPROVEN,
        "the runtime signs by another key than the one in status.runtimeKey, which has not named "
        "it as its successor; find out why, and trust no receipt that it signs until then; if the "
        "data was given up with its keys, create the Assistant again",
    )


def keys_current() -> State:
    """Keys of the newest generations are in use, and no others."""
    return _true(ConditionType.KEYS_CURRENT, Reason.CURRENT)


def keys_rotating(newest: Iterable[tuple[str, int]]) -> State:
    """Keys of older generations are still needed."""
    waits = {
        "access": "the older API key works until its overlap ends",
        "keys": (
            "the older key-encryption key stays until the runtime says that no data key is wrapped "
            "by it and that its signing key has named the next one"
        ),
    }
    told = [f"generation {number}: {waits[role]}" for role, number in sorted(newest)]
    return _false(ConditionType.KEYS_CURRENT, Reason.ROTATION_IN_PROGRESS, "; ".join(told))


def runtime_fault(reason: Reason) -> State:
    """The runtime was asked and did not say what it serves."""
    if reason is Reason.RUNTIME_ANSWER_BROKEN:
        return _false(
            ConditionType.RUNTIME_VERIFIED,
            reason,
            "what listens on the administration port does not speak /internal/v1; check the "
            "runtime's image",
        )
    if reason is Reason.RUNTIME_REFUSED:
        message = (
            "the runtime refused the operator's token; its trust document may be a minute behind, "
            "otherwise check the clocks of the nodes"
        )
    else:
        reason = Reason.RUNTIME_UNREACHABLE
        message = "the runtime did not answer on its administration port; it is asked again"
    return State(ConditionType.RUNTIME_VERIFIED, ConditionStatus.UNKNOWN, reason, message)


def egress_exact() -> State:
    """The NetworkPolicy says exactly what the Blueprint declares."""
    return _true(ConditionType.EGRESS_EXACT, Reason.EXACT)


def egress_by_namespace(hosts: Iterable[str]) -> State:
    """Destinations in the cluster are allowed by namespace and port only."""
    return _false(
        ConditionType.EGRESS_EXACT,
        Reason.PODS_NOT_SELECTED,
        "allowed by namespace and port, not by Pod: " + ", ".join(sorted(set(hosts))),
    )


def egress_by_public_range(hosts: Iterable[str]) -> State:
    """Hosts outside the cluster cannot be said in a NetworkPolicy."""
    return _false(
        ConditionType.EGRESS_EXACT,
        Reason.HOSTNAMES_NOT_ENFORCEABLE,
        "public addresses are allowed on the ports of: " + ", ".join(sorted(set(hosts))),
    )


def egress_unknown() -> State:
    """Nothing is served, so nothing is allowed."""
    return State(ConditionType.EGRESS_EXACT, ConditionStatus.UNKNOWN, Reason.NO_BLUEPRINT)


def residency_of_pods(zones: Iterable[str]) -> State:
    """Pods are held to zones, and the volume as far as its class lets the scheduler."""
    return State(
        ConditionType.RESIDENCY_EXACT,
        ConditionStatus.UNKNOWN,
        Reason.VOLUME_NOT_CONSTRAINED,
        f"Pods run in {', '.join(sorted(zones))} alone; use a StorageClass with "
        "volumeBindingMode WaitForFirstConsumer, so that the volume is made where the Pod is",
    )


def residency_impossible(sets: Iterable[Iterable[str]]) -> State:
    """No zone satisfies the Assistant and every policy."""
    listed = "; ".join(sorted(", ".join(sorted(zones)) for zones in sets))
    return _false(
        ConditionType.RESIDENCY_EXACT,
        Reason.ZONES_CONTRADICT,
        f"no zone is in each of these lists, so no Pod can be placed: {listed}",
    )


def transport_plain() -> State:
    """The Service speaks plain HTTP."""
    return _false(
        ConditionType.TRANSPORT_ENCRYPTED,
        Reason.TLS_NOT_CONFIGURED,
        "the Service speaks plain HTTP inside the cluster",
    )


def reconciling(message: str) -> State:
    """The operator is on its way."""
    return _true(ConditionType.RECONCILING, Reason.ROLLOUT_IN_PROGRESS, message)


def upgrade_waiting(image: str, max_concurrent: int) -> State:
    """The Pod will restart for a changed image, later."""
    return _true(
        ConditionType.RECONCILING,
        Reason.UPGRADE_WAITING,
        f"waits for its turn to restart with runtime image {image}; at most {max_concurrent} "
        "restart at a time; changes of the spec are served from then on",
    )


def upgrade_stopped(image: str, failed: str) -> State:
    """The Pod will not restart before somebody has mended another Assistant."""
    return _true(
        ConditionType.STALLED,
        Reason.UPGRADE_STOPPED,
        f"{failed} did not start with runtime image {image}, so no further one restarts; mend it "
        "or set another image; until then this one serves as before",
    )


def upgrade_failed(image: str, cause: str) -> State:
    """The Pod does not start with the changed image."""
    return _true(
        ConditionType.STALLED,
        Reason.UPGRADE_FAILED,
        f"does not start with runtime image {image}, so no further Assistant restarts: {cause}",
    )


def settled() -> State:
    """Nothing is left to do for the operator."""
    return _false(ConditionType.RECONCILING, Reason.SETTLED)


def stalled(reason: Reason, message: str) -> State:
    """Nothing moves until somebody mends something."""
    return _true(ConditionType.STALLED, reason, message)


def not_stalled() -> State:
    """Nothing waits for somebody."""
    return _false(ConditionType.STALLED, Reason.NOT_STALLED)


def settle_conditions(
    previous: Iterable[Condition], states: Iterable[State], *, generation: int, now: str
) -> tuple[Condition, ...]:
    """Turn states into conditions, sorted by type.

    The time of a condition changes only when its status does. `now` is an RFC 3339 time.
    """
    before = {condition.type: condition for condition in previous}
    return tuple(
        _settle(before.get(state.type.value), state, generation, now)
        for state in sorted(states, key=lambda state: state.type.value)
    )


def _settle(before: Condition | None, state: State, generation: int, now: str) -> Condition:
    is_same = before is not None and before.status == state.status
    return Condition(
        type=state.type.value,
        status=state.status,
        observed_generation=generation,
        last_transition_time=before.last_transition_time if before and is_same else now,
        reason=state.reason.value,
        message=_fit(state.message),
    )


def _from_problems(type_: ConditionType, problems: Iterable[Problem]) -> State:
    ordered = sorted(set(problems))
    if not ordered:
        raise ValueError(f"{type_} can be False only for a problem")
    text = "; ".join(f"{problem.field}: {problem.message}" for problem in ordered)
    return _false(type_, ordered[0].reason, text)


def _fit(message: str) -> str:
    if len(message) <= MESSAGE_LENGTH_MAX:
        return message
    return message[: MESSAGE_LENGTH_MAX - len(_CUT_MARK)] + _CUT_MARK


def _true(type_: ConditionType, reason: Reason, message: str = "") -> State:
    return State(type_, ConditionStatus.TRUE, reason, message)


def _false(type_: ConditionType, reason: Reason, message: str = "") -> State:
    return State(type_, ConditionStatus.FALSE, reason, message)
