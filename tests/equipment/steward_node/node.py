"""Brings the node up and takes it down.

    with Node() as node:
        node.kubectl("get", "nodes")

There is one node per machine and user. `up` removes what a crashed one left; `down` leaves no
process, mount, interface, rule, namespace, cgroup or file behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from steward_lab.building import report_to_stderr
from steward_lab.certificates import write_client_certificate, write_key_files
from steward_lab.errors import LabError
from steward_lab.toolchain import Report
from steward_node import commands
from steward_node.archives import write_image_archive
from steward_node.binaries import NodeBinaries, build_node_binaries
from steward_node.cgroups import create_cgroups, remove_cgroups
from steward_node.configuration import Site, build_tokens, write_configuration
from steward_node.errors import NodeError, NodeStartError
from steward_node.furnishing import build_furniture
from steward_node.inside import Orders, render_orders
from steward_node.layout import (
    COREDNS_IMAGE,
    MACHINE_ADDRESS,
    NODE_ADDRESS,
    NODE_NAME,
    PAUSE_IMAGE,
    PODTOOL_IMAGE,
    SERVICE_ADDRESS,
    UPLINK,
    UPLINK_ADDRESS,
    UPLINK_BITS,
    UPLINK_PEER,
    Place,
    gather_place,
)
from steward_node.prerequisites import NAMESPACES, check_prerequisites
from steward_node.supervising import (
    end_supervisor,
    gather_children,
    read_owner,
    read_progress,
    read_supervisor,
    write_supervisor,
)

START_SECONDS = 180.0
STOP_SECONDS = 20.0
COMMAND_SECONDS = 120.0
POLL_SECONDS = 0.1


class Node(contextlib.AbstractContextManager["Node"]):
    """The one node of this machine and user.

    Attributes:
        place: Its folder.
        binaries: Its commands; there once it is up or attached to.
    """

    binaries: NodeBinaries

    def __init__(
        self, report: Report = report_to_stderr, place: Place | None = None, *, stays: bool = False
    ) -> None:
        """Prepares a node; `up` or `with` starts it.

        Args:
            report: Gets a line for each step.
            place: Its folder, where not the usual one.
            stays: Whether it outlives this process; else it dies with it, even by SIGKILL.
        """
        self.place = place or gather_place()
        self._report = report
        self._stays = stays
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Node:
        """Starts it."""
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        """Takes it down."""
        self.down()

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.place.kubeconfig

    def up(self) -> None:
        """Brings the node up, after removing what an earlier one left.

        Raises:
            PrerequisiteError: The machine lacks something; nothing was started.
            NodeError: A part did not come up, and everything was taken down again; or the node is
                in use by another process, which is left alone.
        """
        check_prerequisites(self.place)
        self.binaries = build_node_binaries(self._report)
        with self._hold_lock():
            self._check_free()
            self._remove()
            began = time.monotonic()
            try:
                self._start()
            except BaseException:
                self.keep_logs()
                self._remove()
                raise
        self._report(f"node up in {time.monotonic() - began:.1f} s")

    def attach(self) -> None:
        """Makes this object speak for the node that another process brought up.

        Raises:
            NodeError: The node is not up.
        """
        self.first_process()
        self.binaries = build_node_binaries(self._report)

    def down(self) -> None:
        """Takes the node down and removes everything of it; nothing happens where none is.

        Raises:
            NodeError: Something could not be removed.
        """
        with self._hold_lock():
            self._remove()

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        """Runs kubectl as the administrator and answers what it printed.

        Raises:
            LabError: It failed; the message holds its words.
        """
        binary = str(self.binaries.plane.kubectl)
        return run_command(binary, f"--kubeconfig={self.kubeconfig}", *arguments, text=text)

    def import_image(self, archive: Path) -> tuple[str, ...]:
        """Gives the node the images of an archive (OCI or docker) and answers their names.

        Raises:
            LabError: The archive was refused.
        """
        ctr = str(self.binaries.directory / "ctr")
        options = ("--namespace=k8s.io", "images", "import", "--local", str(archive.resolve()))
        said = run_command(*self.enter(), ctr, *options)
        names = tuple(re.findall(r"^unpacking (\S+)", said, re.MULTILINE))
        for name in names:
            # A name without a registry means this one.
            library = name.replace("localhost/", "docker.io/library/", 1)
            tag = (ctr, "--namespace=k8s.io", "images", "tag", "--force", name, library)
            if library != name:
                run_command(*self.enter(), *tag)
        return names

    def enter(self) -> tuple[str, ...]:
        """Answers the start of a command line that runs in the node's mounts and network."""
        return ("nsenter", f"--target={self.first_process()}", "--mount", "--net", "--")

    def first_process(self) -> int:
        """Answers the process id, on this machine, of the node's first process.

        Raises:
            NodeError: The node is not up.
        """
        supervisor = read_supervisor(self.place)
        if supervisor is None:
            raise NodeError("the node is not up: run `python -m steward_node up`")
        return gather_children(supervisor)[0]

    @contextlib.contextmanager
    def _hold_lock(self) -> Iterator[None]:
        """Lets one process at a time bring the node up or down."""
        self.place.directory.mkdir(parents=True, exist_ok=True)
        with self.place.lock.open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _check_free(self) -> None:
        """Refuses to end a node that somebody else's run stands on."""
        owner = read_owner(self.place)
        if owner is not None and owner != os.getpid():
            raise NodeError(
                f"the node is in use by process {owner}: wait for it, or end it with "
                "`python -m steward_node down`"
            )

    def _remove(self) -> None:
        """Ends the node's processes and removes what the kernel leaves."""
        supervisor = read_supervisor(self.place)
        if supervisor is not None:
            self._report("ending the node that is there")
            end_supervisor(supervisor)
        if self._process is not None:
            self._process.wait(STOP_SECONDS)
            self._process = None
        self.place.supervisor.unlink(missing_ok=True)
        remove_cgroups()
        run_quietly("ip", "link", "delete", UPLINK_PEER)
        shutil.rmtree(self.place.data, ignore_errors=True)

    def keep_logs(self) -> None:
        """Copies the logs to where the next removal does not find them."""
        kept = self.place.directory / "logs-of-last-failure"
        shutil.rmtree(kept, ignore_errors=True)
        if self.place.logs.is_dir():
            shutil.copytree(self.place.logs, kept)
            self._report(f"logs are kept in {kept}")

    def _start(self) -> None:
        site = self._write_site()
        create_cgroups()
        supervisor = self._start_supervisor(site.file("orders.json"))
        self._wait("the node's first process", lambda: bool(gather_children(supervisor)))
        self._connect(gather_children(supervisor)[0])
        self._follow(supervisor)
        self._load_images()
        self._wait("the API server to be reachable", self._is_reachable)
        self.kubectl("apply", "--server-side", "-f", "-", text=json.dumps(build_furniture()))
        ready = ("wait", "--for=condition=Ready", f"node/{NODE_NAME}", "--timeout=120s")
        self.kubectl(*ready)
        self._report("node Ready; waiting for DNS")
        status = ("rollout", "status", "deployment/coredns", "--timeout=110s")
        self.kubectl("--namespace=kube-system", *status)

    def _write_site(self) -> Site:
        """Writes keys, configuration and orders."""
        for folder in (self.place.configuration, self.place.logs):
            folder.mkdir(parents=True, exist_ok=True)
        self.place.data.chmod(0o700)
        addresses = (NODE_ADDRESS, UPLINK_ADDRESS)
        keys = write_key_files(self.place.configuration / "keys", SERVICE_ADDRESS, *addresses)
        site = Site(self.binaries, self.place, keys, build_tokens())
        write_client_certificate(self.place.configuration, keys, "kubelet-client", "system:masters")
        write_configuration(site)
        path = (
            f"{self.binaries.directory}:{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin"
        )
        orders = Orders(
            self.place.data,
            self.place.logs,
            self.place.progress,
            path,
            {
                "etcd": commands.build_etcd_command(site),
                "kube-apiserver": commands.build_api_server_command(site),
                "kube-controller-manager": commands.build_controllers_command(site),
                "kube-scheduler": commands.build_scheduler_command(site),
                "containerd": commands.build_containerd_command(site),
                "kubelet": commands.build_kubelet_command(site),
                "kube-proxy": commands.build_proxy_command(site),
                "storage": commands.build_storage_command(site),
            },
        )
        site.file("orders.json").write_text(render_orders(orders), encoding="utf-8")
        return site

    def _start_supervisor(self, orders: Path) -> int:
        """Starts the process that makes the namespaces and holds them."""
        inside = (sys.executable, "-m", "steward_node.inside", str(orders))
        command: tuple[str, ...] = (
            *NAMESPACES,
            "--mount-proc",
            "--propagation=slave",
            "--kill-child=KILL",
            *inside,
        )
        if not self._stays:
            command = ("setpriv", "--pdeathsig=KILL", *command)
        equipment = Path(__file__).resolve().parents[1]
        with (self.place.logs / "first-process.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env={**os.environ, "PYTHONPATH": str(equipment)},
            )
        self._process = process
        write_supervisor(self.place, process.pid, None if self._stays else os.getpid())
        return process.pid

    def _connect(self, first: int) -> None:
        """Joins the node's network to this machine's."""
        peer = ("peer", "name", UPLINK, "netns", str(first))
        run_command("ip", "link", "add", "name", UPLINK_PEER, "type", "veth", *peer)
        address = f"{MACHINE_ADDRESS}/{UPLINK_BITS}"
        run_command("ip", "address", "add", address, "dev", UPLINK_PEER)
        run_command("ip", "link", "set", UPLINK_PEER, "up")

    def _follow(self, supervisor: int) -> None:
        """Reports each step of the first process until it is done."""
        seen = ""

        def check() -> bool:
            nonlocal seen
            said = read_progress(self.place)
            if "failure" in said:
                raise NodeStartError(str(said["failure"]))
            step = str(said.get("step", ""))
            if step and step != seen:
                self._report(f"starting {step}")
                seen = step
            return bool(said.get("is_ready"))

        self._wait("the node's processes", check)

    def _wait(self, what: str, check: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not check():
            if self._process is None or self._process.poll() is not None:
                log = (self.place.logs / "first-process.log").read_text("utf-8")[-2000:]
                raise NodeStartError(f"the node ended while waiting for {what}:\n{log}")
            if time.monotonic() > deadline:
                raise NodeStartError(f"waited {START_SECONDS} s for {what}: see {self.place.logs}")
            time.sleep(POLL_SECONDS)

    def _is_reachable(self) -> bool:
        try:
            return self.kubectl("get", "--raw", "/readyz") == "ok"
        except LabError:
            return False

    def _load_images(self) -> None:
        """Makes and imports the images of the node itself."""
        wanted = {
            PAUSE_IMAGE: ("podtool", ("/podtool", "pause")),
            PODTOOL_IMAGE: ("podtool", ("/podtool",)),
            COREDNS_IMAGE: ("coredns", ("/coredns",)),
        }
        self._report("importing the node's own images")
        for name, (binary, entrypoint) in wanted.items():
            archive = self.place.data / f"{binary}.tar"
            files = {f"/{binary}": self.binaries.directory / binary}
            write_image_archive(archive, name, files, entrypoint)
            self.import_image(archive)
            archive.unlink()


def run_command(*command: str, text: str | None = None) -> str:
    """Runs a command and answers what it printed.

    Raises:
        NodeError: It failed; the message holds its words.
    """
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, input=text, timeout=COMMAND_SECONDS
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip()
        raise NodeError(f"`{' '.join(command)}` failed: {words[-2000:]}")
    return done.stdout


def run_quietly(*command: str) -> None:
    """Runs a command whose failure means that there was nothing to do."""
    subprocess.run(command, check=False, capture_output=True, timeout=COMMAND_SECONDS)
