"""Server-sent events."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward_runtime.models.sse import EVENT_BYTES_MAX, EventTooLarge, SseParser

DATA = st.lists(st.text(max_size=20).filter(lambda text: not set(text) & set("\r\n")), max_size=8)
ENDS = st.sampled_from(("\n", "\r\n", "\r"))


def _parse(*chunks: bytes) -> list[bytes]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def test_gives_the_data_of_each_event() -> None:
    """One space after the colon belongs to the field, a second one to the data."""
    assert _parse(b"data: a\n\ndata:b\n\ndata:  c\n\n") == [b"a", b"b", b" c"]


def test_skips_comments_and_other_fields() -> None:
    """Heartbeats, ids and event names carry no data."""
    assert _parse(b": ping\n\nid: 7\nevent: x\nretry: 1\ndata: a\n\n\n\n") == [b"a"]


def test_joins_the_lines_of_one_event() -> None:
    """Several data lines of one event are one text."""
    assert _parse(b"data: a\ndata: b\n\n") == [b"a\nb"]


def test_drops_an_event_that_is_not_complete() -> None:
    """Without its blank line an event was cut off."""
    assert _parse(b"data: a\n\ndata: b\n") == [b"a"]


def test_refuses_a_line_without_an_end() -> None:
    """A server cannot fill our memory with one line."""
    parser = SseParser()
    parser.feed(b"data: " + b"x" * (EVENT_BYTES_MAX // 2))
    with pytest.raises(EventTooLarge):
        parser.feed(b"x" * (EVENT_BYTES_MAX // 2))


@given(texts=DATA, end=ENDS, cuts=st.lists(st.integers(0, 200), max_size=8))
def test_does_not_depend_on_where_the_stream_is_cut(
    texts: list[str], end: str, cuts: list[int]
) -> None:
    """Any division into chunks, even inside CR LF or a character, gives the same events."""
    whole = "".join(f"data: {text}{end}{end}" for text in texts).encode()
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    chunks = [whole[a:b] for a, b in pairwise(places)]
    found = _parse(*chunks, b"data: end\n\n")
    assert found == [*(text.encode() for text in texts), b"end"]


@given(chunks=st.lists(st.binary(max_size=40), max_size=10))
def test_never_fails_on_garbage(chunks: list[bytes]) -> None:
    """Whatever bytes come, the parser gives events or nothing."""
    _parse(*chunks)
