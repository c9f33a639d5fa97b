"""`steward validate`: are these files what a cluster would accept, and do they fit together?

Shape and CEL rules come from the generated schemas, so that part of the answer is the API
server's; what the operator would say of the objects comes from its own plan. Every fault is
reported with file, line and field.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from steward_api.meta import API_VERSION, DNS_LABEL_PATTERN, DNS_SUBDOMAIN_PATTERN, GROUP, Kind
from steward_api.references import Step, gather_references
from steward_api.schema import Schema, build_schema
from steward_api.shape import check_shape, fill_defaults, render_path, suggest
from steward_api.v1alpha1 import KINDS
from steward_cli.errors import ExitCode, InputError, MissingExtraError
from steward_cli.judgement import check_assistants, check_objects
from steward_cli.manifests import Document, Fault, load_folder
from steward_cli.output import OutputFormat, write_error, write_json, write_line
from steward_cli.rules import check_rules

KIND_BY_NAME: Final = {kind.NAMES.kind: kind for kind in KINDS}

_STRINGS: Final[Schema] = {"type": "object", "additionalProperties": {"type": "string"}}
_TEXT: Final[Schema] = {"type": "string"}
_NUMBER: Final[Schema] = {"type": "integer"}
_OBJECTS: Final[Schema] = {
    "type": "array",
    "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
}
METADATA: Final[Schema] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "maxLength": 253, "pattern": DNS_SUBDOMAIN_PATTERN},
        "namespace": {"type": "string", "maxLength": 63, "pattern": DNS_LABEL_PATTERN},
        "labels": _STRINGS,
        "annotations": _STRINGS,
        "finalizers": {"type": "array", "items": _TEXT},
        "ownerReferences": _OBJECTS,
        "managedFields": _OBJECTS,
        "generation": _NUMBER,
        "deletionGracePeriodSeconds": _NUMBER,
        **dict.fromkeys(
            ("creationTimestamp", "deletionTimestamp", "resourceVersion", "selfLink", "uid"), _TEXT
        ),
    },
}
"""Kubernetes' ObjectMeta: what the API server checks of every object."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was looked at, and everything that must change."""

    objects: int
    foreign: int
    faults: tuple[Fault, ...]


def check_path(path: Path) -> Verdict:
    """Read a file or folder and return every fault, sorted by file and line.

    Raises:
        InputError: if there is no such file or folder.
        MissingExtraError: if nothing else is wrong and the rules can't be evaluated.
    """
    try:
        folder = load_folder(path)
    except FileNotFoundError as error:
        raise InputError(str(error)) from error
    ours = tuple(document for document in folder.documents if _is_ours(document))
    faults = [*folder.faults, *check_documents(ours)]
    if not ours and not faults:
        faults.append(Fault(path, 1, "", f"holds no object of {API_VERSION}"))
    foreign = len(folder.documents) - len(ours)
    return Verdict(len(ours), foreign, _without_repetition(faults))


def check_documents(documents: Sequence[Document]) -> tuple[Fault, ...]:
    """Return every fault of documents of our group: shape, references, rules, plan.

    Raises:
        MissingExtraError: if nothing else is wrong and the rules can't be evaluated.
    """
    found: list[Fault] = []
    shaped: list[Document] = []
    for document in documents:
        shape = tuple(_check_shape(document))
        found.extend(shape)
        if not shape and document.object is not None:
            shaped.append(document)
    found.extend(_check_references(documents))
    found.extend(check_objects(shaped))
    try:
        for document in shaped:
            found.extend(_check_rules(document))
    except MissingExtraError:
        if not found:
            raise
    if not found:
        found.extend(check_assistants(shaped))
    return tuple(found)


