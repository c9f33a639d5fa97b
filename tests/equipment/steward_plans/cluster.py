"""An imitated API server with its controllers: applies plans in memory and counts writes."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from steward_api.blueprint import BLUEPRINT_FILE, Blueprint
from steward_api.v1alpha1.assistant import AssistantStatus
from steward_operator import labels, names
from steward_operator.apply.marking import digest_wish, mark_wish
from steward_operator.compare import has_drifted
from steward_operator.gather.anchors import parse_anchor
from steward_operator.objects import Manifest, key_of
from steward_operator.plan.assistant import plan_assistant
from steward_operator.plan.world import Anchor, Plan, World
from steward_plans.objects import NOW

Address = tuple[str, str]


@dataclass(slots=True)
class Cluster:
    """Objects of one namespace by kind and name, and what was written to them."""

    objects: dict[Address, Manifest] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    writes: list[str] = field(default_factory=list)
    now: datetime = NOW
    """When objects are made: the time of the world that was last applied."""
    _last_uid: int = 0

    def observe(self, world: World) -> World:
        """Return the world as `gather` would see it now."""
        name = world.assistant.metadata.name
        children = tuple(
            copy.deepcopy(found)
            for found in self.objects.values()
            if found["metadata"]["labels"].get(labels.ASSISTANT) == name
        )
        found = [anchor for anchor in map(_read_anchor, children) if anchor]
        found.sort(key=lambda anchor: anchor.generation)
        newest = {anchor.role: anchor for anchor in found}
        return replace(
            world,
            children=children,
            anchors=newest,
            older_anchors=tuple(each for each in found if each is not newest[each.role]),
            secrets_present={
                secret: secret in self.secrets
                for anchor in found
                for role, anchor_role in names.ANCHOR_OF_SECRET.items()
                if anchor_role is anchor.role
                for secret in [names.secret_name(name, role, anchor.entropy)]
            },
            blueprints_in_use=self._mounted_blueprints(),
            last_blueprint=self._read_blueprint(world),
        )

    def apply(self, world: World, plan: Plan) -> World:
        """Apply a plan and return the world that follows."""
        self.now = world.now
        for planned in plan.anchors_to_create:
            self._create(planned.manifest)
        for secret in plan.secrets_to_create:
            assert secret.name not in self.secrets
            self.secrets.add(secret.name)
            self.writes.append(f"create Secret {secret.role}")
        for child in plan.children:
            self._apply(child)
        for key in plan.prune:
            self._collect_secrets(self.objects.pop((key.kind, key.name)))
            self.writes.append(f"delete {key.kind} {key.name}")
        if plan.status is not None:
            self.writes.append("status")
            status = AssistantStatus.model_validate(plan.status)
            assistant = world.assistant.model_copy(update={"status": status})
            world = replace(world, assistant=assistant)
        self.writes.extend(f"event {event.reason}" for event in plan.events)
        return self.observe(world)

    def settle(self, world: World) -> World:
        """Plan and apply until nothing is written any more; fails after ten rounds."""
        world = self.observe(world)
        for _ in range(10):
            written = len(self.writes)
            world = self.apply(world, plan_assistant(world))
            if len(self.writes) == written:
                return world
            self.report_deployment(world)
            world = self.observe(world)
        raise AssertionError(f"writes never end: {self.writes}")

    def report_deployment(self, world: World) -> None:
        """Let the Deployment controller and a kubelet do their work."""
        deployment = self.objects.get(("Deployment", world.assistant.metadata.name))
        if deployment is None:
            return
        replicas = deployment["spec"]["replicas"]
        deployment["status"] = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": replicas,
            "updatedReplicas": replicas,
            "availableReplicas": replicas,
        }

    def _create(self, manifest: Manifest) -> None:
        key = key_of(manifest)
        assert (key.kind, key.name) not in self.objects
        self._last_uid += 1
        created = _with_defaults(manifest)
        created["metadata"] |= {
            "uid": f"uid-{self._last_uid}",
            "resourceVersion": str(len(self.writes) + 1),
            "generation": 1,
            "creationTimestamp": self.now.isoformat(),
        }
        self.objects[key.kind, key.name] = created
        self.writes.append(f"create {key.kind} {key.name}")

    def _apply(self, manifest: Manifest) -> None:
        key = key_of(manifest)
        manifest = mark_wish(manifest, digest_wish(manifest))
        observed = self.objects.get((key.kind, key.name))
        if observed is None:
            self._create(manifest)
        elif has_drifted(manifest, observed):
            changed = _with_defaults(manifest)
            changed["metadata"] |= {
                "creationTimestamp": observed["metadata"]["creationTimestamp"],
                "uid": observed["metadata"]["uid"],
                "resourceVersion": str(len(self.writes) + 1),
                "generation": observed["metadata"]["generation"] + 1,
            }
            self.objects[key.kind, key.name] = {**changed, "status": observed.get("status", {})}
            self.writes.append(f"update {key.kind} {key.name}")

    def _collect_secrets(self, owner: Manifest) -> None:
        """Remove the Secrets of an anchor, as the garbage collector does."""
        entropy = owner.get("data", {}).get("entropy")
        if entropy:
            self.secrets -= {name for name in self.secrets if name.endswith(entropy)}

    def _mounted_blueprints(self) -> frozenset[str]:
        mounted = set()
        for (kind, _), found in self.objects.items():
            if kind == "Deployment" and found.get("status"):
                for volume in found["spec"]["template"]["spec"]["volumes"]:
                    mounted.add(volume.get("configMap", {}).get("name", ""))
        return frozenset(mounted - {""})

    def _read_blueprint(self, world: World) -> Blueprint | None:
        digest = world.assistant.status.blueprint_digest
        if digest is None:
            return None
        name = names.blueprint_config_map_name(world.assistant.metadata.name, digest)
        found = self.objects.get(("ConfigMap", name))
        return Blueprint.model_validate_json(found["data"][BLUEPRINT_FILE]) if found else None


def _read_anchor(child: Manifest) -> Anchor | None:
    return parse_anchor(child) if "data" in child else None


def _with_defaults(manifest: Manifest) -> Manifest:
    """Fill in some of what a real API server does: fields that we never name."""
    filled = copy.deepcopy(manifest)
    spec: dict[str, Any] = filled.get("spec", {})
    if filled["kind"] == "Deployment":
        spec["progressDeadlineSeconds"] = 600
        spec["template"]["spec"] |= {"dnsPolicy": "ClusterFirst", "restartPolicy": "Always"}
        for container in spec["template"]["spec"]["containers"]:
            container["terminationMessagePath"] = "/dev/termination-log"
    if filled["kind"] == "Service":
        spec |= {"sessionAffinity": "None", "clusterIP": spec.get("clusterIP", "10.96.0.7")}
    if filled["kind"] == "PersistentVolumeClaim":
        spec |= {"volumeMode": "Filesystem", "storageClassName": "standard"}
    return filled
