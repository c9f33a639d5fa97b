"""For each CEL rule of each kind: an object that it accepts and one that only it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from steward_api.v1alpha1 import KINDS
from steward_kinds.objects import Manifest, build_object


@dataclass(frozen=True, slots=True)
class RuleCase:
    """One rule, told by the words of its message, and two objects that differ only there."""

    kind: str
    message: str
    accepted: Manifest
    refused: Manifest

    @property
    def id(self) -> str:
        """Name of the case in a test report."""
        return (
            f"{self.kind}-{self.message.partition(' must ')[0]}-{self.refused['spec'].get('type')}"
        )


_WINDOWS = build_object("RetentionPolicy")["spec"]["windows"]


def _build_windows(**keep_seconds: int) -> list[Manifest]:
    """The four windows, some of them with another length."""
    return [
        {**window, "keepSeconds": keep_seconds.get(window["class"], window["keepSeconds"])}
        for window in _WINDOWS
    ]


def _build_window_bounds(**seconds: int) -> Manifest:
    """A policy with bounds on the windows of one class."""
    bounds = {"windows": [{"class": "Memory", **seconds}]}
    return build_object("ClusterAssistantPolicy", retention=bounds)


_LOCAL: Final[Manifest] = {"type": "Local", "openAI": None}

RULE_CASES: Final = (
    *(
        RuleCase(
            kind.NAMES.kind,
            "metadata.name must have at most 40 characters",
            build_object(kind.NAMES.kind, "n" * 40),
            build_object(kind.NAMES.kind, "n" * 41),
        )
        for kind in KINDS
    ),
    RuleCase(
        "Assistant",
        "metadata.name must start with a letter",
        build_object("Assistant", "a-1"),
        build_object("Assistant", "1-a"),
    ),
    RuleCase(
        "Tool",
        "metadata.name must hold only lower-case letters",
        build_object("Tool", "look-up"),
        build_object("Tool", "look.up"),
    ),
    RuleCase(
        "Tool",
        "http must be set when type is HTTP",
        build_object("Tool"),
        build_object("Tool", http=None),
    ),
    RuleCase(
        "Model",
        "openAI must be set when type is OpenAI",
        build_object("Model"),
        build_object("Model", openAI=None),
    ),
    RuleCase(
        "Model",
        "openAI must be set when type is OpenAI",
        build_object("Model", **_LOCAL, modelName="smollm2-135m-instruct"),
        build_object("Model", type="Local", modelName="smollm2-135m-instruct"),
    ),
    RuleCase(
        "Model",
        "modelName of a Local model must be",
        build_object(
            "Model", **_LOCAL, modelName="multilingual-e5-small", abilities=["Embeddings"]
        ),
        build_object(
            "Model", **_LOCAL, modelName="smollm2-135m-instruct", abilities=["Embeddings"]
        ),
    ),
    RuleCase(
        "Model",
        "abilities of a Local model must hold one value",
        build_object("Model", **_LOCAL, modelName="smollm2-135m-instruct"),
        build_object(
            "Model",
            **_LOCAL,
            modelName="multilingual-e5-small",
            abilities=["Chat", "Embeddings"],
        ),
    ),
    RuleCase(
        "MemoryPolicy",
        "embedderRef must be set when mode is Hybrid",
        build_object("MemoryPolicy", recall={"mode": "Hybrid", "embedderRef": {"name": "e"}}),
        build_object("MemoryPolicy", recall={"mode": "Hybrid"}),
    ),
    RuleCase(
        "MemoryPolicy",
        "embedderRef must be set when mode is Hybrid",
        build_object("MemoryPolicy", recall={}),
        build_object("MemoryPolicy", recall={"embedderRef": {"name": "e"}}),
    ),
    RuleCase(
        "RetentionPolicy",
        "windows must name each of",
        build_object("RetentionPolicy"),
        build_object("RetentionPolicy", windows=_WINDOWS[:3]),
    ),
    RuleCase(
        "RetentionPolicy",
        "keepSeconds of Tasks must not exceed that of Conversations",
        build_object("RetentionPolicy", windows=_build_windows(Tasks=60)),
        build_object("RetentionPolicy", windows=_build_windows(Conversations=60)),
    ),
    *(
        RuleCase(
            "RetentionPolicy",
            "intervalMinutes must divide 60",
            build_object("RetentionPolicy", purge={"intervalMinutes": accepted}),
            build_object("RetentionPolicy", purge={"intervalMinutes": refused}),
        )
        for accepted, refused in ((20, 7), (720, 90), (1_440, 420))
    ),
    RuleCase(
        "ClusterAssistantPolicy",
        "minKeepSeconds must not exceed maxKeepSeconds",
        _build_window_bounds(minKeepSeconds=60, maxKeepSeconds=60),
        _build_window_bounds(minKeepSeconds=61, maxKeepSeconds=60),
    ),
    RuleCase(
        "ClusterAssistantPolicy",
        "minKeepSeconds must not exceed maxKeepSeconds",
        _build_window_bounds(minKeepSeconds=60),
        _build_window_bounds(minKeepSeconds=3_600, maxKeepSeconds=60),
    ),
)
"""Refusals that only the named rule makes, except where the message of another is named too."""
