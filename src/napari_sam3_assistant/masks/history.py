"""Undo and redo of edits, for any number of layers, within a number of bytes.

Of an edit only the pixels that changed are kept, compressed. Whatever else happened to the
array meanwhile stays when the edit is taken back: pixels beside them, and those of them that
were painted over since. A :class:`History` is used on one thread.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.masks.edits import Edit
from napari_sam3_assistant.masks.records import Record, pack

Labels = npt.NDArray[Any]

DEFAULT_LIMIT = 256 * 2**20


class _Line:
    """The edits of one layer: those before ``at`` can be undone, the others redone."""

    __slots__ = ("at", "records")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.at = 0


class History:
    """The edits of all layers, the oldest forgotten when they take too much room.

    Parameters
    ----------
    limit : int
        The most that is kept, in bytes.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._lines: dict[str, _Line] = {}
        self._numbers = itertools.count()
        self.nbytes = 0
        """What is kept now, in bytes."""

    def record(self, key: str, edit: Edit, title: str = "") -> bool:
        """Keep an edit that is, or is about to be, written; what was undone before can no longer be redone.

        Parameters
        ----------
        key : str
            Names the layer, now and later: its ``unique_id``.
        edit : Edit
            What changes.
        title : str
            What the user reads on Undo.

        Returns
        -------
        bool
            Whether it can be undone: False where it alone is larger than the limit. Then none of this
            layer's edits can.
        """
        return self.keep(key, pack(edit, title))

    def keep(self, key: str, record: Record) -> bool:
        """Keep an edit as :meth:`record` does, packed already."""
        if record.nbytes > self._limit:
            # The older ones led to what this one changed: without it they fit nothing.
            self.forget(key)
            return False
        line = self._lines.setdefault(key, _Line())
        self.nbytes += record.nbytes - sum(one.nbytes for one in line.records[line.at :])
        del line.records[line.at :]
        line.records.append(replace(record, number=next(self._numbers)))
        line.at += 1
        self._shrink()
        return True

    def undo(self, key: str, labels: Labels) -> Edit | None:
        """Return the edit that takes the last one of a layer back, for the caller to write; None if there is none.

        Parameters
        ----------
        key : str
            Names the layer.
        labels : ndarray
            Its data now.

        Raises
        ------
        PromptError
            If these have another shape than when the layer was edited, or a narrower type. Nothing changes then.
        """
        record = self.to_undo(key)
        if record is None:
            return None
        edit = record.undone(labels)
        self.step(key, -1)
        return edit

    def redo(self, key: str, labels: Labels) -> Edit | None:
        """Return the edit that was undone last, for the caller to write again; None if there is none.

        Parameters and errors are those of :meth:`undo`.
        """
        record = self.to_redo(key)
        if record is None:
            return None
        edit = record.redone(labels)
        self.step(key, 1)
        return edit

    def to_undo(self, key: str) -> Record | None:
        """Return what :meth:`undo` would take back, or None if there is nothing."""
        line = self._lines.get(key)
        return line.records[line.at - 1] if line and line.at else None

    def to_redo(self, key: str) -> Record | None:
        """Return what :meth:`redo` would write again, or None if there is nothing."""
        line = self._lines.get(key)
        return line.records[line.at] if line and line.at < len(line.records) else None

    def step(self, key: str, by: int) -> None:
        """Note that the edit of :meth:`to_undo` was taken back (-1), or that of :meth:`to_redo` made again (1)."""
        self._lines[key].at += by

    def undo_title(self, key: str) -> str | None:
        """Return the title of the edit that :meth:`undo` takes back, or None if there is none."""
        record = self.to_undo(key)
        return record.title if record else None

    def redo_title(self, key: str) -> str | None:
        """Return the title of the edit that :meth:`redo` writes again, or None if there is none."""
        record = self.to_redo(key)
        return record.title if record else None

    def forget(self, key: str) -> None:
        """Drop all edits of a layer: it is gone, or has other data now."""
        line = self._lines.pop(key, None)
        self.nbytes -= sum(record.nbytes for record in line.records) if line else 0

    def _shrink(self) -> None:
        while self.nbytes > self._limit:
            # From the far end of a line, so that the rest of it still fits together: its oldest edit,
            # or where all are undone, the one that would be redone last.
            line = min(self._lines.values(), key=lambda line: line.records[0].number if line.records else np.inf)
            self.nbytes -= line.records.pop(0 if line.at else -1).nbytes
            line.at = max(line.at - 1, 0)
