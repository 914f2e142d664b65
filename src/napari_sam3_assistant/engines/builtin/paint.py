"""From regions to pixels: what is chosen on the tree becomes a placed mask that honours every click."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, clip, intersection, slices
from napari_sam3_assistant.core.geometry import union as union_of
from napari_sam3_assistant.core.prompts import PointPrompt
from napari_sam3_assistant.engines.builtin.basins import IntArray
from napari_sam3_assistant.engines.builtin.finish import finished
from napari_sam3_assistant.engines.builtin.outlines import Node, Outline, Union, inside
from napari_sam3_assistant.engines.builtin.refine import refined
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree, grown


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One answer to some prompts, before it is drawn.

    Attributes
    ----------
    on : ndarray of shape (n,), bool
        Which regions belong to the object.
    score : float
        The overlap (IoU) with the object that is expected, 0 to 1.
    """

    on: BoolArray
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Clicks:
    """Points on pixels of an image, no two on the same one.

    Attributes
    ----------
    pixels : ndarray of shape (m, 2), int
        ``(row, col)``, the newest last.
    positive : ndarray of shape (m,), bool
    regions : ndarray of shape (m,), int
        The region that each lies in.
    """

    pixels: IntArray
    positive: BoolArray
    regions: IntArray

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def first(self) -> tuple[float, float]:
        """``(row, col)`` of the first positive click."""
        row, col = self.pixels[self.positive][0]
        return float(row), float(col)

    def on(self, tree: RegionTree) -> Clicks:
        """Return the same clicks on another tree of the image."""
        return replace(self, regions=tree.region_at(self.pixels[:, 0], self.pixels[:, 1]))


NO_CLICKS = Clicks(np.zeros((0, 2), np.int64), np.zeros(0, bool), np.zeros(0, np.int64))


def clicks_on(tree: RegionTree, points: Sequence[PointPrompt]) -> Clicks:
    """Return ``points`` as clicks; of several on one pixel the newest counts.

    Raises
    ------
    PromptError
        If one lies outside the image.
    """
    height, width = tree.shape
    newest: dict[tuple[int, int], bool] = {}
    for point in points:
        row, col = point.pixel
        if not (0 <= row < height and 0 <= col < width):
            raise PromptError(
                f"The point at row {row}, column {col} lies outside the image ({height} x {width} px).",
                hint="Delete it and click on the picture itself.",
            )
        newest.pop((row, col), None)
        newest[row, col] = point.positive
    pixels = np.array(list(newest), np.int64).reshape(-1, 2)
    positive = np.array(list(newest.values()), bool)
    return Clicks(pixels, positive, tree.region_at(pixels[:, 0], pixels[:, 1]))


def painted(
    tree: RegionTree, on: BoolArray, clicks: Clicks, within: Box | None = None, *, finish: bool = True
) -> PlacedMask:
    """Return the mask of some regions; each click is honoured on its own pixel.

    Parameters
    ----------
    tree : RegionTree
    on : ndarray of shape (n,), bool
    clicks : Clicks
        A region with clicks of both signs is shared among them by nearness.
    within : Box or None
        Whole corners. Nothing outside is painted but the pixels of positive clicks.
    finish : bool
        Whether false holes are filled and the outline is smoothed. Over many frames that wears an object down.

    Returns
    -------
    PlacedMask
        Trimmed.
    """
    on = on.copy()
    mixed = _mixed(clicks)
    on[mixed] = False
    mask = refined(tree, _filled(tree, on, within))
    if finish:
        mask = finished(tree, mask)
    if within is not None:
        mask = _cut(mask, within)
    parts = [mask] + [_shared(tree, region, clicks, within) for region in mixed]
    return _honoured(parts, clicks)


def drawn(tree: RegionTree, outline: Outline, clicks: Clicks, within: Box | None = None) -> PlacedMask:
    """Return the mask of an outline found on ``tree``, or on its coarse tree; each click is honoured on its pixel."""
    if isinstance(outline, Node | Union) and outline.tree is tree:
        return painted(tree, outline.on, clicks, within)
    mask = _painted_coarsely(tree, outline) if isinstance(outline, Node | Union) else _rasterized(tree, outline)
    return _honoured([_cut(mask, within) if within is not None else _connected(mask, clicks)], clicks)


def overlap(a: PlacedMask, b: PlacedMask) -> float:
    """Return the overlap (IoU) of two masks, 0 if one is empty."""
    if a.box is None or b.box is None:
        return 0.0
    shared = int(np.count_nonzero(a.mask & b.within(a.box)))
    return shared / (a.area + b.area - shared)


