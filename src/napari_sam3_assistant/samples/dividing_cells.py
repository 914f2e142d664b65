"""Cells filmed while they move and divide; the stage drifts under them.

Axes are (frame, row, col). The cells live on a plate larger than the picture, and the
picture is a window that slides over it: so one cell leaves it and another comes in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.samples.scenes import Canvas, Floats, Labels, Sample, Shape, noise, photograph, random_shape

SHAPE = (20, 256, 256)
FRAME_S, PIXEL_UM = 300.0, 0.65
RADIUS = 12.0
DRIFT = 2.0  # pixels a frame
MARGIN = 64  # of the plate round the picture, on each side
PLATE = (SHAPE[1] + 2 * MARGIN, SHAPE[2] + 2 * MARGIN)
# How far the middle of a cell keeps from the border of the picture where the whole cell is to be seen.
INSIDE = 18.0
DIVISIONS = (7, 12)  # the first frames with daughters
CELLS = 16
# A cell of which fewer pixels are in the picture counts as out of it.
LEAST = 24


@dataclass(frozen=True, slots=True)
class Track:
    """A cell from frame to frame, on the plate.

    Attributes
    ----------
    first : int
        The frame in which it is first there.
    shapes : tuple of Shape
        One for each frame from ``first`` on.
    levels : tuple of float
        How bright it is in each.
    """

    first: int
    shapes: tuple[Shape, ...]
    levels: tuple[float, ...]


def dividing_cells(seed: int = 0) -> Sample:
    """Return 20 frames of 256 x 256 uint16 cells, one every five minutes, and their truth.

    Two cells divide, one leaves and one comes in. A cell keeps its label; daughters get new ones,
    and ``parents`` says whose they are. The same ``seed`` gives the same pixels.
    """
    rng = np.random.default_rng(seed)
    corners = _corners(float(rng.choice([-1.0, 1.0])))
    tracks, parents = _tracks(rng, _placed(rng, corners))
    labels, signal = _seen(rng, tracks, corners)
    image = photograph(rng, _light(rng, signal), offset=110, gain=0.3, read=6)
    scale, units = (FRAME_S, PIXEL_UM, PIXEL_UM), ("second", "micrometer", "micrometer")
    return Sample("Dividing cells", image, labels, False, scale, units, ("t", "y", "x"), parents=parents)


def _corners(sign: float) -> Floats:
    """Return where on the plate the picture begins in each frame, as an array of shape (T, 2)."""
    way = sign * DRIFT * (np.arange(SHAPE[0], dtype=np.float32) - (SHAPE[0] - 1) / 2)
    return MARGIN + np.stack([0.2 * way, way], axis=1)


def _placed(rng: np.random.Generator, corners: Floats) -> list[Shape]:
    """Return cells as they are at first: those that will divide, the one that leaves, the one that comes, the rest."""
    low, high = corners.max(axis=0) + INSIDE, corners.min(axis=0) + SHAPE[1:] - INSIDE
    canvas, found = Canvas[Shape](PLATE), list[Shape]()
    forward = corners[-1, 1] > corners[0, 1]
    # Whole in the picture in the first frame or in the last, and out of it in the other.
    near, far = INSIDE - 3, SHAPE[2] - INSIDE + 3
    leaves, comes = corners[0, 1] + (near if forward else far), corners[-1, 1] + (far if forward else near)
    for _ in range(2000):
        if len(found) >= CELLS:
            break
        row, col = (float(rng.uniform(*ends)) for ends in zip(low, high, strict=True))
        kind = len(found) - len(DIVISIONS)
        if kind in (0, 1):
            col = float((leaves, comes)[kind])
        shape = random_shape(rng, row, col, RADIUS * float(rng.uniform(0.85, 1.12)), aspect=(1.05, 1.5))
        # Where a cell divides there is room for both daughters.
        claimed = replace(shape, radius=1.9 * shape.radius, aspect=1.0) if kind < 0 else shape
        if canvas.put(claimed, gap=0.3 if kind < 0 else 0.5):
            found.append(shape)
    return found


def _tracks(rng: np.random.Generator, cells: list[Shape]) -> tuple[list[Track], dict[int, int]]:
    """Return the cells' ways in the order of their labels, and the mother of each daughter."""
    tracks, daughters, parents = list[Track](), list[Track](), dict[int, int]()
    for label, cell in enumerate(cells, start=1):
        steps = np.cumsum(rng.normal(0, 0.45, (SHAPE[0], 2)), axis=0)
        turn = np.cumsum(rng.normal(0, 0.04, SHAPE[0]))
        level = float(rng.uniform(650, 1250))
        shapes = [
            replace(cell, row=cell.row + step[0], col=cell.col + step[1], angle=cell.angle + angle)
            for step, angle in zip(steps, turn, strict=True)
        ]
        if label > len(DIVISIONS):
            tracks.append(Track(0, tuple(shapes), (level,) * SHAPE[0]))
            continue
        division = DIVISIONS[label - 1]
        tracks.append(_mother(shapes[:division], level))
        for side in (-1, 1):
            daughters.append(_daughter(shapes, division, side, level))
            parents[len(cells) + len(daughters)] = label
    return tracks + daughters, parents


