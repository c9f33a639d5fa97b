"""What the answers of a cluster mean for Steward (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final

from steward_operator.objects import Manifest

SKEW_SECONDS_MAX: Final = 5
"""Tokens between operator and runtimes hold for 60 s and bear some seconds of skew."""
DEFAULT_CLASS: Final = "storageclass.kubernetes.io/is-default-class"
SHOWN_MAX: Final = 5


class Verdict(StrEnum):
    """What came of one check."""

    OK = "Ok"
    FAILED = "Failed"
    UNKNOWN = "Unknown"
    """Could not be told; the message says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    check: str
    verdict: Verdict
    message: str

    def as_document(self) -> dict[str, str]:
        """Return it for programs."""
        return {"check": self.check, "verdict": self.verdict.value, "message": self.message}


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one resource; `namespace` is empty where it is needed in all."""

    group: str
    resource: str
    verb: str
    namespace: str = ""

    def __str__(self) -> str:
        """Such as `patch deployments.apps`."""
        plural, slash, subresource = self.resource.partition("/")
        name = f"{plural}.{self.group}" if self.group else plural
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.verb} {name}{slash}{subresource}{where}"


def gather_rights(rules: Iterable[Manifest], namespace: str = "") -> tuple[Right, ...]:
    """Return every right that RBAC rules grant, sorted."""
    return tuple(
        sorted(
            Right(group, resource, verb, namespace)
            for rule in rules
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        )
    )


def judge_rights(who: str, answers: Mapping[Right, bool | None]) -> Finding:
    """Judge which rights an account has; None where the API server did not say."""
    missing = sorted(str(right) for right, answer in answers.items() if answer is False)
    unknown = sum(answer is None for answer in answers.values())
    if missing:
        text = f"{who} may not: {_list(missing)}; install the RBAC of this version"
        return Finding("rights", Verdict.FAILED, text)
    if unknown:
        text = (
            f"could not tell {unknown} of {len(answers)} rights of {who}: ask as an administrator"
        )
        return Finding("rights", Verdict.UNKNOWN, text)
    return Finding("rights", Verdict.OK, f"{who} has all {len(answers)} rights")


def judge_definitions(problems: tuple[str, ...], kinds: int) -> Finding:
    """Judge whether every kind is served with every field."""
    if problems:
        text = f"{'; '.join(problems)}; apply the CustomResourceDefinitions of this version"
        return Finding("definitions", Verdict.FAILED, text)
    return Finding("definitions", Verdict.OK, f"all {kinds} kinds are served with every field")


def judge_storage(classes: Iterable[Manifest]) -> Finding:
    """Judge whether a claim without a class gets a volume."""
    found = [c["metadata"] for c in classes]
    defaults = sorted(
        m["name"] for m in found if (m.get("annotations") or {}).get(DEFAULT_CLASS) == "true"
    )
    if defaults:
        return Finding("storage", Verdict.OK, f"default StorageClass: {', '.join(defaults)}")
    others = _list(sorted(m["name"] for m in found)) or "none"
    text = (
        f"no default StorageClass (there are: {others}); mark one as default: volume claims of "
        "Assistants name none"
    )
    return Finding("storage", Verdict.FAILED, text)


def judge_clock(date: str, before: datetime, after: datetime) -> Finding:
    """Judge the API server's clock by its header Date, which has whole seconds.

    Args:
        date: The header.
        before: Our time when the question was sent.
        after: Our time when the answer had come.
    """
    try:
        there = parsedate_to_datetime(date)
    except ValueError:
        return Finding("clock", Verdict.UNKNOWN, "could not tell: the answer had no usable Date")
    ahead = (there - after).total_seconds()
    behind = (before - there).total_seconds() - 1.0
    skew = max(0.0, ahead, behind)
    if skew > SKEW_SECONDS_MAX:
        text = (
            f"the API server's clock differs from this machine's by {skew:.0f} s or more; "
            "synchronise both, since tokens of Steward hold for 60 s"
        )
        return Finding("clock", Verdict.FAILED, text)
    return Finding("clock", Verdict.OK, f"differs by less than {SKEW_SECONDS_MAX} s")


def build_report(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return the whole report for programs."""
    listed = [finding.as_document() for finding in findings]
    return {"findings": listed, "verdict": decide_verdict(findings).value}


def decide_verdict(findings: Iterable[Finding]) -> Verdict:
    """Return the worst verdict: Failed, then Unknown, then Ok."""
    verdicts = {finding.verdict for finding in findings}
    for verdict in (Verdict.FAILED, Verdict.UNKNOWN):
        if verdict in verdicts:
            return verdict
    return Verdict.OK


def _list(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN_MAX} more" if len(names) > SHOWN_MAX else ""
    return ", ".join(names[:SHOWN_MAX]) + more
