"""Objects that touch and have one label: parted where they are narrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.masks.changes import edit_from, snapshot
from napari_sam3_assistant.masks.dtypes import check_holds
from napari_sam3_assistant.masks.edits import Edit
from napari_sam3_assistant.masks.regions import mostly_inside
from napari_sam3_assistant.masks.runs import Indices, border_axes, find_runs

Labels = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Depth = npt.NDArray[np.float64]


def split_touching(
    labels: Labels,
    distance: float = 8.0,
    neck: float = 0.8,
    *,
    among: PlacedMask | None = None,
    watch: Watch = UNWATCHED,
) -> Edit | None:
    """Return the edit that parts objects at their necks: a watershed of the depth of their pixels.

    The depth of a pixel is its distance to what is not the object; what lies outside the image is not counted. The
    largest piece keeps its value, the others get new ones above all there are, in reading order.

    Parameters
    ----------
    labels : ndarray of integer or bool
        With two or three axes, or more, see :mod:`~napari_sam3_assistant.masks.runs`.
    distance : float
        Centres of pieces are further apart than this, in pixels: larger parts less.
    neck : float
        Two pieces are parted only where the neck between them is less than this fraction as wide as the narrower one,
        0 to 1: smaller parts less. A rod has no neck.
    among : PlacedMask or None
        See :mod:`~napari_sam3_assistant.masks.cleanup`.
    watch : Watch

    Raises
    ------
    PromptError
        If the array does not hold integers or booleans, cannot hold the new values, or a number is out of range.
    Cancelled
        If the work shall stop.
    """
    if distance <= 0 or not 0 <= neck <= 1:
        raise PromptError("A distance is above 0, and a neck 0 to 1.", hint="Choose 8 pixels and 0.8.")
    before = snapshot(labels)
    runs = find_runs(before, watch.share(0, 0.1))
    if not runs.parts:
        return None
    first, areas = runs.first(), runs.areas()
    low, high = runs.bounds(runs.part)
    # Two centres that far apart, and a neck between them, do not fit in less.
    wide = (np.sqrt(((high - low) ** 2).sum(axis=1)) > distance) & (areas > 2)
    chosen = (runs.label[first] > 0) & mostly_inside(runs, among) & wide
    seeds = np.stack(np.unravel_index(runs.start[first], runs.shape), axis=1)
    after, new = before.copy(), max(int(before.max()), 0)
    for part in watch.share(0.1, 1).over(np.flatnonzero(chosen).tolist()):
        box = tuple(slice(start, stop) for start, stop in zip(low[part].tolist(), high[part].tolist(), strict=True))
        mask = _of_part(before[box], tuple(seeds[part] - low[part]), int(areas[part]))
        depth = _depth(mask, box, before.shape)
        if depth is None:
            continue
        pieces, count = _pieces(mask, depth, distance, neck)
        sizes = np.bincount(pieces.reshape(-1), minlength=count + 1)
        largest = int(np.argmax(sizes[1:])) + 1
        for piece in range(1, count + 1):
            if piece != largest:
                new += 1
                check_holds(labels.dtype, new)
                after[box][pieces == piece] = new
    return edit_from(labels, before, after)


def _of_part(block: Labels, seed: tuple[int, ...], area: int) -> Mask:
    """Return the component that holds the pixel ``seed`` of a block."""
    from scipy import ndimage as ndi

    mask = np.asarray(block == block[seed], bool)
    if np.count_nonzero(mask) == area:
        return mask
    pieces, _ = ndi.label(mask)
    return np.asarray(pieces == pieces[seed], bool)


def _depth(mask: Mask, box: tuple[slice, ...], shape: tuple[int, ...]) -> Depth | None:
    """Return how far each pixel of an object is from what it is not, in pixels; 0 outside of it.

    It is None where the object is all there is.
    """
    from scipy import ndimage as ndi

    # A rim of ground round the box, but none where the image ends.
    ends = set(border_axes(shape))
    rim = [
        (int(part.start > 0), int(part.stop < length)) if axis in ends else (0, 0)
        for axis, (part, length) in enumerate(zip(box, shape, strict=True))
    ]
    wider = np.pad(mask, rim)
    if wider.all():
        return None
    depth = ndi.distance_transform_edt(wider)
    inner = tuple(slice(before, length - after) for (before, after), length in zip(rim, wider.shape, strict=True))
    return np.asarray(depth[inner], np.float64)


def _pieces(mask: Mask, depth: Depth, distance: float, neck: float) -> tuple[npt.NDArray[np.int32], int]:
    """Return the pieces of an object, numbered from 1 in reading order, and how many there are."""
    from skimage.segmentation import watershed

    peaks = _peaks(depth, distance)
    if len(peaks) < 2:
        return mask.astype(np.int32), 1
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    basins = watershed(-depth, markers, mask=mask)
    joined = _joined(basins, depth, [0.0, *depth[tuple(peaks.T)].tolist()], neck)
    pieces = joined[basins]
    found, begin = np.unique(pieces, return_index=True)
    found = found[np.argsort(begin)]
    rank = np.zeros(int(found.max()) + 1, np.int32)
    rank[found[found > 0]] = np.arange(1, np.count_nonzero(found) + 1)
    return rank[pieces], int(np.count_nonzero(found))


def _peaks(depth: Depth, distance: float) -> Indices:
    """Return the deepest pixels that lie further than ``distance`` apart, the deepest first; shape (n, ndim)."""
    from scipy import ndimage as ndi
    from scipy.spatial import KDTree

    size = [min(2 * max(int(distance / 2), 1) + 1, 2 * length + 1) for length in depth.shape]
    highest = (depth > 0) & (depth == ndi.maximum_filter(depth, size=size, mode="nearest"))
    flats, _ = ndi.label(highest, structure=np.ones((3,) * depth.ndim))
    at = np.flatnonzero(flats)
    at = at[np.unique(flats.reshape(-1)[at], return_index=True)[1]]  # of pixels as deep side by side, one
    at = at[np.argsort(-depth.reshape(-1)[at], kind="stable")]
    tops = np.stack(np.unravel_index(at, depth.shape), axis=1)
    if len(tops) < 2:
        return tops
    tree, kept, taken = KDTree(tops), [], np.zeros(len(tops), bool)
    for place, top in enumerate(tops):
        if not taken[place]:
            kept.append(place)
            taken[tree.query_ball_point(top, distance)] = True
    return tops[kept]


def _joined(basins: npt.NDArray[np.int32], depth: Depth, tops: list[float], neck: float) -> npt.NDArray[np.int32]:
    """Return for each basin the one that it becomes a part of: those without a neck between them are one."""
    becomes = list(range(len(tops)))
    for width, one, other in _passes(basins, depth):
        while becomes[one] != one:
            one = becomes[one]
        while becomes[other] != other:
            other = becomes[other]
        if one != other and width >= neck * min(tops[one], tops[other]):
            low, high = sorted((one, other), key=lambda basin: tops[basin])
            becomes[low] = high
    for basin in range(len(becomes)):
        while becomes[basin] != becomes[becomes[basin]]:
            becomes[basin] = becomes[becomes[basin]]
    return np.array(becomes, np.int32)


def _passes(basins: npt.NDArray[np.int32], depth: Depth) -> Iterator[tuple[float, int, int]]:
    """Yield how deep the deepest way between two basins is, and the two; the deepest first."""
    found: dict[tuple[int, int], float] = {}
    for axis in range(basins.ndim):
        one, other = (
            tuple(slice(*cut) if at == axis else slice(None) for at in range(basins.ndim))
            for cut in ((None, -1), (1, None))
        )
        met = (basins[one] != basins[other]) & (basins[one] > 0) & (basins[other] > 0)
        pairs = np.sort(np.stack([basins[one][met], basins[other][met]], axis=1), axis=1)
        for pair, width in zip(
            map(tuple, pairs.tolist()), np.minimum(depth[one][met], depth[other][met]).tolist(), strict=True
        ):
            found[pair] = max(found.get(pair, 0.0), width)
    yield from sorted(((width, *pair) for pair, width in found.items()), reverse=True)
