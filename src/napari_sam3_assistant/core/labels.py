"""Placed masks to label images and back, areas, and run-length codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import PlacedMask, intersection, slices
from napari_sam3_assistant.core.windows import Window

Overlap = Literal["first", "last", "score"]


def to_labels(
    masks: Sequence[PlacedMask],
    window: Window,
    *,
    values: Sequence[int] | None = None,
    scores: Sequence[float] | None = None,
    overlap: Overlap = "score",
) -> npt.NDArray[np.uint32]:
    """Return the label image of a window.

    Parameters
    ----------
    masks : sequence of PlacedMask
        In pixels of the plane.
    window : Window
        What the label image covers; parts of masks outside are left out.
    values : sequence of int or None
        The label of each mask, 1 or more; None numbers them from 1.
    scores : sequence of float or None
        Needed for ``overlap="score"`` with more than one mask; without them the first mask wins.
    overlap : {"score", "first", "last"}
        Which mask keeps a pixel that several hold.

    Returns
    -------
    ndarray of shape window.shape, uint32
        0 is background.

    Raises
    ------
    PromptError
        If numbers of masks, values and scores differ, or a value is not 1 or more.
    """
    labels = list(values) if values is not None else list(range(1, len(masks) + 1))
    if len(labels) != len(masks) or (scores is not None and len(scores) != len(masks)):
        raise PromptError("Masks, labels and scores differ in number.", hint="Pass one of each for every object.")
    if labels and not 1 <= min(labels) <= max(labels) < 2**32:
        raise PromptError("A label must be between 1 and 4,294,967,295.", hint="0 is the background.")
    order = list(range(len(masks)))
    if overlap == "first" or (overlap == "score" and scores is None):
        order.reverse()
    elif overlap == "score" and scores is not None:
        order.sort(key=lambda index: (scores[index], -index))
    out = np.zeros(window.shape, np.uint32)
    for index in order:
        box = masks[index].box
        shared = intersection(box, window.box) if box else None
        if shared is not None:
            part = masks[index].mask[slices(shared, masks[index].offset)]
            out[slices(shared, window.offset)][part] = labels[index]
    return out


def to_masks(labels: npt.NDArray[Any], offset: tuple[int, int] = (0, 0)) -> dict[int, PlacedMask]:
    """Return the mask of each label of a 2-D label image, cut to its bounding box.

    Parameters
    ----------
    labels : ndarray of shape (H, W), integer or bool
        Negative values and 0 are background.
    offset : tuple of int
        ``(row, col)`` of the image's first pixel on the plane.
    """
    from scipy import ndimage as ndi

    values = np.unique(labels)
    values = values[values > 0]
    dense = np.searchsorted(values, labels).astype(np.int32) + 1
    dense[~np.isin(labels, values)] = 0
    found = {}
    for value, where in zip(values.tolist(), ndi.find_objects(dense, len(values)), strict=True):
        place = offset[0] + where[0].start, offset[1] + where[1].start
        found[int(value)] = PlacedMask(np.asarray(labels[where] == value, bool), place)
    return found


def areas(labels: npt.NDArray[Any]) -> dict[int, int]:
    """Return the number of pixels of each label above 0, of an array of any number of axes."""
    values, counts = np.unique(labels, return_counts=True)
    return {int(value): int(count) for value, count in zip(values, counts, strict=True) if value > 0}


def encode_runs(mask: npt.NDArray[np.bool_]) -> list[int]:
    """Return lengths of runs of a mask read column by column, the first run being False.

    Notes
    -----
    The order and start of COCO's uncompressed run-length code.
    """
    flat = mask.ravel(order="F")
    if not flat.size:
        return []
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    return [0, *runs] if flat[0] else runs


def decode_runs(runs: Sequence[int], shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return the mask of ``shape`` (H, W) that :func:`encode_runs` was given.

    Raises
    ------
    PromptError
        If the runs do not fill the shape.
    """
    if any(run < 0 for run in runs) or sum(runs) != shape[0] * shape[1]:
        raise PromptError("The run-length code does not fit the mask's size.", hint="Check `size` and `counts`.")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(shape, order="F")
