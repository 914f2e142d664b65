"""What of Mask Cleanup is remembered from one start to the next: sizes, the value, how far it reaches."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from napari_sam3_assistant.app.masking.cleanup import Cleanup
from napari_sam3_assistant.masks.scopes import Reach
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.kept import Kept
from napari_sam3_assistant.widgets.masks.numbers import MOST, MOST_DISTANCE_PX, MOST_RADIUS_PX
from napari_sam3_assistant.widgets.store import settings

logger = logging.getLogger(__name__)


def remember(cleanup: Cleanup, bindings: Bindings) -> None:
    """Set what was remembered, and write each choice when it is made, until ``bindings`` are closed."""
    for one in KEPT:
        part = getattr(cleanup, one.part)
        found = settings().value(one.key)
        if found is not None:
            try:
                setattr(part, one.field, one.read(found))
            except ValueError as error:
                logger.warning("The setting %s = %.60r was ignored: %s.", one.key, found, error)
        bindings.connect(getattr(part.events, one.field), partial(_write, one))


def _write(one: Kept, value: object) -> None:
    settings().setValue(one.key, one.write(value))


def _whole(lowest: int, highest: int) -> Callable[[object], int]:
    """Return a reader of whole numbers of a range."""

    def read(found: object) -> int:
        number = int(str(found))
        if not lowest <= number <= highest:
            raise ValueError(f"it is not from {lowest} to {highest}")
        return number

    return read


def _reach(found: object) -> Reach:
    if str(found) not in Reach.__members__:
        raise ValueError("it is no scope")
    return Reach[str(found)]


def _name(reach: Reach) -> str:
    return reach.name


KEPT = (
    Kept("mask_minimum_size", "state", "minimum_size", _whole(1, MOST), str),
    Kept("mask_hole_size", "state", "hole_size", _whole(0, MOST), str),
    Kept("mask_smoothing_radius", "state", "radius", _whole(1, MOST_RADIUS_PX), str),
    Kept("mask_split_distance", "state", "distance", _whole(1, MOST_DISTANCE_PX), str),
    Kept("mask_assignment", "state", "assignment", _whole(1, MOST), str),
    Kept("mask_scope", "scope", "reach", _reach, _name),
)
"""Which choice is remembered under which key."""
