"""Renders the chart, as objects or as helm's refusal."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from steward_lab.helm import Helm, HelmLine, install_helm
from steward_lab.pins import REPOSITORY

CHART = REPOSITORY / "charts" / "steward"
RELEASE = "steward"
NAMESPACE = "steward-system"

Manifest = dict[str, Any]
Values = Mapping[str, Any]
"""Values as nested mappings, as in a file of values."""


@cache
def find_helm(line: HelmLine) -> Helm:
    """Returns a helm that knows no cluster."""
    return Helm(install_helm(line), Path(tempfile.mkdtemp(prefix="steward-helm-")))


def render_chart(
    values: Values | None = None, line: HelmLine = HelmLine.HELM_4, release: str = RELEASE
) -> tuple[Manifest, ...]:
    """Renders the chart to objects.

    Raises:
        LabError: helm refuses.
    """
    text = render_text(values, line, release)
    return tuple(found for found in yaml.load_all(text, yaml.CSafeLoader) if found)


def render_text(
    values: Values | None = None, line: HelmLine = HelmLine.HELM_4, release: str = RELEASE
) -> str:
    """Renders the chart as helm prints it.

    Raises:
        LabError: helm refuses.
    """
    return find_helm(line).run(*_words(values, release))


def refuse_chart(values: Values, line: HelmLine = HelmLine.HELM_4) -> str:
    """Renders values that are to be refused, and returns helm's words."""
    done = find_helm(line).try_run(*_words(values, RELEASE))
    assert done.returncode != 0, f"helm accepts {values}"
    return done.stderr


def nest(path: str, value: Any) -> Manifest:
    """Returns `a.b.c` and a value as nested mappings."""
    for name in reversed(path.split(".")):
        value = {name: value}
    nested: Manifest = value
    return nested


def merge(*several: Values) -> Manifest:
    """Returns values of which later ones win, level by level."""
    merged: Manifest = {}
    for values in several:
        for name, value in values.items():
            both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
            merged[name] = merge(merged[name], value) if both else value
    return merged


def select(objects: Iterable[Manifest], kind: str, name: str = "") -> list[Manifest]:
    """Returns the objects of a kind, and of a name where one is given."""
    return [
        found
        for found in objects
        if found["kind"] == kind and name in {"", found["metadata"]["name"]}
    ]


def find(objects: Iterable[Manifest], kind: str, name: str) -> Manifest:
    """Returns the one object of that kind and name."""
    (found,) = select(objects, kind, name)
    return found


def select_workloads(objects: Iterable[Manifest]) -> list[Manifest]:
    """Returns whatever runs Pods."""
    return [found for found in objects if found["kind"] in {"Deployment", "StatefulSet"}]


def gather_pods(objects: Iterable[Manifest]) -> Iterator[Manifest]:
    """Yields the Pod spec of everything that runs Pods."""
    for found in select_workloads(objects):
        yield found["spec"]["template"]["spec"]


def gather_rights(rules: Iterable[Manifest]) -> set[tuple[str, str, str]]:
    """Returns rules as triples of group, resource and verb."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def _words(values: Values | None, release: str) -> tuple[str, ...]:
    words = ("template", release, str(CHART), "--namespace", NAMESPACE)
    given = json.dumps(values or {})
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        file.write(given)
    return (*words, "--values", file.name)
