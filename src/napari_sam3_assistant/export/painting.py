"""Objects that a file tells of, painted into a label image one after the other; what is wrong with them, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.filling import fill
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.export.annotated import Color, LabelClass, Meaning
from napari_sam3_assistant.export.places import Place

MOST_PIXELS = 2**29
"""A label image that is read from a list of objects has no more pixels than this: 23,000 x 23,000."""
MOST_LABEL = 2**32 - 1
FAR = 1e9
"""No corner of a picture has a coordinate as large as this."""
REMEDY = "Mend this entry, or write the file again where it was made."


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """A label image that was read, and what the file tells of it.

    Attributes
    ----------
    labels : ndarray of integer or bool
    place : Place
    picture : str
        Name of the picture that it is about; may be empty.
    classes : mapping of int to LabelClass
        By label, as far as told.
    meaning : Meaning or None
        None where the file does not say.
    covered : int
        How many pixels an object lost to a later one.
    notes : tuple of str
        What was left out, in sentences.
    """

    labels: npt.NDArray[Any]
    place: Place = field(default_factory=Place)
    picture: str = ""
    classes: Mapping[int, LabelClass] = field(default_factory=dict)
    meaning: Meaning | None = None
    covered: int = 0
    notes: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """All that there is to know of the reading, in sentences; may be empty."""
        lost = (f"{self.covered:,} pixel(s) lie in several objects; the later one has them.",) if self.covered else ()
        return " ".join((*lost, *self.notes))


class Canvas:
    """A label image in the making; later objects lie over earlier ones.

    Parameters
    ----------
    shape : sequence of int
        Two axes or more.
    largest : int
        Label that will be painted.
    """

    def __init__(self, shape: Sequence[int], largest: int) -> None:
        kind = next(kind for kind in (np.uint8, np.uint16, np.uint32) if largest <= np.iinfo(kind).max)
        self.labels = np.zeros(tuple(shape), kind)
        self.covered = 0

    def paint(self, mask: PlacedMask, label: int, index: tuple[int, ...] = ()) -> None:
        """Paint a mask, which lies inside the plane, with a label on the plane at ``index``."""
        (top, left), (height, width) = mask.offset, mask.mask.shape
        block = self.labels[index][top : top + height, left : left + width]
        there = block[mask.mask]
        self.covered += int(np.count_nonzero((there != 0) & (there != label)))
        block[mask.mask] = label


def checked_shape(shape: Sequence[Any], where: str) -> tuple[int, ...]:
    """Return the lengths of axes.

    Raises
    ------
    ImageError
        If one is no whole number from 1, or they are too many pixels; it names ``where`` that stands.
    """
    if len(shape) < 2 or not all(isinstance(one, int) and not isinstance(one, bool) and one > 0 for one in shape):
        raise ImageError(
            f"{where} does not say how large its picture is: {shown(list(shape))}.",
            hint="Give width and height as whole numbers of 1 or more.",
        )
    if math.prod(shape) > MOST_PIXELS:
        size = " x ".join(f"{one:,}" for one in shape)
        raise ImageError(
            f"{where} has a picture of {size} pixels, too many for one layer.",
            hint=f"Check its width and height; up to {MOST_PIXELS:,} pixels are read.",
        )
    return tuple(shape)


def checked_ring(found: Any, where: str, *, flat: bool = False) -> npt.NDArray[np.float64]:
    """Return the corners (row, col) of a polygon whose file has x before y.

    Parameters
    ----------
    found : list
        Of pairs, or with ``flat`` of numbers in turn.
    where : str
        How a message names it.
    flat : bool

    Raises
    ------
    ImageError
        If these are no three points at least, or not all of them numbers.
    """
    try:
        numbers = np.array(found, dtype=np.float64) if _plain(found, flat) else np.zeros(0)
    except (TypeError, ValueError, OverflowError):
        numbers = np.zeros(0)
    if flat and numbers.size % 2 == 0:
        numbers = numbers.reshape(-1, 2)
    if numbers.ndim != 2 or numbers.shape[1] < 2:
        raise ImageError(f"{where} has an outline that is no list of points.", hint=REMEDY)
    points = numbers[:, 1::-1]
    if not np.isfinite(points).all() or np.abs(points).max(initial=0) >= FAR:
        raise ImageError(f"{where} has a point that is no place in a picture.", hint=REMEDY)
    if len(np.unique(points, axis=0)) < 3:
        raise ImageError(f"{where} has an outline of fewer than 3 points.", hint=REMEDY)
    return points


def filled(rings: Sequence[npt.NDArray[np.float64]], shape: tuple[int, int]) -> PlacedMask | None:
    """Return the pixels inside rings, of a plane of ``shape`` (H, W), or None where there are none."""
    corners = np.concatenate(rings)
    low = np.clip(np.floor(corners.min(axis=0)), 0, shape).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), 0, shape).astype(int)
    (top, left), (bottom, right) = low.tolist(), high.tolist()
    if bottom <= top or right <= left:
        return None
    mask = fill(rings, (top, left, bottom, right))
    return PlacedMask(mask, (top, left)) if mask.any() else None


def whole_number(found: Any, low: int = 0, high: int = MOST_LABEL) -> int | None:
    """Return a whole number between ``low`` and ``high``, which may be text, or None where it is none."""
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 12:
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
        return None
    return found


def checked_color(found: Any) -> Color | None:
    """Return red, green and blue, 0 to 255, or None where these are not told."""
    if not isinstance(found, list) or len(found) != 3:
        return None
    red, green, blue = (whole_number(part, 0, 255) for part in found)
    return None if red is None or green is None or blue is None else (red, green, blue)


def shown(found: Any) -> str:
    """Return what stands in a file, short enough for a message."""
    text = repr(found)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _plain(found: Any, flat: bool) -> bool:
    """Return whether a list holds numbers, and no text that could be read as such."""
    if not isinstance(found, list):
        return False
    if flat:
        return all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in found)
    return all(isinstance(pair, list) and len(pair) in (2, 3) and _plain(pair, True) for pair in found)
