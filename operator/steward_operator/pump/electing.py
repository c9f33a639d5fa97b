"""Holds the Lease: takes it, renews it, gives it back; and the gate before each write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from steward_operator.errors import AbsentError, ApiError, LeaseLostError
from steward_operator.kube.client import KubeClient
from steward_operator.kube.resources import LEASES
from steward_operator.names import FIELD_MANAGER
from steward_operator.objects import Manifest
from steward_operator.pump.lease import (
    DURATION_SECONDS,
    RENEW_SECONDS,
    Election,
    Sighting,
    Step,
)
from steward_operator.telemetry import log

WAIT_SECONDS: Final = 1.0
"""Between two looks at somebody else's Lease. Its last change is seen at most this late, and so is
its end: with the duration of 15 s another leads 17 s after a leader died, and a request later."""


class Leadership:
    """One replica's part in the election."""

    def __init__(
        self,
        client: KubeClient,
        election: Election,
        namespace: str,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        """Elect over the Lease in `namespace`.

        Args:
            client: A client whose writes are not gated by this election.
            election: The arithmetic.
            namespace: Namespace of the operator.
            now: Wall clock, for the text in the Lease.
            clock: Monotonic seconds.
        """
        self._client = client
        self._election = election
        self._namespace = namespace
        self._now = now
        self._clock = clock
        self._lease: Manifest | None = None

    async def acquire(self) -> None:
        """Wait until this replica leads."""
        log().info("waiting_for_lease", identity=self._election.identity)
        while True:
            if await self._try_once():
                break
            await asyncio.sleep(WAIT_SECONDS)
        log().info("leading", identity=self._election.identity)

    async def hold(self) -> None:
        """Renew until the Lease is lost.

        Raises:
            LeaseLostError: when it is; the process should end, and another leads.
        """
        while self._election.is_leader(self._clock()):
            await asyncio.sleep(RENEW_SECONDS)
            await self._try_once()
        raise LeaseLostError("hold the Lease", "another replica leads, or renewing took too long")

    async def release(self) -> None:
        """Give the Lease back, so that another need not wait for its end."""
        if self._lease is None or not self._election.is_leader(self._clock()):
            return
        self._election.note_lost()
        try:
            await self._client.replace(LEASES, self._build(holder=""))
        except ApiError as error:
            log().info("lease_not_released", **error.explain())

    def is_leader(self) -> bool:
        """Say whether a write may be sent now."""
        return self._election.is_leader(self._clock())

    async def _try_once(self) -> bool:
        asked_at = self._clock()
        try:
            self._lease = await self._read()
            self._election.observe(_sighting(self._lease), self._clock())
            step = self._election.decide(self._clock())
            if step is Step.WAIT:
                self._election.note_lost()
                return False
            wanted = self._build(holder=self._election.identity)
            write = self._client.create if step is Step.CREATE else self._client.replace
            answer = await write(LEASES, wanted)
            self._lease = {**wanted, "metadata": answer["metadata"]}
        except ApiError as error:
            # Somebody was faster, or the API server is away: the clock decides.
            log().warning("lease_not_taken", **error.explain())
            return self.is_leader()
        self._election.note_held(Sighting(*_words(wanted)), asked_at)
        return self.is_leader()

    async def _read(self) -> Manifest | None:
        try:
            return await self._client.get(LEASES, self._namespace, FIELD_MANAGER)
        except AbsentError:
            return None

    def _build(self, *, holder: str) -> Manifest:
        lease = self._lease or {}
        time = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        before = lease.get("spec") or {}
        is_same = before.get("holderIdentity") == holder
        turns = int(before.get("leaseTransitions") or 0)
        metadata: Manifest = {"name": FIELD_MANAGER, "namespace": self._namespace}
        version = (lease.get("metadata") or {}).get("resourceVersion")
        if version:
            metadata["resourceVersion"] = version
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": metadata,
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": DURATION_SECONDS,
                "acquireTime": before.get("acquireTime", time) if is_same else time,
                "renewTime": time,
                "leaseTransitions": turns if is_same else turns + 1,
            },
        }


def _words(lease: Manifest) -> tuple[str, str]:
    spec = lease.get("spec") or {}
    return str(spec.get("holderIdentity") or ""), str(spec.get("renewTime") or "")


def _sighting(lease: Manifest | None) -> Sighting | None:
    return None if lease is None else Sighting(*_words(lease))
