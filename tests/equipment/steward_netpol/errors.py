"""Errors of the enforcer and of its checks.

LabError
└── NetworkPolicyError
    ├── LoadError            the kernel refused a table; the rules in force stay
    └── OracleError          cyclonus could not be asked, or gave no clear answer
"""

from __future__ import annotations

from steward_lab.errors import LabError


class NetworkPolicyError(LabError):
    """What every error of this package is; the message says what was tried."""


class LoadError(NetworkPolicyError):
    """The kernel refused a table."""


class OracleError(NetworkPolicyError):
    """The offline analysis failed or answered something unexpected."""
