"""Asks cyclonus, without a cluster, what a set of NetworkPolicies allows.

Its analysis knows nothing of our enforcer or of the operator, which makes it an independent
judge of rendered policies. Traps that this module takes care of: a file with several YAML
documents is read up to the first, silently, so the policies go in as one list, and that all of
them arrived is checked. A label that is misspelt reads as a denial, so a test should ask an
allowed twin of each denied question.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steward_netpol.errors import OracleError

Manifest = dict[str, Any]

ORACLE_SECONDS = 60
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
VERDICT = re.compile(r"^\|\s*IS ALLOWED\?\s*\|.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a connection.

    Attributes:
        address: Its IP address; needed even for a Pod.
        namespace: Namespace of a Pod; "" for what is outside the cluster.
        labels: Labels of a Pod.
        namespace_labels: Labels of its namespace beside the one of its name.
    """

    address: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)

    def render(self) -> Manifest:
        """Answers the party as cyclonus reads it."""
        if not self.namespace:
            return {"IP": self.address}
        # The API server gives every namespace this label; cyclonus does not.
        own = {NAMESPACE_LABEL: self.namespace}
        inside = {
            "PodLabels": dict(self.labels),
            "NamespaceLabels": {**self.namespace_labels, **own},
            "Namespace": self.namespace,
        }
        return {"Internal": inside, "IP": self.address}


@dataclass(frozen=True, slots=True)
class Question:
    """Whether one party may connect to another."""

    source: Party
    destination: Party
    port: int
    protocol: str = "TCP"

    def render(self) -> Manifest:
        """Answers the question as cyclonus reads it."""
        return {
            "Source": self.source.render(),
            "Destination": self.destination.render(),
            "Protocol": self.protocol,
            "ResolvedPort": self.port,
            "ResolvedPortName": "",
        }


class Oracle:
    """One set of policies that questions are asked about."""

    def __init__(self, cyclonus: Path, policies: Iterable[Manifest]) -> None:
        """Takes the policies.

        Raises:
            OracleError: Cyclonus did not read all of them.
        """
        self._cyclonus = cyclonus
        self._policies = tuple(policies)
        read = self._run("parse", {})
        for policy in self._policies:
            metadata = policy["metadata"]
            if metadata["name"] not in read:
                raise OracleError(f"cyclonus did not read NetworkPolicy {metadata['name']}")

    def ask(self, questions: Sequence[Question]) -> tuple[bool, ...]:
        """Answers whether each connection is allowed.

        Raises:
            OracleError: There are not as many verdicts as questions.
        """
        traffic = [question.render() for question in questions]
        said = self._run("query-traffic", {"--traffic-path": traffic})
        verdicts = tuple(row.split("|")[-2].strip() for row in VERDICT.findall(said))
        if len(verdicts) != len(questions) or not set(verdicts) <= {"TRUE", "FALSE"}:
            raise OracleError(f"{len(questions)} questions got the verdicts {verdicts}:\n{said}")
        return tuple(verdict == "TRUE" for verdict in verdicts)

    def _run(self, mode: str, files: Mapping[str, Any]) -> str:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            listed = {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicyList",
                "items": self._policies,
            }
            (folder / "policies.json").write_text(json.dumps(listed), encoding="utf-8")
            options = ["--policy-path", str(folder / "policies.json")]
            for option, content in files.items():
                path = folder / f"{option.strip('-')}.json"
                path.write_text(json.dumps(content), encoding="utf-8")
                options += [option, str(path)]
            done = subprocess.run(
                (str(self._cyclonus), "analyze", "-v", "error", "--mode", mode, *options),
                check=False,
                capture_output=True,
                text=True,
                timeout=ORACLE_SECONDS,
            )
        if done.returncode:
            raise OracleError(f"cyclonus analyze --mode {mode} failed: {done.stderr[-2000:]}")
        return done.stdout
