"""Where the API server is and who we are: in-cluster service account or a kubeconfig.

The official loaders do the work, so exec plugins, token files and client certificates behave as
with kubectl. Credentials are loaded again when the server answers 401 and, for a service account,
when the projected token file is a minute old.
"""

from __future__ import annotations

import os
import time
import urllib.parse
import urllib.request
from asyncio.sslproto import SSLProtocol
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from steward_operator.errors import ConfigurationError
from steward_operator.kube.gate import build_trace
from steward_operator.kube.official import (
    ApiClient,
    ConfigException,
    Configuration,
    load_incluster_config,
    load_kube_config,
)

CONNECTIONS_MAX: Final = 24
"""Open connections at once: eight watches and twelve requests in flight, with room to spare."""
TLS_BUFFER_BYTES: Final = 64 * 1024
"""Four TLS records. asyncio's default of 256 KiB per connection, all of it touched, is the largest
single item in an idle operator's memory."""
USER_AGENT: Final = "steward-operator"
RELOAD_SECONDS_MIN: Final = 5.0
"""Seconds between two reloads of credentials, so that a lasting 401 does not spin on a plugin."""


class Connection:
    """One authenticated way to one API server; shared by our client and kopf's."""

    def __init__(self, kubeconfig: Path | None, reload_seconds: float = RELOAD_SECONDS_MIN) -> None:
        """Load nothing yet.

        Args:
            kubeconfig: File to read; None for the service account of the Pod we run in.
            reload_seconds: Least time between two reloads of credentials.
        """
        SSLProtocol.max_size = TLS_BUFFER_BYTES
        self._kubeconfig = kubeconfig
        self._reload_seconds = reload_seconds
        self._loaded_at = -reload_seconds
        self.configuration: Any = Configuration(connection_pool_maxsize=CONNECTIONS_MAX)
        # Without this aiohttp looks for proxies and .netrc in a thread before each request, which
        # costs as much as the rest of it.
        self.configuration.client_session_kwargs = {
            "trust_env": is_proxy_set(),
            "trace_configs": [build_trace()],
        }
        self._api: ApiClient | None = None

    async def load(self) -> None:
        """Read server, certificates and credentials.

        Raises:
            ConfigurationError: if they are missing or cannot be read.
        """
        source = self._kubeconfig or "the service account of this Pod"
        try:
            if self._kubeconfig is None:
                load_incluster_config(  # type: ignore[no-untyped-call] # no annotations there
                    client_configuration=self.configuration
                )
            else:
                await load_kube_config(  # type: ignore[no-untyped-call] # no annotations there
                    config_file=str(self._kubeconfig),
                    client_configuration=self.configuration,
                    persist_config=False,
                )
        except (ConfigException, OSError, ValueError) as error:
            message = f"cannot reach the API server with {source}: {error}; give --kubeconfig"
            raise ConfigurationError(message) from error
        self._loaded_at = time.monotonic()

    async def reload(self) -> None:
        """Read credentials again, at most once in `reload_seconds`."""
        if time.monotonic() - self._loaded_at >= self._reload_seconds:
            await self.load()

    @property
    def api(self) -> ApiClient:
        """Return the client of the official package, made at first use inside the loop."""
        if self._api is None:
            self._api = ApiClient(configuration=self.configuration)
        return self._api

    def build_url(self, path: str, parameters: Mapping[str, str]) -> str:
        """Return the address of a request."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        return f"{self.configuration.host}{path}{query}"

    async def build_headers(self, accept: str, content_type: str) -> dict[str, str]:
        """Return the headers of a request, with credentials that are fresh enough."""
        headers = {"Accept": accept, "Content-Type": content_type, "User-Agent": USER_AGENT}
        header = await self._authorization_header()
        return {**headers, "Authorization": header} if header else headers

    async def authorization(self) -> tuple[str, str] | None:
        """Return scheme and credentials, or None where a client certificate speaks for us."""
        header = await self._authorization_header()
        if not header:
            return None
        scheme, _, credentials = header.strip().rpartition(" ")
        return scheme or "Bearer", credentials

    async def _authorization_header(self) -> str | None:
        header: str | None = await self.configuration.get_api_key_with_prefix(
            "BearerToken", alias="authorization"
        )
        return header

    async def close(self) -> None:
        """Close every connection."""
        if self._api is not None:
            await self._api.close()  # type: ignore[no-untyped-call] # no annotations there
            self._api = None


def default_kubeconfig() -> Path | None:
    """Return the file that kubectl would read, None inside a Pod."""
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    if named:
        return Path(named)
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return None
    return Path.home() / ".kube" / "config"


def is_proxy_set() -> bool:
    """Say whether the environment names an HTTP proxy."""
    return bool(urllib.request.getproxies_environment())
