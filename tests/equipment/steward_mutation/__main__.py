"""`make mutate`: reset fields one by one; each named test must fail, and by assertion."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from typing import Final

from steward_mutation.register import (
    Effect,
    Register,
    digest_of,
    load_proofs,
    load_register,
    save_proofs,
)
from steward_mutation.running import Outcome, Verdict, find_unsound, judge

WORKERS: Final = 2
"""Tests beside each other; each may start a control plane of 0.5 GB."""


def select(register: Register, words: Sequence[str]) -> tuple[Effect, ...]:
    """Return the effects that `all`, `changed` or patterns of field names mean."""
    if list(words) == ["all"]:
        return register.effects
    if list(words) == ["changed"]:
        proofs = load_proofs()
        return tuple(e for e in register.effects if proofs.get(e.field) != digest_of(e))
    return tuple(e for e in register.effects if any(fnmatchcase(e.field, w) for w in words))


def run(words: Sequence[str]) -> int:
    """Judge the fields and write down which proofs held; returns 1 if any did not."""
    register = load_register()
    effects = select(register, words)
    if not effects:
        sys.stdout.write("mutate: 0 fields to reset\n")
        return 0 if list(words) in (["all"], ["changed"]) else 2
    unsound = find_unsound(effects)
    sound = [effect for effect in effects if effect.test not in unsound]
    outcomes = [Outcome(e, Verdict.UNSOUND, unsound[e.test]) for e in effects if e.test in unsound]
    with ThreadPoolExecutor(WORKERS) as pool:
        for outcome in pool.map(judge, sound):
            sys.stdout.write(f"{outcome.verdict:<9} {outcome.effect.field}\n")
            sys.stdout.flush()
            outcomes.append(outcome)
    _remember(outcomes)
    return _report(outcomes)


def _remember(outcomes: Sequence[Outcome]) -> None:
    proofs = load_proofs()
    for outcome in outcomes:
        proofs.pop(outcome.effect.field, None)
        if outcome.verdict is Verdict.PROVEN:
            proofs[outcome.effect.field] = digest_of(outcome.effect)
    save_proofs(proofs)


def _report(outcomes: Sequence[Outcome]) -> int:
    failed = [outcome for outcome in outcomes if outcome.verdict is not Verdict.PROVEN]
    for outcome in failed:
        sys.stdout.write(f"\n{outcome.verdict}: {outcome.effect.field}\n  {outcome.effect.test}\n")
        sys.stdout.writelines(f"    {line}\n" for line in outcome.detail.splitlines()[-12:])
    sys.stdout.write(f"mutate: {len(outcomes) - len(failed)} passed, {len(failed)} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:] or ["all"]))
