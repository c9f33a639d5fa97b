"""Memory on a real database: writing, recalling, listing, deleting, and what lies on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from steward_api.v1alpha1.memory_policy import WriteRule
from steward_memory import (
    SAID_BY_USER,
    MemoryBench,
    WordEmbedder,
    ask_permit_to_recall,
    ask_permit_to_remember,
    build_policy,
    build_segment,
)
from steward_runtime.errors import NotFound, RequestRefused
from steward_runtime.memory.scope import ScopeCache


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[MemoryBench]:
    """Return a memory with one segment for user messages."""
    made = MemoryBench(tmp_path)
    yield made
    made.database.close()


def keys_of(bench: MemoryBench) -> int:
    """Count the data keys."""
    count: int = bench.database.read_now(
        lambda connection: connection.execute("SELECT count(*) FROM data_keys").fetchone()[0]
    )
    return count


def read_files(directory: Path) -> bytes:
    """Return the bytes of every file of the database."""
    return b"".join(path.read_bytes() for path in directory.iterdir())


async def test_what_a_user_said_is_recalled_later(bench: MemoryBench) -> None:
    """A fact of an earlier conversation comes back for a question about it."""
    await bench.say("ada", "My printer is a Quillmaster 9000")
    await bench.say("ada", "I like tea")
    found = await bench.recall("ada", "which printer do I have?")
    assert found[0] == "My printer is a Quillmaster 9000"


async def test_a_record_comes_back_with_its_label(bench: MemoryBench) -> None:
    """The label says whose it is and how sensitive the segment is."""
    await bench.say("ada", "My printer is broken")
    (record,) = await bench.store.recall(ask_permit_to_recall("ada"), "printer")
    assert record.segment == "notes"
    assert record.label.subjects == frozenset({"ada"})
    assert record.label.sensitivity.value == "Confidential"


async def test_another_subject_finds_nothing(bench: MemoryBench) -> None:
    """Memory is searched inside one subject's scope only."""
    await bench.say("ada", "My printer is broken")
    assert await bench.recall("bob", "printer") == ()
    assert await bench.store.list_records(ask_permit_to_recall("bob")) == ()


async def test_segments_have_their_own_budget_and_order(tmp_path: Path) -> None:
    """Each segment adds at most its own records, in the order of the policy."""
    policy = build_policy(
        build_segment("first", recall_records=1), build_segment("second", recall_records=2)
    )
    bench = MemoryBench(tmp_path, policy)
    for number in range(3):
        await bench.say("ada", f"printer {number}")
    found = await bench.store.recall(ask_permit_to_recall("ada"), "printer")
    assert [(record.segment, record.text) for record in found] == [
        ("first", "printer 2"),
        ("second", "printer 2"),
        ("second", "printer 1"),
    ]
    bench.database.close()


async def test_an_explicit_segment_keeps_no_user_messages(tmp_path: Path) -> None:
    """Only what /v1/memories is given lands there."""
    bench = MemoryBench(tmp_path, build_policy(build_segment(write=WriteRule.EXPLICIT)))
    assert await bench.say("ada", "My printer is broken") == 0
    made = await bench.store.add(
        ask_permit_to_remember("ada"), "notes", "I drink tea", SAID_BY_USER, key="k1"
    )
    assert await bench.recall("ada", "tea") == ("I drink tea",)
    assert made.text == "I drink tea"
    bench.database.close()


async def test_the_same_write_happens_once(bench: MemoryBench) -> None:
    """A turn that is driven again after a crash does not remember twice."""
    assert await bench.say("ada", "tea", key="task_1") == 1
    assert await bench.say("ada", "tea", key="task_1") == 0
    assert await bench.recall("ada", "tea") == ("tea",)


async def test_adding_with_the_same_key_returns_the_first_record(bench: MemoryBench) -> None:
    """A retried POST answers with what was written."""
    permit = ask_permit_to_remember("ada")
    first = await bench.store.add(permit, "notes", "tea", SAID_BY_USER, key="k")
    again = await bench.store.add(permit, "notes", "tea", SAID_BY_USER, key="k")
    assert again.record_id == first.record_id


async def test_beyond_the_capacity_the_oldest_record_goes(tmp_path: Path) -> None:
    """The row is deleted, and an open scope forgets it too."""
    bench = MemoryBench(tmp_path, build_policy(build_segment(max_records=2)))
    await bench.say("ada", "printer one")
    assert await bench.recall("ada", "printer") == ("printer one",)
    await bench.say("ada", "printer two")
    await bench.say("ada", "printer three")
    assert await bench.recall("ada", "printer") == ("printer three", "printer two")
    rows = bench.database.read_now(
        lambda connection: connection.execute("SELECT count(*) FROM memories").fetchone()
    )
    assert rows == (2,)
    bench.database.close()


