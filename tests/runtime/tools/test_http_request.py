"""Requests from templates and arguments."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward_api.v1alpha1.tool import HttpMethod
from steward_runtime.tools.http_request import ArgumentsUnusable, build_request

URL = "http://h/tickets/{id}/notes"


def test_puts_arguments_into_path_and_query() -> None:
    """GET: what the path does not name becomes the query; lists repeat, null is left out."""
    request = build_request(
        URL, HttpMethod.GET, '{"id": 7, "q": "a b&c", "tag": ["x", "y"], "no": null, "yes": true}'
    )
    assert request.url == "http://h/tickets/7/notes?q=a+b%26c&tag=x&tag=y&yes=true"
    assert request.body is None


def test_puts_arguments_into_path_and_body() -> None:
    """POST: what the path does not name becomes a JSON body."""
    request = build_request(URL, HttpMethod.POST, '{"id": "A-1", "text": {"a": [1]}}')
    assert request.url == "http://h/tickets/A-1/notes"
    assert orjson.loads(request.body or b"") == {"text": {"a": [1]}}


@pytest.mark.parametrize(
    "arguments",
    ["{}", '{"id": null}', '{"id": {}}', '{"id": ""}', '{"id": ".."}', '{"id": " . "}', "[]", "{"],
)
def test_refuses_arguments_that_do_not_make_a_path(arguments: str) -> None:
    """A missing, empty, nested or climbing path argument is refused, without its value."""
    with pytest.raises(ArgumentsUnusable) as refusal:
        build_request(URL, HttpMethod.GET, arguments)
    assert ".." not in str(refusal.value)


@given(value=st.text(min_size=1).filter(lambda text: text.strip() not in {"", ".", ".."}))
def test_keeps_any_value_inside_its_segment(value: str) -> None:
    """No value adds a segment, a query, a fragment or another host."""
    built = build_request(URL, HttpMethod.GET, orjson.dumps({"id": value}).decode())
    parts = urlsplit(built.url)
    segments = parts.path.split("/")
    assert (parts.netloc, parts.query, parts.fragment) == ("h", "", "")
    assert (len(segments), unquote(segments[2])) == (4, value)


@given(values=st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), max_size=4))
def test_sends_every_query_value_unchanged(values: dict[str, str]) -> None:
    """What a server decodes from the query is what the model wrote."""
    built = build_request("http://h/x", HttpMethod.GET, orjson.dumps(values).decode())
    assert dict(parse_qsl(urlsplit(built.url).query, keep_blank_values=True)) == values
