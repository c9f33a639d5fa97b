"""From a folder of manifests to the plan of its one Assistant, as the operator would make it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from steward_api.blueprint import TrustedKey
from steward_api.v1alpha1.assistant import Keys
from steward_cli.local.errors import PlanRefused
from steward_cli.manifests import load_folder
from steward_cli.worlds import build_worlds
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.world import Plan, World


@dataclass(frozen=True, slots=True)
class Found:
    """The Assistant of a folder, before anything is known about this machine."""

    world: World

    @property
    def name(self) -> str:
        """Name of the Assistant."""
        return self.world.assistant.metadata.name

    @property
    def namespace(self) -> str:
        """Namespace of the Assistant."""
        return self.world.assistant.metadata.namespace


def gather_assistant(folder: Path, name: str | None = None) -> Found:
    """Read the manifests of `folder` and choose its Assistant.

    Raises:
        PlanRefused: if a file is wrong, or there is no Assistant, or several and none is named.
    """
    try:
        loaded = load_folder(folder)
    except FileNotFoundError as missing:
        raise PlanRefused(str(missing)) from None
    if loaded.faults:
        raise PlanRefused("\n".join(fault.text for fault in loaded.faults))
    worlds = build_worlds(loaded.objects)
    chosen = [world for world in worlds if name in {None, world.assistant.metadata.name}]
    if len(chosen) == 1:
        return Found(chosen[0])
    known = ", ".join(world.assistant.metadata.name for world in worlds) or "none"
    if not chosen:
        raise PlanRefused(f"{folder} declares no such Assistant (there is: {known})")
    raise PlanRefused(f"{folder} declares several Assistants: name one with --assistant ({known})")


def plan_found(found: Found, *, uid: str, keys: tuple[TrustedKey, ...], now: datetime) -> Plan:
    """Plan the Assistant with this machine's uid and operator keys; the plan itself is pure.

    Keys of this machine have one generation: they end with the state folder (`down --erase`).
    """
    metadata = found.world.assistant.metadata.model_copy(update={"uid": uid})
    spec = found.world.assistant.spec.model_copy(update={"keys": Keys()})
    assistant = found.world.assistant.model_copy(update={"metadata": metadata, "spec": spec})
    return plan_assistant(replace(found.world, assistant=assistant, now=now, operator_keys=keys))
