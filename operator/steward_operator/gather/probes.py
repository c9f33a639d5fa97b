"""Is a Secret there? Asked by a dry-run create, since the operator may not read Secrets.

201 means absent, 409 present; nothing is stored and no data is seen. An answer holds for ten
minutes by default, so that a deleted Secret is noticed without reading it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from steward_operator.errors import AlreadyThereError, ApiError
from steward_operator.gather.subject import Subject
from steward_operator.kube.client import KubeClient
from steward_operator.kube.resources import SECRETS
from steward_operator.objects import Manifest
from steward_operator.telemetry import log

JITTER: Final = 0.2
RETRY_SECONDS: Final = 30.0
"""After a probe that the API server did not answer; what is unknown holds back the Pod."""


class SecretProbes:
    """Remembers which Secrets exist, and when to ask again."""

    def __init__(
        self,
        client: KubeClient,
        clock: Callable[[], float],
        draw: Callable[[], float],
        period_seconds: float,
    ) -> None:
        """Probe through `client`.

        Args:
            client: The client.
            clock: Monotonic seconds.
            draw: Random number from 0 to 1, for jitter.
            period_seconds: How long an answer holds.
        """
        self._period_seconds = period_seconds
        self._client = client
        self._clock = clock
        self._draw = draw
        self._present: dict[Subject, dict[str, bool]] = {}
        self._due_at: dict[Subject, float] = {}

    def note_present(self, assistant: Subject, secret: str) -> None:
        """Remember a Secret that we have just posted."""
        self._present.setdefault(assistant, {})[secret] = True
        if assistant not in self._due_at:
            self._due_at[assistant] = self._next_due()

    def expire(self, assistant: Subject) -> None:
        """Ask again at the next look: something says that a Secret is missing."""
        if assistant in self._due_at:
            self._due_at[assistant] = self._clock()

    def forget(self, assistant: Subject) -> None:
        """Drop a deleted Assistant."""
        self._present.pop(assistant, None)
        self._due_at.pop(assistant, None)

    def seconds_to_next(self, assistant: Subject) -> float | None:
        """Return the seconds until the answers are too old, or None where there are none."""
        due_at = self._due_at.get(assistant)
        return None if due_at is None else max(0.0, due_at - self._clock())

    async def gather(self, assistant: Subject, secrets: Iterable[str]) -> dict[str, bool]:
        """Return which of `secrets` exist; one that could not be asked for is left out."""
        wanted = tuple(dict.fromkeys(secrets))
        known = self._present.get(assistant, {})
        is_due = self._due_at.get(assistant, 0.0) <= self._clock()
        asked = [name for name in wanted if is_due or name not in known]
        if asked:
            answers = await asyncio.gather(*(self._ask(assistant, name) for name in asked))
            found = {n: a for n, a in zip(asked, answers, strict=True) if a is not None}
            known = {**known, **found}
            if is_due or None in answers:
                is_complete = None not in answers
                self._due_at[assistant] = (
                    self._next_due() if is_complete else self._clock() + RETRY_SECONDS
                )
        kept = {name: known[name] for name in wanted if name in known}
        self._present[assistant] = kept
        return dict(kept)

    async def _ask(self, assistant: Subject, secret: str) -> bool | None:
        probe: Manifest = {
            "apiVersion": SECRETS.api_version,
            "kind": SECRETS.kind,
            "metadata": {"name": secret, "namespace": assistant.namespace},
        }
        try:
            await self._client.create(SECRETS, probe, is_dry_run=True)
        except AlreadyThereError:
            return True
        except ApiError as error:
            # What is unknown holds back the Pod, so it must not do so in silence.
            log().warning("secret_not_probed", namespace=assistant.namespace, **error.explain())
            return None
        return False

    def _next_due(self) -> float:
        return self._clock() + self._period_seconds * (1.0 - JITTER * self._draw())
