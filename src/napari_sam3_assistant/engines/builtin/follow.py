"""Following: the same object again, from a rough mask or from the frame before.

The node that overlaps the old mask best, where one does; else two Gaussians, from the old
mask and from a band round it. From frame to frame the old mask is moved first, and kept where
nothing fits it well; an object that does not stand out any more is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, clip, slices
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.engines.builtin.basins import FloatArray, IntArray
from napari_sam3_assistant.engines.builtin.boxes import chance_of, two_class_score
from napari_sam3_assistant.engines.builtin.motion import moved
from napari_sam3_assistant.engines.builtin.paint import Reading
from napari_sam3_assistant.engines.builtin.standing import standing_out
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree, expected_overlap, grown, quality

_FIT = 0.55
_CLEARLY = 1.3
"""A moved mask is kept where it stands out so many times better than the outline drawn anew."""
_LEAST = 1e-6
_GONE = 0.3
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


def followed(
    tree: RegionTree,
    masks: Mapping[int, PlacedMask],
    before: RegionTree,
    stood: Mapping[int, float],
    drawn_anew: Callable[[PlacedMask], PlacedMask],
) -> dict[int, Segmentation]:
    """Return the objects of this image that were ``masks`` on the one before; lost ones have no entry.

    Parameters
    ----------
    tree : RegionTree
    masks : mapping of int to PlacedMask
        By object id, on the image before.
    before : RegionTree
        Of the image before.
    stood : mapping of int to float
        How far each object stood out (:func:`standing_out`) where it was prompted.
    drawn_anew : callable
        Returns the object of this image that a mask on it is a rough drawing of.

    Notes
    -----
    The old mask is moved, then drawn anew. Of the two the one that stands out is taken: the moved one only
    where it does so clearly better. An object that hardly stands out any more is lost.
    """
    inside = Box(0, 0, *tree.shape)
    found = []
    for number, mask in masks.items():
        shifted, _ = moved(before, tree, mask)
        if not shifted.within(inside).any():
            continue
        rough = mask_on(tree, shifted)
        drawn = drawn_anew(rough)
        old, new = standing_out(tree, rough), standing_out(tree, drawn) if drawn.area else 0.0
        best, stands = (rough, old) if old > _CLEARLY * new else (drawn, new)
        if best.area and stands >= _GONE * stood[number]:
            found.append((number, best, stands / max(stood[number], stands, _LEAST)))
    return _apart(found, tree.shape)


def _apart(found: list[tuple[int, PlacedMask, float]], shape: tuple[int, int]) -> dict[int, Segmentation]:
    """Return objects without the pixels of those with higher scores; one of which none is left is lost."""
    taken, kept = np.zeros(shape, bool), {}
    for number, mask, score in sorted(found, key=lambda one: -one[2]):
        if mask.box is None:
            continue
        before = taken[slices(mask.box)]
        rest = PlacedMask(mask.mask & ~before, mask.offset).trimmed()
        before |= mask.mask
        if rest.area:
            kept[number] = Segmentation(rest, score)
    return {number: kept[number] for number, _, _ in found if number in kept}


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
