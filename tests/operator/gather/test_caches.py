"""What a watch event means: whom it wakes, and what is remembered of it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from steward_api.v1alpha1 import Assistant
from steward_operator import labels
from steward_operator.gather.child_cache import ChildCache
from steward_operator.gather.child_record import ChildKey, key_of_child
from steward_operator.gather.own_cache import OwnCache, subject_of
from steward_operator.gather.subject import Subject
from steward_operator.kube.resources import DEPLOYMENTS, SERVICES, VOLUME_CLAIMS
from steward_operator.objects import Manifest
from steward_operator.plan.world import Broken
from steward_operator_lab.samples import (
    build_assistant,
    build_embedder,
    build_memory_policy,
    build_tool,
)

HELPER = Subject("Assistant", "n", "helper")


def seen(manifest: Manifest, version: int = 1, generation: int = 1, uid: str = "u") -> Manifest:
    """An object as a list or watch shows it."""
    metadata = {
        **manifest["metadata"],
        "namespace": "n",
        "uid": uid,
        "resourceVersion": str(version),
        "generation": generation,
        "managedFields": [{"manager": "somebody"}],
    }
    return {**manifest, "metadata": metadata}


def build_child(version: int = 1, **changes: Any) -> Manifest:
    """A child of the Assistant `helper`."""
    metadata = {
        "name": "helper",
        "namespace": "n",
        "uid": "c",
        "resourceVersion": str(version),
        "labels": {labels.MANAGED_BY: labels.MANAGED_BY_VALUE, labels.ASSISTANT: "helper"},
    }
    return {"metadata": {**metadata, **changes}}


def build_deployment(version: int, generation: int = 1, **status: int) -> Manifest:
    """A Deployment of the Assistant `helper`."""
    child = build_child(version, generation=generation)
    return {**child, "spec": {"replicas": 1, "template": {"metadata": {}}}, "status": status}


def test_a_change_of_spec_wakes_all_that_depend_on_it() -> None:
    """Also through a policy; a change of status or metadata wakes only the object itself."""
    cache = OwnCache()
    cache.observe(seen(build_assistant(memoryPolicyRef={"name": "memory"})))
    cache.observe(seen(build_memory_policy(embedder="embedder")))
    policy = Subject("MemoryPolicy", "n", "memory")
    embedder = Subject("Model", "n", "embedder")
    assert cache.observe(seen(build_embedder())) == (embedder, policy, HELPER)
    assert cache.observe(seen(build_embedder(), 2)) == (embedder,)
    assert cache.observe(seen(build_embedder(), 3, 2)) == (embedder, policy, HELPER)
    assert cache.forget(embedder) == (embedder, policy, HELPER)
    assert cache.forget(embedder) == ()


def test_a_reference_that_is_dropped_wakes_nobody_any_more() -> None:
    """The index follows the spec."""
    cache = OwnCache()
    cache.observe(seen(build_assistant(toolRefs=[{"name": "tool"}])))
    tool = Subject("Tool", "n", "tool")
    assert tool in cache.targets_of(HELPER)
    assert HELPER in cache.dependents_of(tool)
    cache.observe(seen(build_assistant(), 2, 2))
    assert cache.dependents_of(tool) == ()
    assert cache.observe(seen(build_tool())) == (tool,)


def test_an_older_version_and_our_own_status_wake_nobody() -> None:
    """Time does not run backwards, and what we wrote is no news."""
    cache = OwnCache()
    cache.observe(seen(build_assistant(), 5))
    assert cache.observe(seen(build_assistant(), 4)) == ()
    cache.note_status(HELPER, {"observedGeneration": 1, "endpoint": "http://e"}, "7")
    assert cache.observe(seen(build_assistant(), 7)) == ()
    entry = cache.get(HELPER)
    assert entry is not None
    content = entry.read()
    assert isinstance(content, Assistant)
    assert content.status.endpoint == "http://e"
    assert content.metadata.resource_version == "7"


def test_what_cannot_be_read_is_broken_and_refers_to_nothing() -> None:
    """An object of a newer schema is kept and named, never an exception."""
    cache = OwnCache()
    manifest = seen(build_assistant(newField=1))
    assert cache.observe(manifest) == (HELPER,)
    entry = cache.get(subject_of(manifest))
    assert entry is not None
    assert isinstance(entry.read(), Broken)
    assert cache.targets_of(HELPER) == ()


def test_the_end_of_one_object_is_not_the_end_of_the_next() -> None:
    """Both may have one name, and be told of in either order."""
    cache = OwnCache()
    cache.observe(seen(build_assistant(), 1, uid="old"))
    cache.observe(seen(build_assistant(), 9, uid="new"))
    assert cache.forget(HELPER, "old") == ()
    assert cache.forget(HELPER, "new") == (HELPER,)
    children = ChildCache()
    children.note_written(build_child(9, uid="new"), SERVICES, "wish")
    assert children.forget(build_child(5, uid="old"), SERVICES) is None
    assert children.get(key_of_child(build_child(), SERVICES))


names = st.sampled_from(["a", "b", "c"])
steps = st.lists(st.tuples(names, st.sets(names), st.booleans()), max_size=25)


@given(steps)
def test_the_index_is_always_the_inverse_of_the_references(
    steps: list[tuple[str, set[str], bool]],
) -> None:
    """Whatever comes and goes: who refers to a Tool is found, and nobody else."""
    cache = OwnCache()
    held: dict[str, set[str]] = {}
    for version, (name, tools, is_gone) in enumerate(steps, 1):
        if is_gone:
            cache.forget(Subject("Assistant", "n", name))
            held.pop(name, None)
        else:
            refs = [{"name": tool} for tool in sorted(tools)]
            cache.observe(seen(build_assistant(name, toolRefs=refs), version, version))
            held[name] = tools
    for tool in ("a", "b", "c"):
        found = {subject.name for subject in cache.dependents_of(Subject("Tool", "n", tool))}
        assert found == {name for name, tools in held.items() if tool in tools}


def test_a_child_that_somebody_else_changed_is_no_longer_verified() -> None:
    """Our own write is; what comes after it from elsewhere must be read."""
    cache, key = ChildCache(), ChildKey("Service", "n", "helper")
    cache.note_written(build_child(5), SERVICES, "wish")
    assert cache.observe(build_child(5), SERVICES) is None
    assert cache.get(key).verified == "wish"  # type: ignore[union-attr] # it is there
    concern = cache.observe(build_child(6), SERVICES)
    assert concern is not None
    assert concern.subject == HELPER
    assert not cache.get(key).verified  # type: ignore[union-attr] # it is there


def test_a_watch_that_is_faster_than_the_answer_is_not_overtaken() -> None:
    """Events that arrive during our own write wake nobody, and later ones are kept."""
    cache = ChildCache()
    key = key_of_child(build_child(), SERVICES)
    cache.begin_write(key)
    assert cache.observe(build_child(5), SERVICES) is None
    cache.note_written(build_child(5), SERVICES, "wish")
    assert cache.end_write(key)
    cache.begin_write(key)
    assert cache.observe(build_child(9), SERVICES) is None
    cache.note_written(build_child(8), SERVICES, "wish")
    assert not cache.end_write(key), "version 9 is somebody else's"


def test_progress_of_a_deployment_is_not_urgent_and_its_goal_is() -> None:
    """Status noise waits; availability is looked at once; the spec stays verified."""
    cache, key = ChildCache(), ChildKey("Deployment", "n", "helper")
    cache.note_written(build_deployment(1), DEPLOYMENTS, "wish")
    noise = cache.observe(build_deployment(2, observedGeneration=1, replicas=1), DEPLOYMENTS)
    assert noise is not None
    assert not noise.is_urgent
    counts = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    goal = cache.observe(build_deployment(3, observedGeneration=1, **counts), DEPLOYMENTS)
    assert goal is not None
    assert goal.is_urgent
    assert cache.get(key).verified == "wish"  # type: ignore[union-attr] # it is there
    edited = cache.observe(build_deployment(4, 2, observedGeneration=1, **counts), DEPLOYMENTS)
    assert edited is not None
    assert edited.is_urgent
    assert not cache.get(key).verified  # type: ignore[union-attr] # it is there


def test_binding_a_volume_is_no_drift() -> None:
    """Kubernetes' own annotations and the volume's name are not our wish."""
    cache = ChildCache()
    spec = {"resources": {"requests": {"storage": "1Gi"}}}
    cache.note_written({**build_child(1), "spec": spec}, VOLUME_CLAIMS, "wish")
    bound = {
        **build_child(2, annotations={"pv.kubernetes.io/bind-completed": "yes"}),
        "spec": {**spec, "volumeName": "pv-1"},
    }
    assert cache.observe(bound, VOLUME_CLAIMS) is None
    resized = {**bound, "spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    resized["metadata"] = {**bound["metadata"], "resourceVersion": "3"}
    assert cache.observe(resized, VOLUME_CLAIMS) is not None


def test_the_whole_of_the_first_list_is_handed_out_once_and_only_while_it_is_true() -> None:
    """An object that changed after the list must be read again."""
    cache = ChildCache()
    whole = {**build_child(1), "spec": {"type": "ClusterIP"}}
    key = key_of_child(whole, SERVICES)
    cache.observe(whole, SERVICES)
    cache.keep_whole(whole, SERVICES)
    taken = cache.take_whole(key, SERVICES)
    assert taken is not None
    assert taken["spec"] == {"type": "ClusterIP"}
    assert cache.take_whole(key, SERVICES) is None
    cache.keep_whole(whole, SERVICES)
    cache.observe(build_child(2), SERVICES)
    assert cache.take_whole(key, SERVICES) is None


def test_a_child_that_changes_hands_leaves_its_old_family() -> None:
    """A label edited by hand moves the record; both can still be listed."""
    cache = ChildCache()
    cache.observe(build_child(1), SERVICES)
    moved = build_child(2, labels={labels.ASSISTANT: "other"})
    cache.observe(moved, SERVICES)
    assert not list(cache.children_of("n", "helper"))
    assert [key.name for key, _ in cache.children_of("n", "other")] == ["helper"]
    assert cache.forget(moved, SERVICES) is not None
    assert cache.keys_of(SERVICES) == ()
