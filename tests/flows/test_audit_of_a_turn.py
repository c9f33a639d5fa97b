"""The audit chain of a turn: every decision is a leaf, none shows content."""

from __future__ import annotations

from pathlib import Path

import orjson

from steward_api.v1alpha1.tool import Effect
from steward_core import Core, ask, build_blueprint, build_tool, open_core
from steward_runtime.audit.chain import build_head, verify_record
from steward_runtime.audit.sink import AuditSink, read_head
from steward_runtime.clock import RandomIds
from steward_runtime.models.fake import Calling, Line, Saying, ScriptedModel
from steward_runtime.storage.connection import Connection
from steward_runtime.turn.messages import ChatRequest, Role, ToolCall

MARKER = "T-7731"


def _answer(request: ChatRequest) -> Line:
    if request.messages[-1].role is Role.TOOL:
        return Saying(("Done.",))
    arguments = f'{{"ticket":"{MARKER}"}}'
    return Calling((ToolCall("c1", "lookup", arguments), ToolCall("c2", "wipe", arguments)))


async def _chat(core: Core) -> list[tuple[bytes, bytes, bytes]]:
    """Chat once and return (leaf, salt, record) of every decision."""
    await core.chat(ask("Look up and wipe"))
    sink = AuditSink(core.keyring, RandomIds())

    def read(connection: Connection) -> list[tuple[bytes, bytes, bytes]]:
        rows = connection.execute("SELECT seq, leaf FROM audit_leaves ORDER BY seq").fetchall()
        details = [sink.read_detail(connection, seq) or (b"", b"") for seq, _ in rows]
        return [(leaf, *detail) for (_, leaf), detail in zip(rows, details, strict=True)]

    return await core.database.read(read)


async def test_every_decision_is_a_leaf_with_its_reason(tmp_path: Path) -> None:
    """Allowed and refused alike, in the order in which they were made."""
    blueprint = build_blueprint(build_tool("lookup"), build_tool("wipe", Effect.DESTRUCTIVE))
    async with open_core(tmp_path, blueprint, ScriptedModel("main", _answer)) as core:
        leaves = await _chat(core)
        head = await core.database.read(read_head)
    said = [orjson.loads(record) for _, _, record in leaves]
    assert [(each["target"], each["decision"], each["reason"]) for each in said] == [
        ("model", "Allow", "WithinLimits"),
        ("lookup", "Allow", "WithinContract"),
        ("wipe", "Deny", "ReviewRequired"),
        ("model", "Allow", "WithinLimits"),
    ]
    assert all(verify_record(*each) for each in leaves)
    assert head == (4, build_head(leaf for leaf, _, _ in leaves))


async def test_an_audit_record_names_data_by_keyed_digest_only(tmp_path: Path) -> None:
    """Equal arguments are recognisable to the holder of the key; the text is nowhere."""
    blueprint = build_blueprint(build_tool("lookup"))
    async with open_core(tmp_path, blueprint, ScriptedModel("main", _answer)) as core:
        leaves = await _chat(core)
    records = [record for _, _, record in leaves]
    assert not any(MARKER.encode() in record for record in records)
    assert all(orjson.loads(record)["blueprint"] == blueprint.digest for record in records)
    assert len({orjson.loads(record)["content"] for record in records}) == len(records)
