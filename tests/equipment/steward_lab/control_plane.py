"""One real control plane on loopback: etcd, kube-apiserver and kube-controller-manager.

    with ControlPlane() as plane:
        plane.admin.create({...})

Each has ports, keys, users and data of its own, so several run side by side (about 0.5 GB each).
Start it from a thread that lives as long as it should (see `processes`).
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx

from steward_lab.audit import AuditLog
from steward_lab.building import Binaries, build_binaries
from steward_lab.certificates import write_key_files
from steward_lab.configuration import (
    ADMIN,
    SERVICE_ADDRESS,
    USER_GROUPS,
    Plant,
    build_api_server_command,
    build_controllers_command,
    build_etcd_command,
    build_kubeconfig,
    gather_free_ports,
    write_configuration,
    write_private,
)
from steward_lab.errors import ApiError, DeadlineError, LabError
from steward_lab.kube_client import KubeClient, Manifest
from steward_lab.processes import ChildProcess

START_SECONDS = 90.0
START_ATTEMPTS = 3
POLL_SECONDS = 0.05
KUBECTL_SECONDS = 60.0


class ControlPlane(contextlib.AbstractContextManager["ControlPlane"]):
    """A running control plane, its administrator's client and its audit log.

    Attributes:
        directory: Data, logs (`*.log`), `audit.jsonl` and kubeconfig files.
        admin: Client of the administrator.
        audit: Reader of the audit log.
    """

    plant: Plant
    admin: KubeClient
    audit: AuditLog

    def __init__(self, binaries: Binaries | None = None, directory: Path | None = None) -> None:
        """Prepares a control plane; `start` or `with` starts it.

        Args:
            binaries: What to run; by default the pinned ones, built when they are missing.
            directory: An empty folder that stays; by default a temporary one that is removed.
        """
        self._binaries = binaries
        self._is_temporary = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="steward-lab-"))
        self._processes: tuple[ChildProcess, ...] = ()

    def __enter__(self) -> ControlPlane:
        """Starts it."""
        self.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Stops it, and keeps its logs when an error is on its way."""
        self.stop(keep_logs=kind is not None)

    @property
    def url(self) -> str:
        """Address of the API server."""
        return self.plant.url

    @property
    def authority(self) -> Path:
        """Certificate of the authority that signed the server's."""
        return self.plant.keys.authority

    @property
    def etcd(self) -> ChildProcess:
        """The store's process, for tests that crash it."""
        return self._processes[0]

    @property
    def api_server(self) -> ChildProcess:
        """The API server's process, for tests that crash it."""
        return self._processes[1]

    @property
    def controllers(self) -> ChildProcess:
        """The controller manager's process, for tests that crash it."""
        return self._processes[2]

    def start(self) -> None:
        """Starts all processes and waits until controllers have made the default objects.

        Raises:
            StartError: Something did not come up; the logs are kept.
        """
        binaries = self._binaries or build_binaries()
        attempts_left = START_ATTEMPTS
        while attempts_left:
            attempts_left -= 1
            try:
                self._start_once(binaries)
                attempts_left = 0
            except BaseException as error:
                self.stop(keep_logs=True)
                # Between asking for a free port and listening on it somebody else took it.
                if not attempts_left or "address already in use" not in str(error):
                    raise

    def _start_once(self, binaries: Binaries) -> None:
        """Starts everything on fresh ports."""
        shutil.rmtree(self.directory / "etcd", ignore_errors=True)
        keys = write_key_files(self.directory / "keys", SERVICE_ADDRESS)
        tokens = {user: secrets.token_hex(16) for user in USER_GROUPS}
        self.plant = Plant(binaries, self.directory, gather_free_ports(), keys, tokens)
        write_configuration(self.plant)
        self._processes = (
            ChildProcess("etcd", build_etcd_command(self.plant), self.directory),
            ChildProcess("kube-apiserver", build_api_server_command(self.plant), self.directory),
            ChildProcess(
                "kube-controller-manager", build_controllers_command(self.plant), self.directory
            ),
        )
        self.admin = self.client(tokens[ADMIN])
        self.audit = AuditLog(self.plant.audit_path, self._send_barrier)
        self.etcd.start()
        self.api_server.start()
        self.wait_ready()
        self.controllers.start()
        self._wait_for("the controllers to run", lambda: self.is_namespace_ready("default"))

    def stop(self, *, keep_logs: bool = False) -> None:
        """Stops all processes and removes the data; logs stay where asked, or in a given folder."""
        if hasattr(self, "admin"):
            self.admin.close()
        self._stop_processes()
        shutil.rmtree(self.directory / "etcd", ignore_errors=True)
        if self._is_temporary and not keep_logs:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _stop_processes(self) -> None:
        for process in reversed(self._processes):
            process.stop()

    def wait_ready(self) -> None:
        """Waits until the API server serves, after its start or restart.

        Raises:
            StartError: A process has ended.
            DeadlineError: It took too long.
        """
        self._wait_for("the API server to be ready", self.is_ready)

    def is_ready(self) -> bool:
        """Whether the API server says that it serves."""
        try:
            return bool(self.admin.request("GET", "/readyz") == "ok")
        except (ApiError, httpx.TransportError):
            return False

    def is_namespace_ready(self, namespace: str) -> bool:
        """Whether controllers made what Pods of a namespace need: account and authority."""
        account = self.admin.find("v1/ServiceAccount", "default", namespace)
        authority = self.admin.find("v1/ConfigMap", "kube-root-ca.crt", namespace)
        return account is not None and authority is not None

    def client(self, token: str, user_agent: str = "lab") -> KubeClient:
        """A client for the holder of a token; the caller closes it."""
        return KubeClient(self.url, self.authority, token, user_agent)

    def token_for(self, account: str, namespace: str, lifetime_seconds: int = 3600) -> str:
        """Asks for a token of a ServiceAccount (TokenRequest), valid at least ten minutes."""
        path = f"{self.admin.resolve_path('v1/ServiceAccount', namespace, account)}/token"
        body = {"spec": {"expirationSeconds": lifetime_seconds}}
        return str(self.admin.request("POST", path, body=body)["status"]["token"])

    def kubeconfig(self, *, token: str = "", user: str = "") -> Path:
        """Writes a kubeconfig file into the control plane's folder and answers its path.

        Args:
            token: Whose token it holds; by default the administrator's.
            user: Whom the holder acts as, by impersonation; the audit log shows this name.
        """
        content = build_kubeconfig(self.plant, token or self.plant.tokens[ADMIN], user)
        path = self.directory / f"{secrets.token_hex(4)}.kubeconfig"
        write_private(path, json.dumps(content))
        return path

    def kubectl(
        self, *arguments: str, kubeconfig: Path | None = None, text: str | None = None
    ) -> str:
        """Runs kubectl and answers what it printed.

        Args:
            arguments: Its arguments.
            kubeconfig: Whom to run it as; by default the administrator.
            text: Its standard input.

        Raises:
            LabError: It failed; the message holds its error output.
        """
        config = kubeconfig or self._admin_kubeconfig()
        done = subprocess.run(
            (str(self.plant.binaries.kubectl), f"--kubeconfig={config}", *arguments),
            check=False,
            capture_output=True,
            text=True,
            input=text,
            timeout=KUBECTL_SECONDS,
            env={"HOME": str(self.directory), "PATH": "/usr/bin:/bin"},
        )
        if done.returncode != 0:
            raise LabError(f"kubectl {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout

    def create_namespace(self, prefix: str = "lab", labels: Manifest | None = None) -> str:
        """Creates a namespace with a fresh name and waits until Pods can be made in it."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        metadata = {"name": name, "labels": labels or {}}
        self.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        self._wait_for(f"namespace {name}", lambda: self.is_namespace_ready(name))
        return name

    def apply_crds(self, *paths: Path) -> tuple[str, ...]:
        """Applies CustomResourceDefinitions and waits until each is served and documented.

        A new CRD is Established before its storage is (lists answer 429 for a moment) and before
        its schema is published (`kubectl explain` knows nothing for a second or two).

        Returns:
            The kinds, such as `example.dev/v1/Widget`.
        """
        applied = self.admin.apply_files(*paths)
        kinds = []
        for crd in applied:
            name, spec = crd["metadata"]["name"], crd["spec"]
            self.admin.wait(f"{crd['apiVersion']}/{crd['kind']}", name, None, is_established)
            for version in (item["name"] for item in spec["versions"] if item["served"]):
                path = f"apis/{spec['group']}/{version}"
                is_listed = partial(self._shows, f"/{path}/{spec['names']['plural']}", "items")
                self._wait_for(f"{name} to be listed", is_listed)
                is_documented = partial(self._shows, f"/openapi/v3/{path}", spec["names"]["kind"])
                self._wait_for(f"{name} to be documented", is_documented)
                kinds.append(f"{spec['group']}/{version}/{spec['names']['kind']}")
        return tuple(kinds)

    def _shows(self, path: str, text: str) -> bool:
        """Whether a path answers with a text in it; 404 and 429 mean not yet."""
        try:
            return text in json.dumps(self.admin.request("GET", path))
        except ApiError as error:
            if error.status in {httpx.codes.NOT_FOUND, httpx.codes.TOO_MANY_REQUESTS}:
                return False
            raise

    def _admin_kubeconfig(self) -> Path:
        path = self.directory / "admin.kubeconfig"
        if not path.exists():
            content = build_kubeconfig(self.plant, self.plant.tokens[ADMIN])
            write_private(path, json.dumps(content))
        return path

    def _send_barrier(self, token: str) -> None:
        self.admin.request("GET", f"/version?{token}")

    def _wait_for(self, what: str, check: Callable[[], bool]) -> None:
        """Polls until a check holds, failing early when a process has ended."""
        deadline = time.monotonic() + START_SECONDS
        while not check():
            for process in self._processes:
                process.check_running()
            if time.monotonic() > deadline:
                logs = "\n".join(process.read_log_tail() for process in self._processes)
                raise DeadlineError(f"waited {START_SECONDS} s for {what}; logs end with\n{logs}")
            time.sleep(POLL_SECONDS)


def is_established(crd: Manifest) -> bool:
    """Whether the API server accepted a CustomResourceDefinition's names and schema."""
    conditions = crd.get("status", {}).get("conditions") or ()
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)