def _mother(shapes: list[Shape], level: float) -> Track:
    """Return a cell that draws out, and shines more, in its last frames."""
    grown, levels = list(shapes), [level] * len(shapes)
    for before, aspect in ((1, 1.75), (2, 1.35), (3, 1.1)):
        grown[-before] = replace(shapes[-before], aspect=aspect, radius=shapes[-before].radius * 0.95)
        levels[-before] = level * 1.4
    return Track(0, tuple(grown), tuple(levels))


def _daughter(shapes: list[Shape], division: int, side: int, level: float) -> Track:
    """Return half a cell that leaves the other half along the cell's long axis."""
    grown, levels = [], []
    for age, shape in enumerate(shapes[division:]):
        radius = shape.radius * (0.74 + 0.01 * min(age, 6))
        far = side * radius * (1.02 + 0.09 * min(age, 4))
        row, col = shape.row + far * np.cos(shape.angle), shape.col + far * np.sin(shape.angle)
        # Flat against each other at first: long across the way they go.
        aspect, angle = 1.25 - 0.05 * min(age, 4), shape.angle + np.pi / 2
        grown.append(Shape(float(row), float(col), radius, aspect, angle, shape.waves))
        levels.append(level * (1.3 if age < 2 else 1.0))
    return Track(division, tuple(grown), tuple(levels))


def _seen(rng: np.random.Generator, tracks: list[Track], corners: Floats) -> tuple[Labels, Floats]:
    """Return the labels of every frame, and how bright the cells are before any blur."""
    labels, signal = np.zeros(SHAPE, np.uint16), np.zeros(SHAPE, np.float32)
    grain = np.clip(1 + 0.12 * noise(rng, SHAPE[1:], 1.5) + 0.07 * noise(rng, SHAPE[1:], 4.0), 0.4, 1.7)
    for frame in range(SHAPE[0]):
        best = np.zeros(SHAPE[1:], np.float32)
        for label, shape, level in _in_frame(tracks, frame, corners[frame]):
            where, depth = shape.depth(SHAPE[1:])
            mine = depth > best[where]
            if np.count_nonzero(mine) < LEAST:
                continue
            best[where][mine] = depth[mine]
            labels[frame][where][mine] = label
            thick = 1 - 0.5 * np.exp(-depth * shape.radius / 2)
            signal[frame][where][mine] = (level * thick * _carried(grain, shape, label, where))[mine]
    return labels, signal


def _in_frame(tracks: list[Track], frame: int, corner: npt.NDArray[np.float32]) -> Iterator[tuple[int, Shape, float]]:
    """Give label, shape in the picture and brightness of each cell that is there in a frame."""
    for label, track in enumerate(tracks, start=1):
        age = frame - track.first
        if 0 <= age < len(track.shapes):
            shape = track.shapes[age]
            moved = replace(shape, row=shape.row - float(corner[0]), col=shape.col - float(corner[1]))
            yield label, moved, track.levels[age]


def _carried(grain: Floats, shape: Shape, label: int, where: tuple[slice, slice]) -> Floats:
    """Return the texture of a cell, which goes where the cell goes."""
    starts = round(shape.row) - 37 * label, round(shape.col) - 91 * label
    rows, cols = (
        (np.arange(part.start, part.stop) - start) % length
        for part, start, length in zip(where, starts, grain.shape, strict=True)
    )
    return grain[np.ix_(rows, cols)]


def _light(rng: np.random.Generator, signal: Floats) -> Floats:
    """Return the light that reaches the camera, in greys above darkness; the dye bleaches."""
    from scipy import ndimage as ndi

    sharp = ndi.gaussian_filter(signal, (0, 1.1, 1.1))
    haze = ndi.zoom(ndi.gaussian_filter(sharp[:, ::4, ::4], (0, 4.0, 4.0)), (1, 4, 4), order=1)
    bleached = np.exp(-np.arange(SHAPE[0], dtype=np.float32) / 60.0)[:, None, None]
    shade = 1 + 0.06 * noise(rng, SHAPE[1:], 80.0)
    ground = 50 + 6 * noise(rng, SHAPE[1:], 25.0)
    return np.asarray((sharp + 0.08 * haze) * bleached * shade + ground, np.float32).clip(1, None)
