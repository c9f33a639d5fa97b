"""A reply inside JSON, read while it is written."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from steward_runtime.models.partial_reply import PartialReply


def _feed(*pieces: str) -> str:
    reply = PartialReply()
    return "".join(reply.feed(piece) for piece in pieces)


def test_gives_text_as_soon_as_it_is_there() -> None:
    """Each piece adds what it says; the end of the string ends the text."""
    reply = PartialReply()
    assert [reply.feed(piece) for piece in ('{"re', 'ply": "Hel', 'lo"', "}")] == [
        "",
        "Hel",
        "lo",
        "",
    ]


def test_gives_nothing_for_a_tool_call() -> None:
    """The other branch of the schema is no text for the user."""
    assert _feed('{"tool": "lookup", "arguments": {"reply": "no"}}') == ""


def test_gives_nothing_for_endless_white_space() -> None:
    """A model that writes blanks for ever is not a reply."""
    assert _feed(" " * 100, '{"reply": "late"}') == ""


@given(
    text=st.text(max_size=30),
    is_ascii=st.booleans(),
    cuts=st.lists(st.integers(0, 200), max_size=10),
)
def test_decodes_any_text_however_it_is_cut(text: str, is_ascii: bool, cuts: list[int]) -> None:
    """Escapes, surrogate pairs and cuts inside them change nothing."""
    text = text.encode("utf-8", "ignore").decode()
    whole = json.dumps({"reply": text}, ensure_ascii=is_ascii)
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    assert _feed(*(whole[a:b] for a, b in pairwise(places))) == text


@given(pieces=st.lists(st.text('{}": \\u0d8abreply', max_size=12), max_size=8))
def test_never_fails_on_broken_json(pieces: list[str]) -> None:
    """A model may write anything; what is wrong shows at the end."""
    _feed('{"reply": "', *pieces)
