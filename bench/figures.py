"""Figures of interleaved rounds: medians, spread, and ratios to our own (pure)."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Round = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest, middle and largest of some rounds."""

    low: float
    median: float
    high: float

    def render(self) -> str:
        """For example `2.5 (2.4-2.9)`."""
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


def spread_of(values: Sequence[float]) -> Spread:
    """Summarise the rounds of one figure."""
    return Spread(min(values), statistics.median(values), max(values))


def render_ratios(ours: Sequence[Round], peer: Sequence[Round], figure: str) -> str:
    """Our figure divided by the peer's, round by round: both ran in the same minute.

    A figure that is 0 for the peer in some round has no ratio and shows as `-`.
    """
    pairs = [(mine[figure], its[figure]) for mine, its in zip(ours, peer, strict=True)]
    if any(its == 0 for _, its in pairs):
        return "-"
    return spread_of([mine / its for mine, its in pairs]).render()


def render_table(rounds: Mapping[str, Sequence[Round]], figures: Sequence[str], ours: str) -> str:
    """One row per contender: each figure's spread, and the ratio ours/theirs of each figure."""
    lines = ["| contender | " + " | ".join(figures) + " |", "|---" * (len(figures) + 1) + "|"]
    for name, measured in rounds.items():
        cells = [spread_of([one[figure] for one in measured]).render() for figure in figures]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for name, measured in rounds.items():
        if name != ours:
            cells = [render_ratios(rounds[ours], measured, figure) for figure in figures]
            lines.append(f"| {ours} / {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
