"""A process of its own that purges a folder and dies where it is told to.

Usage: python -m steward_purge DATA_DIRECTORY NOW_MS TRIGGER (STEP MOMENT | store NUMBER)
"""

from __future__ import annotations

import sys
from pathlib import Path

from steward_api.receipt import Trigger
from steward_purge.bench import open_bench
from steward_purge.doubles import KillingObserver, KillingStore
from steward_runtime.clock import ManualClock
from steward_runtime.retention.runs import Step


def main(arguments: list[str]) -> None:
    """Purge, if we live so long."""
    directory, now_ms, trigger, step, moment = arguments
    with open_bench(Path(directory), ManualClock(int(now_ms))) as bench:
        if step == "store":
            number = int(moment)
            bench.wrap_stores = lambda stores: (
                *stores[:number],
                KillingStore(stores[number], 1),
                *stores[number + 1 :],
            )
        else:
            bench.observer = KillingObserver(Step(step), moment)
        bench.run(Trigger(trigger))


if __name__ == "__main__":
    main(sys.argv[1:])
