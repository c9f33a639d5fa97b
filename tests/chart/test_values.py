"""Values: each of them acts, misspelt ones are refused, and contradictions say how to mend them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import pytest
import yaml

from steward_chart.rendering import (
    CHART,
    Values,
    merge,
    nest,
    refuse_chart,
    render_chart,
    render_text,
)
from steward_lab.helm import HelmLine
from steward_operator.chart.contradictions import gather_contradictions
from steward_operator.chart.schema import build_values_schema, gather_rows

DIGEST = f"sha256:{'0' * 64}"
SAMPLES: dict[str, Any] = {
    "affinity": {"nodeAffinity": {}},
    "apiServerCidrs": ["10.0.0.0/8"],
    "apiServerPorts": [8443],
    "digest": DIGEST,
    "extraObjects": [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}],
    "extraEnv": [{"name": "A", "value": "b"}],
    "imagePullSecrets": [{"name": "x"}],
    "interval": "45s",
    "logLevel": "debug",
    "pullPolicy": "Always",
    "pullSecrets": [{"name": "x"}],
    "size": "7Gi",
    "spread": "None",
    "tolerations": [{"operator": "Exists"}],
    "cpu": "77m",
    "memory": "777Mi",
}
"""Another value for a name, where its type does not say one."""
PRELUDES: dict[str, Values] = {
    "demoModel.": {"demoModel": {"enabled": True}},
    "metrics.serviceMonitor.": {"metrics": {"serviceMonitor": {"enabled": True}}},
    "metrics.prometheusRule.": {
        "metrics": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}
    },
}
"""What must be on for a value to be looked at; with the value `enabled` itself nothing is."""
COMPANIONS: dict[str, Values] = {
    "archive.existingClaim": {"archive": {"storageClassName": ""}},
    "keys.enabled": {"archive": {"enabled": False}},
    "metrics.prometheusRule.enabled": {"metrics": {"serviceMonitor": {"enabled": True}}},
    "serviceAccount.create": {"serviceAccount": {"name": "own"}},
}
"""What contradicts nothing only together."""
BOTH_SIDES = ("keys.enabled", "metrics.prometheusRule.enabled", "serviceAccount.create")


def choose_other(path: str, default: Any) -> Any:
    """Return a value that is not the default."""
    name = path.rpartition(".")[2]
    if name in SAMPLES:
        return SAMPLES[name]
    if isinstance(default, bool):
        return not default
    if isinstance(default, int):
        return default + 1
    return {"x": "y"} if isinstance(default, dict) else "x"


def vary(path: str, default: Any) -> tuple[Values, Values]:
    """Return values that differ in one place, the first with the default there."""
    preludes = [v for p, v in PRELUDES.items() if path.startswith(p) and path != f"{p}enabled"]
    basis = merge(*preludes, COMPANIONS.get(path, {}) if path in BOTH_SIDES else {})
    changed = merge(basis, COMPANIONS.get(path, {}), nest(path, choose_other(path, default)))
    return basis, changed


def test_every_value_acts() -> None:
    """Each value that is changed changes what is rendered."""
    rows = [row for row in gather_rows() if not row.is_group]
    pairs = [vary(row.path, json.loads(row.default)) for row in rows]
    needed = {json.dumps(each): each for pair in pairs for each in pair}
    with ThreadPoolExecutor(4) as pool:
        rendered = dict(zip(needed, pool.map(render_text, needed.values()), strict=True))
    same = [rendered[json.dumps(before)] == rendered[json.dumps(after)] for before, after in pairs]
    assert not [row.path for row, is_same in zip(rows, same, strict=True) if is_same]
    assert len(rows) > 60


def test_the_schema_is_valid_and_accepts_the_defaults() -> None:
    """What the chart ships fits what it asks for."""
    schema = build_values_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    defaults = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(defaults)


def test_the_schema_has_no_reference() -> None:
    """Editors and both lines of helm read it alike."""
    assert "$ref" not in json.dumps(build_values_schema())


def test_every_value_says_what_it_does() -> None:
    """The README and an editor show it."""
    assert not [row.path for row in gather_rows() if not row.description.endswith(".")]


REFUSED_BY_SCHEMA = [
    ({"operator": {"replica": 2}}, "replica"),
    ({"operator": {"replicas": 0}}, "replicas"),
    ({"operator": {"replicas": "two"}}, "replicas"),
    ({"operator": {"logLevel": "loud"}}, "logLevel"),
    ({"archive": {"size": "lots"}}, "size"),
    ({"runtime": {"image": {"digest": "latest"}}}, "digest"),
    ({"networkPolicy": {"apiServerPorts": []}}, "apiServerPorts"),
    ({"watch": {"namespace": "Team_A"}}, "namespace"),
]


@pytest.mark.parametrize("line", list(HelmLine), ids=lambda line: line.name)
@pytest.mark.parametrize(("values", "name"), REFUSED_BY_SCHEMA, ids=lambda v: str(v)[:30])
def test_refuses_what_no_value_can_be(values: Values, name: str, line: HelmLine) -> None:
    """The message names the value."""
    assert name in refuse_chart(values, line)


CONTRADICTIONS: list[tuple[Values, Values]] = [
    ({"keys": {"enabled": False}}, {"archive": {"enabled": False}}),
    (
        {"archive": {"existingClaim": "a", "storageClassName": "b"}},
        {"archive": {"storageClassName": ""}},
    ),
    (
        {"archive": {"existingClaim": "a", "enabled": False}},
        {"archive": {"enabled": True}},
    ),
    (
        {"metrics": {"enabled": False, "serviceMonitor": {"enabled": True}}},
        {"metrics": {"enabled": True}},
    ),
    (
        {"metrics": {"prometheusRule": {"enabled": True}}},
        {"metrics": {"serviceMonitor": {"enabled": True}}},
    ),
    ({"serviceAccount": {"create": False}}, {"serviceAccount": {"name": "own"}}),
    (
        {"serviceAccount": {"create": False, "name": "own", "annotations": {"a": "b"}}},
        {"serviceAccount": {"create": True}},
    ),
    (
        {"networkPolicy": {"enabled": False, "apiServerCidrs": ["10.0.0.0/8"]}},
        {"networkPolicy": {"enabled": True}},
    ),
    ({"operator": {"spread": "Required", "replicas": 1}}, {"operator": {"replicas": 2}}),
    ({"operator": {"image": {"tag": "1", "digest": DIGEST}}}, {"operator": {"image": {"tag": ""}}}),
    ({"runtime": {"image": {"tag": "1", "digest": DIGEST}}}, {"runtime": {"image": {"tag": ""}}}),
    (
        {"demoModel": {"image": {"tag": "1", "digest": DIGEST}}},
        {"demoModel": {"image": {"tag": ""}}},
    ),
]
"""Values that are refused, and what mends them, in the order of the table."""


@pytest.mark.parametrize("place", range(len(CONTRADICTIONS)))
def test_refuses_a_contradiction_and_takes_its_mending(place: int) -> None:
    """The message is the one of that contradiction, and doing what it says is enough."""
    values, mending = CONTRADICTIONS[place]
    expected = gather_contradictions()
    assert len(expected) == len(CONTRADICTIONS)
    assert expected[place].message in refuse_chart(values)
    assert render_chart(merge(values, mending))


def test_names_every_contradiction_at_once() -> None:
    """Whoever mends one does not meet the next."""
    both = merge(CONTRADICTIONS[3][0], CONTRADICTIONS[5][0])
    words = refuse_chart(both, HelmLine.HELM_3)
    assert all(gather_contradictions()[place].message in words for place in (3, 5))
