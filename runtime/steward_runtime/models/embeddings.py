"""Embeddings behind OpenAI's HTTP API."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import orjson
from yarl import URL

from steward_runtime.errors import ModelAnswerBroken, ModelError, ModelUnavailable, StewardError
from steward_runtime.models.errors import ModelMisconfigured, ModelNotAsked

if TYPE_CHECKING:
    from steward_runtime.models.openai_chat import ChatPlumbing

ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024
BATCH_MAX: Final = 64
"""Texts of one request: common servers take 64 or more."""


class OpenAIEmbeddings:
    """One embedding model behind one endpoint."""

    def __init__(
        self, name: str, model_name: str, plumbing: ChatPlumbing, request_timeout_seconds: float
    ) -> None:
        self._name = name
        self._model_name = model_name
        self._plumbing = plumbing
        self._timeout_seconds = request_timeout_seconds
        self._url = URL(f"{plumbing.base_url}/embeddings", encoded=True)

    @property
    def model_digest(self) -> str:
        """Tell vectors of this model from those of another; an endpoint may move."""
        return "sha256:" + hashlib.sha256(self._model_name.encode()).hexdigest()

    async def embed(self, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        """Return one vector per text, in order.

        Raises:
            ModelError: if the endpoint cannot be reached, refuses, or answers something else.
        """
        vectors: list[tuple[float, ...]] = []
        for start in range(0, len(texts), BATCH_MAX):
            vectors.extend(await self._embed_batch(texts[start : start + BATCH_MAX]))
        return tuple(vectors)

    async def _embed_batch(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        body = orjson.dumps(
            {"model": self._model_name, "input": list(texts), "encoding_format": "float"}
        )
        try:
            async with asyncio.timeout(self._timeout_seconds):
                content = await self._post(body)
        except TimeoutError:
            what = f"did not answer within {self._timeout_seconds:g} seconds"
            raise ModelUnavailable(self._say(what)) from None
        except StewardError as error:
            raise error if isinstance(error, ModelError) else ModelNotAsked(error) from None
        except (aiohttp.ClientError, OSError):
            raise ModelUnavailable(self._say("could not be reached")) from None
        return self._parse(content, len(texts))

    async def _post(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        headers.update(self._plumbing.trace_headers())
        headers.update(self._plumbing.credential_headers())
        if self._plumbing.host_header is not None:
            headers["Host"] = self._plumbing.host_header
        async with self._plumbing.session.post(
            self._url, data=body, headers=headers, allow_redirects=False
        ) as response:
            if response.status == 429 or response.status >= 500:
                raise ModelUnavailable(self._say(f"answered HTTP {response.status}"))
            if response.status != 200:
                raise ModelMisconfigured(self._say(f"answered HTTP {response.status}"))
            content = bytearray()
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > ANSWER_BYTES_MAX:
                    raise ModelAnswerBroken(self._say("answered without an end"))
            return bytes(content)

    def _parse(self, content: bytes, count: int) -> list[tuple[float, ...]]:
        try:
            data: list[dict[str, Any]] = orjson.loads(content)["data"]
            ordered = sorted(data, key=lambda each: int(each.get("index", 0)))
            vectors = [tuple(float(part) for part in each["embedding"]) for each in ordered]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ModelAnswerBroken(self._say("answered no list of vectors")) from None
        if len(vectors) != count or len({len(vector) for vector in vectors}) > 1:
            raise ModelAnswerBroken(self._say("answered another number of vectors"))
        return vectors

    def _say(self, what: str) -> str:
        return f"Embedding model {self._name} at {self._url.host} {what}."
