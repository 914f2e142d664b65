"""Works beside those of the agenda: those of a lane one after another, those of two lanes side by side."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NoReturn

from napari_sam3_assistant.server.session.sessions import Work


class Lanes:
    """The lanes of one session; there is one as long as it has something to do.

    Parameters
    ----------
    do : callable
        ``await do(work)``; raises nothing.
    """

    def __init__(self, do: Callable[[Work], Awaitable[None]]) -> None:
        self._do = do
        self._waiting: dict[str, deque[Work]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = 0

    def __len__(self) -> int:
        """How many works wait or run."""
        return self._running + sum(map(len, self._waiting.values()))

    def add(self, lane: str, work: Work) -> None:
        """Have a work done after those that were added to the same lane before."""
        if lane in self._waiting:
            self._waiting[lane].append(work)
            return
        self._waiting[lane] = deque([work])
        task = asyncio.create_task(self._go(lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self) -> NoReturn:
        """Go on until cancelled; then all that is done ends too."""
        try:
            while True:
                await asyncio.Future()
        finally:
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _go(self, lane: str) -> None:
        works = self._waiting[lane]
        try:
            while works:
                self._running += 1
                try:
                    await self._do(works.popleft())
                finally:
                    self._running -= 1
        finally:
            del self._waiting[lane]
