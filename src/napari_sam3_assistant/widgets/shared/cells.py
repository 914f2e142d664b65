"""The frames of a strip as cells beside each other: a frame a cell, or several where there is no room for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from qtpy.QtGui import QColor

from napari_sam3_assistant.tasks.quality import Strip

LOW, MIDDLE, HIGH = (224, 122, 24), (158, 158, 158), (58, 142, 222)
"""Red, green and blue of scores of 0.3 and below, 0.65, and 1: orange and blue are told apart by all eyes."""
LOWEST, HIGHEST = 0.3, 1.0
SHADES = 24


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """One object in cells; arrays of shape (n,).

    Attributes
    ----------
    area : ndarray of float64
        The largest one of a cell's frames, as a share of the object's largest; 0 where it is not there.
    score : ndarray of float32
        The lowest one of a cell's frames.
    doubtful, said : ndarray of bool
        Whether any of a cell's frames is so.
    """

    area: npt.NDArray[np.float64]
    score: npt.NDArray[np.float32]
    doubtful: npt.NDArray[np.bool_]
    said: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Line:
    """Where frames lie along a line of ``width`` pixels that begins at ``left``; none where it has no frames."""

    frames: int
    left: float
    width: float

    @property
    def count(self) -> int:
        """Number of cells: one a frame, or one a pixel."""
        return min(self.frames, max(int(self.width), 1))

    def cell_of(self, frame: int) -> int:
        """Return the cell of a frame."""
        return frame * self.count // self.frames

    def frame_at(self, x: float) -> int | None:
        """Return the frame at a place, in pixels; None beside the line."""
        if not self.frames or not self.left <= x < self.left + self.width:
            return None
        return min(int((x - self.left) / self.width * self.frames), self.frames - 1)

    def edges(self, cell: int, stop: int | None = None) -> tuple[float, float]:
        """Return where a cell, or the cells up to ``stop``, begin and end, in whole pixels."""
        step, last = self.width / max(self.count, 1), cell + 1 if stop is None else stop
        return float(round(self.left + cell * step)), float(round(self.left + last * step))


def cells_of(strip: Strip, line: Line) -> Cells:
    """Return a strip as the cells of a line."""
    count = line.count
    inside = strip.frames < line.frames
    where = strip.frames[inside] * count // max(line.frames, 1)
    area, score = np.zeros(count), np.full(count, np.inf, np.float32)
    doubtful, said = np.zeros(count, bool), np.zeros(count, bool)
    if len(where):
        np.maximum.at(area, where, strip.area[inside] / strip.area.max())
        np.minimum.at(score, where, strip.score[inside])
        doubtful[where[strip.doubtful[inside]]] = True
        said[where[strip.said[inside]]] = True
    return Cells(area, score, doubtful, said)


def runs(held: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return where something holds without a gap: the first cell, and the one after the last."""
    change = np.flatnonzero(np.diff(held, prepend=False, append=False))
    return [(int(first), int(stop)) for first, stop in change.reshape(-1, 2)]


def marked(frames: Iterable[int], line: Line) -> npt.NDArray[np.bool_]:
    """Return the cells that hold any of some frames."""
    made = np.zeros(line.count, bool)
    made[[line.cell_of(frame) for frame in frames if 0 <= frame < line.frames]] = True
    return made


def shade(score: float) -> int:
    """Return which of the colours of :func:`shades` a score has."""
    share = (score - LOWEST) / (HIGHEST - LOWEST)
    return round(min(max(share, 0.0), 1.0) * (SHADES - 1))


def shades() -> list[QColor]:
    """Return the colours of scores, the lowest first."""
    at = np.linspace(0, 2, SHADES)
    parts = [np.interp(at, (0, 1, 2), levels).round().astype(int) for levels in zip(LOW, MIDDLE, HIGH, strict=True)]
    return [QColor(int(red), int(green), int(blue)) for red, green, blue in zip(*parts, strict=True)]
