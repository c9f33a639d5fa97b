"""The chart: what is generated in it is up to date."""

from __future__ import annotations

from steward_house.reporting import expect_none
from steward_house.sources import ROOT
from steward_operator.chart.__main__ import find_stale


def test_generated_files_of_the_chart_are_up_to_date() -> None:
    """Values, schema, rights, policies, kinds and README are told as the code has them."""
    stale = find_stale(ROOT / "charts" / "steward")
    expect_none([f"{path.relative_to(ROOT)}: run `make chart`" for path in stale])
