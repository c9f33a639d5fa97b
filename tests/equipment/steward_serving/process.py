"""The process itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steward_api.blueprint import Blueprint
from steward_loopback import find_free_port, wait_until
from steward_serving.files import API_KEY, ConfigFiles

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR")


@dataclass
class ServedRuntime:
    """One assistant as a process of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ("--local",)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.files = ConfigFiles(self.folder / "config")
        self.data = self.folder / "data"
        self.port, self.admin_port, self.metrics_port = (find_free_port() for _ in range(3))

    @property
    def url(self) -> str:
        """Base URL of the public API without version."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        """Base URL of the administration API."""
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def key(self) -> str:
        """The generated key."""
        return API_KEY

    def start(self, *, is_waiting: bool = True) -> None:
        """Start the process and wait until it is ready."""
        command = [
            *(sys.executable, "-m", "steward_runtime.main", "serve"),
            *("--config", str(self.files.root), "--data", str(self.data)),
            *("--port", str(self.port), "--admin-port", str(self.admin_port)),
            *("--metrics-port", str(self.metrics_port), *self.arguments),
        ]
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        with self._log("stdout").open("ab") as out, self._log("stderr").open("ab") as err:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=err, env={**kept, **self.environment}
            )
        if is_waiting:
            wait_until(self._is_ready, f"readiness ({self.stderr()})", 30)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait, and return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(30)
        self.process = None
        return code

    def wait(self) -> int:
        """Wait for a process that ends by itself, and return the exit code."""
        assert self.process is not None
        code = self.process.wait(30)
        self.process = None
        return code

    def logs(self) -> list[dict[str, Any]]:
        """Return what was logged, as JSON."""
        text = self._log("stdout").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def log_text(self) -> str:
        """Return everything that the process wrote."""
        return self._log("stdout").read_text() + self.stderr()

    def stderr(self) -> str:
        """Return what the process said to its user."""
        path = self._log("stderr")
        return path.read_text() if path.exists() else ""

    def metrics(self) -> str:
        """Return the metrics."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _is_ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"the runtime ended: {self.log_text()}")
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:  # noqa: S310 - loopback
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def serve(
    folder: Path,
    blueprint: Blueprint,
    *,
    environment: dict[str, str] | None = None,
    arguments: tuple[str, ...] = ("--local",),
) -> Iterator[ServedRuntime]:
    """Write files, start the runtime, and stop it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    runtime = ServedRuntime(folder, environment or {}, arguments)
    runtime.files.write_all(blueprint)
    runtime.start()
    try:
        yield runtime
    finally:
        if runtime.process is not None:
            runtime.stop()
