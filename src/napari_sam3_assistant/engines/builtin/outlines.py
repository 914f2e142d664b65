"""Outlines: candidate objects that can say of any place whether it lies inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from napari_sam3_assistant.engines.builtin.basins import FloatArray, Labels
from napari_sam3_assistant.engines.builtin.tree import BoolArray, RegionTree


class Outline(Protocol):
    """A candidate object: it can say of any place whether it lies inside."""

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """``(top, left, bottom, right)`` in pixels, half-open."""

    @property
    def area(self) -> float:
        """In square pixels."""

    def inside(self, rows: FloatArray, cols: FloatArray) -> BoolArray:
        """Return whether places, in pixels, lie inside."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A node of a tree, as an outline."""

    tree: RegionTree
    node: int

    @property
    def on(self) -> BoolArray:
        """Whether each region belongs to it, shape (n,)."""
        return self.tree.mask_of(self.node)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        top, left, bottom, right = map(float, self.tree.extent[self.node])
        return top, left, bottom, right

    @property
    def area(self) -> float:
        return float(self.tree.area[self.node])

    def inside(self, rows: FloatArray, cols: FloatArray) -> BoolArray:
        labels, within = _labels_at(self.tree, rows, cols)
        regions = self.tree.regions(self.node)
        return np.asarray(within & (labels >= regions.start) & (labels < regions.stop), bool)


@dataclass(frozen=True, slots=True, eq=False)
class Union:
    """Some regions of a tree, as an outline."""

    tree: RegionTree
    on: BoolArray

    @property
    def extent(self) -> tuple[float, float, float, float]:
        boxes = self.tree.extent[: self.tree.n][self.on]
        if not len(boxes):
            return 0.0, 0.0, 1.0, 1.0
        (top, left), (bottom, right) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        return float(top), float(left), float(bottom), float(right)

    @property
    def area(self) -> float:
        return float(self.tree.area[: self.tree.n][self.on].sum())

    def inside(self, rows: FloatArray, cols: FloatArray) -> BoolArray:
        labels, within = _labels_at(self.tree, rows, cols)
        return np.asarray(within & self.on[labels], bool)


def _labels_at(tree: RegionTree, rows: FloatArray, cols: FloatArray) -> tuple[Labels, BoolArray]:
    """Return the regions at some places, and whether these lie on the image."""
    r, c = np.rint(rows).astype(np.int32), np.rint(cols).astype(np.int32)
    height, width = tree.shape
    within = (r >= 0) & (c >= 0) & (r < height) & (c < width)
    return tree.labels[np.clip(r, 0, height - 1) // tree.step, np.clip(c, 0, width - 1) // tree.step], within
