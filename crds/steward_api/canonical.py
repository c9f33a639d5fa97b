"""One canonical form of JSON, and the digest over it (pure)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel


def render_canonical(document: Any) -> bytes:
    """Write `document` as UTF-8 JSON with sorted keys and no spaces.

    Numbers are integers throughout our documents (the kinds know no floats), so this agrees with
    RFC 8785.

    Raises:
        ValueError: if the document holds NaN, an infinity or a float.
    """
    _refuse_floats(document)
    text = json.dumps(
        document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return text.encode()


def digest_of(document: Any) -> str:
    """Return `sha256:<hex>` of the canonical form of a JSON document or a pydantic model."""
    if isinstance(document, BaseModel):
        document = document.model_dump(mode="json", by_alias=True, exclude_none=True)
    return "sha256:" + hashlib.sha256(render_canonical(document)).hexdigest()


def _refuse_floats(node: Any) -> None:
    if isinstance(node, float):
        # The type is right for JSON, the value is wrong for a canonical document
        raise ValueError("a canonical document holds integers, not floats")  # noqa: TRY004
    if isinstance(node, dict):
        for value in node.values():
            _refuse_floats(value)
    elif isinstance(node, list | tuple):
        for value in node:
            _refuse_floats(value)
