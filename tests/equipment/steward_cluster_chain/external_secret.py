"""What the External Secrets Operator makes of the manifest in the how-to page on rotation."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any, Final

import yaml

EXAMPLE: Final = Path(__file__).parents[3] / "docs" / "howto" / "files" / "external-secret.yaml"
_PLACE: Final = re.compile(r"\{\{\s*\.(\w+)\s*\}\}")


def load_example() -> dict[str, Any]:
    """Read the manifest."""
    document: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    return document


def render_secret(
    example: dict[str, Any], values: dict[str, str], **changes: str
) -> dict[str, Any]:
    """Return the Secret that a refresh makes: the template with values of the store in it.

    Args:
        example: the ExternalSecret.
        values: what the store holds, by `secretKey`.
        changes: keys of the template that a test replaces, for hosts of its own.
    """
    target = example["spec"]["target"]
    template = {**target["template"]["data"], **changes}
    filled = {key: _PLACE.sub(lambda m: values[m[1]], text) for key, text in template.items()}
    metadata = {
        "name": target["name"],
        "labels": {"reconcile.external-secrets.io/managed": "true"},
    }
    data = {key: base64.b64encode(text.encode()).decode() for key, text in filled.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
