"""The HTTP tool against a scripted one on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientSession

from steward_api.blueprint import BlueprintContract, BlueprintTool
from steward_api.meta import Sensitivity
from steward_api.v1alpha1.tool import Effect, HttpMethod, ResultIntegrity, ToolType
from steward_permits import ask_permit_for_tool
from steward_runtime.errors import CredentialUnbound
from steward_runtime.tools.connector import open_session
from steward_runtime.tools.http import HttpPlumbing, HttpTool
from steward_runtime.tools.routes import Endpoint, resolve_route
from steward_runtime.turn.messages import ToolOutcome, ToolOutcomeKind, ToolRequest
from steward_tool_server import Behaviour, ToolServer

MARKER = "marker-3f"


@pytest.fixture
def server() -> Iterator[ToolServer]:
    """Run the scripted tool."""
    with ToolServer() as running:
        yield running


@pytest.fixture
async def session(server: ToolServer) -> AsyncIterator[ClientSession]:
    """Open a session that reaches the scripted tool alone."""
    async with open_session([Endpoint("127.0.0.1", server.port)], reuse=False) as opened:
        yield opened


@dataclass(frozen=True)
class Setting:
    """What a test varies about the tool."""

    path: str = "/tickets/{id}"
    method: HttpMethod = HttpMethod.GET
    effect: Effect = Effect.READ
    key_header: str | None = None
    response_bytes: int = 1_000
    credential: Mapping[str, str] = field(default_factory=dict)


def _build(server: ToolServer, session: ClientSession, setting: Setting) -> HttpTool:
    contract = BlueprintContract(
        declared=True,
        effect=setting.effect,
        idempotency_key_header=setting.key_header,
        timeout_seconds=5,
        calls_per_turn=3,
        response_bytes=setting.response_bytes,
        integrity=ResultIntegrity.UNTRUSTED,
        sensitivity=Sensitivity.INTERNAL,
    )
    tool = BlueprintTool(
        name="lookup",
        digest="sha256:" + "0" * 64,
        description="Looks a ticket up.",
        type=ToolType.HTTP,
        url=f"http://tickets.example{setting.path}",
        method=setting.method,
        credential=None,
        input_schema={},
        output_schema=None,
        contract=contract,
    )
    route = resolve_route(tool.url, {"tickets.example": f"127.0.0.1:{server.port}"})
    plumbing = HttpPlumbing(
        session, route, lambda: setting.credential, lambda: {"traceparent": "00-trace"}
    )
    return HttpTool(tool, plumbing)


async def _call(tool: HttpTool, arguments: str = '{"id": "T-1"}') -> ToolOutcome:
    request = ToolRequest("lookup", arguments, "key-1")
    return await tool.call(ask_permit_for_tool("lookup"), request)


async def test_returns_the_answer_of_a_get(server: ToolServer, session: ClientSession) -> None:
    """The body comes back as text; path, query, trace and logical host went out."""
    outcome = await _call(_build(server, session, Setting()), '{"id": "T-1", "all": true}')
    assert outcome == ToolOutcome(ToolOutcomeKind.ANSWERED, text='{"ok": true}')
    (called,) = server.called
    assert (called.method, called.path, called.query) == ("GET", "/tickets/T-1", "all=true")
    assert called.headers["traceparent"] == "00-trace"
    assert called.headers["host"] == "tickets.example"


async def test_sends_body_key_and_credential(server: ToolServer, session: ClientSession) -> None:
    """A POST carries JSON, the idempotency key of the call and the bearer token."""
    setting = Setting(
        method=HttpMethod.POST,
        key_header="Idempotency-Key",
        credential={"Authorization": "Bearer t"},
    )
    await _call(_build(server, session, setting), '{"id": 1, "text": "x"}')
    (called,) = server.called
    assert (called.body, called.headers["content-type"]) == (b'{"text":"x"}', "application/json")
    assert called.headers["authorization"] == "Bearer t"
    assert server.effects == {"key-1": 1}


async def test_refuses_a_permit_for_another_tool(
    server: ToolServer, session: ClientSession
) -> None:
    """Leave for one tool is no leave for this one."""
    tool = _build(server, session, Setting())
    with pytest.raises(PermissionError):
        await tool.call(ask_permit_for_tool("other"), ToolRequest("lookup", "{}", "k"))
    assert server.called == []


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (Behaviour(body=MARKER.encode(), status=404), "ToolAnsweredError"),
        (Behaviour(body=MARKER.encode(), status=500), "ToolAnsweredError"),
        (Behaviour(status=302, headers={"Location": "/elsewhere"}), "RedirectRefused"),
        (Behaviour(body=MARKER.encode() * 200), "ResponseTooLarge"),
        (Behaviour(body=MARKER.encode()), "ResponseNotJson"),
        (Behaviour(body=b"\xff\xfe" + MARKER.encode()), "ResponseNotText"),
    ],
)
async def test_refuses_an_answer_that_is_not_acceptable(
    server: ToolServer, session: ClientSession, behaviour: Behaviour, reason: str
) -> None:
    """Each fault has its reason; nothing of the answer is repeated."""
    server.behaviours["/tickets/T-1"] = behaviour
    outcome = await _call(_build(server, session, Setting()))
    assert (outcome.kind, outcome.reason) == (ToolOutcomeKind.REFUSED, reason)
    assert MARKER not in outcome.message
    assert "lookup" in outcome.message


async def test_takes_plain_text_as_it_is(server: ToolServer, session: ClientSession) -> None:
    """A tool may answer text that is not JSON."""
    server.behaviours["/tickets/T-1"] = Behaviour(body="grün".encode(), content_type="text/plain")
    assert (await _call(_build(server, session, Setting()))).text == "grün"


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (Behaviour(cuts=True), ToolOutcomeKind.UNKNOWN),
        (Behaviour(status=504), ToolOutcomeKind.UNKNOWN),
        (Behaviour(status=503), ToolOutcomeKind.REFUSED),
    ],
)
async def test_says_when_it_does_not_know_whether_the_tool_acted(
    server: ToolServer, session: ClientSession, behaviour: Behaviour, kind: ToolOutcomeKind
) -> None:
    """A broken connection or a gateway that gave up leaves a write in doubt; a refusal does not."""
    server.behaviours["/tickets/T-1"] = behaviour
    setting = Setting(method=HttpMethod.POST, effect=Effect.WRITE)
    outcome = await _call(_build(server, session, setting))
    assert (outcome.kind, len(server.called)) == (kind, 1)


async def test_says_when_nothing_was_sent(server: ToolServer, session: ClientSession) -> None:
    """An unusable argument, an unbound credential and a dead host all leave nothing in doubt."""

    def refuse() -> dict[str, str]:
        raise CredentialUnbound("Secret s may not be sent to tickets.example:80.")

    good = _build(server, session, Setting())
    assert (await _call(good, '{"id": ".."}')).kind is ToolOutcomeKind.NOT_SENT
    route = resolve_route("http://tickets.example/x", {"tickets.example": "127.0.0.1:9"})
    tool = good._tool
    unbound = HttpTool(tool, HttpPlumbing(session, route, refuse, dict))
    assert (await _call(unbound)).reason == "CredentialUnbound"
    foreign = HttpTool(tool, HttpPlumbing(session, route, dict, dict))
    assert (await _call(foreign)).reason == "HostRefused"
    async with open_session([Endpoint("127.0.0.1", 9)]) as dead:
        silent = HttpTool(tool, HttpPlumbing(dead, route, dict, dict))
        outcome = await _call(silent)
    assert (outcome.kind, outcome.reason) == (ToolOutcomeKind.NOT_SENT, "ToolUnreachable")
    assert server.called == []
