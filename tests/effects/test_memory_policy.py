"""What the fields of a MemoryPolicy do, seen by the model and at the door of memories."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from steward_effects import Chain, assistant_set
from steward_effects.chain import Served
from steward_effects.objects import OTHER_MODEL_HOST, memory, model
from steward_model_server import Say

HYBRID = {"mode": "Hybrid", "embedderRef": {"name": "e"}}
FACTS = ("My desk is in room 12", "My desk has a lamp", "My desk is old")


@contextmanager
def remembering(chain: Chain, **segment: Any) -> Iterator[Served]:
    """Serve an assistant with one segment of memory."""
    chain.play(*[Say("Noted")] * 8)
    embedder = model("e", OTHER_MODEL_HOST, abilities=["Embeddings"])
    manifests = assistant_set(memory(**segment), embedder, memoryPolicyRef={"name": "mem"})
    with chain.serve(*manifests) as desk:
        yield desk


def tell(desk: Served) -> None:
    """Say three things, each in a conversation of its own."""
    for fact in FACTS:
        assert desk.ask(fact).status == 200


def recalled(chain: Chain) -> str:
    """Return everything that the last request put before the model, but for what was asked."""
    return str(chain.sent_to_model()[-1]["messages"][:-1])


def test_name_is_how_a_segment_is_asked_for(chain: Chain) -> None:
    """`?segment=` finds the records by the segment's name."""
    with remembering(chain, name="desk-facts") as desk:
        desk.ask(FACTS[0])
        assert len(desk.memories("?segment=desk-facts")) == 1


def test_domain_is_how_records_are_asked_for(chain: Chain) -> None:
    """`?domain=` finds the records by the segment's domain."""
    with remembering(chain, domain="workplace") as desk:
        desk.ask(FACTS[0])
        assert len(desk.memories("?domain=workplace")) == 1


def test_sensitivity_is_that_of_every_record(chain: Chain) -> None:
    """A record of a restricted segment is restricted."""
    with remembering(chain, sensitivity="Restricted") as desk:
        desk.ask(FACTS[0])
        assert [each["sensitivity"] for each in desk.memories()] == ["Restricted"]


def test_write_keeps_what_users_say(chain: Chain) -> None:
    """With UserMessages a message becomes a record."""
    with remembering(chain, write="UserMessages") as desk:
        desk.ask(FACTS[0])
        assert [each["text"] for each in desk.memories()] == [FACTS[0]]


def test_max_records_let_the_oldest_go(chain: Chain) -> None:
    """Of three records two are kept."""
    with remembering(chain, maxRecords=2) as desk:
        tell(desk)
        assert {each["text"] for each in desk.memories()} == set(FACTS[1:])


def test_recall_records_bound_what_a_turn_recalls(chain: Chain) -> None:
    """Of three records that fit one reaches the model."""
    with remembering(chain, recallRecords=1) as desk:
        tell(desk)
        desk.ask("Tell me of my desk")
        assert sum(fact in recalled(chain) for fact in FACTS) == 1


def test_recall_characters_bound_what_a_turn_recalls(chain: Chain) -> None:
    """Records that don't fit into 30 characters stay behind."""
    with remembering(chain, recallCharacters=30) as desk:
        tell(desk)
        desk.ask("Tell me of my desk")
        assert sum(fact in recalled(chain) for fact in FACTS) == 1


def test_hybrid_recall_ranks_by_meaning(chain: Chain) -> None:
    """What is said is turned into vectors; words alone would need none."""
    with remembering(chain, recall=HYBRID) as desk:
        desk.ask(FACTS[0])
    assert {each.path for each in chain.other.received} == {"/v1/embeddings"}


def test_embedder_ref_chooses_who_makes_vectors(chain: Chain) -> None:
    """The named Model is asked, and the one that chats is not."""
    with remembering(chain, recall=HYBRID) as desk:
        desk.ask(FACTS[0])
    paths = {each.path for each in chain.model.received}
    assert (bool(chain.other.received), paths) == (True, {"/v1/chat/completions"})
