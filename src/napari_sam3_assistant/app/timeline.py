"""Steps back and forth: what was so before each action, bounded in number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
STEPS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Step(Generic[T]):
    """What was so, and the action that leads away from it (or back to it)."""

    title: str
    was: T


class Timeline(Generic[T]):
    """The past and the undone future of a value.

    Parameters
    ----------
    most : int
        Steps remembered; the oldest is forgotten first.
    """

    def __init__(self, most: int = STEPS) -> None:
        self._most = most
        self._past: list[Step[T]] = []
        self._future: list[Step[T]] = []

    @property
    def undo_title(self) -> str:
        """The action that :meth:`undo` takes back; empty at the beginning."""
        return self._past[-1].title if self._past else ""

    @property
    def redo_title(self) -> str:
        """The action that :meth:`redo` does again; empty where nothing was undone."""
        return self._future[-1].title if self._future else ""

    @property
    def undo_to(self) -> T | None:
        """What :meth:`undo` goes back to, or None."""
        return self._past[-1].was if self._past else None

    @property
    def redo_to(self) -> T | None:
        """What :meth:`redo` goes to, or None."""
        return self._future[-1].was if self._future else None

    def push(self, title: str, before: T) -> None:
        """Remember what was so before an action; what was undone can no longer be done again."""
        self._past = [*self._past[-(self._most - 1) :], Step(title, before)]
        self._future.clear()

    def undo(self, present: T) -> T | None:
        """Return what was so before the newest action, or None at the beginning."""
        return self._move(self._past, self._future, present)

    def redo(self, present: T) -> T | None:
        """Return what was so after the action undone last, or None if there is none."""
        return self._move(self._future, self._past, present)

    def _move(self, source: list[Step[T]], target: list[Step[T]], present: T) -> T | None:
        if not source:
            return None
        step = source.pop()
        target.append(Step(step.title, present))
        return step.was
