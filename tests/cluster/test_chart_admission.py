"""The chart's admission policies and roles for people, each as a pair of accepted and refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import pytest

from steward_api.meta import API_VERSION, GROUP
from steward_chart.releasing import Release
from steward_chart.rendering import gather_rights
from steward_lab.control_plane import ControlPlane
from steward_lab.errors import ApiError, LabError
from steward_lab.helm import HelmLine
from steward_lab.kube_client import KubeClient, Manifest
from steward_loopback.polling import wait_until
from steward_operator.chart.access import (
    EDITED_BY_TEAMS,
    build_cluster_rules,
    build_namespaced_rules,
)
from steward_operator.names import ERASURE_FINALIZER
from steward_operator_lab.samples import (
    build_assistant,
    build_memory_policy,
    build_model,
    build_needs,
    build_prompt,
    build_retention_policy,
    build_tool,
)

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

RBAC = "rbac.authorization.k8s.io/v1"
SECONDS = 60.0
FORBIDDEN, INVALID = 403, 422
ASSISTANT = f"{API_VERSION}/Assistant"


@dataclass(frozen=True, slots=True)
class People:
    """One namespace and who works there."""

    plane: ControlPlane
    namespace: str
    clients: ExitStack

    def give(self, name: str, *rules: Manifest, role: str = "") -> KubeClient:
        """Return a person with rules of his own, or with a role of the cluster."""
        account: Manifest = {"apiVersion": "v1", "kind": "ServiceAccount"}
        self._create({**account, "metadata": {"name": name}})
        kind = "ClusterRole" if role else "Role"
        if rules:
            self._create({**self._head("Role", name), "rules": list(rules)})
        self._create(
            {
                **self._head("RoleBinding", name),
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": kind,
                    "name": role or name,
                },
                "subjects": [{"kind": "ServiceAccount", "name": name}],
            }
        )
        return self.connect(name, self.namespace)

    def connect(self, account: str, namespace: str) -> KubeClient:
        """Return a client that speaks for an account."""
        token = self.plane.token_for(account, namespace)
        return self.clients.enter_context(self.plane.client(token))

    def _head(self, kind: str, name: str) -> Manifest:
        return {"apiVersion": RBAC, "kind": kind, "metadata": {"name": name}}

    def _create(self, manifest: Manifest) -> None:
        self.plane.admin.create(manifest, self.namespace)


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A control plane with the release; the operator's Pods do not run."""
    with ControlPlane() as running:
        Release(running, HelmLine.HELM_4).prepare_namespace()
        Release(running, HelmLine.HELM_4).install(is_waiting=False)
        wait_until(lambda: is_enforced(running), "the policies to act", SECONDS)
        yield running


@pytest.fixture
def people(plane: ControlPlane) -> Iterator[People]:
    """A fresh namespace."""
    with ExitStack() as clients:
        yield People(plane, plane.create_namespace("team"), clients)


def is_enforced(plane: ControlPlane) -> bool:
    """Say whether every policy is seen: the last one of the file refuses what it should."""
    with ExitStack() as clients:
        people = People(plane, plane.create_namespace("probe"), clients)
        probe = people.give("probe", build_rule(GROUP, "tools", "create"))
        try:
            probe.create(build_tool(credential="none"), people.namespace)
        except ApiError as error:
            return "which you may not read" in str(error)
        return False


