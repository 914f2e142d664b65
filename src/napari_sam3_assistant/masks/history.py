"""Undo and redo of edits, for any number of layers, within a number of bytes.

Of an edit only the pixels that changed are kept, compressed. Whatever else happened to the
array meanwhile stays when the edit is taken back: pixels beside them, and those of them that
were painted over since. A :class:`History` is used on one thread; to pack
an edit into a :class:`Record` and to unpack it takes long for a large one, and any thread may do it.
"""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.masks.edits import Edit, check_fit

Labels = npt.NDArray[Any]

DEFAULT_LIMIT = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Record:
    """One edit, compressed: which pixels of its block changed, and what they were and became.

    Attributes
    ----------
    title : str
        What the user reads on Undo.
    changed : int
        The number of pixels that change.
    """

    title: str
    changed: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    slices: tuple[slice, ...]
    where: bytes
    before: bytes
    after: bytes
    number: int = -1

    @property
    def nbytes(self) -> int:
        """What it takes, in bytes."""
        return len(self.where) + len(self.before) + len(self.after)

    def undone(self, labels: Labels) -> Edit:
        """Return the edit of ``labels`` that takes this one back.

        Raises
        ------
        PromptError
            If ``labels`` is not of the shape and type that were edited.
        """
        return self._block(labels, self.after, self.before)

    def redone(self, labels: Labels) -> Edit:
        """Return the edit of ``labels`` that makes this one again; errors as :meth:`undone`."""
        return self._block(labels, self.before, self.after)

    def _block(self, labels: Labels, left: bytes, values: bytes) -> Edit:
        """Return the edit that gives ``values`` to the pixels that still are as they were ``left``."""
        check_fit(labels, self.shape, self.dtype)
        before = labels[self.slices].copy()
        bits = np.frombuffer(zlib.decompress(self.where), np.uint8)
        changed = np.unpackbits(bits, count=before.size).astype(bool).reshape(before.shape)
        after = before.copy()
        untouched = before[changed] == np.frombuffer(zlib.decompress(left), self.dtype)
        after[changed] = np.where(untouched, np.frombuffer(zlib.decompress(values), self.dtype), before[changed])
        return Edit(self.shape, self.slices, before, after)


def pack(edit: Edit, title: str = "") -> Record:
    """Return an edit as it is kept, with the title that the user reads on Undo."""
    changed = edit.before != edit.after
    where, before, after = (
        zlib.compress(np.ascontiguousarray(values).tobytes(), 1)
        for values in (np.packbits(changed), edit.before[changed], edit.after[changed])
    )
    count = int(np.count_nonzero(changed))
    return Record(title, count, edit.shape, edit.after.dtype, edit.slices, where, before, after)


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

    @property
    def nbytes(self) -> int:
        """What is kept now, in bytes."""
        return sum(record.nbytes for line in self._lines.values() for record in line.records)

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
            If these have another shape or type than when the layer was edited. Nothing changes then.
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
        self._lines.pop(key, None)

    def _shrink(self) -> None:
        excess = self.nbytes - self._limit
        while excess > 0:
            # From the far end of a line, so that the rest of it still fits together: its oldest edit,
            # or where all are undone, the one that would be redone last.
            line = min(self._lines.values(), key=lambda line: line.records[0].number if line.records else np.inf)
            excess -= line.records.pop(0 if line.at else -1).nbytes
            line.at = max(line.at - 1, 0)
