"""Labels of what comes back from models and tools (pure)."""

from __future__ import annotations

from typing import Final

from steward_api.blueprint import BlueprintContract
from steward_api.v1alpha1.tool import ResultIntegrity
from steward_runtime.labels import DataClass, Integrity, Label, join

_INTEGRITY: Final = {
    ResultIntegrity.TRUSTED: Integrity.TRUSTED,
    ResultIntegrity.ENDORSED: Integrity.ENDORSED,
    ResultIntegrity.UNTRUSTED: Integrity.UNTRUSTED,
}


def label_result(contract: BlueprintContract, tool: str, arguments: Label) -> Label:
    """Return the label of a tool's result: its contract's, joined with that of the arguments.

    The join keeps arguments of low integrity from coming back as trusted, and the people whom the
    arguments are about stay subjects of the result.
    """
    own = Label(
        integrity=_INTEGRITY[contract.integrity],
        sensitivity=contract.sensitivity,
        retention=DataClass.TASKS,
        origin=frozenset({f"tool:{tool}"}),
    )
    return join(own, arguments).stored_as(DataClass.TASKS)


def label_answer(context: Label, model: str) -> Label:
    """Return the label of a model's answer: the join of everything that it was asked."""
    return context.derived_by(f"model:{model}").stored_as(DataClass.TASKS)
