"""Effects: every field that a CRD serves names the test that proves what it does."""

from __future__ import annotations

import pytest

from steward_mutation.paths import gather_fields, plan_resets
from steward_mutation.register import Register, check_register, check_test, load_register


@pytest.fixture(scope="module")
def register() -> Register:
    """The register of this repository."""
    return load_register()


def test_every_field_names_a_test_that_exists(register: Register) -> None:
    """A field without proof is not offered: it gets a test, or it is marked pending."""
    assert check_register(register) == ()


def test_no_field_awaits_its_proof(register: Register) -> None:
    """`awaiting` is for branches; what is on main is proven."""
    assert register.awaiting == {}
    assert len(register.effects) + len(register.fixed) == len(gather_fields())


def test_every_reset_can_be_done(register: Register) -> None:
    """A field without a default says what it becomes."""
    for effect in register.effects:
        assert plan_resets(effect.field, effect.becomes)


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ("tests/house/none.py::test_x", "there is no file"),
        ("tests/house/test_effects.py::test_nothing", "holds no test"),
        ("crds/steward_api/meta.py::list_map", "there is no file"),
        ("tests/house/test_effects.py::test_every_reset_can_be_done[a]", ""),
    ],
)
def test_notices_a_test_id_that_leads_nowhere(test: str, problem: str) -> None:
    """A renamed test is missed at once."""
    assert problem in check_test(test)
    assert bool(problem) == bool(check_test(test))


def test_notices_what_the_register_leaves_out(register: Register) -> None:
    """Missing, unknown and doubled entries are each named."""
    first, second = gather_fields()[:2]
    partial = Register(
        tuple(effect for effect in register.effects if effect.field not in {first, second}),
        {**{field: "later" for field in gather_fields() if field != first}, "Tool.spec.x": "never"},
        {second: "tests/house/test_effects.py::test_every_reset_can_be_done"},
    )
    problems = check_register(partial)
    assert f"{first} has no test" in problems
    assert f"{second} has more than one value" in problems
    assert "Tool.spec.x is no field that a CRD serves" in problems
