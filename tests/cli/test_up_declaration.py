"""`local.yaml` and the variables of a user's own model endpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from steward_cli.local.declaration import gather_declaration, parse_declaration
from steward_cli.local.endpoint import parse_endpoint
from steward_cli.local.errors import DeclarationInvalid, EndpointInvalid

SERVICE = "{name: a, host: 'a.b.svc:80', command: [python]}"


def test_a_folder_without_declaration_declares_nothing(tmp_path: Path) -> None:
    """The file is optional."""
    declaration = gather_declaration(tmp_path)
    assert (declaration.services, declaration.secrets) == ((), ())


@pytest.mark.parametrize("example", ["01-helpdesk"])
def test_the_examples_declarations_are_understood(examples: Path, example: str) -> None:
    """What is shipped parses."""
    declaration = gather_declaration(examples / example)
    assert declaration.services[0].host == "tickets.helpdesk.svc:8080"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("services: [", "is not YAML in line 1"),
        ("services: 3", "services"),
        ("colour: red", "colour"),
        ("services: [{name: A, host: 'a:1', command: [x]}]", "services.0.name"),
        ("services: [{name: a, host: 'a', command: [x]}]", "services.0.host"),
        ("services: [{name: a, host: 'a:1', command: []}]", "services.0.command"),
        (f"services: [{SERVICE}, {SERVICE}]", "two services have the same name"),
        ("secrets: [{name: a}]", "set hosts"),
        ("secrets: [{name: a, hosts: ['a:1'], folder: b}]", "one of the two"),
    ],
)
def test_refuses_a_declaration_and_says_where(text: str, told: str) -> None:
    """The message names file and field."""
    with pytest.raises(DeclarationInvalid, match=told) as caught:
        parse_declaration(text, origin="local.yaml")
    assert str(caught.value).startswith("local.yaml")


def test_refuses_a_declaration_that_is_not_utf8(tmp_path: Path) -> None:
    """Bytes that are no text end in one line."""
    (tmp_path / "local.yaml").write_bytes(b"services: \xff")
    with pytest.raises(DeclarationInvalid, match="UTF-8"):
        gather_declaration(tmp_path)


def test_without_a_key_the_bundled_model_is_used() -> None:
    """A base URL alone changes nothing."""
    assert parse_endpoint({"OPENAI_BASE_URL": "https://models.example.com/v1"}) is None


def test_a_key_alone_means_openais_own_endpoint() -> None:
    """The defaults are the provider's."""
    endpoint = parse_endpoint({"OPENAI_API_KEY": "secret"})
    assert endpoint is not None
    assert endpoint.host == "api.openai.com:443"
    assert endpoint.model_name


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:9000/v1", "127.0.0.1:9000"),
        ("https://models.example.com/v1/", "models.example.com:443"),
        ("http://models.example.com", "models.example.com:80"),
    ],
)
def test_the_key_is_bound_to_host_and_port(url: str, host: str) -> None:
    """The port is the scheme's where none is said."""
    endpoint = parse_endpoint({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": url, "MODEL": "m"})
    assert endpoint is not None
    assert endpoint.host == host


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("models.example.com", "absolute http"),
        ("https://user:pass@models.example.com/v1", "without credentials"),
        ("https://models.example.com/v1?a=b", "query"),
    ],
)
def test_refuses_a_url_that_cannot_be_used(url: str, told: str) -> None:
    """The message does not repeat the URL: it may hold a password."""
    with pytest.raises(EndpointInvalid, match=told) as caught:
        parse_endpoint({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": url, "MODEL": "m"})
    assert "pass@" not in str(caught.value)


def test_another_endpoint_needs_a_model_name() -> None:
    """Nothing is guessed for an unknown server."""
    with pytest.raises(EndpointInvalid, match="MODEL"):
        parse_endpoint({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://m.example.com/v1"})


def test_the_key_is_in_no_representation() -> None:
    """What is logged by accident holds no key."""
    assert "secret" not in repr(parse_endpoint({"OPENAI_API_KEY": "secret"}))
