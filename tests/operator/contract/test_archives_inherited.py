"""An erasure is proven by receipts of the Assistant itself, not by those that it took up."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from steward_api.receipt import Trigger
from steward_api.verification import Verdict
from steward_operator.archive.pins import PINS_FOLDER
from steward_operator.archive.shelf import Shelf
from steward_operator.contract.archives import Archives
from steward_operator.contract.runtimes import Runtimes
from steward_operator.objects import Subject
from steward_receipts import OPERATOR, RUNTIME, build_claim, build_statement, raw_public, sign


class _Keyed:
    """Stands for the runtimes where only the operator's key is read."""

    public_keys = (raw_public(OPERATOR),)


@pytest.mark.parametrize(("uid", "verdict"), [("uid-1", Verdict.COMPLETE), ("uid-2", None)])
def test_a_predecessors_erasure_proves_nothing(
    tmp_path: Path, uid: str, verdict: Verdict | None
) -> None:
    """The receipt on the shelf is about uid-1, whichever Assistant took up the volume."""
    claim = build_claim(trigger=Trigger.ASSISTANT_DELETED)
    Shelf(tmp_path).put(uid, sign(build_statement(claim).render(), RUNTIME, OPERATOR))
    (tmp_path / PINS_FOLDER).mkdir()
    (tmp_path / PINS_FOLDER / uid).write_bytes(raw_public(RUNTIME))
    archives = Archives(tmp_path, cast("Runtimes", _Keyed()))
    assert (
        archives.find_erasure_verdict(Subject("Assistant", "default", "helpdesk"), uid) is verdict
    )
