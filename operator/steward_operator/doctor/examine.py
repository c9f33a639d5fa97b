"""Asks an API server what the findings need; nothing is made or changed here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from steward_api.meta import GROUP, VERSION
from steward_api.v1alpha1 import KINDS
from steward_operator.doctor.findings import (
    Finding,
    Right,
    Verdict,
    gather_rights,
    judge_clock,
    judge_definitions,
    judge_rights,
    judge_storage,
)
from steward_operator.errors import AbsentError, ApiError
from steward_operator.gather.definitions import check_definitions
from steward_operator.kube.transport import Request, Transport
from steward_operator.objects import Manifest
from steward_operator.rbac import IDENTITY, build_role, build_rules

REVIEWS: Final = "/apis/authorization.k8s.io/v1"
CLASSES: Final = "/apis/storage.k8s.io/v1/storageclasses"


@dataclass(frozen=True, slots=True)
class Account:
    """Whose rights are reviewed."""

    namespace: str
    """Namespace of the operator."""
    is_self: bool = False
    """True for whoever asks, False for the operator's ServiceAccount."""

    @property
    def user(self) -> str:
        """Name of the ServiceAccount as the API server knows it."""
        return f"system:serviceaccount:{self.namespace}:{IDENTITY}"


async def examine(
    transport: Transport, account: Account, now: Callable[[], datetime]
) -> tuple[Finding, ...]:
    """Make every check but the probe of NetworkPolicy, in the order of the report.

    Raises:
        ApiError: if the API server cannot be reached at all.
    """
    clock = await _check_clock(transport, now)
    others = await asyncio.gather(
        _guard("definitions", _check_definitions(transport)),
        _guard("rights", _check_rights(transport, account)),
        _guard("storage", _check_storage(transport)),
    )
    return (clock, *others)


async def _guard(check: str, asked: Awaitable[Finding]) -> Finding:
    try:
        return await asked
    except ApiError as error:
        return Finding(check, Verdict.UNKNOWN, f"could not tell: {error}")


async def _check_clock(transport: Transport, now: Callable[[], datetime]) -> Finding:
    before = now()
    date = await transport.read_header(Request("read the version", "GET", "/version"), "Date")
    return judge_clock(date, before, now())


async def _check_definitions(transport: Transport) -> Finding:
    path = f"/openapi/v3/apis/{GROUP}/{VERSION}"
    try:
        document = await transport.call(Request(f"read the schemas of {GROUP}", "GET", path))
    except AbsentError:
        document = {}
    return judge_definitions(check_definitions(document), len(KINDS))


async def _check_storage(transport: Transport) -> Finding:
    answer = await transport.call(Request("list storageclasses", "GET", CLASSES))
    return judge_storage(answer.get("items") or ())


async def _check_rights(transport: Transport, account: Account) -> Finding:
    wanted = (
        *gather_rights(build_rules()),
        *gather_rights(build_role(account.namespace)["rules"], account.namespace),
    )
    answers = await asyncio.gather(*(_review(transport, account, right) for right in wanted))
    who = "you" if account.is_self else account.user
    return judge_rights(who, dict(zip(wanted, answers, strict=True)))


async def _review(transport: Transport, account: Account, right: Right) -> bool | None:
    resource, _, subresource = right.resource.partition("/")
    attributes: Manifest = {
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "verb": right.verb,
        "namespace": right.namespace,
    }
    kind = "SelfSubjectAccessReview" if account.is_self else "SubjectAccessReview"
    spec: Manifest = {"resourceAttributes": attributes}
    if not account.is_self:
        spec |= {
            "user": account.user,
            "groups": [
                "system:serviceaccounts",
                f"system:serviceaccounts:{account.namespace}",
                "system:authenticated",
            ],
        }
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    path = f"{REVIEWS}/{kind.lower()}s"
    try:
        answer = await transport.call(Request(f"review {right}", "POST", path, body=body))
    except ApiError:
        return None
    return bool((answer.get("status") or {}).get("allowed"))
