"""Errors of retention.

Each names the run or receipt, what was attempted and what to do next; none holds content.

StewardError
├── PurgeError             500
│   ├── ScanFailed         500  the scanner did not finish; the run goes on with the next one
│   ├── PurgeUnreachable   503  the runtime of the assistant did not answer
│   └── PurgeRefused       403  the runtime did not accept the token
├── SigningKeyBroken       500  the signing key is absent or no Ed25519 key
└── CosignatureRefused     400  an acknowledgement that no trusted operator key made
"""

from __future__ import annotations

from steward_runtime.errors import StewardError


class PurgeError(StewardError):
    """A purge run could not be started, driven or asked about."""

    reason = "PurgeFailed"
    retryable = True


class ScanFailed(PurgeError):
    """The scanner did not finish, so nothing is known about residues."""

    reason = "ScanFailed"


class PurgeUnreachable(PurgeError):
    """The runtime of the assistant did not answer."""

    reason = "RuntimeUnreachable"
    status = 503


class PurgeRefused(PurgeError):
    """The runtime did not accept the token."""

    reason = "TokenRefused"
    status = 403
    retryable = False


class SigningKeyBroken(StewardError):
    """The key that signs receipts is absent or no Ed25519 key."""

    reason = "KeyMissing"


class CosignatureRefused(StewardError):
    """The co-signature is not one of a trusted operator key over this receipt."""

    reason = "CosignatureRefused"
    status = 400
