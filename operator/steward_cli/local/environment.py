"""The environment of child processes: what they need, and nothing else of the user's (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from steward_cli.local.layout import StateFolder

PASSED: Final = (
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LC_ALL",
    "NO_PROXY",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "PATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "VIRTUAL_ENV",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
"""Variables of the user that reach a child. Keys such as OPENAI_API_KEY do not: the runtime reads
credentials from files, and a service of an example has no use for them."""


def build_environment(
    own: Mapping[str, str], state: StateFolder, extra: tuple[tuple[str, str], ...] = ()
) -> dict[str, str]:
    """Return the environment of one child."""
    return {
        **{name: own[name] for name in PASSED if name in own},
        **dict(extra),
        "POD_IP": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(state.temporary),
    }
