"""Requests on their way to an engine, by what they are about. An answer counts only while its request is here."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from napari_sam3_assistant.app.drafts import Draft, Points
from napari_sam3_assistant.app.screen import Place
from napari_sam3_assistant.core.prompts import Prompts

Key = tuple[Place, int | str]
"""The plane, and the number of the object or what else is asked about the plane."""


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A request on its way.

    Attributes
    ----------
    future : Future
        Of its answer.
    prompts : Prompts or None
        What is asked about one object; None where all objects are looked for.
    known : bool
        Whether what it is about was encoded when it was asked.
    began : float
        When, as ``time.perf_counter`` tells.
    """

    future: Future[Any]
    prompts: Prompts | None
    known: bool = False
    began: float = field(default_factory=time.perf_counter)


class Requests:
    """The newest request about each object."""

    def __init__(self) -> None:
        self._pending: dict[Key, Pending] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._pending))

    def add(self, key: Key, pending: Pending) -> None:
        """Let a request take the place of the one before it about the same object."""
        self._pending[key] = pending

    def prompts_of(self, key: Key) -> Prompts | None:
        """Return what is being asked about an object, or None."""
        pending = self._pending.get(key)
        return pending.prompts if pending is not None else None

    def take(self, key: Key, future: Future[Any]) -> Pending | None:
        """Return the request that ``future`` answers, and forget it; None if it counts no longer."""
        pending = self._pending.get(key)
        if pending is None or pending.future is not future:
            return None
        return self._pending.pop(key)

    def drop(self, place: Place, ids: Collection[int | str]) -> None:
        """Take no answers about these objects."""
        for id in ids:
            pending = self._pending.pop((place, id), None)
            if pending is not None:
                pending.future.cancel()

    def drop_outdated(self, place: Place, draft: Draft, points: Points) -> None:
        """Take no answers to prompts of a plane that are others by now, or are no longer there."""
        lost = []
        for (where, id), pending in self._pending.items():
            if where == place and isinstance(id, int) and pending.prompts is not None:
                talk = draft.talks.get(id)
                if talk is None or talk.prompts(points.get(id, ())) != pending.prompts:
                    lost.append(id)
        self.drop(place, lost)

    def recall(self, here: Place | None, points: Points, draft_at: Callable[[Place], Draft]) -> None:
        """Take no answers to prompts that a step has taken back: not on the plane ``here``, and not on others."""
        for place in {where for where, _ in self._pending}:
            self.drop_outdated(place, draft_at(place), points if place == here else {})

    def forget(self) -> None:
        """Take no answer any more."""
        self._pending.clear()
