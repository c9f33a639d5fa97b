"""Where requests go."""

from __future__ import annotations

import pytest

from steward_runtime.tools.routes import Endpoint, parse_endpoint, resolve_route


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://API.example.com/v1", Endpoint("api.example.com", 443)),
        ("http://api.example.com", Endpoint("api.example.com", 80)),
        ("http://tickets.shop.svc:8080/x", Endpoint("tickets.shop.svc", 8080)),
    ],
)
def test_finds_host_and_port_of_a_url(url: str, endpoint: Endpoint) -> None:
    """Hosts are compared in lower case; the scheme says the port that is not written."""
    assert parse_endpoint(url) == endpoint


def test_goes_where_the_blueprint_says_without_binding() -> None:
    """In a cluster logical and actual endpoint are one, and the Host header is the URL's."""
    route = resolve_route("https://api.example.com/v1", {"other": "127.0.0.1:1"})
    assert (route.url, route.host_header) == ("https://api.example.com/v1", None)
    assert route.logical == route.actual


@pytest.mark.parametrize("bound", ["tickets.example.com", "tickets.example.com:443"])
def test_moves_a_bound_host_to_loopback_and_still_names_it(bound: str) -> None:
    """The path stays, the scheme becomes http, the header names the logical host."""
    route = resolve_route("https://tickets.example.com/t/{id}", {bound: "127.0.0.1:9001"})
    assert route.url == "http://127.0.0.1:9001/t/{id}"
    assert route.host_header == "tickets.example.com"
    assert route.logical == Endpoint("tickets.example.com", 443)
    assert route.actual == Endpoint("127.0.0.1", 9001)