def validate(path: Path, output: OutputFormat) -> ExitCode:
    """Print the verdict on a file or folder, and return the exit code.

    Raises:
        InputError: if there is no such file or folder.
        MissingExtraError: if nothing else is wrong and the rules can't be evaluated.
    """
    verdict = check_path(path)
    if output is OutputFormat.JSON:
        write_json(_render(verdict))
    else:
        for fault in verdict.faults:
            write_error(fault.text)
        if verdict.faults:
            write_error(f"{_count(len(verdict.faults), 'fault')} to mend")
        else:
            write_line(f"{_count(verdict.objects, 'object')} valid{_skipped(verdict)}")
    return ExitCode.WRONG_INPUT if verdict.faults else ExitCode.OK


def _is_ours(document: Document) -> bool:
    version = document.manifest.get("apiVersion")
    return isinstance(version, str) and version.partition("/")[0] == GROUP


def _kind_of(document: Document) -> type[Kind] | None:
    name = document.manifest.get("kind")
    return KIND_BY_NAME.get(name) if isinstance(name, str) else None


def _fault(document: Document, at: tuple[Step, ...], message: str) -> Fault:
    return Fault(document.file, document.line_of(at), render_path(at), message)


def _without_repetition(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """Keep one fault per field: the shape's words are later in the list and clearer."""
    by_place = {(fault.file, fault.line, fault.field): fault for fault in faults}
    return tuple(sorted(by_place.values()))


def _check_shape(document: Document) -> Iterator[Fault]:
    if document.manifest.get("apiVersion") != API_VERSION:
        yield _fault(document, ("apiVersion",), f"must be {API_VERSION}")
        return
    kind = _kind_of(document)
    if kind is None:
        hint = suggest(str(document.manifest.get("kind")), [*KIND_BY_NAME])
        yield _fault(document, ("kind",), f"must be one of {', '.join(KIND_BY_NAME)}{hint}")
        return
    for problem in check_shape(document.manifest, _schema_of(kind)):
        yield _fault(document, problem.at, problem.message)


def _check_rules(document: Document) -> Iterator[Fault]:
    kind = _kind_of(document)
    if kind is None:
        return
    schema = _schema_of(kind)
    for problem in check_rules(fill_defaults(document.manifest, schema), schema):
        yield _fault(document, problem.at, problem.message)


@lru_cache(maxsize=len(KINDS))
def _schema_of(kind: type[Kind]) -> Schema:
    schema = build_schema(kind)
    properties = {**schema["properties"], "metadata": METADATA}
    required = ["apiVersion", "kind", "metadata", *schema["required"]]
    return {**schema, "properties": properties, "required": required}


def _check_references(documents: Sequence[Document]) -> Iterator[Fault]:
    present = {
        (document.manifest.get("kind"), _metadata(document, "namespace"), name)
        for document in documents
        if (name := _metadata(document, "name"))
    }
    for document in documents:
        kind = _kind_of(document)
        namespace = _metadata(document, "namespace")
        for reference in gather_references(kind, document.manifest) if kind else ():
            wanted = (reference.kind, namespace, reference.name)
            if reference.kind not in KIND_BY_NAME or wanted in present:
                continue
            near = sorted(n for k, space, n in present if (k, space) == wanted[:2])
            message = f"names {reference.kind} {reference.name}, which is not in these files"
            yield _fault(document, reference.at, f"{message}{suggest(reference.name, near)}")


def _metadata(document: Document, key: str) -> str:
    metadata = document.manifest.get("metadata")
    value = metadata.get(key) if isinstance(metadata, dict) else None
    return value if isinstance(value, str) else ""


def _render(verdict: Verdict) -> dict[str, Any]:
    return {
        "objects": verdict.objects,
        "foreignObjects": verdict.foreign,
        "faults": [
            {"file": str(f.file), "line": f.line, "field": f.field, "message": f.message}
            for f in verdict.faults
        ],
    }


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _skipped(verdict: Verdict) -> str:
    if not verdict.foreign:
        return ""
    return f"; {_count(verdict.foreign, 'object')} of other groups not checked"
