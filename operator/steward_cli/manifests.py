"""Reads a folder of manifests and keeps file and line of every field.

Shared by `render`, `validate` and `up`. Files are `*.yaml`, `*.yml` and `*.json` of the folder
itself, in the order of their names; `expect.yaml`, `local.yaml` and `kustomization.yaml` speak of
the folder and are no manifests. Documents of foreign kinds are passed over, as `kubectl` would
take them.

YAML is read as Kubernetes reads it: plain JSON values, no timestamps, and a key that appears
twice is a fault. What cannot be read is reported with its place; nothing is raised for content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from steward_api.meta import API_VERSION, GROUP
from steward_cli.yaml_values import FieldPath, YamlFault, parse_value
from steward_operator.objects import Manifest
from steward_operator.plan.parsing import KIND_BY_NAME, OwnObject

SUFFIXES: Final = frozenset({".json", ".yaml", ".yml"})
NOT_MANIFESTS: Final = frozenset({"expect.yaml", "kustomization.yaml", "local.yaml"})
FILE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Room for a few hundred manifests; the API server takes 3 MiB per request."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something in a file that must be mended."""

    file: Path
    line: int
    """1-based."""
    field: str
    """Path such as `spec.modelRefs[0].name`; empty for the whole document."""
    message: str

    @property
    def text(self) -> str:
        """`file:line: field: message`, as editors and compilers write it."""
        place = f"{self.file}:{self.line}"
        return (
            f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"
        )


@dataclass(frozen=True, slots=True)
class Document:
    """One manifest of a file."""

    file: Path
    manifest: Manifest
    lines: Mapping[FieldPath, int]
    """Line of every field and list item, 1-based."""
    object: OwnObject | None
    """None where the manifest is not of our group, or could not be read."""

    def line_of(self, path: FieldPath) -> int:
        """Return the line of a field, or of the nearest field around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


@dataclass(frozen=True, slots=True)
class Folder:
    """What a folder holds."""

    path: Path
    documents: tuple[Document, ...]
    """Documents of all kinds, in the order of files."""
    faults: tuple[Fault, ...]

    @property
    def objects(self) -> tuple[OwnObject, ...]:
        """The objects of our kinds that could be read."""
        return tuple(document.object for document in self.documents if document.object)


def load_folder(path: Path) -> Folder:
    """Read every manifest of a folder, or of the one file that `path` names.

    Raises:
        FileNotFoundError: if there is no such folder or file.
    """
    documents: list[Document] = []
    faults: list[Fault] = []
    files = list_manifest_files(path)
    for file in files:
        _load_file(file, documents, faults)
    faults.extend(_check_names_are_distinct(documents))
    if not files:
        faults.append(Fault(path, 1, "", "holds no manifest (*.yaml, *.yml or *.json)"))
    return Folder(path, tuple(documents), tuple(sorted(faults)))


def list_manifest_files(path: Path) -> tuple[Path, ...]:
    """Return the files that may hold manifests, sorted by name.

    Raises:
        FileNotFoundError: if there is no such folder or file.
    """
    if path.is_file():
        return (path,)
    if not path.is_dir():
        raise FileNotFoundError(f"{path} is neither a folder nor a file")
    return tuple(
        sorted(
            file
            for file in path.iterdir()
            if file.is_file() and file.suffix in SUFFIXES and file.name not in NOT_MANIFESTS
        )
    )


def render_field(path: FieldPath) -> str:
    """Return a path as `spec.modelRefs[0].name`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _load_file(file: Path, documents: list[Document], faults: list[Fault]) -> None:
    try:
        text = _read_text(file)
        for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
            _load_document(file, node, documents, faults)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        faults.append(Fault(file, mark.line + 1 if mark else 1, "", str(error.problem)))
    except yaml.YAMLError:
        faults.append(Fault(file, 1, "", "holds characters that YAML does not allow"))
    except RecursionError:
        faults.append(Fault(file, 1, "", "is nested too deeply"))
    except ValueError as error:
        faults.append(Fault(file, 1, "", str(error)))


def _read_text(file: Path) -> str:
    content = file.read_bytes()
    if len(content) > FILE_BYTES_MAX:
        raise ValueError(f"has more than {FILE_BYTES_MAX} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None


def _load_document(file: Path, node: Any, documents: list[Document], faults: list[Fault]) -> None:
    parsed = parse_value(node)
    faults.extend(_from_yaml(file, fault) for fault in parsed.faults)
    if parsed.value is None:
        return
    first_line = node.start_mark.line + 1
    manifest = parsed.value
    if not isinstance(manifest, dict) or not manifest.get("kind"):
        message = "is no manifest: it has no apiVersion and kind"
        faults.append(Fault(file, first_line, "", message))
        return
    document = Document(file, manifest, parsed.lines, None)
    object_, found = _read_object(document) if not parsed.faults else (None, ())
    faults.extend(found)
    documents.append(Document(file, manifest, parsed.lines, object_))


def _read_object(document: Document) -> tuple[OwnObject | None, tuple[Fault, ...]]:
    manifest = document.manifest
    version = str(manifest.get("apiVersion", ""))
    if version.partition("/")[0] != GROUP:
        return None, ()
    kind = KIND_BY_NAME.get(str(manifest["kind"]))
    if version != API_VERSION or kind is None:
        field: FieldPath = ("kind",) if version == API_VERSION else ("apiVersion",)
        known = ", ".join(KIND_BY_NAME)
        return None, (_fault(document, field, f"use {API_VERSION} and one of {known}"),)
    fraction = _find_fraction(manifest.get("spec"), ("spec",))
    if fraction is not None:
        return None, (_fault(document, fraction, "must be a whole number"),)
    try:
        object_ = kind.model_validate(manifest)
    except ValidationError as error:
        return None, tuple(
            _fault(document, tuple(detail["loc"]), detail["msg"]) for detail in error.errors()
        )
    if not object_.metadata.name:
        return None, (_fault(document, ("metadata", "name"), "must be set"),)
    return object_, ()


def _find_fraction(value: Any, path: FieldPath) -> FieldPath | None:
    """Return the path of the first number that is not whole: our documents hold none."""
    if isinstance(value, float):
        return path
    below: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        below = value.items()
    elif isinstance(value, list):
        below = enumerate(value)
    for key, member in below:
        found = _find_fraction(member, (*path, key))
        if found is not None:
            return found
    return None


def _check_names_are_distinct(documents: list[Document]) -> Iterator[Fault]:
    seen: dict[tuple[str, str, str], Document] = {}
    for document in documents:
        if document.object is None:
            continue
        metadata = document.object.metadata
        key = (document.object.kind, metadata.namespace, metadata.name)
        first = seen.setdefault(key, document)
        if first is not document:
            message = f"{key[0]} {key[2]} is declared in {first.file.name} already"
            yield _fault(document, ("metadata", "name"), message)


def _fault(document: Document, path: FieldPath, message: str) -> Fault:
    return Fault(document.file, document.line_of(path), render_field(path), message)


def _from_yaml(file: Path, fault: YamlFault) -> Fault:
    return Fault(file, fault.line, render_field(fault.path), fault.message)
