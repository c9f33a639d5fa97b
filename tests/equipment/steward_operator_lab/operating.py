"""Runs the operator as a process under its own identity, and counts what it does."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx

from steward_lab.audit import AuditEntry, Mark
from steward_lab.control_plane import ControlPlane
from steward_lab.errors import ApiError
from steward_lab.processes import ChildProcess
from steward_loopback.polling import wait_until
from steward_operator.rbac import IDENTITY, build_access

START_SECONDS = 60.0
COMMAND = (sys.executable, "-m", "steward_operator.main")
MANIFESTS = Path(__file__).parents[3] / "crds" / "manifests"
"""The generated CustomResourceDefinitions."""


class OperatorProcess:
    """One operator process; `start` may follow `stop` or `kill` any number of times."""

    def __init__(
        self,
        plane: ControlPlane,
        namespace: str,
        *,
        scope: str | None = None,
        arguments: tuple[str, ...] = (),
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        """Make the identity; start nothing.

        Args:
            plane: The control plane.
            namespace: Where the operator's ServiceAccount is.
            scope: The one namespace that it serves; None for all.
            arguments: Further flags.
            command: What is run; another release has its own.
        """
        self._plane = plane
        for manifest in build_access(namespace):
            plane.admin.apply(manifest, manifest["metadata"].get("namespace"))
        self.user = f"system:serviceaccount:{namespace}:{IDENTITY}"
        self.token = plane.token_for(IDENTITY, namespace)
        self.credential = read_credential(self.token)
        self._kubeconfig = plane.kubeconfig(token=self.token)
        self._scope = ("--namespace", scope) if scope else ("--all-namespaces",)
        self._arguments = arguments
        self._command = command
        self._directory = Path(tempfile.mkdtemp(prefix="steward-operator-"))
        self._health = self._metrics = 0
        self.process: ChildProcess | None = None

    @property
    def log_path(self) -> Path:
        """File with the operator's log lines."""
        return self._directory / "operator.log"

    def start(self) -> None:
        """Start the process and wait until its first lists are complete."""
        self._health, self._metrics = find_free_port(), find_free_port()
        argv = (
            *self._command,
            "--kubeconfig",
            str(self._kubeconfig),
            *self._scope,
            "--health-port",
            str(self._health),
            "--metrics-port",
            str(self._metrics),
            *self._arguments,
        )
        self.process = ChildProcess("operator", argv, self._directory)
        self.process.start()
        wait_until(self._is_ready, "the operator's first lists", START_SECONDS)

    def stop(self) -> None:
        """Ask the process to end, and wait until it has."""
        if self.process is not None:
            self.process.stop()

    def kill(self) -> None:
        """End the process as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.stop()

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def writes_since(self, mark: Mark) -> tuple[AuditEntry, ...]:
        """Return what this operator wrote after the mark, and no other replica of it."""
        return tuple(entry for entry in self.requests_since(mark) if entry.is_write)

    def requests_since(self, mark: Mark) -> tuple[AuditEntry, ...]:
        """Return every finished request of this operator after the mark."""
        found = self._plane.audit.since(mark)
        return tuple(e for e in found if (e.user, e.credential) == (self.user, self.credential))

    def metrics(self) -> str:
        """Return the text of its metrics."""
        return httpx.get(f"http://127.0.0.1:{self._metrics}/metrics", timeout=5).text

    def read_log(self) -> str:
        """Return all that it logged."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def rss_bytes(self) -> int:
        """Return the resident memory of the process."""
        pages = int(Path(f"/proc/{self._pid()}/statm").read_text(encoding="utf-8").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        """Return the processor time that the process has used."""
        fields = Path(f"/proc/{self._pid()}/stat").read_text(encoding="utf-8")
        ticks = fields.rpartition(")")[2].split()
        return (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")

    def pause(self) -> None:
        """Freeze the process, as a stalled node would."""
        os.kill(self._pid(), signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on."""
        os.kill(self._pid(), signal.SIGCONT)

    def _pid(self) -> int:
        assert self.process is not None
        assert self.process.pid is not None
        return self.process.pid

    def _is_ready(self) -> bool:
        assert self.process is not None
        self.process.check_running()
        with contextlib.suppress(httpx.HTTPError):
            answer = httpx.get(f"http://127.0.0.1:{self._health}/readyz", timeout=2)
            return answer.status_code == 200
        return False


@contextlib.contextmanager
def run_operator(plane: ControlPlane, scope: str | None = None) -> Iterator[OperatorProcess]:
    """Run an operator in a namespace of its own until the block ends."""
    home = plane.create_namespace("operator")
    operator = OperatorProcess(plane, home, scope=scope)
    operator.start()
    try:
        yield operator
    finally:
        operator.stop()
        with contextlib.suppress(ApiError):
            plane.admin.delete("v1/Namespace", home)


def read_credential(token: str) -> str:
    """Return the id by which the audit log knows a ServiceAccount token."""
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return f"JTI={claims['jti']}"


def find_free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
