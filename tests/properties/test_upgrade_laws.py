"""Laws of the upgrade, over many fleets and orders of events."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from steward_operator.objects import Subject
from steward_operator.plan.upgrade import (
    DeploymentFacts,
    Stage,
    Upgrade,
    decide_upgrade,
    resolve_stage,
)

LAWS = settings(max_examples=200, deadline=None)
OLD, NEW, MENDED = "runtime:1", "runtime:2", "runtime:3"
SUBJECTS = st.integers(0, 30).map(lambda n: Subject("Assistant", f"team-{n % 3}", f"desk-{n}"))
STAGES = st.dictionaries(SUBJECTS, st.sampled_from(Stage), max_size=20)
LIMITS = st.integers(1, 6)


@LAWS
@given(STAGES, LIMITS)
def test_never_more_than_so_many_are_away(stages: dict[Subject, Stage], limit: int) -> None:
    """Those under way and those that start are within the limit; who starts was waiting."""
    decided = decide_upgrade(stages.items(), limit)
    rolling = sum(stage is Stage.ROLLING for stage in stages.values())
    assert len(decided.starting) <= max(0, limit - rolling)
    assert all(stages[subject] is Stage.WAITING for subject in decided.starting)


@LAWS
@given(STAGES, LIMITS)
def test_a_failure_stops_all_and_a_free_place_is_used(
    stages: dict[Subject, Stage], limit: int
) -> None:
    """Nobody starts after a failure; without one nobody waits beside a free place."""
    decided = decide_upgrade(stages.items(), limit)
    counts = {stage: sum(s is stage for s in stages.values()) for stage in Stage}
    places = max(0, limit - counts[Stage.ROLLING])
    wanted = 0 if counts[Stage.FAILED] else min(places, counts[Stage.WAITING])
    assert len(decided.starting) == wanted
    assert list(decided.failed) == sorted(s for s, g in stages.items() if g is Stage.FAILED)


@LAWS
@given(STAGES, LIMITS, st.data())
def test_the_choice_does_not_depend_on_order_and_holds_while_it_is_carried_out(
    stages: dict[Subject, Stage], limit: int, data: st.DataObject
) -> None:
    """Each of those that start may do so before, after or beside the others."""
    decided = decide_upgrade(stages.items(), limit)
    shuffled = data.draw(st.permutations(sorted(stages.items())))
    assert decide_upgrade(shuffled, limit) == decided
    for subject in decided.starting:
        after = decide_upgrade({**stages, subject: Stage.ROLLING}.items(), limit)
        assert after.starting == decided.starting - {subject}


class Fleet:
    """Deployments with a controller that starts Pods, or does not."""

    def __init__(self, size: int, bad: frozenset[int], limit: int) -> None:
        """All serve the old image; the numbers in `bad` do not start with the new one."""
        self.bad = {Subject("Assistant", "team", f"desk-{n:02}") for n in bad}
        self.facts = {
            Subject("Assistant", "team", f"desk-{n:02}"): DeploymentFacts(OLD, is_available=True)
            for n in range(size)
        }
        self.limit = limit
        self.image = NEW

    def decide(self) -> Upgrade:
        """What the operator decides now."""
        stages = [
            (s, resolve_stage(f, self.image, is_ready=f.is_available, is_failing=f.has_failed))
            for s, f in self.facts.items()
        ]
        return decide_upgrade(stages, self.limit)

    def start(self, subject: Subject) -> None:
        """Restart one for the wanted image."""
        before = self.facts[subject]
        self.facts[subject] = DeploymentFacts(self.image, origin=before.origin or before.image)

    def end(self, subject: Subject) -> None:
        """Let the controller end what was started."""
        is_bad = subject in self.bad and self.image == NEW
        facts = self.facts[subject]
        self.facts[subject] = replace(
            facts, is_available=not is_bad, has_failed=is_bad, origin=facts.origin if is_bad else ""
        )

    def open_rolls(self) -> list[Subject]:
        """Those that have been started and have not ended."""
        return [
            s for s, f in self.facts.items() if f.origin and not (f.is_available or f.has_failed)
        ]


@LAWS
@given(
    st.integers(1, 12),
    st.frozensets(st.integers(0, 11), max_size=3),
    LIMITS,
    st.data(),
)
def test_a_bad_image_costs_at_most_so_many_and_a_mended_one_reaches_all(
    size: int, bad: frozenset[int], limit: int, data: st.DataObject
) -> None:
    """Starts and ends in any order: the damage stays within the limit, and nothing gets stuck."""
    fleet = Fleet(size, bad, limit)

    def run() -> None:
        while True:
            starting, rolling = sorted(fleet.decide().starting), fleet.open_rolls()
            events = [(fleet.start, s) for s in starting] + [(fleet.end, s) for s in rolling]
            if not events:
                return
            act, subject = data.draw(st.sampled_from(events))
            act(subject)
            away = [f for f in fleet.facts.values() if not f.is_available]
            assert len(away) <= limit

    run()
    failed = [s for s, f in fleet.facts.items() if f.has_failed]
    assert bool(failed) == bool(fleet.bad & set(fleet.facts))
    fleet.image = MENDED
    for subject in failed:
        # Where no Pod serves the wanted image is taken at once.
        fleet.start(subject)
    run()
    assert all(f == DeploymentFacts(MENDED, is_available=True) for f in fleet.facts.values())