async def test_an_open_scope_sees_writes_and_deletions(bench: MemoryBench) -> None:
    """The cache follows commits; it is never asked to open the scope again."""
    await bench.say("ada", "printer one")
    await bench.recall("ada", "printer")
    await bench.say("ada", "printer two")
    assert await bench.recall("ada", "printer") == ("printer two", "printer one")
    (first, _) = await bench.store.list_records(ask_permit_to_recall("ada"))
    await bench.store.delete(ask_permit_to_remember("ada"), first.record_id)
    assert await bench.recall("ada", "printer") == ("printer two",)


async def test_deleting_the_last_record_destroys_its_key(bench: MemoryBench) -> None:
    """Nothing can open a copy of the row any more."""
    await bench.say("ada", "printer")
    assert keys_of(bench) == 1
    (record,) = await bench.store.list_records(ask_permit_to_recall("ada"))
    await bench.store.delete(ask_permit_to_remember("ada"), record.record_id)
    assert keys_of(bench) == 0


async def test_a_foreign_record_and_none_are_refused_alike(bench: MemoryBench) -> None:
    """The refusal differs in nothing but the id that was asked for."""
    await bench.say("ada", "printer")
    (record,) = await bench.store.list_records(ask_permit_to_recall("ada"))
    for memory_id in (record.record_id, "mem_absent"):
        with pytest.raises(NotFound, match=memory_id):
            await bench.store.delete(ask_permit_to_remember("bob"), memory_id)


async def test_each_subject_has_a_key_of_its_own(bench: MemoryBench) -> None:
    """And one subject's records of one domain and sensitivity share it."""
    await bench.say("ada", "one")
    await bench.say("ada", "two")
    await bench.say("bob", "three")
    assert keys_of(bench) == 2


@pytest.mark.parametrize("text", ["", "  \n", "x" * 65_537])
async def test_refuses_an_empty_or_oversized_memory(bench: MemoryBench, text: str) -> None:
    """The refusal names the field."""
    with pytest.raises(RequestRefused) as refusal:
        await bench.store.add(ask_permit_to_remember("ada"), "notes", text, SAID_BY_USER, key="k")
    assert refusal.value.param == "text"


async def test_refuses_a_segment_that_the_policy_does_not_have(bench: MemoryBench) -> None:
    """Unknown segments are not made up."""
    with pytest.raises(NotFound):
        await bench.store.add(ask_permit_to_remember("ada"), "x", "tea", SAID_BY_USER, key="k")


async def test_without_a_policy_nothing_is_remembered(tmp_path: Path) -> None:
    """An assistant without MemoryPolicy has no memory."""
    bench = MemoryBench(tmp_path, policy=None)
    assert await bench.say("ada", "printer") == 0
    assert await bench.recall("ada", "printer") == ()
    bench.database.close()


async def test_no_word_and_no_vector_lies_on_the_disk(tmp_path: Path) -> None:
    """Text, words and vectors are sealed; the files hold none of them."""
    embedder = WordEmbedder()
    bench = MemoryBench(tmp_path, embedder=embedder)
    await bench.say("ada", "Quillmaster-canary-9000")
    bench.database.checkpoint_now()
    assert await bench.recall("ada", "quillmaster") == ("Quillmaster-canary-9000",)
    raw = read_files(tmp_path)
    assert b"uillmaster" not in raw
    assert b"canary" not in raw
    bench.database.close()


async def test_meaning_finds_what_words_do_not(tmp_path: Path) -> None:
    """Hybrid recall puts a synonym first."""
    embedder = WordEmbedder()
    embedder.synonyms = {"automobile": "car"}
    bench = MemoryBench(tmp_path, embedder=embedder, cache=ScopeCache(0))
    await bench.say("ada", "holiday")
    await bench.say("ada", "automobile")
    assert (await bench.recall("ada", "car"))[0] == "automobile"
    bench.database.close()


async def test_words_alone_decide_while_the_embedder_is_down(tmp_path: Path) -> None:
    """Recall and writing go on; a record written meanwhile has no vector."""
    embedder = WordEmbedder()
    bench = MemoryBench(tmp_path, embedder=embedder)
    embedder.is_down = True
    await bench.say("ada", "my printer")
    assert await bench.recall("ada", "printer") == ("my printer",)
    row = bench.database.read_now(
        lambda connection: connection.execute(
            "SELECT vector_sealed, model_digest, dimension FROM memories"
        ).fetchone()
    )
    assert row == (None, None, None)
    bench.database.close()


async def test_a_large_scope_is_ranked_all_the_same(tmp_path: Path) -> None:
    """Ranking in a thread gives what ranking on the loop gives."""
    bench = MemoryBench(tmp_path, build_policy(build_segment(max_records=500)))
    for number in range(150):
        await bench.say("ada", f"fact {number}")
    assert await bench.recall("ada", "149") == ("fact 149",)
    bench.database.close()
