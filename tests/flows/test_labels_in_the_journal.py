"""Labels as they lie in the journal: who it is about and where it came from is on every value."""

from __future__ import annotations

from pathlib import Path

from steward_api.meta import Sensitivity
from steward_api.v1alpha1.tool import ResultIntegrity
from steward_core import ALICE, BOB, Core, ask, build_blueprint, build_tool, open_core
from steward_runtime.journal.records import RecordType
from steward_runtime.labels import DataClass, Integrity, Label
from steward_runtime.models.fake import Calling, Line, Saying, ScriptedModel
from steward_runtime.turn import events
from steward_runtime.turn.messages import ChatRequest, Role, ToolCall

CRM = build_tool("crm", integrity=ResultIntegrity.TRUSTED, sensitivity=Sensitivity.RESTRICTED)
WEB = build_tool("web", sensitivity=Sensitivity.PUBLIC)


def use_tool_of_message(request: ChatRequest) -> Line:
    """Call the tool that the user names, then speak."""
    if request.messages[-1].role is Role.TOOL:
        return Saying(("Done.",))
    return Calling((ToolCall("c1", request.messages[-1].text, '{"ticket":"T-1"}'),))


async def _collect_results(core: Core) -> list[Label]:
    entries = await core.read_all()
    return [entry.event.label for entry in entries if isinstance(entry.event, events.ToolFinished)]


async def test_two_subjects_and_two_tools_yield_four_labels(tmp_path: Path) -> None:
    """Every result says whose it is and which tool it came from."""
    model = ScriptedModel("main", use_tool_of_message)
    async with open_core(tmp_path, build_blueprint(CRM, WEB), model) as core:
        for caller in (ALICE, BOB):
            for tool in ("crm", "web"):
                await core.chat(ask(tool, caller))
        labels = await _collect_results(core)
    assert len(labels) == len(set(labels)) == 4
    assert {(*label.subjects, *(o for o in label.origin if "tool:" in o)) for label in labels} == {
        ("pseudonym-of-alice", "tool:crm"),
        ("pseudonym-of-alice", "tool:web"),
        ("pseudonym-of-bob", "tool:crm"),
        ("pseudonym-of-bob", "tool:web"),
    }


async def test_a_result_carries_its_contracts_label(tmp_path: Path) -> None:
    """Integrity and sensitivity are those of the contract, readers those of the request."""
    model = ScriptedModel("main", use_tool_of_message)
    async with open_core(tmp_path, build_blueprint(CRM, WEB), model) as core:
        await core.chat(ask("crm"))
        await core.chat(ask("web"))
        crm, web = await _collect_results(core)
    assert (crm.integrity, crm.sensitivity) == (Integrity.TRUSTED, Sensitivity.RESTRICTED)
    assert (web.integrity, web.sensitivity) == (Integrity.UNTRUSTED, Sensitivity.INTERNAL)
    assert crm.readers == web.readers == frozenset({"pseudonym-of-alice"})
    assert crm.purpose == web.purpose == frozenset({"help"})
    assert crm.retention is web.retention is DataClass.TASKS


async def test_the_reply_is_labelled_by_everything_that_it_used(tmp_path: Path) -> None:
    """A restricted result makes a restricted reply, in outcome and conversation alike."""
    model = ScriptedModel("main", use_tool_of_message)
    async with open_core(tmp_path, build_blueprint(CRM, WEB), model) as core:
        live = await core.driver.start(ask("crm"))
        outcome = await live.wait()
        seen = await core.driver.view_conversation(ALICE, live.conversation_id)
    assert seen is not None
    stored = seen.messages[-1].message.label
    assert outcome.label == stored
    assert stored.sensitivity is Sensitivity.RESTRICTED
    assert stored.integrity is Integrity.TRUSTED
    assert stored.origin == {"client:user", "model:main", "prompt:desk", "tool:crm"}
    assert stored.retention is DataClass.CONVERSATIONS


async def test_no_record_with_content_is_without_label(tmp_path: Path) -> None:
    """Only records of codes and counts carry none."""
    model = ScriptedModel("main", use_tool_of_message)
    async with open_core(tmp_path, build_blueprint(CRM), model) as core:
        await core.chat(ask("crm"))
        entries = await core.read_all()
    bare = {entry.type for entry in entries if not entry.labels}
    assert bare == {
        RecordType.MODEL_CALLED,
        RecordType.TOOL_INTENDED,
        RecordType.TOOL_SENT,
        RecordType.REPLIED,
    }
