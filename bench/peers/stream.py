"""Read streamed replies with the openai SDK and print the cost of a chunk as one line of JSON.

`python bench/peers/stream.py URL KEY STREAMS [PID]` in the peers' environment. Without PID the
processor time is this process's own (the SDK's cost of reading); with PID it is that process's (a
runtime between the SDK and the model).
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path

QUESTION = "Write 200 words."
WARM_UP = 3


def read_cpu_seconds(pid: int | None) -> float:
    """Processor time so far of this process, or of another one (proc(5), fields 14 and 15)."""
    if pid is None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(url: str, key: str, streams: int, pid: int | None) -> dict[str, float]:
    """Read `streams` streams one after the other, after a few that are not counted."""
    openai = importlib.import_module("openai")
    client = openai.AsyncOpenAI(base_url=url, api_key=key, max_retries=0)
    first_ms: list[float] = []
    chunks = words = 0

    async def read() -> tuple[int, int]:
        started = time.perf_counter()
        count = words = 0
        stream = await client.chat.completions.create(
            model="bench", messages=[{"role": "user", "content": QUESTION}], stream=True
        )
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                if not count:
                    first_ms.append((time.perf_counter() - started) * 1000)
                count += 1
                words += chunk.choices[0].delta.content.count(" ")
        return count, words

    for _ in range(WARM_UP):
        await read()
    first_ms.clear()
    before, started = read_cpu_seconds(pid), time.perf_counter()
    for _ in range(streams):
        counted = await read()
        chunks, words = chunks + counted[0], words + counted[1]
    cpu, elapsed = read_cpu_seconds(pid) - before, time.perf_counter() - started
    return {
        "chunks_per_stream": chunks / streams,
        "cpu_us_per_word": cpu * 1e6 / words,
        "first_chunk_p50_ms": sorted(first_ms)[len(first_ms) // 2],
        "words_per_second": words / elapsed,
    }


if __name__ == "__main__":
    arguments = sys.argv[1:]
    watched = int(arguments[3]) if len(arguments) > 3 else None
    print(json.dumps(asyncio.run(measure(arguments[0], arguments[1], int(arguments[2]), watched))))
