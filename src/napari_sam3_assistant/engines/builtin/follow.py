"""Following: the same object again, from a rough mask or from the frame before.

The node that overlaps the old mask best, where one does; else two Gaussians, from the old
mask and from a band round it. From frame to frame the old mask is carried along, and drawn anew where
the picture has changed; an object that does not stand out any more is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, clip, mask_iou, slices
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.engines.builtin.basins import FloatArray, IntArray
from napari_sam3_assistant.engines.builtin.boxes import chance_of, two_class_score
from napari_sam3_assistant.engines.builtin.flow import SoftMask, carried
from napari_sam3_assistant.engines.builtin.motion import moved
from napari_sam3_assistant.engines.builtin.paint import Reading
from napari_sam3_assistant.engines.builtin.standing import standing_out
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree, expected_overlap, grown, quality

_FIT = 0.55
_CHANGED = 0.2
"""A picture has changed where it differs by more than this share of what an object stood out by,"""
_OVER_MEDIAN = 2.5
"""and by more than so many times what the picture round the object differs by at the median."""
_CRUMB = 0.3
"""A part of less than this share of an object is none of it."""
_LEAST = 1e-6
_WEAKER = 0.88
"""An outline that stands out less than this share of how it did at the prompt is compared with one drawn anew."""
_BETTER = 1.1
"""The one drawn anew takes its place where it stands out so many times as much,"""
_SAME = 0.7
"""and is about the same object by at least this overlap (IoU)."""
_GONE = 0.35
"""An object that stands out less than this share of how it did where it was prompted is lost."""
_BAND_PX = 4
_NEVER = -50.0


def mask_on(tree: RegionTree, mask: PlacedMask) -> PlacedMask:
    """Return the part of ``mask`` on the image, trimmed.

    Raises
    ------
    PromptError
        If it lies outside.
    """
    box = clip(mask.box, tree.shape) if mask.box is not None else None
    inside = PlacedMask(mask.within(box), (int(box.top), int(box.left))).trimmed() if box is not None else None
    if inside is None or not inside.area:
        raise PromptError("The mask lies outside the image.", hint="Paint on the picture itself.")
    return inside


def reading_of_mask(tree: RegionTree, mask: PlacedMask) -> Reading:
    """Return the object that ``mask``, one of :func:`mask_on`, is a rough drawing of."""
    score, certainty = _scores(tree, mask)
    return Reading(score > 0, certainty)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """An object on a frame.

    Attributes
    ----------
    soft : SoftMask
        What is carried to the next frame.
    mask : PlacedMask
        Its pixels, on the image.
    score : float
        How far it stands out, as a share of how far it did where it was prompted; up to 1.
    """

    soft: SoftMask
    mask: PlacedMask
    score: float


def followed(
    tree: RegionTree,
    softs: Mapping[int, SoftMask],
    before: RegionTree,
    stood: Mapping[int, float],
    drawn_anew: Callable[[PlacedMask], PlacedMask],
    cancel: CancelToken,
) -> dict[int, Found]:
    """Return the objects of this image that were ``softs`` on the one before; lost ones have no entry.

    Parameters
    ----------
    tree : RegionTree
    softs : mapping of int to SoftMask
        By object id, on the image before.
    before : RegionTree
        Of the image before.
    stood : mapping of int to float
        How far each object stood out (:func:`standing_out`) where it was prompted.
    drawn_anew : callable
        Returns the object of this image that a mask on it is a rough drawing of.
    cancel : CancelToken
        Looked at before each object.

    Notes
    -----
    The old mask is carried along. Where the picture looks as it did before, it stays as it is; where the picture has
    changed, it is drawn anew. An object that hardly stands out any more is lost.
    """
    found = {}
    for number, old in softs.items():
        cancel.raise_if_cancelled()
        soft, changed = _carried(tree, before, old, stood[number])
        copied = _on_image(tree, soft.inside, soft.offset)
        if copied is None:
            continue
        best: PlacedMask | None = copied
        if changed.any():
            drawn = drawn_anew(copied).within(soft.box)
            best = _on_image(tree, _whole(np.where(changed, drawn, soft.inside)), soft.offset)
        if best is None:
            continue
        stands = standing_out(tree, best)
        if best is copied and stands < _WEAKER * stood[number]:
            best, stands = _better(tree, copied, stands, drawn_anew)
        if stands >= _GONE * stood[number]:
            soft = soft if best is copied else soft.redrawn(best)
            found[number] = Found(soft.framed(), best, stands / max(stood[number], stands, _LEAST))
    return _apart(found, tree.shape)


def _carried(tree: RegionTree, before: RegionTree, old: SoftMask, stood: float) -> tuple[SoftMask, BoolArray]:
    """Return a mask carried along, and where near its outline the picture has changed."""
    from scipy import ndimage as ndi

    mask = PlacedMask(old.inside, old.offset).trimmed()
    if before.shape != tree.shape or before.levels[0].planes.shape != tree.levels[0].planes.shape:
        return old, np.ones(old.field.shape, bool)
    there, _ = moved(before, tree, mask)
    shift = there.offset[0] - mask.offset[0], there.offset[1] - mask.offset[1]
    soft, change = carried(before, tree, old, shift)
    changed = change > max(_CHANGED * stood, _OVER_MEDIAN * float(np.median(change)))
    if changed.any():
        changed = ndi.binary_dilation(ndi.binary_opening(changed))
    return soft, np.asarray(changed, bool)


def _better(
    tree: RegionTree, mask: PlacedMask, stands: float, drawn_anew: Callable[[PlacedMask], PlacedMask]
) -> tuple[PlacedMask, float]:
    """Return a mask, or the one drawn anew from it where that lies better, and how far it stands out.

    A mask that is carried again and again falls behind an object that moves slowly: no frame changes much.
    """
    drawn = drawn_anew(mask)
    anew = standing_out(tree, drawn) if drawn.area else 0.0
    return (drawn, anew) if anew > _BETTER * stands and mask_iou(mask, drawn) >= _SAME else (mask, stands)


def _whole(mask: BoolArray) -> BoolArray:
    """Return a mask patched from two, without ragged edges and crumbs."""
    from scipy import ndimage as ndi

    even = ndi.uniform_filter(mask.astype(np.float32), 3) > 0.5
    labels, count = ndi.label(even)
    if count < 2:
        return np.asarray(even, bool)
    size = np.bincount(labels.ravel())
    size[0] = 0
    return np.asarray((size >= _CRUMB * size.max())[labels] & even, bool)


def _on_image(tree: RegionTree, mask: BoolArray, offset: tuple[int, int]) -> PlacedMask | None:
    """Return the part of a mask on the image, trimmed; None where there is none."""
    placed = PlacedMask(mask, offset).trimmed()
    return mask_on(tree, placed) if placed.lies_on(tree.shape) else None


def _apart(found: Mapping[int, Found], shape: tuple[int, int]) -> dict[int, Found]:
    """Return objects without the pixels of those with higher scores; one of which a crumb is left is lost."""
    taken = np.zeros(shape, bool)
    kept: dict[int, Found] = {}
    for number, one in sorted(found.items(), key=lambda item: -item[1].score):
        if one.mask.box is None:
            continue
        before = taken[slices(one.mask.box)]
        rest = one.mask.mask & ~before
        before |= one.mask.mask
        left = np.count_nonzero(rest)
        if left == one.mask.area:
            kept[number] = one
        elif left >= _CRUMB * one.mask.area:
            placed = PlacedMask(rest, one.mask.offset).trimmed()
            kept[number] = Found(one.soft.redrawn(placed), placed, one.score)
    return {number: kept[number] for number in found if number in kept}


def _scores(tree: RegionTree, mask: PlacedMask) -> tuple[FloatArray, float]:
    """Return the claim of an old mask on each region, above 0 where it has one, and the overlap to expect."""
    share = tree.share_under(mask.mask, mask.offset)
    shared = tree.sum_over_nodes(share * tree.area[: tree.n])
    fit = shared / (tree.area + mask.area - shared)
    nodes: IntArray = np.flatnonzero(fit > max(0.85 * fit.max(), 0.1))
    if len(nodes):
        best = int(nodes[(0.15 * quality(tree, nodes) + 12 * fit[nodes]).argmax()])
        if fit[best] > _FIT:
            score = np.full(tree.n, -1.0)
            score[tree.regions(best)] = 0.5 + fit[best]
            return score, float(fit[best])
    ring = tree.share_under(*_band(tree, mask))
    prior = np.where(share > 0, 5 * share - 2.5, np.where(ring > 0, -2.5, _NEVER))
    score = two_class_score(tree, share, ring, prior)
    return np.tanh(score), expected_overlap(tree, score > 0, chance_of(score))


def _band(tree: RegionTree, mask: PlacedMask) -> tuple[BoolArray, tuple[int, int]]:
    """Return the band of pixels round ``mask`` and where it begins."""
    from scipy import ndimage as ndi

    top, left = mask.offset
    height, width = mask.mask.shape
    box = grown(Box(top, left, top + height, left + width), tree.shape, _BAND_PX)
    away = ndi.distance_transform_edt(~mask.within(box))
    band: BoolArray = (away > 0) & (away <= _BAND_PX)
    return band, (int(box.top), int(box.left))
