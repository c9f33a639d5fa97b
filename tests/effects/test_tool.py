"""What the fields of a Tool do, seen from the tool, from the model and in the journal."""

from __future__ import annotations

from typing import Any

from steward_api.meta import Sensitivity
from steward_effects import Chain, assistant_set
from steward_effects.chain import Served
from steward_effects.objects import ARGUMENTS, TOOL_HOST, tool
from steward_kinds.objects import Manifest
from steward_model_server import Call, Say
from steward_runtime.labels import Integrity, Label
from steward_runtime.turn.events import ToolFinished
from steward_serving import ConfigFiles
from steward_tool_server import Behaviour

LOOK = Call((("look", {"id": "7"}),))
USES = {"toolRefs": [{"name": "look"}], "limits": {"turnDeadlineSeconds": 6}}


def manifests(**spec: Any) -> tuple[Manifest, ...]:
    """Return an Assistant with one Tool."""
    return assistant_set(tool(**spec), **USES)


def use(chain: Chain, **spec: Any) -> int:
    """Let the model call the tool once, and return the status of the reply."""
    chain.play(LOOK, Say("Done"))
    with chain.serve(*manifests(**spec)) as desk:
        return desk.ask().status


def told_to_model(chain: Chain) -> str:
    """Return what the model was told of the tool's result."""
    messages = chain.sent_to_model()[-1]["messages"]
    return next((str(m["content"]) for m in reversed(messages) if m["role"] == "tool"), "")


def label_of_result(chain: Chain, **result: str) -> Label:
    """Return the label of a result, as it lies in the journal."""
    chain.play(LOOK, Say("Done"))
    with chain.serve(*manifests(contract={"effect": "Read", "result": result})) as desk:
        desk.ask()
        return read_label(desk)


def read_label(desk: Served) -> Label:
    """Return the label of the one result in the journal."""
    entries = desk.stop_and_read_journal()
    (label,) = [each.event.label for each in entries if isinstance(each.event, ToolFinished)]
    return label


def test_description_is_told_to_the_model(chain: Chain) -> None:
    """The model is offered the tool in these words."""
    use(chain, description="Finds a ticket by number.")
    (offered,) = chain.sent_to_model()[0]["tools"]
    assert offered["function"]["description"] == "Finds a ticket by number."


def test_url_is_what_is_called(chain: Chain) -> None:
    """The path and its argument reach the tool."""
    use(chain, http={"url": f"http://{TOOL_HOST}/tickets/{{id}}"})
    assert [call.path for call in chain.tools.called] == ["/tickets/7"]


def test_method_is_how_it_is_called(chain: Chain) -> None:
    """A GET sends its arguments in the query."""
    use(chain, http={"url": f"http://{TOOL_HOST}/look", "method": "GET"})
    assert [(call.method, call.query) for call in chain.tools.called] == [("GET", "id=7")]


def test_a_credential_is_sent_as_bearer_token(chain: Chain) -> None:
    """The token of the named Secret reaches the host that the Secret lists."""
    chain.play(LOOK, Say("Done"))
    http = {"url": f"http://{TOOL_HOST}/look", "credentialSecretRef": {"name": "tool-token"}}

    def prepare(files: ConfigFiles) -> None:
        files.write_credential("tool-token", "sesame", TOOL_HOST)

    with chain.serve(*manifests(http=http), prepare=prepare) as desk:
        desk.ask()
    sent = [call.headers.get("authorization") for call in chain.tools.called]
    assert sent == ["Bearer sesame"]


def test_arguments_outside_the_input_schema_are_not_sent(chain: Chain) -> None:
    """A call that does not match is refused before it is made."""
    numbers = {**ARGUMENTS, "properties": {"id": {"type": "integer"}}}
    use(chain, inputSchema=numbers)
    assert chain.tools.called == []


def test_a_result_outside_the_output_schema_is_not_told(chain: Chain) -> None:
    """A result that does not match never reaches the model."""
    chain.tools.behaviours["/look"] = Behaviour(body=b'{"state": "a-secret-word"}')
    use(chain, outputSchema={"type": "object", "required": ["number"]})
    assert len(chain.tools.called) == 1
    assert "a-secret-word" not in told_to_model(chain)


def test_a_tool_that_reads_may_be_called(chain: Chain) -> None:
    """A declared effect lets a call through that would wait for a review without one."""
    use(chain, contract={"effect": "Read"})
    assert len(chain.tools.called) == 1


def test_the_key_of_a_call_is_in_the_named_header(chain: Chain) -> None:
    """The tool can recognise a repetition."""
    use(chain, contract={"effect": "Write", "idempotencyKeyHeader": "X-Call-Key"})
    assert [bool(call.headers.get("x-call-key")) for call in chain.tools.called] == [True]


def test_a_silent_tool_is_given_up(chain: Chain) -> None:
    """After a second the model hears of it, and the reply comes before the turn's deadline."""
    chain.tools.behaviours["/look"] = Behaviour(hangs=True)
    assert use(chain, contract={"effect": "Read", "timeoutSeconds": 1}) == 200


def test_calls_per_turn_bound_a_tool(chain: Chain) -> None:
    """The second call of one turn is not made."""
    chain.play(LOOK, LOOK, Say("Done"))
    with chain.serve(*manifests(contract={"effect": "Read", "callsPerTurn": 1})) as desk:
        desk.ask()
    assert len(chain.tools.called) == 1


def test_response_bytes_bound_a_result(chain: Chain) -> None:
    """A response that is larger is refused."""
    chain.tools.behaviours["/look"] = Behaviour(body=b'{"state": "' + b"w" * 500 + b'"}')
    use(chain, contract={"effect": "Read", "responseBytes": 64})
    assert "www" not in told_to_model(chain)


def test_integrity_of_a_result_is_in_its_label(chain: Chain) -> None:
    """What the contract trusts is trusted in the journal."""
    assert label_of_result(chain, integrity="Trusted").integrity is Integrity.TRUSTED


def test_sensitivity_of_a_result_is_in_its_label(chain: Chain) -> None:
    """A restricted result is restricted in the journal."""
    label = label_of_result(chain, sensitivity="Restricted")
    assert label.sensitivity is Sensitivity.RESTRICTED
