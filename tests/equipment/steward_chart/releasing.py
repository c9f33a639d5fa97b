"""Releases of the chart on a control plane: installed, upgraded and taken away by a real helm."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from steward_chart.rendering import CHART, NAMESPACE, RELEASE, Values
from steward_lab.control_plane import ControlPlane
from steward_lab.helm import Helm, HelmLine, install_helm
from steward_lab.kube_client import Manifest

WAIT_SECONDS = 90
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


class Release:
    """One release by one line of helm."""

    def __init__(
        self,
        plane: ControlPlane,
        line: HelmLine,
        *,
        name: str = RELEASE,
        namespace: str = NAMESPACE,
    ) -> None:
        """Touch nothing yet."""
        home = Path(tempfile.mkdtemp(prefix="steward-helm-"))
        self._helm = Helm(install_helm(line), home, plane.kubeconfig())
        self._plane = plane
        self.name = name
        self.namespace = namespace

    def prepare_namespace(self) -> None:
        """Make the release's namespace, which enforces the restricted level of Pods."""
        metadata: Manifest = {"name": self.namespace, "labels": RESTRICTED}
        manifest: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        self._plane.admin.apply(manifest)

    def install(self, values: Values | None = None, *, is_waiting: bool = True) -> str:
        """Install, and wait until what is installed is ready; returns what helm printed.

        Raises:
            LabError: helm refuses, or something does not become ready.
        """
        return self._write("install", values, is_waiting=is_waiting)

    def upgrade(self, values: Values | None = None) -> str:
        """Upgrade, and wait.

        Raises:
            LabError: helm refuses, or something does not become ready.
        """
        return self._write("upgrade", values, is_waiting=True)

    def roll_back(self) -> None:
        """Go back to the revision before."""
        self._helm.run("rollback", self.name, *self._where(), *_waiting())

    def uninstall(self) -> str:
        """Take the release away, and wait; returns what helm printed."""
        return self._helm.run("uninstall", self.name, *self._where(), *_waiting())

    def read_revision(self) -> int:
        """Return the number of the revision that is deployed."""
        return int(
            json.loads(self._helm.run("status", self.name, *self._where(), "-o", "json"))["version"]
        )

    def _where(self) -> tuple[str, str]:
        return ("--namespace", self.namespace)

    def _write(self, word: str, values: Values | None, *, is_waiting: bool) -> str:
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            json.dump(values or {}, file)
        given = ("--values", file.name, *(_waiting() if is_waiting else ()))
        return self._helm.run(word, self.name, str(CHART), *self._where(), *given)


def _waiting() -> tuple[str, str, str]:
    return ("--wait", "--timeout", f"{WAIT_SECONDS}s")
