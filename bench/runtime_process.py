"""Start one real runtime for a bench: Blueprint and keys on disk, `steward-runtime serve`."""

from __future__ import annotations

import base64
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api import blueprint as documents
from steward_api.canonical import render_canonical
from steward_api.meta import Sensitivity
from steward_api.v1alpha1.model import ModelType, ToolCalling
from steward_api.v1alpha1.retention_policy import DataClass
from steward_api.v1alpha1.tool import Effect, HttpMethod, ResultIntegrity, ToolType

ZERO_DIGEST = "sha256:" + "0" * 64
READY_SECONDS_MAX = 30


@dataclass(frozen=True, slots=True)
class RuntimeProcess:
    """A runtime that answers."""

    url: str
    key: str
    pid: int
    start_cpu_seconds: float
    """Processor time from exec to the first 200 of /readyz."""


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def build_blueprint(model_url: str) -> documents.Blueprint:
    """One model, one tool that is a real HTTP call, no memory."""
    origin = model_url.removesuffix("/v1")
    return documents.Blueprint(
        assistant="bench",
        purpose="measuring",
        owner="bench",
        prompt=documents.BlueprintPrompt(
            name="bench", digest=ZERO_DIGEST, template="Answer shortly.", variables=()
        ),
        models=(
            documents.BlueprintModel(
                name="bench",
                type=ModelType.OPENAI,
                model_name="bench-model",
                base_url=model_url,
                credential=None,
                tool_calling=ToolCalling.NATIVE,
                request_timeout_seconds=30,
                context_tokens=8192,
                max_output_tokens=256,
            ),
        ),
        tools=(
            documents.BlueprintTool(
                name="find_ticket",
                digest=ZERO_DIGEST,
                description="Find a ticket by its id.",
                type=ToolType.HTTP,
                url=f"{origin}/tickets/find",
                method=HttpMethod.POST,
                credential=None,
                input_schema={
                    "type": "object",
                    "properties": {"ticket_id": {"type": "string"}},
                    "required": ["ticket_id"],
                },
                output_schema=None,
                contract=documents.BlueprintContract(
                    declared=True,
                    effect=Effect.READ,
                    idempotency_key_header=None,
                    timeout_seconds=10,
                    calls_per_turn=8,
                    response_bytes=65536,
                    integrity=ResultIntegrity.TRUSTED,
                    sensitivity=Sensitivity.INTERNAL,
                ),
            ),
        ),
        memory=None,
        retention=documents.BlueprintRetention(
            policy="bench",
            policy_digest=ZERO_DIGEST,
            windows=tuple(
                documents.BlueprintWindow(data_class=data_class, keep_seconds=3600)
                for data_class in DataClass
            ),
        ),
        bound_keys=None,
        limits=documents.BlueprintLimits(
            requests_per_minute=60000,
            concurrent_tasks=1000,
            queued_tasks=1000,
            turn_deadline_seconds=60,
            model_calls_per_turn=8,
            request_bytes=1048576,
        ),
    )


def write_config(folder: Path, model_url: str) -> str:
    """Write the folder that a Pod would have mounted; return the chat key."""
    key = "sk-steward-" + secrets.token_urlsafe(32)
    signing = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    trust = documents.Trust(namespace="bench", assistant="bench", uid="bench-uid")
    files = {
        "blueprint/blueprint.json": build_blueprint(model_url).render(),
        "trust/trust.json": render_canonical(trust.model_dump(mode="json", by_alias=True)),
        "keys/api/apiKey": key.encode(),
        "keys/purge/token": secrets.token_urlsafe(32).encode(),
        "keys/encryption/kek": base64.b64encode(secrets.token_bytes(32)),
        "keys/encryption/keyId": b"bench",
        "keys/signing/signingKey": signing,
    }
    (folder / "credentials").mkdir(parents=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o600)
    return key


@contextmanager
def start_runtime(folder: Path, model_url: str) -> Iterator[RuntimeProcess]:
    """Start a runtime below `folder`, wait for /readyz, and stop it at the end."""
    from bench.load import read_cpu_seconds

    key = write_config(folder / "config", model_url)
    (folder / "data").mkdir()
    port = free_port()
    command = [sys.executable, "-m", "steward_runtime.main", "serve"]
    command += ["--config", str(folder / "config"), "--data", str(folder / "data")]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    command += ["--admin-port", str(free_port()), "--metrics-port", str(free_port())]
    with (folder / "runtime.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own command
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process)
        yield RuntimeProcess(url, key, process.pid, read_cpu_seconds(process.pid))
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Poll /readyz every 10 ms.

    Raises:
        RuntimeError: the process ended or did not become ready in time.
    """
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the runtime ended with {process.returncode}; see runtime.log")
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=1):  # noqa: S310 - loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    raise RuntimeError("the runtime was not ready in time; see runtime.log")
