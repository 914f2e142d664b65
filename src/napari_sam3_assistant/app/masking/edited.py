"""The edits of Labels layers, written so that they can be undone."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.layers import labels
from napari_sam3_assistant.masks.history import History
from napari_sam3_assistant.masks.records import Record

Array = npt.NDArray[Any]


class Edited:
    """Writes edits, and keeps what takes them back, by the ``unique_id`` of each layer.

    Parameters
    ----------
    state : MaskState
        Is told what can be undone in the target.
    """

    written = Signal(object, object)
    """Emitted with a layer and the edit that was written into it."""
    painted = Signal(object, object)
    """Emitted with a layer and the edit that a user has painted in it."""
    forgotten = Signal(str)
    """Emitted with the unique id of a layer whose edits were dropped."""

    def __init__(self, state: MaskState) -> None:
        self._state = state
        self._history = History()
        self._arrays: dict[str, weakref.ref[Array]] = {}  # what the edits of each layer were made in
        self.writing = False
        """Whether what is painted just now is our own doing."""

    def write(self, layer: Any, data: Array, stroke: labels.Stroke, record: Record) -> bool:
        """Write an edit of ``data`` into its layer; return whether it can be undone.

        Raises
        ------
        PromptError
            If the layer was changed meanwhile where it would be written; then nothing is.
        """
        with self._own():
            labels.write_stroke(layer, data, stroke)
        kept = self.keep(layer, record)
        self.written.emit(layer, stroke.edit)
        return kept

    def keep(self, layer: Any, record: Record) -> bool:
        """Keep an edit that is in its layer already; return whether it can be undone."""
        kept = self._history.keep(str(layer.unique_id), record)
        self._note(layer)
        return kept

    def step(self, layer: Any, data: Array, stroke: labels.Stroke, by: int) -> None:
        """Write what takes the last edit back (-1), or makes the one undone last again (1); errors as :meth:`write`."""
        with self._own():
            labels.write_stroke(layer, data, stroke)
        self._history.step(str(layer.unique_id), by)
        self._note(layer)
        self.written.emit(layer, stroke.edit)

    def next(self, layer: Any, by: int) -> Record | None:
        """Return what would be taken back (-1) or made again (1), or None if there is nothing."""
        key = str(layer.unique_id)
        return self._history.to_undo(key) if by < 0 else self._history.to_redo(key)

    def knows(self, identity: str) -> bool:
        """Return whether anything can be undone or made again in the layer with a unique id."""
        return self._history.to_undo(identity) is not None or self._history.to_redo(identity) is not None

    def forget(self, layer: Any) -> None:
        """Drop what is kept of a layer that is gone."""
        identity = str(layer.unique_id)
        self._history.forget(identity)
        self._arrays.pop(identity, None)
        self.tell()
        self.forgotten.emit(identity)

    def replaced(self, layer: Any) -> bool:
        """Drop the edits of a layer whose pixels are another array by now; return whether there were any.

        They stay where that array is the same in a wider type.
        """
        identity = str(layer.unique_id)
        edited = self._arrays.get(identity)
        if edited is None or edited() is layer.data:
            return False
        if self._widened(layer):
            self._note(layer)
            return False
        self.forget(layer)
        return True

    def tell(self) -> None:
        """Write what can be undone and made again in the target."""
        key = self._state.target or ""
        self._state.undo, self._state.redo = self._history.undo_title(key), self._history.redo_title(key)

    def _widened(self, layer: Any) -> bool:
        """Return whether the newest edit stands as it was left, in an array of a type that was not edited yet."""
        if not isinstance(layer.data, np.ndarray):
            return False
        done, ahead = self.next(layer, -1), self.next(layer, 1)
        record = done or ahead
        if record is None or layer.data.dtype == record.dtype:
            return False
        return record.stands(layer.data, done=done is not None)

    def _note(self, layer: Any) -> None:
        self._arrays[str(layer.unique_id)] = weakref.ref(layer.data)
        self.tell()

    @contextmanager
    def _own(self) -> Iterator[None]:
        self.writing = True
        try:
            yield
        finally:
            self.writing = False
