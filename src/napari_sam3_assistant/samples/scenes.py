"""What the sample pictures are made of: a picture with its truth, shapes that may touch, and noise.

All coordinates are (row, col) pixels. Everything follows from the random generator passed
in, so a seed gives the same picture on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture and what is in it.

    Attributes
    ----------
    name : str
        What its layer is called.
    image : ndarray of shape (H, W) or (H, W, 3)
        The picture.
    truth : ndarray of shape (H, W), uint16
        One label from 1 for each object; 0 is background.
    rgb : bool
        Whether the last axis of ``image`` holds red, green and blue.
    scale : tuple of float
        Length of a pixel along rows and columns, in ``units``.
    units : str
        Name of the unit of length.
    """

    name: str
    image: npt.NDArray[Any]
    truth: Labels
    rgb: bool
    scale: tuple[float, float] = (1.0, 1.0)
    units: str = "pixel"


@dataclass(frozen=True, slots=True)
class Shape:
    """A rounded outline: an ellipse whose radius swells and shrinks along its border.

    Attributes
    ----------
    row, col : float
        Its centre.
    radius : float
        Geometric mean of its half axes.
    aspect : float
        Long axis over short axis.
    angle : float
        Direction of the long axis, in radians from the row axis.
    waves : tuple of (float, float)
        Height (fraction of the radius) and phase of the waves with 2, 3, 4 ... periods round the border.
    """

    row: float
    col: float
    radius: float
    aspect: float
    angle: float
    waves: tuple[tuple[float, float], ...]

    def depth(self, shape: tuple[int, int]) -> tuple[tuple[slice, slice], Floats]:
        """Return where the shape lies on a plane, and how deep each pixel of that block lies in it.

        The depth is 1 at the centre, 0 on the border and negative outside.
        """
        reach = self.radius * self.aspect**0.5 * (1 + sum(abs(height) for height, _ in self.waves)) + 2
        rows, cols = (
            slice(*(min(max(int(edge), 0), length) for edge in (middle - reach, middle + reach + 1)))
            for middle, length in ((self.row, shape[0]), (self.col, shape[1]))
        )
        down = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - self.row
        right = np.arange(cols.start, cols.stop, dtype=np.float32)[None] - self.col
        along = down * np.cos(self.angle) + right * np.sin(self.angle)
        across = right * np.cos(self.angle) - down * np.sin(self.angle)
        turn = np.arctan2(across, along)
        border = 1.0 + sum(h * np.cos(k * turn + phase) for k, (h, phase) in enumerate(self.waves, start=2))
        far = np.hypot(along / self.aspect**0.5, across * self.aspect**0.5) / self.radius
        return (rows, cols), (1 - far / border).astype(np.float32)


def random_shape(
    rng: np.random.Generator,
    row: float,
    col: float,
    radius: float,
    *,
    aspect: tuple[float, float] = (1.0, 1.5),
    wobble: float = 0.06,
    angle: float | None = None,
) -> Shape:
    """Return a shape at ``(row, col)`` with a random outline; ``angle`` None turns it at random."""
    turn = float(rng.uniform(0, np.pi)) if angle is None else angle
    waves = tuple((float(rng.normal(0, wobble / k)), float(rng.uniform(0, 2 * np.pi))) for k in (1, 2, 3))
    return Shape(row, col, radius, float(rng.uniform(*aspect)), turn, waves)


class Canvas:
    """Labels of shapes that may touch but never lie on each other.

    Attributes
    ----------
    labels : ndarray of shape (H, W), uint16
        The shapes put so far, numbered from 1.
    shapes : list of Shape
        In the order of their labels.
    blocked : ndarray of shape (H, W), bool
        Where no shape may lie.
    """

    def __init__(self, shape: tuple[int, int], blocked: npt.NDArray[np.bool_] | None = None) -> None:
        self.labels: Labels = np.zeros(shape, np.uint16)
        self.shapes: list[Shape] = []
        self.blocked = np.zeros(shape, bool) if blocked is None else blocked
        self._depth = np.full(shape, -np.inf, np.float32)

    def put(self, shape: Shape, *, gap: float = 0.25, touch: int = 0, shared: float = 0.1) -> bool:
        """Put ``shape`` if there is room, and return whether there was.

        Parameters
        ----------
        shape : Shape
            What to put.
        gap : float
            How far it keeps from the others, as a fraction of its radius.
        touch : int
            The label of the one shape it has to touch; 0: it touches none.
        shared : float
            The largest part of its area that it may take from, and leave to, the one it touches.
        """
        where, depth = shape.depth(self.labels.shape)
        there, inside = self.labels[where], depth > 0
        near, area = there[depth > -gap], np.count_nonzero(inside)
        if not area or np.any((near != 0) & (near != touch)) or np.any(self.blocked[where] & inside):
            return False
        if touch and not 0 < np.count_nonzero(inside & (there == touch)) <= shared * area:
            return False
        mine = inside & ((there == 0) | (depth > self._depth[where]))
        self.shapes.append(shape)
        there[mine] = len(self.shapes)
        self._depth[where][mine] = depth[mine]
        return True

    def beside(self, rng: np.random.Generator, label: int, radius: float) -> tuple[float, float]:
        """Return a centre at which a round shape of ``radius`` would touch the shape of ``label``."""
        other, angle = self.shapes[label - 1], float(rng.uniform(0, 2 * np.pi))
        turned = angle - other.angle
        half = other.radius / np.hypot(np.cos(turned) / other.aspect**0.5, np.sin(turned) * other.aspect**0.5)
        far = 0.93 * (half + radius)
        return other.row + far * np.cos(angle), other.col + far * np.sin(angle)


def noise(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Floats:
    """Return smooth noise with mean about 0, spread 1 and grains of ``sigma`` pixels, of ``shape`` (H, W)."""
    from scipy import ndimage as ndi

    # Coarse grains are made small and enlarged: the same look for a fraction of the time.
    step = max(int(sigma / 3), 1)
    small = tuple(-(-length // step) + 2 for length in shape)
    field = ndi.gaussian_filter(rng.standard_normal(small, dtype=np.float32), sigma / step, mode="wrap")
    field /= max(float(field.std()), 1e-6)
    if step > 1:
        field = ndi.zoom(field, step, order=1)
    return np.asarray(field[: shape[0], : shape[1]], np.float32)
