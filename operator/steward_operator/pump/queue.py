"""A queue of keys: each key once, never two passes over one key at a time, later if told so."""

from __future__ import annotations

import asyncio
from collections import deque

from steward_operator.gather.subject import Subject


class KeyedQueue:
    """Hands out keys in the order of their coming; many additions of one key are one pass."""

    def __init__(self) -> None:
        """Start empty; must be made inside the running loop."""
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Subject] = deque()
        self._waiting: set[Subject] = set()
        self._active: set[Subject] = set()
        self._again: set[Subject] = set()
        self._timers: dict[Subject, asyncio.TimerHandle] = {}
        self._arrived = asyncio.Event()
        self._is_open = False

    def open(self) -> None:
        """Begin to hand out keys: the first lists are complete."""
        self._is_open = True
        self._arrived.set()

    def add(self, subject: Subject) -> None:
        """Ask for a pass now, or right after the one that runs."""
        self._forget_timer(subject)
        if subject in self._active:
            self._again.add(subject)
        elif subject not in self._waiting:
            self._waiting.add(subject)
            self._ready.append(subject)
            self._arrived.set()

    def add_later(self, subject: Subject, seconds: float) -> None:
        """Ask for a pass in `seconds`, unless one is asked for before."""
        if subject in self._waiting or subject in self._again:
            return
        due = self._loop.time() + seconds
        timer = self._timers.get(subject)
        if timer is not None and timer.when() <= due:
            return
        self._forget_timer(subject)
        self._timers[subject] = self._loop.call_at(due, self.add, subject)

    async def take(self) -> Subject:
        """Wait for the next key; `done` must follow."""
        while not (self._is_open and self._ready):
            self._arrived.clear()
            await self._arrived.wait()
        subject = self._ready.popleft()
        self._waiting.discard(subject)
        self._active.add(subject)
        return subject

    def done(self, subject: Subject) -> None:
        """End the pass over `subject`; what was added meanwhile is due now."""
        self._active.discard(subject)
        if subject in self._again:
            self._again.discard(subject)
            self.add(subject)

    @property
    def depth(self) -> int:
        """Return how many keys wait for a worker."""
        return len(self._ready)

    @property
    def is_idle(self) -> bool:
        """Return true if nothing waits and nothing runs; timers don't count."""
        return not (self._ready or self._active)

    def close(self) -> None:
        """Drop every timer."""
        for subject in tuple(self._timers):
            self._forget_timer(subject)

    def _forget_timer(self, subject: Subject) -> None:
        timer = self._timers.pop(subject, None)
        if timer is not None:
            timer.cancel()
