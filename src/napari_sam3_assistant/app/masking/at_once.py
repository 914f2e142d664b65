"""Edits of an object or two: made, written and drawn within a frame, with no way round by the worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.layers import labels
from napari_sam3_assistant.layers.pixels import writable_data
from napari_sam3_assistant.masks.edits import Edit
from napari_sam3_assistant.masks.records import Record, pack

if TYPE_CHECKING:
    from napari_sam3_assistant.app.masking.desk import Desk

MOST_CHANGED, MOST_LOOKED_AT = 200_000, 2**22
"""More pixels are the worker's."""


def is_small(record: Record) -> bool:
    """Return whether an edit can be taken back within a frame."""
    block = 1
    for part in record.slices:
        block *= part.stop - part.start
    return record.changed <= MOST_CHANGED and block <= MOST_LOOKED_AT


def edit(desk: Desk, layer: Any, edit: Edit | None, title: str, said: str) -> bool:
    """Write a small edit of a layer's pixels, so that it can be undone, and tell of it; return whether it was done.

    What runs meanwhile goes on: it finds the pixels changed as if a brush had painted them.
    """
    if edit is None:
        desk.say(f"{title} made no changes in {layer.name}.")
        return False
    return _guarded(desk, layer, lambda data: _write(desk, layer, data, edit, title, said))


def step(desk: Desk, layer: Any, record: Record, by: int, said: str) -> bool:
    """Take a small edit back (-1) or make it again (1), and tell of it; return whether it was done."""

    def write(data: npt.NDArray[Any]) -> None:
        turned = record.undone(data) if by < 0 else record.redone(data)
        desk.edited.step(layer, data, labels.stroke_of(turned), by)
        desk.say(said)

    return _guarded(desk, layer, write)


def _write(desk: Desk, layer: Any, data: npt.NDArray[Any], edit: Edit, title: str, said: str) -> None:
    desk.edited.write(layer, data, labels.stroke_of(edit), pack(edit, title))
    desk.say(said)


def _guarded(desk: Desk, layer: Any, write: Callable[[npt.NDArray[Any]], None]) -> bool:
    try:
        write(writable_data(layer))
    except AssistantError as error:
        desk.fail(error)
        return False
    return True
