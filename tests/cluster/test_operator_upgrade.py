"""A changed runtime image on the real API server: so many at a time, and none after a failure."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import KubeClient, Manifest
from steward_lab.kubelet import Kubelet, Outcome, Rule
from steward_loopback.polling import wait_until
from steward_operator_lab.operating import OperatorProcess
from steward_operator_lab.reading import (
    describe,
    find_condition,
    has_condition,
    wait_condition,
    wait_quiet,
    wait_ready,
)
from steward_operator_lab.samples import build_assistant, build_needs
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(240)]

OLD, NEW, MENDED = "runtime:1", "runtime:2", "runtime:3"
NAMES = tuple(f"desk-{number}" for number in range(5))
DEPLOYMENT_KIND = "apps/v1/Deployment"


class Fleet:
    """Five Assistants of one namespace under an operator whose image changes."""

    def __init__(self, plane: ControlPlane, bench: Workbench, home: str) -> None:
        """Start nothing."""
        self.bench = bench
        self._plane = plane
        self._home = home
        self.operator = self._build(OLD)

    def _build(self, image: str, *more: str) -> OperatorProcess:
        flags = ("--operator-namespace", self._home, "--runtime-image", image, *more)
        return OperatorProcess(self._plane, self._home, scope=self.bench.namespace, arguments=flags)

    def begin(self) -> None:
        """Bring all up with the old image."""
        self.operator.start()
        self.bench.create(*build_needs(), *(build_assistant(name) for name in NAMES))
        for name in NAMES:
            wait_ready(self.bench.admin, self.bench.namespace, name)

    def upgrade(self, image: str, *more: str) -> None:
        """Replace the operator by one that was told another image."""
        self.operator.stop()
        self.operator = self._build(image, *more)
        self.operator.start()

    def images(self) -> dict[str, str]:
        """The image of each Deployment."""
        found = self.bench.admin.list(DEPLOYMENT_KIND, self.bench.namespace)
        return {each["metadata"]["name"]: read_image(each) for each in found}

    def wait_all(self, image: str) -> None:
        """Wait until all serve an image, and nothing is left to do."""
        wait_until(lambda: set(self.images().values()) == {image}, f"{image} everywhere", 90)
        for name in NAMES:
            wait_ready(self.bench.admin, self.bench.namespace, name)
            wait_condition(self.bench.admin, self.bench.namespace, name, "Reconciling", "False")

    def pods(self) -> set[str]:
        """Uids of all Pods."""
        return {p["metadata"]["uid"] for p in self.bench.admin.list("v1/Pod", self.bench.namespace)}


def read_image(deployment: Manifest) -> str:
    """The image of a Deployment's first container."""
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


@pytest.fixture
def fleet(
    control_plane: ControlPlane, kubelet: Kubelet, kinds: tuple[str, ...], bench: Workbench
) -> Iterator[Fleet]:
    """A fleet that serves the old image."""
    assert kinds
    home = control_plane.create_namespace("operator")
    made = Fleet(control_plane, bench, home)
    made.begin()
    yield made
    made.operator.kill()
    kubelet.drop_rules(bench.namespace)
    control_plane.admin.delete("v1/Namespace", home)


def count_away(admin: KubeClient, namespace: str, since: str) -> int:
    """The most Assistants that were without an available Pod at any moment since then."""
    available = {each["metadata"]["name"]: True for each in admin.list(DEPLOYMENT_KIND, namespace)}
    most = 0
    for event in admin.replay(DEPLOYMENT_KIND, namespace, since):
        found = event["object"]
        status = found.get("status") or {}
        available[found["metadata"]["name"]] = status.get("availableReplicas", 0) >= 1
        most = max(most, sum(not each for each in available.values()))
    return most


def test_an_image_reaches_all_with_no_more_than_two_away(fleet: Fleet) -> None:
    """Those that wait say so, and stay Ready; every change is seen in the watch."""
    admin, namespace = fleet.bench.admin, fleet.bench.namespace
    path = admin.resolve_path(DEPLOYMENT_KIND, namespace)
    since = str(admin.request("GET", path)["metadata"]["resourceVersion"])
    fleet.upgrade(NEW, "--upgrade-max-concurrent", "2")
    waited = wait_condition(
        admin, namespace, NAMES[-1], "Reconciling", "True", "UpgradeWaiting", NEW
    )
    assert find_condition(waited, "Ready")["status"] == "True"
    fleet.wait_all(NEW)
    assert 1 <= count_away(admin, namespace, since) <= 2
    for each in admin.list(DEPLOYMENT_KIND, namespace):
        assert not [name for name in each["metadata"]["annotations"] if "upgraded-from" in name]


def test_the_first_failure_stops_the_rest_until_it_is_mended(
    fleet: Fleet, kubelet: Kubelet, control_plane: ControlPlane
) -> None:
    """One is lost to a bad image; a restarted operator still knows; another image goes to all."""
    admin, namespace = fleet.bench.admin, fleet.bench.namespace
    kubelet.add_rule(Rule(Outcome.IMAGE_PULL_BACK_OFF, namespace=namespace, image=NEW))
    fleet.upgrade(NEW, "--upgrade-max-concurrent", "1")
    failed = wait_condition(admin, namespace, NAMES[0], "Ready", "False", "ImageUnavailable", NEW)
    wait_condition(admin, namespace, NAMES[0], "Stalled", "True", "UpgradeFailed", NEW)
    assert find_condition(failed, "Ready")
    for name in NAMES[1:]:
        said = wait_condition(admin, namespace, name, "Stalled", "True", "UpgradeStopped", NAMES[0])
        assert has_condition(said, "Ready", "True")
    assert fleet.images() == {name: NEW if name == NAMES[0] else OLD for name in NAMES}
    assert "upgrade_stopped" in fleet.operator.read_log()
    mark = control_plane.audit.mark()
    fleet.operator.restart()
    writes = wait_quiet(fleet.operator, mark, namespace)
    assert not writes, describe(writes)
    fleet.upgrade(MENDED, "--upgrade-max-concurrent", "1")
    fleet.wait_all(MENDED)


def test_an_upgrade_goes_on_by_itself_when_the_failure_is_mended(
    fleet: Fleet, kubelet: Kubelet
) -> None:
    """The image is there in the end: nobody has to tell the operator."""
    admin, namespace = fleet.bench.admin, fleet.bench.namespace
    kubelet.add_rule(Rule(Outcome.CRASH_LOOP, namespace=namespace, image=NEW, exit_code=78))
    fleet.upgrade(NEW, "--upgrade-max-concurrent", "1")
    wait_condition(admin, namespace, NAMES[0], "Ready", "False", "ContainerCrashing", "78")
    wait_condition(admin, namespace, NAMES[4], "Stalled", "True", "UpgradeStopped")
    kubelet.drop_rules(namespace)
    fleet.wait_all(NEW)


def test_an_operator_of_the_same_image_restarts_no_pod(
    fleet: Fleet, control_plane: ControlPlane
) -> None:
    """Other flags of the operator change no Pod: 0 restarts and 0 writes."""
    wait_quiet(fleet.operator, control_plane.audit.mark(), fleet.bench.namespace)
    before, mark = fleet.pods(), control_plane.audit.mark()
    fleet.upgrade(OLD, "--upgrade-max-concurrent", "5", "--resync-seconds", "300")
    assert not wait_quiet(fleet.operator, mark, fleet.bench.namespace)
    assert fleet.pods() == before
