"""Argo CD as local processes against any cluster: Redis, repository server, controller.

    with ArgoCD(kubeconfig, admin) as argo:
        argo.repository.commit({"team/prompt.yaml": text})
        argo.admin.apply(build_application("team", argo.repository.url, "team", namespace))

The processes bind to loopback, keep everything in one temporary folder, and die with the thread
that started them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path

from steward_argo.installing import NAMESPACE, apply_objects, build_argo_cd
from steward_argo.repository import Repository
from steward_lab.control_plane import is_established
from steward_lab.kube_client import KubeClient
from steward_lab.processes import ChildProcess
from steward_lab.waiting import wait_until

START_SECONDS = 60.0
PORT_NAMES = ("redis", "git", "repository", "repository_metrics", "controller_metrics")
KUSTOMIZE = """#!/bin/sh
# Argo CD calls `kustomize build PATH`; kubectl has the same program inside.
[ "$1" = build ] || { echo "kubectl's own"; exit 0; }
shift
exec "$KUBECTL" kustomize "$@"
"""


class ArgoCD(contextlib.AbstractContextManager["ArgoCD"]):
    """A running Argo CD without its web server.

    Attributes:
        admin: Client of the cluster.
        repository: What it delivers from.
        directory: Logs (`*.log`) and data.
    """

    def __init__(
        self,
        kubeconfig: Path,
        admin: KubeClient,
        kubectl: Path,
        *,
        tracking: str = "annotation",
    ) -> None:
        """Prepare it; `start` or `with` starts it.

        Args:
            kubeconfig: How it reaches the cluster, where it may do everything.
            admin: A client of the same cluster.
            kubectl: The program, for folders with a kustomization.
            tracking: How Argo CD marks what it applied.
        """
        self.admin = admin
        self.directory = Path(tempfile.mkdtemp(prefix="steward-argo-"))
        self._ports = gather_ports()
        self.repository = Repository(self.directory, self._ports["git"])
        self._tracking = tracking
        self._kubectl = (str(kubectl), f"--kubeconfig={kubeconfig}")
        self._environment = self._build_environment(kubeconfig, kubectl)
        self._processes: tuple[ChildProcess, ...] = ()

    def __enter__(self) -> ArgoCD:
        """Start it."""
        try:
            self.start()
        except BaseException:
            self.stop(keep_logs=True)
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Stop it, and keep its logs when an error is on its way."""
        self.stop(keep_logs=kind is not None)

    @property
    def controller(self) -> ChildProcess:
        """The application controller's process."""
        return self._processes[-1]

    def start(self) -> None:
        """Build what is missing, configure the cluster, and start every process.

        Raises:
            BuildError: Argo CD could not be built, or Redis or Git is missing.
            StartError: A process ended; the logs are kept.
        """
        binaries = build_argo_cd()
        self._apply_crds(binaries / "crds")
        apply_objects(self.admin, self._tracking, self._kubectl)
        program = str(binaries / "argocd")
        redis = f"--redis=127.0.0.1:{self._ports['redis']}"
        repository = f"127.0.0.1:{self._ports['repository']}"
        self._processes = (
            self._build_process("redis", self._build_redis_command()),
            self.repository.process,
            self._build_process(
                "argocd-repo-server",
                (
                    program,
                    "--address=127.0.0.1",
                    f"--port={self._ports['repository']}",
                    "--metrics-address=127.0.0.1",
                    f"--metrics-port={self._ports['repository_metrics']}",
                    redis,
                    "--disable-tls",
                ),
            ),
            self._build_process(
                "argocd-application-controller",
                (
                    program,
                    f"--namespace={NAMESPACE}",
                    f"--repo-server={repository}",
                    "--repo-server-plaintext",
                    redis,
                    f"--metrics-port={self._ports['controller_metrics']}",
                    # Messages of objects in the Application itself, where tests can read them.
                    "--persist-resource-health",
                ),
            ),
        )
        for process, port in zip(self._processes, PORT_NAMES[:3], strict=False):
            process.start()
            self._wait_listening(process, self._ports[port])
        self.controller.start()
        self._wait_listening(self.controller, self._ports["controller_metrics"])

    def stop(self, *, keep_logs: bool = False) -> None:
        """Stop every process, the last started first, and remove the folder unless asked."""
        for process in reversed(self._processes):
            process.stop()
        if not keep_logs:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _apply_crds(self, folder: Path) -> None:
        for crd in self.admin.apply_files(folder):
            kind = f"{crd['apiVersion']}/{crd['kind']}"
            self.admin.wait(kind, crd["metadata"]["name"], None, is_established)

    def _build_process(self, name: str, argv: tuple[str, ...]) -> ChildProcess:
        """Return a process that sees our environment alone; it picks its role by its name."""
        variables = {**self._environment, "ARGOCD_BINARY_NAME": name}
        pairs = tuple(f"{key}={value}" for key, value in variables.items())
        return ChildProcess(name, ("/usr/bin/env", "-i", *pairs, *argv), self.directory)

    def _build_redis_command(self) -> tuple[str, ...]:
        options = {
            "--port": str(self._ports["redis"]),
            "--bind": "127.0.0.1",
            "--save": "",
            "--appendonly": "no",
            "--dir": str(self.directory),
        }
        words = (word for option in options.items() for word in option)
        return (str(shutil.which("redis-server")), *words)

    def _build_environment(self, kubeconfig: Path, kubectl: Path) -> Mapping[str, str]:
        """Return the environment of Argo CD's processes, with folders of their own."""
        folders = {
            "ARGOCD_GPG_DATA_PATH": "gpg",
            "ARGOCD_SSH_DATA_PATH": "ssh",
            "ARGOCD_TLS_DATA_PATH": "tls",
            "GNUPGHOME": "gnupg",
            "HOME": "home",
            "TMPDIR": "tmp",
        }
        for name in (*folders.values(), "bin"):
            (self.directory / name).mkdir()
        shim = self.directory / "bin" / "kustomize"
        shim.write_text(KUSTOMIZE, encoding="utf-8")
        shim.chmod(0o755)
        return {
            **{key: str(self.directory / name) for key, name in folders.items()},
            "ARGOCD_FAKE_IN_CLUSTER": "true",
            "ARGOCD_GPG_ENABLED": "false",
            "KUBECONFIG": str(kubeconfig),
            "KUBECTL": str(kubectl),
            "PATH": f"{self.directory / 'bin'}:{os.environ.get('PATH', os.defpath)}",
        }

    def _wait_listening(self, process: ChildProcess, port: int) -> None:
        def listens() -> bool:
            process.check_running()
            return is_listening(port)

        wait_until(listens, f"{process.name} listening", deadline_seconds=START_SECONDS)


def is_listening(port: int) -> bool:
    """Say whether somebody accepts connections on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def gather_ports() -> dict[str, int]:
    """Ask the kernel for free ports of loopback, by what they are for."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in PORT_NAMES]
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return {
            name: int(item.getsockname()[1]) for name, item in zip(PORT_NAMES, sockets, strict=True)
        }
