"""Edits as the history keeps them: the pixels that changed, what they were and what they became, compressed.

To pack an edit and to unpack it takes long for a large one; any thread may do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks.edits import Edit

Labels = npt.NDArray[Any]

LEVEL = 1
"""Of zstd: higher ones take much longer and save little."""
PIXELS_OF_A_PLACE = 64
"""Where of so many pixels one changes, or fewer, their places are kept, and else one bit for each pixel."""


@dataclass(frozen=True, slots=True)
class Record:
    """One edit, compressed: which pixels of its block changed, and what they were and became.

    Attributes
    ----------
    title : str
        What the user reads on Undo.
    changed : int
        The number of pixels that change.
    shape, dtype : tuple of int, dtype
        Of the array that was edited.
    slices : tuple of slice
        The block.
    where : bytes
        ``places``: how far each changed pixel is from the one before in the flattened block, int64; else a bit
        for each pixel of the block.
    before, after : bytes
        The values of the changed pixels.
    """

    title: str
    changed: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    slices: tuple[slice, ...]
    places: bool
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
            If ``labels`` is not of the shape that was edited, or of a type that cannot hold what was.
        """
        return self._block(labels, self.after, self.before)

    def redone(self, labels: Labels) -> Edit:
        """Return the edit of ``labels`` that makes this one again; errors as :meth:`undone`."""
        return self._block(labels, self.before, self.after)

    def stands(self, labels: Labels, *, done: bool) -> bool:
        """Return whether ``labels`` is as this edit left it (``done``) or found it, in all pixels that it changes."""
        if not self.fits(labels):
            return False
        now = labels[self.slices].reshape(-1)[self._where()]
        return bool(np.array_equal(now, self._values(self.after if done else self.before)))

    def fits(self, labels: Labels) -> bool:
        """Return whether an array has the shape that was edited, and a type that holds all values of that time."""
        return bool(labels.shape == self.shape and np.can_cast(self.dtype, labels.dtype, "safe"))

    def _block(self, labels: Labels, left: bytes, values: bytes) -> Edit:
        """Return the edit that gives ``values`` to the pixels that still are as they were ``left``."""
        if not self.fits(labels):
            raise PromptError(
                f"The layer is now {labels.shape} of {labels.dtype}; it was {self.shape} of {self.dtype} when it was "
                "edited.",
                hint="Its earlier edits cannot be taken back any more.",
            )
        before, where = labels[self.slices].copy(), self._where()
        after = before.copy()
        now = before.reshape(-1)[where]
        after.reshape(-1)[where] = np.where(now == self._values(left), self._values(values), now).astype(labels.dtype)
        return Edit(self.shape, self.slices, before, after)

    def _where(self) -> npt.NDArray[Any]:
        """Return the changed pixels of the flattened block: their indices, or a mask."""
        if self.places:
            return np.cumsum(np.frombuffer(_unzip(self.where), np.int64))
        size = int(np.prod([part.stop - part.start for part in self.slices]))
        return np.unpackbits(np.frombuffer(_unzip(self.where), np.uint8), count=size).view(bool)

    def _values(self, packed: bytes) -> Labels:
        return np.frombuffer(_unzip(packed), self.dtype)


def pack(edit: Edit, title: str = "") -> Record:
    """Return an edit as it is kept, with the title that the user reads on Undo."""
    changed = (edit.before != edit.after).reshape(-1)
    count = int(np.count_nonzero(changed))
    places = count * PIXELS_OF_A_PLACE <= changed.size
    if places:
        at = np.flatnonzero(changed)
        where = np.diff(at, prepend=0).astype(np.int64)
        return _record(edit, title, where, edit.before.reshape(-1)[at], edit.after.reshape(-1)[at], places=True)
    values = edit.before.reshape(-1)[changed], edit.after.reshape(-1)[changed]
    return _record(edit, title, np.packbits(changed), *values, places=False)


def _record(edit: Edit, title: str, where: npt.NDArray[Any], before: Labels, after: Labels, *, places: bool) -> Record:
    parts = (_zip(where), _zip(before), _zip(after))
    return Record(title, before.size, edit.shape, edit.after.dtype, edit.slices, places, *parts)


def _zip(values: npt.NDArray[Any]) -> bytes:
    from numcodecs.zstd import compress

    return bytes(compress(np.ascontiguousarray(values).view(np.uint8), LEVEL)) if values.size else b""


def _unzip(packed: bytes) -> bytes:
    from numcodecs.zstd import decompress

    return bytes(decompress(packed)) if packed else b""
