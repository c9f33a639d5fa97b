"""Drive a runtime with turns and print latencies as one line of JSON.

`python bench/load.py URL KEY TURNS IN_FLIGHT PID`: PID is the runtime, whose processor time is
read from /proc before and after, so that the load generator's own cost does not count.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import aiohttp
import orjson

QUESTION = "What is the state of ticket 7?"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def read_cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (proc(5): fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def read_rss_peak_mb(pid: int) -> float:
    """Peak resident set of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"process {pid} has no VmHWM")


async def measure(url: str, key: str, turns: int, in_flight: int, pid: int) -> dict[str, float]:
    """Run `turns` turns with `in_flight` at a time, after five that are not counted."""
    body = orjson.dumps({"model": "bench", "messages": [{"role": "user", "content": QUESTION}]})
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    latencies_ms: list[float] = []
    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def turn() -> None:
            async with session.post(f"{url}/v1/chat/completions", data=body) as answer:
                text = await answer.read()
                if answer.status != 200:
                    raise ValueError(f"turn answered {answer.status}: {text[:300]!r}")

        for _ in range(5):
            await turn()
        remaining = iter(range(turns))

        async def work() -> None:
            for _ in remaining:
                started = time.perf_counter()
                await turn()
                latencies_ms.append((time.perf_counter() - started) * 1000)

        cpu_before = read_cpu_seconds(pid)
        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(in_flight)))
        elapsed = time.perf_counter() - started
        cpu = read_cpu_seconds(pid) - cpu_before
    latencies_ms.sort()
    return {
        "cpu_ms": cpu * 1000 / turns,
        "p50_ms": latencies_ms[len(latencies_ms) // 2],
        "p99_ms": latencies_ms[min(len(latencies_ms) - 1, len(latencies_ms) * 99 // 100)],
        "turns_per_second": turns / elapsed,
        "rss_mb": read_rss_peak_mb(pid),
    }


if __name__ == "__main__":
    arguments = sys.argv[1:]
    cost = asyncio.run(
        measure(arguments[0], arguments[1], int(arguments[2]), int(arguments[3]), int(arguments[4]))
    )
    print(json.dumps(cost))
