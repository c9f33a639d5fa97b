"""Run tool-using turns through one peer framework and print its cost as one line of JSON.

Runs inside the peers' own environment: `python bench/peers/turn.py PEER URL TURNS IN_FLIGHT`. One
turn is two model calls and one tool call, the shape that every framework offers. The tool is a
function in the same process (ours is a real HTTP call), so the comparison favours the peers.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable

Turn = Callable[[], Awaitable[str]]

QUESTION = "What is the state of ticket 7?"
MODEL = "bench-model"


def find_ticket(ticket_id: str) -> str:
    """Find a ticket by its id."""
    return json.dumps({"id": ticket_id, "state": "open"})


TOOL = {
    "type": "function",
    "function": {
        "name": "find_ticket",
        "description": "Find a ticket by its id.",
        "parameters": {
            "type": "object",
            "properties": {"ticket_id": {"type": "string"}},
            "required": ["ticket_id"],
        },
    },
}


def build_openai(url: str) -> Turn:
    """A bare loop on the openai SDK."""
    openai = importlib.import_module("openai")
    client = openai.AsyncOpenAI(base_url=url, api_key="bench", max_retries=0)

    async def turn() -> str:
        messages: list[object] = [{"role": "user", "content": QUESTION}]
        while True:
            answer = await client.chat.completions.create(
                model=MODEL, messages=messages, tools=[TOOL]
            )
            message = answer.choices[0].message
            if not message.tool_calls:
                return str(message.content)
            messages.append(message)
            for call in message.tool_calls:
                result = find_ticket(**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})

    return turn


def build_pydantic_ai(url: str) -> Turn:
    """pydantic-ai's Agent."""
    ai = importlib.import_module("pydantic_ai")
    models = importlib.import_module("pydantic_ai.models.openai")
    providers = importlib.import_module("pydantic_ai.providers.openai")
    model = models.OpenAIChatModel(
        MODEL, provider=providers.OpenAIProvider(base_url=url, api_key="bench")
    )
    agent = ai.Agent(model, tools=[find_ticket])

    async def turn() -> str:
        return str((await agent.run(QUESTION)).output)

    return turn


def build_openai_agents(url: str) -> Turn:
    """openai-agents' Runner, tracing off."""
    agents = importlib.import_module("agents")
    openai = importlib.import_module("openai")
    agents.set_tracing_disabled(True)
    client = openai.AsyncOpenAI(base_url=url, api_key="bench", max_retries=0)
    model = agents.OpenAIChatCompletionsModel(model=MODEL, openai_client=client)
    agent = agents.Agent(name="bench", model=model, tools=[agents.function_tool(find_ticket)])

    async def turn() -> str:
        return str((await agents.Runner.run(agent, QUESTION)).final_output)

    return turn


def build_langgraph(url: str) -> Turn:
    """Langgraph's prebuilt ReAct agent."""
    prebuilt = importlib.import_module("langgraph.prebuilt")
    chat = importlib.import_module("langchain_openai")
    model = chat.ChatOpenAI(model=MODEL, base_url=url, api_key="bench", max_retries=0)
    agent = prebuilt.create_react_agent(model, [find_ticket])

    async def turn() -> str:
        state = await agent.ainvoke({"messages": [("user", QUESTION)]})
        return str(state["messages"][-1].content)

    return turn


PEERS: dict[str, Callable[[str], Turn]] = {
    "openai": build_openai,
    "pydantic-ai": build_pydantic_ai,
    "openai-agents": build_openai_agents,
    "langgraph": build_langgraph,
}


async def measure(turn: Turn, turns: int, in_flight: int) -> dict[str, float]:
    """Run `turns` turns with `in_flight` at a time, after five that are not counted."""
    for _ in range(5):
        await turn()
    remaining = iter(range(turns))
    latencies_ms: list[float] = []

    async def work() -> None:
        for _ in remaining:
            started = time.perf_counter()
            await turn()
            latencies_ms.append((time.perf_counter() - started) * 1000)

    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    elapsed = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    latencies_ms.sort()
    return {
        "cpu_ms": cpu * 1000 / turns,
        "p50_ms": latencies_ms[len(latencies_ms) // 2],
        "p99_ms": latencies_ms[min(len(latencies_ms) - 1, len(latencies_ms) * 99 // 100)],
        "turns_per_second": turns / elapsed,
        "rss_mb": after.ru_maxrss / 1024,
    }


def main() -> None:
    """Measure one peer, or with TURNS 0 only start it and report what starting cost."""
    peer, url, turns, in_flight = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    turn = PEERS[peer](url)
    if turns == 0:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        cost = {
            "cpu_ms": (usage.ru_utime + usage.ru_stime) * 1000,
            "rss_mb": usage.ru_maxrss / 1024,
        }
    else:
        cost = asyncio.run(measure(turn, turns, in_flight))
    print(json.dumps(cost))


if __name__ == "__main__":
    main()
