"""Values that are well-formed alone and contradict each other, and how to mend them (pure).

A JSON Schema could refuse them too, but its message would name a keyword and not the way out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

IMAGES: Final = ("operator.image", "runtime.image", "demoModel.image")


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One combination of values that is refused.

    Attributes:
        when: Go template expression that is true for it.
        message: what is wrong and what to set instead.
    """

    when: str
    message: str


def gather_contradictions() -> tuple[Contradiction, ...]:
    """Return every combination that is refused."""
    return (*_ALONE, *(_tag_and_digest(image) for image in IMAGES))


def render_contradictions() -> str:
    """Return the template that fails on the first contradiction, and says all of them."""
    lines = ['{{- define "steward.refuseContradictions" -}}', "{{- $found := list -}}"]
    for each in gather_contradictions():
        lines += [
            f"{{{{- if {each.when} -}}}}",
            f"{{{{- $found = append $found {_quote(each.message)} -}}}}",
            "{{- end -}}",
        ]
    lines += [
        "{{- if $found -}}",
        '{{- fail (printf "\\n  %s\\n" (join "\\n  " $found)) -}}',
        "{{- end -}}",
        "{{- end -}}",
    ]
    return "\n".join([*lines, ""])


def _tag_and_digest(image: str) -> Contradiction:
    path = f".Values.{image}"
    return Contradiction(
        f"and {path}.tag {path}.digest",
        f"{image}.tag and {image}.digest are both set: leave one of them empty",
    )


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_ALONE: Final = (
    Contradiction(
        "and .Values.archive.enabled (not .Values.keys.enabled)",
        "archive.enabled needs keys.enabled, since receipts are co-signed with the operator's key: "
        "set keys.enabled=true, or archive.enabled=false",
    ),
    Contradiction(
        "and .Values.archive.existingClaim .Values.archive.storageClassName",
        "archive.existingClaim names a volume that is there, so archive.storageClassName has no "
        "effect: leave one of them empty",
    ),
    Contradiction(
        "and .Values.archive.existingClaim (not .Values.archive.enabled)",
        "archive.existingClaim is used by the archive alone: set archive.enabled=true, or leave "
        "archive.existingClaim empty",
    ),
    Contradiction(
        "and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.enabled)",
        "metrics.serviceMonitor.enabled needs the Service of metrics.enabled: set "
        "metrics.enabled=true, or metrics.serviceMonitor.enabled=false",
    ),
    Contradiction(
        "and .Values.metrics.prometheusRule.enabled (not .Values.metrics.serviceMonitor.enabled)",
        "metrics.prometheusRule.enabled alerts on what metrics.serviceMonitor.enabled scrapes: set "
        "both to true, or metrics.prometheusRule.enabled=false",
    ),
    Contradiction(
        "and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name)",
        "serviceAccount.create=false needs serviceAccount.name, the name of one that is there",
    ),
    Contradiction(
        "and .Values.serviceAccount.annotations (not .Values.serviceAccount.create)",
        "serviceAccount.annotations are put on an account that the chart makes: set "
        "serviceAccount.create=true, or annotate your own account",
    ),
    Contradiction(
        "and .Values.networkPolicy.apiServerCidrs (not .Values.networkPolicy.enabled)",
        "networkPolicy.apiServerCidrs acts with networkPolicy.enabled=true only: set it, or leave "
        "the list empty",
    ),
    Contradiction(
        'and (eq .Values.operator.spread "Required") (eq (int .Values.operator.replicas) 1)',
        "operator.spread=Required spreads several replicas: set operator.replicas to 2 or more, or "
        "operator.spread=Preferred",
    ),
)
