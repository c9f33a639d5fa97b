"""Patterns of bounds: what a written namespace, host or network names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward_operator.children.destinations import parse_destination
from steward_operator.plan.patterns import (
    is_host_in,
    is_namespace_in,
    is_network,
    is_network_in,
)


@given(st.text("ab*-", min_size=1, max_size=8), st.text("ab-", min_size=1, max_size=10))
def test_a_star_stands_for_any_characters(pattern: str, namespace: str) -> None:
    """The matcher without backtracking agrees with the regular expression it stands for."""
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))
    wanted = re.fullmatch(expression, namespace) is not None
    assert is_namespace_in([pattern], namespace) is wanted


@pytest.mark.parametrize(
    ("url", "pattern", "is_in"),
    [
        ("https://models.example.com/v1", "models.example.com", True),
        ("https://MODELS.example.com:8443/v1", "models.example.com", True),
        ("https://models.example.com.evil.org/v1", "models.example.com", False),
        ("https://a.b.example.com/v1", "*.example.com", True),
        ("https://example.com/v1", "*.example.com", False),
        ("https://evilexample.com/v1", "*.example.com", False),
        ("http://chat/v1", "chat.team.svc", True),
        ("http://chat.models.svc/v1", "*.models.svc", True),
        ("http://chat.models.svc.cluster.local/v1", "chat.models.svc", True),
        ("http://chat.other.svc/v1", "*.models.svc", False),
        ("http://10.0.0.7/v1", "10.0.0.7", True),
        ("http://10.0.0.7/v1", "10.0.0.70", False),
    ],
)
def test_a_host_is_named_exactly_or_by_its_parent(url: str, pattern: str, is_in: bool) -> None:
    """Ports do not count, a Service has one name however it is spelled, suffixes end at a dot."""
    assert is_host_in(parse_destination(url, "team"), [pattern]) is is_in


def test_no_list_allows_any_host_and_an_empty_one_none() -> None:
    """The empty list is the strictest bound, never the widest."""
    destination = parse_destination("https://models.example.com", "team")
    assert is_host_in(destination, None)
    assert not is_host_in(destination, [])
    assert is_network_in("10.0.0.0/8", None)
    assert not is_network_in("10.0.0.0/8", [])


@pytest.mark.parametrize(
    ("network", "allowed", "is_in"),
    [
        ("10.20.0.0/16", "10.0.0.0/8", True),
        ("10.0.0.0/8", "10.20.0.0/16", False),
        ("fd00:1::/32", "fd00::/8", True),
        ("10.0.0.0/8", "::/0", False),
        ("nonsense", "0.0.0.0/0", False),
        ("10.0.0.0/8", "nonsense", False),
    ],
)
def test_a_network_lies_within_another_or_not(network: str, allowed: str, is_in: bool) -> None:
    """Whole or in part, and never across the two versions of IP."""
    assert is_network_in(network, [allowed]) is is_in


def test_host_bits_are_no_network() -> None:
    """The API server refuses 10.0.0.1/8 in a NetworkPolicy, so the plan does too."""
    assert is_network("10.0.0.0/8")
    assert not is_network("10.0.0.1/8")
