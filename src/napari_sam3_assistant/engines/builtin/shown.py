"""Examples: the objects in some boxes, of the image itself or of a picture of its own, and what is seen of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.prompts import CropExemplar, PointPrompt
from napari_sam3_assistant.engines.builtin.basins import FloatArray
from napari_sam3_assistant.engines.builtin.boxes import box_on, node_in_box
from napari_sam3_assistant.engines.builtin.grow import grow
from napari_sam3_assistant.engines.builtin.looks import QUICK_CELLS, Looks, looks_of
from napari_sam3_assistant.engines.builtin.outlines import Outline, Star, extents
from napari_sam3_assistant.engines.builtin.paint import clicks_on
from napari_sam3_assistant.engines.builtin.readings import reading_of_box, readings
from napari_sam3_assistant.engines.builtin.tree import RegionTree

_MOST_SHARE = 0.95
"""What fills more of a crop is no object in it."""
_LEAST_STEP = 1.0
"""In grey levels, between an example and what is around it."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """An object to find the like of.

    Attributes
    ----------
    tree : RegionTree
        Of the picture that it lies in.
    outline : Outline
    node : int
        The node of the tree that it is most like.
    looks : Looks
        What is seen of it; one row.
    own : bool
        Whether it lies in the image that is searched.
    """

    tree: RegionTree
    outline: Outline
    node: int
    looks: Looks
    own: bool = True

    @property
    def step(self) -> FloatArray:
        """How much brighter it is than what is around, in grey levels, shape (planes,)."""
        step: FloatArray = self.looks.step[0]
        return step

    @property
    def planes(self) -> int:
        """How many planes its own picture has: 1 where that is grey."""
        return int(self.tree.color.shape[1])

    @property
    def coherence(self) -> float:
        """How much of the outline of its node goes one way: from bright to dark, or the reverse."""
        sign = 1 if self.step[0] >= 0 else -1
        return float(signed_coherence(self.tree, sign)[self.node])


def examples_in(tree: RegionTree, boxes: Sequence[Box]) -> list[Example]:
    """Return the objects in some boxes of an image; the boxes have whole corners and lie on it."""
    return [_example(tree, reading_of_box(tree, box).outline, box) for box in boxes]


def signed_coherence(tree: RegionTree, sign: int) -> FloatArray:
    """Return how much of each node's outline goes one way: brighter inside for a ``sign`` of 1, else darker."""
    coherence: FloatArray = sign * tree.contour[:, 2] / (2 * tree.contour[:, 0] + 1e-6)
    return coherence


def looks_at(tree: RegionTree, outlines: Sequence[Outline]) -> Looks:
    """Return what is seen of some outlines of an image, one or more."""
    return looks_of(tree, outlines, middles(outlines), QUICK_CELLS)


def middles(outlines: Sequence[Outline]) -> FloatArray:
    """Return the centres of stars, and the middles of the extents of others, shape (m, 2)."""
    box = extents(outlines)
    middle: FloatArray = (box[:, :2] + box[:, 2:] - 1) / 2
    stars = [index for index, one in enumerate(outlines) if isinstance(one, Star)]
    middle[stars] = np.array([one.center for one in outlines if isinstance(one, Star)]).reshape(-1, 2)
    return middle


def example_of(crop: CropExemplar, tree: RegionTree) -> Example:
    """Return the object in the box of a crop, to be looked for in the image of ``tree``.

    Where the box is all of the crop, that is what lies in its middle.

    Of a crop in colour only lightness counts where the image is grey. Noise is taken to be that of the image: a
    small crop is all object and edge, and tells none.

    Raises
    ------
    PromptError
        If the crop shows nothing.
    """
    picture = crop.picture
    if tree.color.shape[1] == 1:
        picture = np.repeat(picture.mean(axis=2, keepdims=True).round().astype(np.uint8), 3, axis=2)
    small = replace(grow(picture), noise=tree.noise)
    box = box_on(small, crop.box)
    if box == Box(0, 0, *small.shape):
        outline = readings(small, clicks_on(small, [PointPrompt(*_middle(box))]))[0].outline
        box = box_on(small, Box(*outline.extent))
    else:
        outline = reading_of_box(small, box).outline
    example = _example(small, outline, box)
    if outline.area > _MOST_SHARE * small.size or float(np.abs(example.step).max()) < _LEAST_STEP:
        raise PromptError(
            "Nothing stands out in the crop.", hint="Choose a crop that shows an object and some of what is around it."
        )
    return replace(example, looks=_in_planes(example.looks, tree.color.shape[1]), own=False)


def _in_planes(looks: Looks, planes: int) -> Looks:
    """Return what is seen of a crop in so many planes: of a grey one the other planes hold nothing."""
    have = looks.color.shape[1]
    if have == planes:
        return looks
    wide = [np.pad(values, ((0, 0), (0, planes - have))) for values in (looks.color, looks.way, looks.step)]
    return Looks(looks.measures, *wide)


def _example(tree: RegionTree, outline: Outline, box: Box) -> Example:
    return Example(tree, outline, node_in_box(tree, box)[0], looks_at(tree, [outline]))


def _middle(box: Box) -> tuple[float, float]:
    return (box.top + box.bottom - 1) / 2, (box.left + box.right - 1) / 2
