"""The digest of a wish, written on the child as an annotation (pure).

Comparison looks only at fields that we name, so a field that we no longer want would go unseen.
The digest changes with every wish, so such a child differs and is applied anew. It never replaces
the comparison: a hand-edited child keeps its digest.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

from steward_operator import labels
from steward_operator.objects import Manifest

DIGEST_LENGTH: Final = 16
"""Hex digits: 64 bits tell one wish of one child from the next."""


def digest_wish(manifest: Manifest) -> str:
    """Return the digest of a desired manifest."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]


def mark_wish(manifest: Manifest, digest: str) -> Manifest:
    """Return the manifest with its digest as an annotation."""
    metadata = manifest["metadata"]
    annotations = {**(metadata.get("annotations") or {}), labels.APPLIED_DIGEST: digest}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def read_mark(observed: Manifest) -> str:
    """Return the digest that an observed child carries, or an empty string."""
    annotations = observed["metadata"].get("annotations") or {}
    return str(annotations.get(labels.APPLIED_DIGEST, ""))