def build_rule(group: str, resource: str, *verbs: str, names: tuple[str, ...] = ()) -> Manifest:
    """Return one rule of a Role."""
    rule: Manifest = {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
    return {**rule, "resourceNames": list(names)} if names else rule


def refuse(client: KubeClient, manifest: Manifest, namespace: str) -> str:
    """Create what is to be refused, and return the words."""
    with pytest.raises(ApiError) as refused:
        client.create(manifest, namespace)
    assert refused.value.status in {FORBIDDEN, INVALID}
    return str(refused.value)


REFERENCES = [
    ("models", build_model(credential="vault"), "spec.openAI.credentialSecretRef"),
    ("tools", build_tool(credential="vault"), "spec.http.credentialSecretRef"),
    (
        "assistants",
        build_assistant(authentication={"keysSecretRef": {"name": "vault"}}),
        "spec.authentication.keysSecretRef",
    ),
]


@pytest.mark.parametrize(("plural", "manifest", "field"), REFERENCES, ids=lambda v: str(v)[:12])
def test_who_names_a_secret_must_be_allowed_to_read_it(
    people: People, plural: str, manifest: Manifest, field: str
) -> None:
    """Otherwise whoever may write a Tool could have any Secret of the namespace sent away."""
    writes = build_rule(GROUP, plural, "create", "patch", "get")
    stranger = people.give("stranger", writes, build_rule("", "secrets", "list"))
    words = refuse(stranger, manifest, people.namespace)
    assert f"{field} names Secret vault, which you may not read" in words
    reads = build_rule("", "secrets", "get", names=("vault",))
    owner = people.give("owner", writes, reads)
    assert owner.create(manifest, people.namespace)
    other = json.loads(
        json.dumps({**manifest, "metadata": {"name": "m2"}}).replace("vault", "safe")
    )
    assert "names Secret safe" in refuse(owner, other, people.namespace)


def test_a_change_of_the_spec_is_judged_and_a_label_is_not(people: People) -> None:
    """Sending the same Secret to another URL is a change, too; the operator's finalizer is none."""
    owner = people.give(
        "owner",
        build_rule(GROUP, "models", "create"),
        build_rule("", "secrets", "get"),
    )
    owner.create(build_model(credential="vault"), people.namespace)
    other = people.give("other", build_rule(GROUP, "models", "patch", "get"))
    kind, where = f"{API_VERSION}/Model", people.namespace
    assert other.patch(kind, "chat", where, body={"metadata": {"labels": {"a": "b"}}})
    moved = {"spec": {"openAI": {"baseUrl": "https://elsewhere.example.com/v1"}}}
    with pytest.raises(ApiError, match="which you may not read"):
        other.patch(kind, "chat", where, body=moved)


def test_a_model_without_a_secret_needs_no_right_on_secrets(people: People) -> None:
    """What is not named is not asked for."""
    writer = people.give("writer", build_rule(GROUP, "models", "create"))
    assert writer.create(build_model(), people.namespace)


def test_the_finalizer_of_an_erasure_is_the_operators(people: People) -> None:
    """Who edits a namespace cannot skip the proof; who holds the verb `release` can."""
    admin, where = people.plane.admin, people.namespace
    for manifest in (*build_needs(), build_assistant()):
        admin.create(manifest, where)
    mark = {"metadata": {"finalizers": [ERASURE_FINALIZER, "example.com/other"]}}
    admin.patch(ASSISTANT, "helper", where, body=mark)
    editor = people.give("editor", role="edit")
    wait_until(lambda: editor.find(ASSISTANT, "helper", where), "the aggregation", SECONDS)
    only_ours = {"metadata": {"finalizers": [ERASURE_FINALIZER]}}
    assert editor.patch(ASSISTANT, "helper", where, body=only_ours)
    taken: Manifest = {"metadata": {"finalizers": []}}
    with pytest.raises(ApiError, match="you need the verb release on assistants"):
        editor.patch(ASSISTANT, "helper", where, body=taken)
    patches = build_rule(GROUP, "assistants", "patch", "release")
    assert people.give("breaker", patches).patch(ASSISTANT, "helper", where, body=taken)


def test_the_operator_may_take_its_finalizer_away(people: People) -> None:
    """It is known by its account."""
    plane, where = people.plane, people.namespace
    for manifest in (*build_needs(), build_assistant()):
        plane.admin.create(manifest, where)
    mark = {"metadata": {"finalizers": [ERASURE_FINALIZER]}}
    plane.admin.patch(ASSISTANT, "helper", where, body=mark)
    operator = people.connect("steward-operator", "steward-system")
    assert operator.patch(ASSISTANT, "helper", where, body={"metadata": {"finalizers": None}})


PLAIN = [
    ("http://models.example.com/v1", True),
    ("https://models.example.com/v1", False),
    ("http://models.team.svc:8080/v1", False),
    ("http://models.team.svc.cluster.local/v1", False),
    ("http://models:8080/v1", False),
    ("http://10.0.0.7:8080/v1", True),
]


@pytest.mark.parametrize(("url", "is_warned"), PLAIN)
def test_a_credential_in_clear_text_brings_a_warning(
    people: People, url: str, is_warned: bool
) -> None:
    """The person sees it; the object is taken."""
    model = build_model(credential="vault")
    model["spec"]["openAI"]["baseUrl"] = url
    words = ("create", "--warnings-as-errors", "-n", people.namespace, "-f", "-")
    if is_warned:
        with pytest.raises(LabError, match="may leave the cluster unencrypted"):
            people.plane.kubectl(*words, text=json.dumps(model))
    else:
        people.plane.kubectl(*words, text=json.dumps(model))
    assert people.plane.admin.get(f"{API_VERSION}/Model", "chat", people.namespace)


def test_edit_writes_four_kinds_and_no_policy(people: People) -> None:
    """By aggregation to the cluster's own role `edit`; policies have roles of their own."""
    editor = people.give("editor", role="edit")
    where = people.namespace
    wait_until(lambda: _can_list(editor, where), "the aggregation", SECONDS)
    made = {
        "Assistant": build_assistant(),
        "Model": build_model(),
        "Prompt": build_prompt(),
        "Tool": build_tool(),
    }
    assert made.keys() == EDITED_BY_TEAMS
    for manifest in made.values():
        assert editor.create(manifest, where)
    for manifest in (build_retention_policy(), build_memory_policy()):
        assert "cannot create resource" in refuse(editor, manifest, where)
    officer = people.give("officer", role="steward-retentionpolicy-editor")
    assert officer.create(build_retention_policy(), where)
    assert "cannot create resource" in refuse(officer, build_memory_policy(), where)


def test_view_reads_every_kind_and_writes_none(people: People) -> None:
    """Also policies: what is kept for how long is no secret in the namespace."""
    viewer, where = people.give("viewer", role="view"), people.namespace
    for kind in ("Assistant", "Model", "Prompt", "Tool", "MemoryPolicy", "RetentionPolicy"):
        wait_until(partial(_can_list, viewer, where, kind), f"reading {kind}", SECONDS)
    assert "cannot create resource" in refuse(viewer, build_prompt(), where)


def test_every_right_stands_where_its_resource_lives(plane: ControlPlane) -> None:
    """The API server says what is namespaced: a Role cannot hold the rest."""
    outside = {(group, name) for group, name, _ in gather_rights(build_cluster_rules())}
    inside = {(group, name) for group, name, _ in gather_rights(build_namespaced_rules())}
    for group, name in outside | inside:
        assert is_namespaced(plane, group, name) is ((group, name) in inside), name
    assert not outside & inside


def is_namespaced(plane: ControlPlane, group: str, name: str) -> bool:
    """Return what the API server's discovery says of a resource."""
    path = "/api/v1"
    if group:
        versions = plane.admin.request("GET", f"/apis/{group}")
        path = f"/apis/{versions['preferredVersion']['groupVersion']}"
    listed = plane.admin.request("GET", path)["resources"]
    plural = name.partition("/")[0]
    return next(bool(each["namespaced"]) for each in listed if each["name"] == plural)


def _can_list(client: KubeClient, namespace: str, kind: str = "Assistant") -> bool:
    try:
        client.list(f"{API_VERSION}/{kind}", namespace)
    except ApiError:
        return False
    return True
