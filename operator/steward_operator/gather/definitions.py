"""Are our kinds served, and with every field that this version writes or reads?

The operator may not read CustomResourceDefinitions; what the API server serves is in its OpenAPI
document, which everybody who is logged in may read. A definition that is newer than we are is no
fault: its fields are only not known yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from steward_api.meta import GROUP, VERSION
from steward_api.schema import build_schema
from steward_api.v1alpha1 import KINDS
from steward_operator.errors import (
    AbsentError,
    DefinitionsError,
    ForbiddenError,
    UnavailableError,
)
from steward_operator.kube.client import KubeClient
from steward_operator.objects import Manifest
from steward_operator.telemetry import log

WAIT_SECONDS: Final = 15.0
"""A definition that was just applied is served and documented within some seconds."""
POLL_SECONDS: Final = 1.0
FIELDS_SHOWN: Final = 3
HOW_TO_MEND: Final = "apply the CustomResourceDefinitions of this version of the operator"


def find_missing_fields(wanted: Mapping[str, Any], served: Mapping[str, Any]) -> tuple[str, ...]:
    """Return paths of fields that a served schema lacks, sorted, each at its uppermost place."""
    return tuple(sorted(_compare(wanted, served, "")))


def check_definitions(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return one sentence per kind that is not served as this version needs it.

    Args:
        document: The OpenAPI document (version 3) of our group and version.
    """
    served = {_kind_of(schema): schema for schema in _schemas(document)}
    problems = []
    for kind in KINDS:
        name = f"{kind.NAMES.plural}.{GROUP}"
        if kind.NAMES.kind not in served:
            problems.append(f"{name} is missing")
            continue
        missing = find_missing_fields(build_schema(kind), served[kind.NAMES.kind])
        if missing:
            more = f" and {len(missing) - FIELDS_SHOWN} more" if len(missing) > FIELDS_SHOWN else ""
            problems.append(f"{name} is older: it lacks {', '.join(missing[:FIELDS_SHOWN])}{more}")
    return tuple(problems)


async def wait_for_definitions(
    client: KubeClient, clock: Callable[[], float], seconds: float = WAIT_SECONDS
) -> None:
    """Return as soon as every kind is served with all fields.

    Args:
        client: The client.
        clock: Monotonic seconds.
        seconds: How long is waited.

    Raises:
        DefinitionsError: if one is still missing or older then.
        ApiError: if the API server does not answer by then.
    """
    deadline = clock() + seconds
    last: tuple[str, ...] = ()
    while True:
        try:
            problems = check_definitions(await client.read_openapi(GROUP, VERSION))
        except AbsentError:
            problems = check_definitions({})
        except ForbiddenError as error:
            log().warning("definitions_not_seen", **error.explain())
            return
        except UnavailableError as error:
            if clock() >= deadline:
                raise
            problems = (str(error),)
        if not problems:
            return
        if clock() >= deadline:
            raise DefinitionsError(f"{'; '.join(problems)}; {HOW_TO_MEND}")
        if problems != last:
            log().warning("waiting_for_definitions", problems=list(problems))
            last = problems
        await asyncio.sleep(POLL_SECONDS)


def _schemas(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from ((document.get("components") or {}).get("schemas") or {}).values()


def _kind_of(schema: Mapping[str, Any]) -> str:
    for entry in schema.get("x-kubernetes-group-version-kind") or ():
        if (entry.get("group"), entry.get("version")) == (GROUP, VERSION):
            return str(entry.get("kind"))
    return ""


def _compare(wanted: Manifest | Mapping[str, Any], served: Any, path: str) -> Iterator[str]:
    found = served if isinstance(served, Mapping) else {}
    if found.get("x-kubernetes-preserve-unknown-fields") or "$ref" in found:
        return
    known = found.get("properties") or {}
    for name, schema in (wanted.get("properties") or {}).items():
        inner = f"{path}.{name}" if path else name
        if not path and name in {"apiVersion", "kind", "metadata"}:
            continue
        if name not in known:
            yield inner
        else:
            yield from _compare(schema, known[name], inner)
    for keyword in ("items", "additionalProperties"):
        inner_schema = wanted.get(keyword)
        if isinstance(inner_schema, Mapping) and path:
            yield from _compare(inner_schema, found.get(keyword), f"{path}[]")
