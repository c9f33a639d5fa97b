"""Installs Steward in a cluster as a user does: images, then the chart by helm."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from steward_lab.errors import LabError
from steward_lab.helm import Helm, HelmLine, install_helm
from steward_lab.pins import REPOSITORY
from steward_lab.toolchain import Report
from steward_node.cluster import Cluster
from steward_node.errors import NodeError

RELEASE = "steward"
NAMESPACE = "steward-system"
CHART = REPOSITORY / "charts" / "steward"
IMAGES = ("steward-operator", "steward-runtime", "steward-demo-model")
REGISTRY = "localhost"
BUILD_SECONDS = 1800
READY_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Installation:
    """Steward in a cluster.

    Attributes:
        version: Of chart and images.
    """

    cluster: Cluster
    helm: Helm
    version: str

    @property
    def runtime_image(self) -> str:
        """The runtime's image; it holds Python, so client Pods use it too."""
        return f"{REGISTRY}/steward-runtime:{self.version}"

    def install(self, *options: str) -> None:
        """Installs the chart, or upgrades to these options, and waits until all of it is ready.

        Raises:
            LabError: helm or a rollout failed; the message says what the Pods said.
        """
        values = (
            f"operator.image.registry={REGISTRY}",
            f"runtime.image.registry={REGISTRY}",
            f"demoModel.image.registry={REGISTRY}",
            "demoModel.enabled=true",
        )
        settings = [word for value in values for word in ("--set", value)]
        target = (RELEASE, str(CHART), f"--namespace={NAMESPACE}")
        self.helm.run("upgrade", "--install", *target, *settings, *options)
        self.wait_ready()

    def wait_ready(self) -> None:
        """Waits until operator, archive and demo model are there in full.

        Raises:
            LabError: One is not in time.
        """
        inside = f"--namespace={NAMESPACE}"
        names = self.cluster.kubectl(
            "get", "deployments,statefulsets", "--output=name", inside
        ).split()
        for name in names:
            status = ("rollout", "status", name, inside, f"--timeout={READY_SECONDS}s")
            done = self.cluster.try_kubectl(*status, seconds=READY_SECONDS + 30)
            if done.returncode:
                raise NodeError(f"{name}: {done.stderr.strip()}\n{self.describe_pods()}")

    def describe_pods(self) -> str:
        """Answers the state of the release's Pods and their last words, for error messages."""
        inside = f"--namespace={NAMESPACE}"
        pods = self.cluster.try_kubectl("get", "pods", "--output=wide", inside).stdout
        events = self.cluster.try_kubectl("get", "events", inside).stdout
        logs = "".join(
            self.cluster.try_kubectl("logs", inside, "--tail=15", name).stdout
            for name in ("deployment/steward-operator", "statefulset/steward-archive")
        )
        return f"{pods}\n{events[-3000:]}\n{logs[-3000:]}"

    def uninstall(self) -> None:
        """Uninstalls the release."""
        self.helm.run("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--wait")


def read_version() -> str:
    """Answers the project's version: that of chart and images."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def build_images(report: Report) -> tuple[Path, ...]:
    """Builds the images that are out of date and answers their archives.

    Raises:
        LabError: An image could not be built.
    """
    report("images: building what has changed (the first time takes minutes)")
    command = (sys.executable, str(REPOSITORY / ".ci" / "images.py"), "--lab-base")
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=BUILD_SECONDS
    )
    if done.returncode:
        raise LabError(f"building the images failed:\n{(done.stderr + done.stdout)[-3000:]}")
    return gather_archives()


def gather_archives() -> tuple[Path, ...]:
    """Answers where the archives of the images lie."""
    return tuple(REPOSITORY / "build" / "images" / f"{name}.oci.tar" for name in IMAGES)


def prepare_installation(cluster: Cluster, home: Path, report: Report) -> Installation:
    """Gives the cluster images and namespace, and answers what installs the chart into it.

    The images must have been built (`build_images`).

    Raises:
        LabError: The images or helm could not be had.
    """
    if cluster.node is not None:
        report("images: giving them to the node")
        cluster.load_images(*gather_archives())
    cluster.create_namespace(NAMESPACE)
    helm = Helm(install_helm(HelmLine.HELM_4), home, cluster.kubeconfig)
    return Installation(cluster, helm, read_version())
