"""A queue of keys: each is worked on by one worker at a time, and never lost while it is."""

from __future__ import annotations

import asyncio

from steward_lab.kubelet.watching import Key


class KeyQueue:
    """Coalesces keys; a key added while it is being worked on comes again afterwards."""

    def __init__(self) -> None:
        """Starts empty."""
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._waiting: set[Key] = set()
        self._active: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}

    def add(self, key: Key) -> None:
        """Asks for a key to be worked on soon."""
        if key in self._waiting:
            return
        self._waiting.add(key)
        if key not in self._active:
            self._ready.put_nowait(key)

    def add_later(self, key: Key, delay_seconds: float) -> None:
        """Asks for a key to be worked on after a delay; a sooner wish stands."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        due = loop.time() + delay_seconds
        if timer is not None and not timer.cancelled() and loop.time() < timer.when() <= due:
            return
        if timer is not None:
            timer.cancel()
        self._timers[key] = loop.call_at(due, self.add, key)

    async def take(self) -> Key:
        """Waits for the next key; the caller must say `done` for it."""
        key = await self._ready.get()
        self._waiting.discard(key)
        self._active.add(key)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        return key

    def done(self, key: Key) -> None:
        """Ends the work on a key."""
        self._active.discard(key)
        if key in self._waiting:
            self._ready.put_nowait(key)
