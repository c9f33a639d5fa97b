"""Reads manifests of our kinds into objects; what cannot be read becomes `Broken`, never an error.

A status is read with more patience than a spec: one that another version wrote is dropped, since
the next plan writes it anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from steward_api.canonical import render_canonical
from steward_api.meta import API_VERSION, Condition, ObjectMeta, Status
from steward_api.v1alpha1 import (
    KINDS,
    Assistant,
    ClusterAssistantPolicy,
    MemoryPolicy,
    Model,
    Prompt,
    RetentionPolicy,
    Tool,
)
from steward_operator.objects import Manifest
from steward_operator.plan.world import Broken

OwnObject: TypeAlias = (
    Assistant | Model | Tool | Prompt | MemoryPolicy | RetentionPolicy | ClusterAssistantPolicy
)

KIND_BY_NAME: Final = MappingProxyType({kind.NAMES.kind: kind for kind in KINDS})
_ERRORS_SHOWN: Final = 3


def parse_object(manifest: Manifest) -> OwnObject | Broken:
    """Read one manifest of our group."""
    name = str(manifest.get("kind", ""))
    kind = KIND_BY_NAME.get(name)
    if kind is None or manifest.get("apiVersion") != API_VERSION:
        return _broken(manifest, f"{name or 'an object'} of {API_VERSION} is not known here")
    try:
        render_canonical(manifest.get("spec"))
        return kind.model_validate(_without_unreadable_status(manifest, kind))
    except ValidationError as error:
        return _broken(manifest, render_validation_error(error.errors()))
    except (ValueError, TypeError, RecursionError):
        return _broken(manifest, "spec must hold JSON with whole numbers only")


def render_validation_error(errors: Iterable[ErrorDetails]) -> str:
    """Return where and why parsing failed, without the values: they may be anything."""
    shown = [f"{render_location(error['loc'])}: {error['msg']}" for error in errors]
    rest = len(shown) - _ERRORS_SHOWN
    suffix = f" (and {rest} more)" if rest > 0 else ""
    return "; ".join(shown[:_ERRORS_SHOWN]) + suffix


def render_location(location: Iterable[str | int]) -> str:
    """Return a path such as `spec.modelRefs[0].name`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _without_unreadable_status(manifest: Manifest, kind: Any) -> Manifest:
    status = manifest.get("status")
    try:
        kind.model_fields["status"].annotation.model_validate(status or {})
    except ValidationError:
        return {key: value for key, value in manifest.items() if key != "status"}
    return {**manifest, "status": status or {}}


def _broken(manifest: Manifest, message: str) -> Broken:
    metadata = manifest.get("metadata")
    try:
        parsed = ObjectMeta.model_validate(metadata)
    except ValidationError:
        parsed = ObjectMeta()
    name = metadata.get("name", "") if isinstance(metadata, dict) else ""
    return Broken(
        kind=str(manifest.get("kind", "")),
        name=str(name),
        message=message,
        metadata=parsed,
        status=Status(conditions=_readable_conditions(manifest.get("status"))),
    )


def _readable_conditions(status: Any) -> tuple[Condition, ...]:
    conditions = status.get("conditions") if isinstance(status, dict) else None
    found = []
    for condition in conditions if isinstance(conditions, list) else []:
        try:
            found.append(Condition.model_validate(condition))
        except ValidationError:
            continue
    return tuple(found)
