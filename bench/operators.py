"""Cost of the operator on a real API server, beside a plain kopf operator with the same children.

`python -m bench.operators [--counts 200,1000] [--foreign 0,2000] [--rounds 1]`. Each measurement
has a control plane of its own; contenders take turns within a round. Requests come from the API
server's audit log and are exact; processor time and memory come from /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.figures import Round, render_table
from bench.load import read_cpu_seconds, read_rss_peak_mb

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tests" / "equipment"))

from steward_cli.render import render_directory  # noqa: E402 - found by the path above
from steward_lab.control_plane import ControlPlane  # noqa: E402 - found by the path above
from steward_lab.kubelet import Kubelet  # noqa: E402 - found by the path above
from steward_lab.processes import ChildProcess  # noqa: E402 - found by the path above
from steward_operator_lab import samples  # noqa: E402 - found by the path above
from steward_operator_lab.operating import OperatorProcess  # noqa: E402 - found by the path above

Manifest = dict[str, Any]

OURS = "steward"
PEER = "plain kopf"
NAMESPACE = "bench"
CREATE_CONCURRENCY = 24
QUIET_SECONDS = 5
CONVERGED_SECONDS_MAX = 600
FIGURES = (
    "children",
    "writes_per_object",
    "writes_beyond_children",
    "restart_writes",
    "cpu_ms_per_object",
    "cpu_ms_per_child",
    "rss_mb",
    "rss_peak_mb",
    "wall_s",
)


class Contender:
    """A running operator under measurement."""

    def __init__(self, user: str, start: Callable[[], int], stop: Callable[[], None]) -> None:
        """`start` returns the process id; `user` is the name in the audit log."""
        self.user = user
        self.start = start
        self.stop = stop


def build_ours(plane: ControlPlane, _: Path) -> Contender:
    """Our operator under its own ServiceAccount with the rights of `rbac.py`."""
    operator = OperatorProcess(plane, plane.create_namespace("operator"))

    def start() -> int:
        operator.start()
        assert operator.process is not None
        assert operator.process.pid is not None
        return operator.process.pid

    return Contender(operator.user, start, operator.stop)


def build_peer(plane: ControlPlane, folder: Path) -> Contender:
    """The plain kopf operator as cluster administrator."""
    home = plane.create_namespace("peer")
    plane.admin.create(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "peer"}}, home
    )
    plane.admin.create(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"peer-{home}"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"kind": "ServiceAccount", "name": "peer", "namespace": home}],
        }
    )
    os.environ["KUBECONFIG"] = str(plane.kubeconfig(token=plane.token_for("peer", home)))
    template = folder / "children.json"
    template.write_text(json.dumps(render_children(folder)))
    script = str(HERE / "peers" / "kopf_operator.py")
    process = ChildProcess("peer", (sys.executable, script, str(template)), folder)

    def start() -> int:
        process.start()
        time.sleep(5)
        process.check_running()
        assert process.pid is not None
        return process.pid

    return Contender(f"system:serviceaccount:{home}:peer", start, process.stop)


def render_children(folder: Path) -> list[Manifest]:
    """The children of one Assistant, as `steward render` shows them."""
    source = folder / "source"
    source.mkdir()
    documents = [*build_shared(), samples.build_assistant("bench")]
    (source / "all.yaml").write_text("\n---\n".join(json.dumps(one) for one in documents))
    rendered: list[Manifest] = json.loads(render_directory(source, "json"))["items"]
    return rendered


def build_shared() -> list[Manifest]:
    """What all Assistants of the bench refer to."""
    return [
        samples.build_model(),
        samples.build_tool(),
        samples.build_prompt(),
        samples.build_memory_policy(),
        samples.build_retention_policy(),
    ]


def create_foreign(plane: ControlPlane, count: int) -> None:
    """Fill the cluster with objects of others: ConfigMaps of 2 KB, as other teams have them."""
    if not count:
        return
    namespace = plane.create_namespace("foreign")
    filling = "x" * 2048

    def create(number: int) -> None:
        plane.admin.create(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": f"foreign-{number}", "labels": {"team": "other"}},
                "data": {"filling": filling},
            },
            namespace,
        )

    with ThreadPoolExecutor(CREATE_CONCURRENCY) as pool:
        list(pool.map(create, range(count)))


def create_assistants(plane: ControlPlane, namespace: str, count: int) -> None:
    """POST all Assistants at once."""
    kind = "assistant"

    def create(number: int) -> None:
        plane.admin.create(samples.build_assistant(f"{kind}-{number}"), namespace)

    with ThreadPoolExecutor(CREATE_CONCURRENCY) as pool:
        list(pool.map(create, range(count)))


def wait_quiet(plane: ControlPlane, user: str) -> float:
    """Wait until `user` has written nothing for a while; return when it last wrote."""
    deadline = time.monotonic() + CONVERGED_SECONDS_MAX
    mark, last = plane.audit.mark(), time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(1)
        now = time.monotonic()
        if plane.audit.writes_since(mark, user):
            mark, last = plane.audit.mark(), now
        elif now - last > QUIET_SECONDS:
            return last
    raise RuntimeError(f"{user} still wrote after {CONVERGED_SECONDS_MAX} s")


def measure(build: Callable[[ControlPlane, Path], Contender], count: int, foreign: int) -> Round:
    """One contender, one control plane, one burst, one restart."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ControlPlane() as plane,
        Kubelet(plane),
    ):
        plane.apply_crds(ROOT / "crds" / "manifests")
        create_foreign(plane, foreign)
        namespace = plane.create_namespace(NAMESPACE)
        for manifest in build_shared():
            plane.admin.create(manifest, namespace)
        contender = build(plane, Path(folder))
        pid = contender.start()
        try:
            wait_quiet(plane, contender.user)
            mark, cpu_before = plane.audit.mark(), read_cpu_seconds(pid)
            started = time.monotonic()
            create_assistants(plane, namespace, count)
            ended = wait_quiet(plane, contender.user)
            cpu = read_cpu_seconds(pid) - cpu_before
            writes = plane.audit.writes_since(mark, contender.user)
            rss, peak = read_rss_mb(pid), read_rss_peak_mb(pid)
            contender.stop()
            mark = plane.audit.mark()
            contender.start()
            wait_quiet(plane, contender.user)
            restart_writes = len(plane.audit.writes_since(mark, contender.user))
        finally:
            contender.stop()
    children = sum(
        entry.verb == "create" and entry.resource != "events" and entry.code < 300
        for entry in writes
    )
    return {
        "children": children / count,
        "writes_per_object": len(writes) / count,
        "writes_beyond_children": (len(writes) - children) / count,
        "restart_writes": restart_writes,
        "cpu_ms_per_object": cpu * 1000 / count,
        "cpu_ms_per_child": cpu * 1000 / max(1, children),
        "rss_mb": rss,
        "rss_peak_mb": peak,
        "wall_s": ended - started,
    }


def read_rss_mb(pid: int) -> float:
    """Resident set now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def parse_numbers(text: str) -> tuple[int, ...]:
    """Comma-separated numbers."""
    return tuple(int(part) for part in text.split(","))


def main() -> None:
    """Print one table per size and number of foreign objects."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=parse_numbers, default=(200, 1000))
    parser.add_argument("--foreign", type=parse_numbers, default=(0, 2000))
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    contenders = {OURS: build_ours, PEER: build_peer}
    for count in chosen.counts:
        for foreign in chosen.foreign:
            rounds: dict[str, list[Round]] = defaultdict(list)
            for number in range(chosen.rounds):
                for name, build in contenders.items():
                    print(f"{name}, {count} objects, round {number + 1}", file=sys.stderr)
                    rounds[name].append(measure(build, count, foreign))
            print(f"\n{count} Assistants, {foreign} foreign objects in the cluster\n")
            print(render_table(rounds, FIGURES, OURS))


if __name__ == "__main__":
    main()
