"""Reference of the public API of an assistant, as an OpenAPI document."""

from __future__ import annotations

import json

from steward_runtime.server.openapi import build_document


def render_api() -> dict[str, str]:
    """Return the document that every assistant serves as `/openapi.json`."""
    return {"openapi.json": json.dumps(build_document(), indent=2) + "\n"}
