"""The user's own model endpoint, said by OPENAI_API_KEY, OPENAI_BASE_URL and MODEL (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from steward_api.meta import HTTP_URL_PATTERN
from steward_cli.local.errors import EndpointInvalid

KEY_VARIABLE: Final = "OPENAI_API_KEY"
URL_VARIABLE: Final = "OPENAI_BASE_URL"
MODEL_VARIABLE: Final = "MODEL"
URL_DEFAULT: Final = "https://api.openai.com/v1"
MODEL_DEFAULT: Final = "gpt-4o-mini"
"""A small, widely available model of the default endpoint; set MODEL for another."""
PORT_OF_SCHEME: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class UserEndpoint:
    """An OpenAI-compatible endpoint that replaces every chat model of the Blueprint here."""

    base_url: str
    model_name: str
    key: str = field(repr=False)

    @property
    def host(self) -> str:
        """Host and port: the only place where the key may be sent."""
        parts = urlsplit(self.base_url)
        return f"{parts.hostname}:{parts.port or PORT_OF_SCHEME[parts.scheme]}"


def parse_endpoint(environment: Mapping[str, str]) -> UserEndpoint | None:
    """Read the three variables; None without OPENAI_API_KEY.

    Raises:
        EndpointInvalid: if the URL is unusable, or names another endpoint without MODEL.
    """
    key = environment.get(KEY_VARIABLE, "").strip()
    if not key:
        return None
    url = environment.get(URL_VARIABLE, "").strip().rstrip("/") or URL_DEFAULT
    model = environment.get(MODEL_VARIABLE, "").strip()
    if not re.match(HTTP_URL_PATTERN, url):
        raise EndpointInvalid(
            f"{URL_VARIABLE} must be an absolute http or https URL without credentials, "
            "query or fragment, for example https://models.example.com/v1"
        )
    if url != URL_DEFAULT and not model:
        raise EndpointInvalid(
            f"{URL_VARIABLE} is set: name the model to ask for there in {MODEL_VARIABLE}"
        )
    return UserEndpoint(base_url=url, model_name=model or MODEL_DEFAULT, key=key)
