"""Outlines: candidate objects that can say of any place whether it lies inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from napari_sam3_assistant.engines.builtin.basins import FloatArray
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
class Union:
    """Some regions of a tree, as an outline."""

    tree: RegionTree
    on: BoolArray

    @property
    def extent(self) -> tuple[float, float, float, float]:
        boxes = self.tree.extent[: self.tree.n][self.on]
        if not len(boxes):
            return 0.0, 0.0, 1.0, 1.0
        return (*map(float, boxes[:, :2].min(axis=0)), *map(float, boxes[:, 2:].max(axis=0)))  # type: ignore[return-value]

    @property
    def area(self) -> float:
        return float(self.tree.area[: self.tree.n][self.on].sum())

    def inside(self, rows: FloatArray, cols: FloatArray) -> BoolArray:
        tree = self.tree
        r, c = np.floor(rows + 0.5).astype(np.int64), np.floor(cols + 0.5).astype(np.int64)
        height, width = tree.shape
        out = (r >= 0) & (c >= 0) & (r < height) & (c < width)
        labels = tree.labels[np.clip(r, 0, height - 1) // tree.step, np.clip(c, 0, width - 1) // tree.step]
        within: BoolArray = out & self.on[labels]
        return within
