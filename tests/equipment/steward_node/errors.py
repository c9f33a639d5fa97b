"""Errors of the node.

LabError
└── NodeError
    ├── PrerequisiteError    the machine lacks what a node needs
    └── NodeStartError       a part of the node did not come up
"""

from __future__ import annotations

from steward_lab.errors import LabError


class NodeError(LabError):
    """What every error of the node is; the message says what was tried and what to do."""


class PrerequisiteError(NodeError):
    """The machine cannot run a node.

    Attributes:
        lacking: What it lacks, one sentence each.
    """

    def __init__(self, lacking: tuple[str, ...]) -> None:
        """Keeps the sentences beside the message made of them."""
        listed = "\n".join(f"  - {line}" for line in lacking)
        super().__init__(f"this machine cannot run a Kubernetes node:\n{listed}")
        self.lacking = lacking


class NodeStartError(NodeError):
    """A part of the node did not come up; the message ends with its log."""
