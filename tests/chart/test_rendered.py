"""The rendered chart: what it makes, with which rights, and what each switch takes away."""

from __future__ import annotations

import re

import pytest
import yaml

from steward_api.v1alpha1 import KINDS
from steward_chart.rendering import (
    CHART,
    NAMESPACE,
    Values,
    find,
    find_helm,
    gather_pods,
    gather_rights,
    render_chart,
    select,
    select_workloads,
)
from steward_lab.helm import HelmLine
from steward_lab.pins import REPOSITORY
from steward_operator.archiving import parse_archive_options
from steward_operator.chart.access import EDITED_BY_TEAMS, gather_cluster_plurals
from steward_operator.contract.keys import SECRET_NAME
from steward_operator.labels import NAME
from steward_operator.names import FIELD_MANAGER
from steward_operator.options import Options, parse_options
from steward_operator.rbac import build_role, build_rules
from steward_operator.telemetry import REGISTRY

SCOPED = {"watch": {"namespace": "team-a"}}
FULL = {
    "demoModel": {"enabled": True},
    "metrics": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}},
}


def read_options(values: Values | None = None) -> Options:
    """Return what the operator makes of the flags that the chart gives it."""
    (operator,) = select(render_chart(values), "Deployment", "steward-operator")
    arguments = operator["spec"]["template"]["spec"]["containers"][0]["args"]
    return parse_options([each.replace("$(POD_IP)", "10.0.0.7") for each in arguments])


@pytest.mark.parametrize("line", list(HelmLine), ids=lambda line: line.name)
def test_passes_helms_lint(line: HelmLine) -> None:
    """Both lines, without a warning."""
    assert "[WARNING]" not in find_helm(line).run("lint", "--strict", str(CHART))


@pytest.mark.parametrize("values", [{}, SCOPED, FULL], ids=["default", "scoped", "full"])
def test_renders_the_same_with_both_lines(values: Values) -> None:
    """Whoever reviews a rendering with one need not fear the other."""
    assert render_chart(values, HelmLine.HELM_3) == render_chart(values, HelmLine.HELM_4)


def test_rendering_twice_gives_the_same() -> None:
    """Argo CD renders again and again: nothing may be drawn at random."""
    assert render_chart(FULL) == render_chart(FULL)


def test_cluster_wide_rights_are_those_of_the_operators_own_list() -> None:
    """No more, no less; and in the operator's namespace the Lease."""
    objects = render_chart()
    cluster = find(objects, "ClusterRole", "steward-operator")
    assert gather_rights(cluster["rules"]) == gather_rights(build_rules())
    home = find(objects, "Role", "steward-operator")
    assert home["metadata"]["namespace"] == NAMESPACE
    assert gather_rights(home["rules"]) == gather_rights(build_role(NAMESPACE)["rules"])


def test_scoped_rights_are_the_same_ones_in_one_namespace() -> None:
    """What a Role can hold is in a Role; the ClusterRole keeps what lives outside namespaces."""
    objects = render_chart(SCOPED)
    cluster = gather_rights(find(objects, "ClusterRole", "steward-operator")["rules"])
    scoped = find(objects, "Role", "steward-operator-assistants")
    assert scoped["metadata"]["namespace"] == "team-a"
    assert gather_rights(scoped["rules"]) | cluster == gather_rights(build_rules())
    assert {resource.split("/")[0] for _, resource, _ in cluster} <= gather_cluster_plurals() | {
        "customresourcedefinitions"
    }


@pytest.mark.parametrize("values", [{}, SCOPED], ids=["cluster-wide", "scoped"])
def test_secrets_can_be_created_and_nothing_else(values: Values) -> None:
    """For every role that the operator or the archive holds."""
    objects = render_chart(values)
    held = [*select(objects, "Role"), *select(objects, "ClusterRole")]
    verbs = {
        v for role in held for _, r, v in gather_rights(role["rules"]) if r.startswith("secrets")
    }
    assert verbs == {"create"}
    assert "*" not in str([role["rules"] for role in held])


