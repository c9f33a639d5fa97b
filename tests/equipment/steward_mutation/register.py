"""The register: every spec field, and the test that proves its effect outside the object."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from steward_api.schema import Schema, build_schema, walk_leaves
from steward_mutation.paths import KIND_BY_NAME, gather_fields

ROOT: Final = Path(__file__).resolve().parents[3]
REGISTER: Final = ROOT / "tests" / "effects.yaml"
PROOFS: Final = ROOT / "tests" / "effects.lock"


@dataclass(frozen=True, slots=True)
class Effect:
    """One field and its proof; `becomes` is None where the field is reset to its default."""

    field: str
    test: str
    becomes: Any = None


@dataclass(frozen=True, slots=True)
class Register:
    """What `tests/effects.yaml` says."""

    effects: tuple[Effect, ...]
    awaiting: Mapping[str, str]
    """Field to what it waits for, while the work goes on."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Field that can have one value only, to the test that shows every other one refused."""


class RegisterError(ValueError):
    """The register says something that cannot be so."""


def load_register(path: Path = REGISTER) -> Register:
    """Read the register.

    Raises:
        RegisterError: if an entry is neither a test nor a mapping with `test` and `becomes`.
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    effects = tuple(_parse(name, entry) for name, entry in (document["proven"] or {}).items())
    return Register(effects, document["awaiting"] or {}, document["fixed"] or {})


def check_register(register: Register) -> tuple[str, ...]:
    """Return what is missing from the register, or in it twice or in vain."""
    proven = [effect.field for effect in register.effects]
    known = set(gather_fields())
    problems = [f"{name} has no test" for name in gather_fields() if name not in _all(register)]
    problems += [f"{name} is no field that a CRD serves" for name in _all(register) - known]
    problems += [f"{name} is proven and awaited" for name in register.awaiting if name in proven]
    tests = [(effect.field, effect.test) for effect in register.effects]
    problems += [
        f"{name}: {problem}"
        for name, test in [*tests, *register.fixed.items()]
        if (problem := check_test(test))
    ]
    problems += [
        f"{name} has more than one value" for name in register.fixed if not _is_fixed(name)
    ]
    return tuple(sorted(problems))


def check_test(test: str) -> str:
    """Return why a test id leads nowhere, or nothing."""
    place, _, name = test.partition("::")
    path = ROOT / place
    function = name.rpartition("::")[2].partition("[")[0]
    if not place.startswith("tests/") or not path.is_file():
        return f"there is no file {place}"
    if f"def {function}(" not in path.read_text(encoding="utf-8"):
        return f"{place} holds no test {function}"
    return ""


def digest_of(effect: Effect) -> str:
    """Return a digest over what a proof rests on: schema of the field, file of the test, reset."""
    digest = hashlib.sha256(json.dumps([_leaf(effect.field), effect.test, effect.becomes]).encode())
    digest.update((ROOT / effect.test.partition("::")[0]).read_bytes())
    return digest.hexdigest()


def load_proofs(path: Path = PROOFS) -> dict[str, str]:
    """Return field to digest of the proof that `make mutate` last saw hold."""
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))


def save_proofs(proofs: Mapping[str, str], path: Path = PROOFS) -> None:
    """Write the proofs of fields that still exist, sorted."""
    known = set(gather_fields())
    lines = [f"{field} {digest}" for field, digest in sorted(proofs.items()) if field in known]
    header = "# Written by `make mutate`: fields whose test was seen to fail when they were reset."
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def _parse(name: str, entry: Any) -> Effect:
    if isinstance(entry, str):
        return Effect(name, entry)
    if isinstance(entry, dict) and set(entry) == {"test", "becomes"}:
        return Effect(name, entry["test"], entry["becomes"])
    raise RegisterError(f"{name}: write the test's id, or a mapping of `test` and `becomes`")


def _all(register: Register) -> set[str]:
    proven = {effect.field for effect in register.effects}
    return proven | set(register.awaiting) | set(register.fixed)


def _is_fixed(name: str) -> bool:
    return name in gather_fields() and len(_leaf(name).get("enum", ())) == 1


def _leaf(name: str) -> Schema:
    kind = name.partition(".")[0]
    schema = build_schema(KIND_BY_NAME[kind])["properties"]["spec"]
    return dict(walk_leaves(schema, f"{kind}.spec"))[name]
