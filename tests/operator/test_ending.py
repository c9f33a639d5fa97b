"""main: a replica that only waits ends at a signal, also as the first process of a container."""

from __future__ import annotations

import json
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

END_SECONDS = 20


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_replica_that_waits_ends_at_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    """It begins with the signal ignored, as the first process of a container does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        kubeconfig = write_kubeconfig(tmp_path, server.getsockname()[1])
        words = ("--kubeconfig", str(kubeconfig), "--key-file", str(tmp_path / "absent"))
        ports = ("--health-port", "0", "--metrics-port", "0")
        command = shlex.join((sys.executable, "-m", "steward_operator.main", *words, *ports))
        shell = f"trap '' TERM INT; exec {command}"
        process = subprocess.Popen(("sh", "-c", shell), stderr=subprocess.PIPE)
        try:
            connection, _ = server.accept()
            with connection:
                process.send_signal(number)
                _, said = process.communicate(timeout=END_SECONDS)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 0, said.decode()


def write_kubeconfig(folder: Path, port: int) -> Path:
    """Write a kubeconfig of a server that takes requests and never answers."""
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [context],
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    path = folder / "kubeconfig.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
