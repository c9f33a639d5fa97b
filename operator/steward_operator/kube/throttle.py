"""A bound on our requests: so many in flight, so many a second, and none while told to wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

IN_FLIGHT_MAX: Final = 12
"""With 30 ms per write that is 400 writes a second, more than an API server on two cores takes
(operators-measured.md: 300)."""
REQUESTS_PER_SECOND: Final = 400.0
BURST: Final = 400.0


@dataclass(slots=True)
class TokenBucket:
    """A token bucket on a given clock: pure arithmetic, no waiting."""

    per_second: float
    burst: float
    tokens: float
    refilled_at: float = 0.0
    closed_until: float = 0.0

    def take(self, now: float) -> float:
        """Take one token and return the seconds to wait before using it."""
        self.tokens = min(self.burst, self.tokens + (now - self.refilled_at) * self.per_second)
        self.refilled_at = now
        self.tokens -= 1.0
        return max(0.0, -self.tokens / self.per_second, self.closed_until - now)

    def close(self, now: float, seconds: float) -> None:
        """Let nobody through for `seconds` from `now`."""
        self.closed_until = max(self.closed_until, now + seconds)


class Throttle:
    """Lets requests through in turn; `close_for` obeys a Retry-After for all of them."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        in_flight_max: int = IN_FLIGHT_MAX,
        per_second: float = REQUESTS_PER_SECOND,
        burst: float = BURST,
    ) -> None:
        """Start with a full bucket.

        Args:
            clock: Monotonic seconds, for example the running loop's `time`.
            in_flight_max: Requests between question and answer.
            per_second: Requests a second in the long run.
            burst: Requests at once after a rest.
        """
        self._clock = clock
        self._places = asyncio.Semaphore(in_flight_max)
        self._bucket = TokenBucket(per_second, burst, tokens=burst, refilled_at=clock())

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place and a token; hold the place while the body runs."""
        async with self._places:
            seconds = self._bucket.take(self._clock())
            if seconds > 0:
                await asyncio.sleep(seconds)
            yield

    def close_for(self, seconds: float) -> None:
        """Obey a server that asked everybody to come back later."""
        self._bucket.close(self._clock(), seconds)
