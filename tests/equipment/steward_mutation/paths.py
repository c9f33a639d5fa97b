"""From a field's path in the API to the place in parsed objects, and what it is reset to."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from steward_api.meta import Kind
from steward_api.schema import Schema, build_schema, gather_spec_fields
from steward_api.v1alpha1 import KINDS

KIND_BY_NAME: Final = {kind.NAMES.kind: kind for kind in KINDS}


class UnknownFieldError(ValueError):
    """A path names no field of any kind."""


@dataclass(frozen=True, slots=True)
class Reset:
    """What is changed after parsing an object of `owner`.

    Attributes:
        owner: class of the object that was parsed.
        steps: names of attributes from there to the field; lists are walked item by item.
        value: what the field becomes.
    """

    owner: type[BaseModel]
    steps: tuple[str, ...]
    value: Any


def gather_fields() -> tuple[str, ...]:
    """Return the path of every spec field that a CRD serves, in the order of the kinds."""
    return tuple(path for kind in KINDS for path in gather_spec_fields(kind))


def plan_resets(field: str, becomes: Any = None) -> tuple[Reset, ...]:
    """Return the reset of a field for its kind, and for each class that only holds it.

    Without `becomes` the field gets its default; a field without one takes the nearest optional
    object or list around it away.

    Raises:
        UnknownFieldError: if no kind has that field.
        ValueError: if the field has neither a default nor an optional parent.
    """
    name, _, rest = field.partition(".")
    kind = KIND_BY_NAME.get(name)
    if kind is None or field not in gather_spec_fields(kind):
        raise UnknownFieldError(f"{field} is no field that a kind serves")
    names = tuple(rest.split("."))
    depth, value = (len(names), becomes) if becomes is not None else _default_of(kind, names)
    owners, attributes = _resolve(kind, names[:depth])
    typed = _parse_as(owners[-1].model_fields[attributes[-1]], value)
    return tuple(
        Reset(owner, attributes[index:], typed)
        for index, owner in enumerate(owners)
        if index == 0 or _is_held_once(owner)
    )


def apply_reset(value: Any, steps: tuple[str, ...], new: Any) -> Any:
    """Return a copy of `value` with the field at `steps` replaced, in every item of lists."""
    if isinstance(value, tuple):
        return tuple(apply_reset(item, steps, new) for item in value)
    if value is None:
        return None
    name, rest = steps[0], steps[1:]
    changed = apply_reset(getattr(value, name), rest, new) if rest else new
    return value.model_copy(update={name: changed})


def _parse_as(field: FieldInfo, value: Any) -> Any:
    """Return a JSON value as the field would hold it, its bounds checked."""
    hint: Any = field.annotation
    if field.metadata:
        hint = Annotated[hint, *field.metadata]
    return TypeAdapter(hint).validate_python(value)


def _default_of(kind: type[Kind], names: tuple[str, ...]) -> tuple[int, Any]:
    """Return how many names lead to what is reset, and its default.

    The outermost default wins, since it is what the API server fills in; else the field's own;
    else the nearest parent that may be absent goes.
    """
    node: Schema = build_schema(kind)
    optional: list[tuple[int, Any]] = []
    for index, name in enumerate(names):
        node = node["items"] if node.get("type") == "array" else node
        is_required = name in node.get("required", ())
        node = node["properties"][name]
        if "default" in node:
            return _inside(node, index, names)
        if not is_required:
            optional.append((index + 1, None))
    if not optional:
        raise ValueError(f"{'.'.join(names)} has no default: the register must say what it becomes")
    return optional[-1]


def _inside(node: Schema, index: int, names: tuple[str, ...]) -> tuple[int, Any]:
    default = node["default"]
    for depth, name in enumerate(names[index + 1 :], index + 1):
        if not isinstance(default, dict):
            return depth, default
        default = default.get(name)
    return len(names), default


def _resolve(
    kind: type[Kind], names: tuple[str, ...]
) -> tuple[tuple[type[BaseModel], ...], tuple[str, ...]]:
    owners: list[type[BaseModel]] = []
    attributes: list[str] = []
    model: type[BaseModel] | None = kind
    for name in names:
        if model is None:
            raise UnknownFieldError(f"{'.'.join(names)} leads into a value without fields")
        owners.append(model)
        attribute = next(a for a, f in model.model_fields.items() if name in {f.alias, a})
        attributes.append(attribute)
        model = model_in(model.model_fields[attribute].annotation)
    return tuple(owners), tuple(attributes)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model class inside an optional or a list, if there is one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {tuple, Union, types.UnionType, Annotated}:
        for part in get_args(annotation):
            found = model_in(part)
            if found is not None:
                return found
    return None


def _is_held_once(model: type[BaseModel]) -> bool:
    """Tell whether a class stands at one place only, so that changing it changes no other field."""
    return sum(_count(kind, model) for kind in KINDS) == 1


def _count(holder: type[BaseModel], model: type[BaseModel]) -> int:
    held = (model_in(field.annotation) for field in holder.model_fields.values())
    return sum((inner is model) + _count(inner, model) for inner in held if inner is not None)
