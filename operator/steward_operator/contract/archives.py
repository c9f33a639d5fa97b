"""Receipts of every Assistant, pulled, co-signed and put on one shelf; and what they prove."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from steward_api.receipt import Trigger
from steward_api.verification import ReceiptRefused, Verdict, verify_receipt
from steward_operator.archive.check import Issuer, select_keys
from steward_operator.archive.errors import ArchiveError
from steward_operator.archive.http_source import HttpSource
from steward_operator.archive.keys import check_ed25519
from steward_operator.archive.pins import Pins
from steward_operator.archive.puller import Puller
from steward_operator.archive.shelf import Shelf
from steward_operator.contract.errors import RuntimeFault
from steward_operator.contract.runtimes import Runtimes
from steward_operator.objects import Subject
from steward_operator.telemetry import log

ROUND_SECONDS: Final = 30.0
"""Pause between two rounds over all runtimes: a receipt is archived within a minute."""
PULLS_AT_ONCE: Final = 4


class Archives:
    """One shelf for all runtimes that the operator serves.

    Args:
        root: folder of the archive's own volume.
        runtimes: how runtimes are reached.
    """

    def __init__(self, root: Path, runtimes: Runtimes) -> None:
        self._pins = Pins(root)
        self._shelf = Shelf(root)
        self._runtimes = runtimes
        self._slots = asyncio.Semaphore(PULLS_AT_ONCE)
        self._pullers: dict[tuple[str, str], Puller] = {}

    async def pull(self, subject: Subject, uid: str) -> None:
        """Archive everything that a runtime has issued since the last time.

        Raises:
            RuntimeFault: if the runtime does not answer.
            ArchiveError: if a receipt cannot be taken, or the runtime shows another key.
            ReceiptRefused: if it hands out something that is no receipt.
        """
        async with self._slots:
            try:
                await self._pull(subject, uid)
            except (RuntimeFault, ArchiveError, ReceiptRefused):
                # Perhaps another Pod has its address, or it signs by its next key by now.
                self._runtimes.addresses.forget(subject)
                self._forget(uid)
                raise

    async def _pull(self, subject: Subject, uid: str) -> None:
        target = await self._runtimes.find(subject, uid)
        puller = self._pullers.get((uid, target.base_url))
        if puller is None:
            status = await self._runtimes.client.read_status(target)
            key, *older = await asyncio.to_thread(
                self._pins.take,
                (subject.namespace, subject.name),
                uid,
                status.public_key,
                status.key_changes,
            )
            issuer = Issuer(subject.namespace, subject.name, uid, key, tuple(older))
            runtimes = self._runtimes
            source = HttpSource(runtimes.session, target.base_url, uid, runtimes.key)
            puller = Puller(source, self._shelf, issuer, runtimes.key, runtimes.further_keys)
            self._forget(uid)
            self._pullers[uid, target.base_url] = puller
        await puller.pull()

    def find_erasure_verdict(self, subject: Subject, uid: str) -> Verdict | None:
        """Return what the newest receipt of an erasure proves; None where there is none.

        Raises:
            ReceiptRefused: if a file on the shelf is no receipt of this runtime any more.
        """
        key, *older = self._pins.list_keys((subject.namespace, subject.name), uid)
        issuer = Issuer(subject.namespace, subject.name, uid, key, tuple(older))
        for digest in reversed(self._shelf.list_digests(uid)):
            raw = self._shelf.read(uid, digest)
            if raw is None:
                continue
            keys = select_keys(raw, issuer, self._runtimes.public_keys)
            verification = verify_receipt(raw, keys, check_ed25519)
            claim = verification.statement.predicate
            # A predecessor's erasure, on a volume that was restored, says nothing about this one.
            if claim.trigger is Trigger.ASSISTANT_DELETED and claim.assistant_uid == uid:
                return verification.verdict
        return None

    async def keep_pulling(self, served: Callable[[], Iterable[tuple[Subject, str]]]) -> None:
        """Go round all Assistants, given with their uids, until cancelled."""
        while True:
            await self.pull_round(served())
            await asyncio.sleep(ROUND_SECONDS)

    async def pull_round(self, served: Iterable[tuple[Subject, str]]) -> None:
        """Go round these Assistants once; one that fails is told of and does not stop others."""
        await asyncio.gather(*(self._pull_quietly(*each) for each in served))

    async def _pull_quietly(self, subject: Subject, uid: str) -> None:
        try:
            await self.pull(subject, uid)
        except (RuntimeFault, ArchiveError, ReceiptRefused, OSError) as fault:
            reason = str(getattr(fault, "reason", type(fault).__name__))
            log().info(
                "receipts_not_pulled",
                reason=reason,
                namespace=subject.namespace,
                name=subject.name,
            )

    def _forget(self, uid: str) -> None:
        for place in [place for place in self._pullers if place[0] == uid]:
            del self._pullers[place]
