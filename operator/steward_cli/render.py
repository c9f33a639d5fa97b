"""`steward render`: the children of the Assistants in a folder, offline.

The same plan as in a cluster, so that a review in Git or a preview in Argo CD shows what will be.
Where a cluster would put a uid or random bits, the output holds fixed zeros; the content of
generated Secrets is never rendered, only the names of their keys.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from steward_api.manifest import render_yaml
from steward_api.meta import GROUP, Condition, ConditionStatus
from steward_api.reasons import ConditionType
from steward_cli.errors import ExitCode, InputError
from steward_cli.manifests import Fault, load_folder
from steward_cli.worlds import build_worlds
from steward_operator.objects import Manifest
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.world import GeneratedSecret, Plan, World

GENERATED_KEYS: Final = f"{GROUP}/generated-keys"
"""Annotation of a rendered Secret: the keys whose content is made in the cluster."""


def run_render(directory: Path, output: str) -> int:
    """Print the children of a folder and return the exit code.

    Remarks on what is left out go to standard error, so that the output can be piped.
    """
    try:
        text, remarks = _render(directory, output)
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    sys.stdout.write(text)
    for remark in remarks:
        sys.stderr.write(f"{remark}\n")
    return int(ExitCode.OK)


def render_directory(path: Path, output: str = "yaml") -> str:
    """Return the children of every Assistant in a folder as text; `output` is yaml or json.

    Raises:
        InputError: if a file cannot be read, there is no Assistant, or one is not accepted.
    """
    return _render(path, output)[0]


def render_manifests(manifests: Iterable[Manifest], output: str) -> str:
    """Return manifests as one text: a YAML stream, or a JSON list.

    Raises:
        InputError: if `output` is neither yaml nor json.
    """
    renderer = _RENDERERS.get(output)
    if renderer is None:
        raise InputError(f"output {output} is not known: use {' or '.join(sorted(_RENDERERS))}")
    return renderer(list(manifests))


def list_planned(plan: Plan) -> tuple[Manifest, ...]:
    """Return everything that a plan would make, in the order of application."""
    return (
        *(planned.manifest for planned in plan.anchors_to_create),
        *(_without_content(secret) for secret in plan.secrets_to_create),
        *plan.children,
    )


def _render(path: Path, output: str) -> tuple[str, tuple[str, ...]]:
    worlds = _load_worlds(path)
    manifests: list[Manifest] = []
    remarks: list[str] = []
    for world in worlds:
        plan = plan_assistant(world)
        conditions = _conditions_of(plan)
        _refuse_unaccepted(world, conditions[ConditionType.ACCEPTED])
        unresolved = conditions[ConditionType.RESOLVED_REFS]
        if unresolved.status is ConditionStatus.FALSE:
            remarks.append(f"Assistant {world.assistant.metadata.name}: {unresolved.message}")
        manifests.extend(list_planned(plan))
    return render_manifests(manifests, output), tuple(remarks)


def _load_worlds(path: Path) -> tuple[World, ...]:
    try:
        folder = load_folder(path)
    except FileNotFoundError as error:
        raise InputError(str(error)) from None
    if folder.faults:
        raise InputError(_join(folder.faults))
    worlds = build_worlds(folder.objects)
    if not worlds:
        raise InputError(f"{path} declares no Assistant, so there is nothing to render")
    return worlds


def _conditions_of(plan: Plan) -> dict[ConditionType, Condition]:
    found = [Condition.model_validate(entry) for entry in (plan.status or {})["conditions"]]
    return {ConditionType(condition.type): condition for condition in found}


def _refuse_unaccepted(world: World, accepted: Condition) -> None:
    if accepted.status is not ConditionStatus.TRUE:
        name = world.assistant.metadata.name
        raise InputError(f"Assistant {name} is not accepted: {accepted.message}")


def _without_content(secret: GeneratedSecret) -> Manifest:
    metadata = secret.manifest["metadata"]
    annotations = {GENERATED_KEYS: ",".join(secret.keys)}
    return {**secret.manifest, "metadata": {**metadata, "annotations": annotations}}


def _render_yaml(manifests: list[Manifest]) -> str:
    # Unfolded lines: a tool that compares two renderings shows the line that changed.
    return "---\n".join(render_yaml(manifest, width=sys.maxsize) for manifest in manifests)


def _render_json(manifests: list[Manifest]) -> str:
    document = {"apiVersion": "v1", "kind": "List", "items": manifests}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


_RENDERERS: Final[dict[str, Callable[[list[Manifest]], str]]] = {
    "json": _render_json,
    "yaml": _render_yaml,
}


def _join(faults: Iterable[Fault]) -> str:
    return "\n".join(fault.text for fault in faults)
