"""The two ConfigMaps of an assistant: its Blueprint, and whom it trusts."""

from __future__ import annotations

from steward_api.blueprint import BLUEPRINT_FILE, TRUST_FILE, Trust
from steward_api.canonical import render_canonical
from steward_operator import names
from steward_operator.children.context import ChildContext, build_owned_metadata
from steward_operator.names import Component
from steward_operator.objects import Manifest


def build_blueprint_config_map(context: ChildContext) -> Manifest:
    """Build the immutable ConfigMap of the Blueprint, named after its digest."""
    name = names.blueprint_config_map_name(context.name, context.digest)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": build_owned_metadata(context, name, Component.BLUEPRINT),
        "immutable": True,
        "data": {BLUEPRINT_FILE: context.blueprint.render().decode()},
    }


def build_trust_config_map(context: ChildContext) -> Manifest:
    """Build the ConfigMap that tells the runtime who it is and whose orders it takes."""
    trust = Trust(
        namespace=context.namespace,
        assistant=context.name,
        uid=context.assistant.metadata.uid,
        operator_keys=tuple(sorted(context.operator_keys, key=lambda key: key.key_id)),
        denial=context.denial,
    )
    document = trust.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": build_owned_metadata(
            context, names.trust_config_map_name(context.name), Component.TRUST
        ),
        "data": {TRUST_FILE: render_canonical(document).decode()},
    }
