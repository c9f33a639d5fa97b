"""What the pump may ask of runtimes, whether or not the operator has a key to ask with."""

from __future__ import annotations

from dataclasses import dataclass

from steward_api.blueprint import TrustedKey
from steward_operator.contract.archives import Archives
from steward_operator.contract.client import RuntimeStatus
from steward_operator.contract.erasures import ErasureSteps
from steward_operator.contract.errors import RuntimeUnreachable
from steward_operator.contract.runtimes import Runtimes
from steward_operator.objects import Subject
from steward_operator.plan.world import ErasureReport


@dataclass(frozen=True, slots=True)
class Line:
    """The line to all runtimes.

    Attributes:
        runtimes: None where the operator was given no key.
        archives: None where it keeps no archive.
    """

    runtimes: Runtimes | None
    archives: Archives | None

    @property
    def trusted_keys(self) -> tuple[TrustedKey, ...]:
        """Public keys that runtimes must trust."""
        return () if self.runtimes is None else self.runtimes.trusted_keys

    async def ask(self, subject: Subject, uid: str) -> RuntimeStatus:
        """Ask a runtime for its status.

        Raises:
            RuntimeFault: if it does not answer as the contract says.
        """
        if self.runtimes is None:
            raise RuntimeUnreachable(f"the operator has no key for the runtime of {subject.name}")
        return await self.runtimes.ask(subject, uid)

    async def erase(self, subject: Subject, uid: str) -> ErasureReport:
        """Take one step of an erasure."""
        if self.runtimes is None:
            return ErasureReport(is_proven=False, reason="OperatorKeyMissing")
        return await ErasureSteps(self.runtimes, self.archives).take(subject, uid)
