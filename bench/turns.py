"""Cost of one tool-using turn, and of starting: a governed turn of ours beside four peers.

`python -m bench.turns [--rounds N] [--turns N]`. Ours is a server process with authentication,
journal (one fsync per step), encryption, labels, policy, audit, metrics and traces, whose tool is
a real HTTP call; the peers are bare loops in process whose tool is a function. Rounds are
interleaved, so that noise of the machine falls on all.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figures import Round, render_table
from bench.peers.environment import find_peers_python
from bench.runtime_process import free_port, start_runtime

HERE = Path(__file__).parent
PEERS = ("openai", "pydantic-ai", "openai-agents", "langgraph")
OURS = "steward"
IN_FLIGHT = (1, 64)
TURN_FIGURES = ("cpu_ms", "p50_ms", "p99_ms", "turns_per_second", "rss_mb")
START_FIGURES = ("cpu_ms", "rss_mb")


def run_json(*command: str) -> Round:
    """Run a command and parse its last line of output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode != 0:
        raise RuntimeError(f"{command[1]} {command[2]} failed:\n{done.stderr[-2000:]}")
    measured: Round = json.loads(done.stdout.strip().splitlines()[-1])
    return measured


@contextmanager
def start_model(peers_python: str) -> Iterator[str]:
    """Run the scripted model endpoint; yield its base URL."""
    port = free_port()
    process = subprocess.Popen([peers_python, str(HERE / "mock_model.py"), str(port)])  # noqa: S603 - our own command
    try:
        time.sleep(2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(timeout=10)


def measure_ours(model_url: str, turns: int, in_flight: int) -> tuple[Round, Round]:
    """One round of ours: cost of turns, and cost of starting."""
    with tempfile.TemporaryDirectory() as folder, start_runtime(Path(folder), model_url) as runtime:
        start_rss_mb = float(run_rss(runtime.pid))
        turn = run_json(
            sys.executable,
            str(HERE / "load.py"),
            runtime.url,
            runtime.key,
            str(turns),
            str(in_flight),
            str(runtime.pid),
        )
        return turn, {"cpu_ms": runtime.start_cpu_seconds * 1000, "rss_mb": start_rss_mb}


def run_rss(pid: int) -> float:
    """Peak resident set of the runtime right after it became ready."""
    from bench.load import read_rss_peak_mb

    return read_rss_peak_mb(pid)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turns", type=int, default=300)
    chosen = parser.parse_args()
    peers_python = find_peers_python()
    script = str(HERE / "peers" / "turn.py")
    starts: dict[str, list[Round]] = defaultdict(list)
    with start_model(peers_python) as url:
        for in_flight in IN_FLIGHT:
            rounds: dict[str, list[Round]] = defaultdict(list)
            for number in range(chosen.rounds):
                print(f"{in_flight} in flight, round {number + 1}", file=sys.stderr)
                turn, start = measure_ours(url, chosen.turns, in_flight)
                rounds[OURS].append(turn)
                starts[OURS].append(start)
                for peer in PEERS:
                    command = (peers_python, script, peer, url)
                    rounds[peer].append(run_json(*command, str(chosen.turns), str(in_flight)))
                    starts[peer].append(run_json(*command, "0", "1"))
            print(f"\nTurns, {in_flight} in flight\n")
            print(render_table(rounds, TURN_FIGURES, OURS))
    print("\nStart: process start to ready (ours), to a built agent (peers)\n")
    print(render_table(starts, START_FIGURES, OURS))


if __name__ == "__main__":
    main()