def test_every_binding_leads_to_a_role_and_an_account_of_the_chart() -> None:
    """Names are composed in several templates."""
    for values in ({}, SCOPED, {"fullnameOverride": "guard"}):
        objects = render_chart(values)
        accounts = {each["metadata"]["name"] for each in select(objects, "ServiceAccount")}
        bindings = [*select(objects, "RoleBinding"), *select(objects, "ClusterRoleBinding")]
        assert bindings
        for binding in bindings:
            reference = binding["roleRef"]
            role = find(objects, reference["kind"], reference["name"])
            assert role["metadata"].get("namespace") == binding["metadata"].get("namespace")
            assert {subject["name"] for subject in binding["subjects"]} <= accounts
            assert {subject["namespace"] for subject in binding["subjects"]} == {NAMESPACE}
        used = {pod["serviceAccountName"] for pod in gather_pods(objects)}
        assert used == accounts


@pytest.mark.parametrize("values", [{}, SCOPED, FULL], ids=["default", "scoped", "full"])
def test_pods_satisfy_the_restricted_level(values: Values) -> None:
    """No root, no privilege, no capability, a seccomp profile, and read-only files."""
    for pod in gather_pods(render_chart(values)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert security["readOnlyRootFilesystem"] is True
            assert container["resources"]["limits"]["memory"]
        kinds = {key for volume in pod["volumes"] for key in volume if key != "name"}
        assert kinds <= {"emptyDir", "secret", "persistentVolumeClaim"}


def test_the_operator_understands_its_flags() -> None:
    """Each flag exists, and says what the values say."""
    options = read_options()
    assert options.is_elected
    assert options.namespace is None
    assert (options.host, options.health_port, options.metrics_port) == ("10.0.0.7", 8081, 9090)
    assert str(options.key_path) == "/etc/steward/keys"
    assert options.archive_path is None
    version = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"]
    assert options.settings.runtime_image == f"steward-runtime:{version}"
    image = {"registry": "r.test:5000", "digest": f"sha256:{'0' * 64}", "pullPolicy": "Always"}
    given = {
        **SCOPED,
        "runtime": {"image": image, "pullSecrets": [{"name": "registry"}]},
        "cluster": {"dns": {"namespace": "d", "podLabels": {"k8s-app": None, "a": "b"}}},
        "metrics": {"enabled": False},
        "upgrade": {"maxConcurrent": 7},
        "keys": {"enabled": False},
        "archive": {"enabled": False},
    }
    options = read_options(given)
    assert options.namespace == "team-a"
    assert options.metrics_port == 0
    assert options.key_path is None
    assert options.settings.runtime_image == f"r.test:5000/steward-runtime@{image['digest']}"
    assert options.settings.runtime_image_pull_policy == "Always"
    assert options.settings.runtime_image_pull_secrets == ("registry",)
    assert options.settings.upgrade_max_concurrent == 7
    assert options.settings.dns_pod_labels == (("a", "b"),)


def test_the_archive_understands_its_flags() -> None:
    """It has the one volume, and waits for the key that the operator makes."""
    objects = render_chart(SCOPED)
    archive = find(objects, "StatefulSet", "steward-archive")
    assert archive["spec"]["replicas"] == 1
    pod = archive["spec"]["template"]["spec"]
    options = parse_archive_options(pod["containers"][0]["args"])
    assert options.namespace == "team-a"
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["keys"]["secret"]["secretName"] == SECRET_NAME
    assert not volumes["keys"]["secret"].get("optional")
    mounts = {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert {str(options.key_path), str(options.archive_path)} <= mounts
    (claim,) = archive["spec"]["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "archive"
    assert not select(objects, "PersistentVolumeClaim")


def test_a_volume_of_ones_own_takes_the_place_of_the_archives() -> None:
    """It is mounted by name, and no claim is asked for."""
    objects = render_chart({"archive": {"existingClaim": "receipts"}})
    archive = find(objects, "StatefulSet", "steward-archive")["spec"]
    volumes = {volume["name"]: volume for volume in archive["template"]["spec"]["volumes"]}
    assert volumes["archive"]["persistentVolumeClaim"] == {"claimName": "receipts"}
    assert "volumeClaimTemplates" not in archive


def test_assistants_let_in_operator_and_archive() -> None:
    """Their policies select this label in the operator's namespace, whatever the release's name."""
    for workload in select_workloads(render_chart({"fullnameOverride": "guard"})):
        assert workload["spec"]["template"]["metadata"]["labels"][NAME] == FIELD_MANAGER


def test_selectors_select_their_own_pods_and_no_others() -> None:
    """Operator, archive and demo model are three sets."""
    found = select_workloads(render_chart(FULL))
    assert len(found) == 3
    for chooser in found:
        wanted = chooser["spec"]["selector"]["matchLabels"].items()
        chosen = [d for d in found if wanted <= d["spec"]["template"]["metadata"]["labels"].items()]
        assert chosen == [chooser]


def test_definitions_are_the_generated_ones() -> None:
    """Beside labels and the keep policy, to the letter, braces in descriptions included."""
    objects = render_chart()
    for path in sorted((REPOSITORY / "crds" / "manifests").glob("*.yaml")):
        wanted = yaml.safe_load(path.read_text(encoding="utf-8"))
        rendered = find(objects, "CustomResourceDefinition", wanted["metadata"]["name"])
        assert rendered["spec"] == wanted["spec"]
        assert rendered["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert len(select(objects, "CustomResourceDefinition")) == len(KINDS)


def test_teams_edit_four_kinds_and_read_all() -> None:
    """Policies have editors of their own, which nobody gets by aggregation."""
    roles = {role["metadata"]["name"]: role for role in select(render_chart(), "ClusterRole")}
    view, edit = roles["steward-view"], roles["steward-edit"]
    assert view["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"
    plurals = {kind.NAMES.kind: kind.NAMES.plural for kind in KINDS}
    assert {resource for _, resource, _ in gather_rights(view["rules"])} == set(plurals.values())
    teams = {plurals[name] for name in EDITED_BY_TEAMS}
    assert {resource for _, resource, _ in gather_rights(edit["rules"])} == teams
    for kind in KINDS:
        editor = roles.get(f"steward-{kind.NAMES.singular}-editor")
        assert (editor is None) is (kind.NAMES.kind in EDITED_BY_TEAMS)
        if editor is not None:
            assert not [key for key in editor["metadata"]["labels"] if "aggregate" in key]


def test_a_scoped_release_judges_writes_in_its_namespace_alone() -> None:
    """Admission policies are objects of the cluster; their bindings say where they act."""
    for values, expected in (
        ({}, {}),
        (SCOPED, {"matchLabels": {"kubernetes.io/metadata.name": "team-a"}}),
    ):
        bindings = select(render_chart(values), "ValidatingAdmissionPolicyBinding")
        assert len(bindings) == 6
        for binding in bindings:
            assert binding["spec"]["matchResources"]["namespaceSelector"] == expected


GONE = {
    "rbac.create": {"Role", "RoleBinding", "ClusterRoleBinding"},
    "archive.enabled": {"StatefulSet"},
    "crds.install": {"CustomResourceDefinition"},
    "admissionPolicies.enabled": {
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    },
    "podDisruptionBudget.enabled": {"PodDisruptionBudget"},
    "networkPolicy.enabled": {"NetworkPolicy"},
    "metrics.enabled": {"Service"},
}


@pytest.mark.parametrize("switch", GONE)
def test_nothing_of_a_disabled_part_is_rendered(switch: str) -> None:
    """Not one object, and no reference to it."""
    group, name = switch.split(".")
    kinds = {found["kind"] for found in render_chart({group: {name: False}})}
    assert not kinds & GONE[switch]
    assert {found["kind"] for found in render_chart()} - kinds == GONE[switch]


def test_one_replica_has_no_budget() -> None:
    """It would protect nothing, or keep a node from being drained."""
    assert not select(render_chart({"operator": {"replicas": 1}}), "PodDisruptionBudget")


def test_no_pod_names_a_pull_secret_unless_told() -> None:
    """Then each of them does."""
    assert not [pod for pod in gather_pods(render_chart(FULL)) if "imagePullSecrets" in pod]
    told = render_chart({**FULL, "imagePullSecrets": [{"name": "registry"}]})
    for pod in gather_pods(told):
        assert pod["imagePullSecrets"] == [{"name": "registry"}]


def test_common_labels_are_on_every_object() -> None:
    """Also on those that are generated."""
    for found in render_chart({**FULL, "commonLabels": {"owner": "platform"}}):
        assert found["metadata"]["labels"]["owner"] == "platform", found["metadata"]["name"]


def test_alerts_ask_for_metrics_that_the_operator_has() -> None:
    """A misspelt name would never fire."""
    served = {f"{each.name}{suffix}" for each in REGISTRY.collect() for suffix in ("", "_total")}
    (rule,) = select(render_chart(FULL), "PrometheusRule")
    rules = rule["spec"]["groups"][0]["rules"]
    asked = {name for each in rules for name in re.findall(r"steward_\w+", each["expr"])}
    assert asked
    assert asked <= served
    assert all(f'namespace="{NAMESPACE}"' in each["expr"] for each in rules)
