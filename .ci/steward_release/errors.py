"""Errors of building a release.

ReleaseError         what was asked could not be done; the text says what to do
├── ToolMissing      a program of the machine is not installed
├── BuildFailed      a program failed; its last lines are in the text
├── ArchiveInvalid   an image archive does not hold what it should
├── KeyRefused       a signing or public key is absent or of another kind
└── ProvenanceRefused  a provenance statement does not hold for the files beside it
"""

from __future__ import annotations


class ReleaseError(Exception):
    """What was asked could not be done; the text names the object and what to do."""


class ToolMissing(ReleaseError):
    """A program of the machine is not installed."""


class BuildFailed(ReleaseError):
    """A program failed."""


class ArchiveInvalid(ReleaseError):
    """An image archive does not hold what it should."""


class KeyRefused(ReleaseError):
    """A key is absent, or no Ed25519 key in PEM."""


class ProvenanceRefused(ReleaseError):
    """A provenance statement does not hold for the files beside it."""