def _rasterized(tree: RegionTree, outline: Outline) -> PlacedMask:
    top, left, bottom, right = outline.extent
    box = clip(Box(math.floor(top), math.floor(left), math.ceil(bottom), math.ceil(right)), tree.shape)
    if box is None:  # never: it holds the click
        return PlacedMask(np.zeros((0, 0), bool))
    rows, cols = np.arange(box.top, box.bottom)[:, None], np.arange(box.left, box.right)[None, :]
    return PlacedMask(inside(outline, rows, cols), (int(box.top), int(box.left))).trimmed()


def _painted_coarsely(tree: RegionTree, outline: Node | Union) -> PlacedMask:
    """Return the mask of regions of the coarse tree, its steps smoothed away."""
    from scipy import ndimage as ndi

    blocks = _filled(outline.tree, outline.on, None)
    if blocks.box is None:
        return blocks
    box = grown(blocks.box, tree.shape, 1)
    soft = ndi.gaussian_filter(blocks.within(box).astype(np.float32), 0.6 * outline.tree.step, mode="nearest")
    return finished(tree, PlacedMask(soft > 0.5, (int(box.top), int(box.left))).trimmed())


def _connected(mask: PlacedMask, clicks: Clicks) -> PlacedMask:
    """Return the parts of ``mask`` that hold positive clicks, or all of it where none does."""
    from scipy import ndimage as ndi

    labels, count = ndi.label(mask.mask)
    if count < 2:
        return mask
    rows, cols = (clicks.pixels[clicks.positive] - mask.offset).T
    here = (rows >= 0) & (cols >= 0) & (rows < labels.shape[0]) & (cols < labels.shape[1])
    kept = np.zeros(count + 1, bool)
    kept[labels[rows[here], cols[here]]] = True
    kept[0] = False
    return PlacedMask(kept[labels], mask.offset).trimmed() if kept.any() else mask


def _mixed(clicks: Clicks) -> list[int]:
    """Return the regions that hold clicks of both signs."""
    inside, outside = clicks.regions[clicks.positive], clicks.regions[~clicks.positive]
    return [int(region) for region in np.intersect1d(inside, outside)]


def _filled(tree: RegionTree, on: BoolArray, within: Box | None) -> PlacedMask:
    boxes = tree.extent[: tree.n][on]
    if not len(boxes):
        return PlacedMask(np.zeros((0, 0), bool))
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    box = clip(Box(int(low[0]), int(low[1]), int(high[0]), int(high[1])), tree.shape)
    if box is not None and within is not None:
        box = intersection(box, within)
    if box is None:
        return PlacedMask(np.zeros((0, 0), bool))
    return PlacedMask(on[tree.labels_in(box)], (int(box.top), int(box.left))).trimmed()


def _cut(mask: PlacedMask, box: Box) -> PlacedMask:
    shared = intersection(mask.box, box) if mask.box is not None else None
    if shared is None:
        return PlacedMask(np.zeros((0, 0), bool))
    return PlacedMask(mask.within(shared), (int(shared.top), int(shared.left))).trimmed()


def _shared(tree: RegionTree, region: int, clicks: Clicks, within: Box | None) -> PlacedMask:
    """Return the pixels of ``region`` whose nearest click in it is positive."""
    only = np.zeros(tree.n, bool)
    only[region] = True
    whole = _filled(tree, only, within)
    here = np.flatnonzero(clicks.regions == region)
    rows, cols = np.nonzero(whole.mask)
    away = [
        (rows + whole.offset[0] - row) ** 2 + (cols + whole.offset[1] - col) ** 2 for row, col in clicks.pixels[here]
    ]
    mask = whole.mask.copy()
    mask[rows, cols] = clicks.positive[here][np.argmin(away, axis=0)]
    return PlacedMask(mask, whole.offset)


def _honoured(parts: list[PlacedMask], clicks: Clicks) -> PlacedMask:
    """Return the union of ``parts`` with each click set on its pixel."""
    boxes = [box for part in parts if (box := part.box) is not None]
    boxes += [Box(int(r), int(c), int(r) + 1, int(c) + 1) for r, c in clicks.pixels[clicks.positive]]
    if not boxes:
        return PlacedMask(np.zeros((0, 0), bool))
    box = union_of(boxes)
    top, left = int(box.top), int(box.left)
    mask = np.zeros((int(box.size[0]), int(box.size[1])), bool)
    for part in parts:
        if part.box is not None:
            mask[slices(part.box, (top, left))] |= part.mask
    for (row, col), positive in zip(clicks.pixels, clicks.positive, strict=True):
        if box.contains(row, col):
            mask[row - top, col - left] = positive
    return PlacedMask(mask, (top, left)).trimmed()
