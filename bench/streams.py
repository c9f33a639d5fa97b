"""Cost of streaming: a reply of 200 chunks through our runtime, beside the SDK that reads it.

`python -m bench.streams [--rounds N] [--streams N]`. The row `steward` is the processor time of
the runtime between client and model; the row `openai` is that of the openai SDK reading the same
stream straight from the model.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from bench.figures import Round, render_table
from bench.peers.environment import find_peers_python
from bench.runtime_process import start_runtime
from bench.turns import HERE, OURS, run_json, start_model

PEER = "openai"
FIGURES = ("chunks_per_stream", "cpu_us_per_word", "first_chunk_p50_ms", "words_per_second")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams", type=int, default=100)
    chosen = parser.parse_args()
    python, script = find_peers_python(), str(HERE / "peers" / "stream.py")
    rounds: dict[str, list[Round]] = defaultdict(list)
    with start_model(python) as url:
        for number in range(chosen.rounds):
            print(f"streaming, round {number + 1}", file=sys.stderr)
            with (
                tempfile.TemporaryDirectory() as folder,
                start_runtime(Path(folder), url) as runtime,
            ):
                ours = (python, script, f"{runtime.url}/v1", runtime.key, str(chosen.streams))
                rounds[OURS].append(run_json(*ours, str(runtime.pid)))
            rounds[PEER].append(run_json(python, script, url, "bench", str(chosen.streams)))
    print("\nStreaming, replies of 200 chunks, one at a time\n")
    print(render_table(rounds, FIGURES, OURS))


if __name__ == "__main__":
    main()
