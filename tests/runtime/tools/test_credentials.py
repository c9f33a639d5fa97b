"""Credentials and the hosts they are bound to."""

from __future__ import annotations

from pathlib import Path

import pytest

from steward_runtime.clock import ManualClock
from steward_runtime.errors import CredentialUnbound
from steward_runtime.tools.credentials import CredentialMissing, Credentials, gather_credential
from steward_runtime.tools.routes import Endpoint

HERE = Endpoint("api.example.com", 443)


def _write(folder: Path, content: str = "t0ken-71\n", hosts: str = "api.example.com") -> Path:
    secret = folder / "models"
    secret.mkdir(exist_ok=True)
    (secret / "token").write_text(content)
    (secret / "hosts").write_text(hosts)
    return secret


@pytest.mark.parametrize(
    "hosts",
    [
        "api.example.com",
        "API.example.com:443",
        "x.example\napi.example.com\n",
        "a, api.example.com",
    ],
)
def test_sends_the_token_to_a_host_that_the_secret_names(tmp_path: Path, hosts: str) -> None:
    """Hosts are separated by commas or lines, with or without port."""
    _write(tmp_path, hosts=hosts)
    headers = Credentials(tmp_path, ManualClock().monotonic_seconds).build_headers("models", HERE)
    assert headers == {"Authorization": "Bearer t0ken-71"}


@pytest.mark.parametrize(
    "hosts", ["", "example.com", "api.example.com:8443", "evil-api.example.com"]
)
def test_refuses_a_host_that_the_secret_does_not_name(tmp_path: Path, hosts: str) -> None:
    """A parent domain, another port or a look-alike is another host; the token is not shown."""
    _write(tmp_path, hosts=hosts)
    with pytest.raises(CredentialUnbound, match="hosts") as refusal:
        Credentials(tmp_path, ManualClock().monotonic_seconds).build_headers("models", HERE)
    assert "t0ken" not in str(refusal.value)


@pytest.mark.parametrize("token", ["", "two\nlines", "ümlaut", "x" * 20_000])
def test_refuses_a_token_that_is_no_header(tmp_path: Path, token: str) -> None:
    """An empty, broken or huge token counts as missing."""
    _write(tmp_path, token)
    with pytest.raises(CredentialMissing, match="models"):
        Credentials(tmp_path, ManualClock().monotonic_seconds).build_headers("models", HERE)


def test_follows_rotation_arrival_and_removal(tmp_path: Path) -> None:
    """A Secret that comes late, changes and goes is used, used anew and refused."""
    clock = ManualClock()
    credentials = Credentials(tmp_path, clock.monotonic_seconds)
    with pytest.raises(CredentialMissing):
        credentials.build_headers("models", HERE)
    secret = _write(tmp_path, "first")
    clock.move(1)
    assert credentials.build_headers("models", HERE)["Authorization"] == "Bearer first"
    (secret / "token").write_text("second")
    clock.move(1)
    assert credentials.build_headers("models", HERE)["Authorization"] == "Bearer second"
    (secret / "token").unlink()
    clock.move(1)
    with pytest.raises(CredentialMissing):
        credentials.build_headers("models", HERE)


def test_shows_no_token_in_its_own_text(tmp_path: Path) -> None:
    """A credential that ends up in a message shows its name alone."""
    assert "t0ken" not in repr(gather_credential(_write(tmp_path)))


def test_needs_no_secret_where_none_is_named(tmp_path: Path) -> None:
    """A tool without credential gets no header."""
    assert Credentials(tmp_path, ManualClock().monotonic_seconds).build_headers(None, HERE) == {}
