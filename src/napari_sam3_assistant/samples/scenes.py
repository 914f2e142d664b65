"""What the sample pictures are made of: a picture with its truth, shapes that may touch, noise, and a camera.

All coordinates are (row, col) pixels. Everything follows from the random generator passed
in, so a seed gives the same picture on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

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
    image : ndarray of shape (H, W), (H, W, 3), (Z, H, W), (T, H, W) or (C, H, W)
        The picture.
    truth : ndarray of shape (H, W), (Z, H, W) or (T, H, W), uint16
        One label from 1 for each object, the same in every plane and frame; 0 is background.
    rgb : bool
        Whether the last axis of ``image`` holds red, green and blue.
    scale : tuple of float
        Length of a step along each axis of ``truth``, in ``units``.
    units : tuple of str
        Name of the unit of each axis of ``truth``.
    axis_labels : tuple of str
        Name of each axis of ``truth``.
    channels : tuple of str
        What each channel shows, where the first axis of ``image`` holds channels.
    parts : mapping of str to ndarray like ``truth``
        Truth of what is inside the objects, by name; a part has the label of its object.
    parents : mapping of int to int
        The label of the mother by that of the daughter, where objects divide.
    """

    name: str
    image: npt.NDArray[Any]
    truth: Labels
    rgb: bool
    scale: tuple[float, ...] = (1.0, 1.0)
    units: tuple[str, ...] = ("pixel", "pixel")
    axis_labels: tuple[str, ...] = ("y", "x")
    channels: tuple[str, ...] = ()
    parts: Mapping[str, Labels] = field(default_factory=lambda: MappingProxyType({}))
    parents: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def placement(self) -> dict[str, Any]:
        """What napari has to be told so that the layer of the picture, or of its truth, has its true size."""
        return {"scale": self.scale, "units": self.units, "axis_labels": self.axis_labels}


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

    def beside(self, rng: np.random.Generator, radius: float) -> tuple[float, float]:
        """Return a centre at which a round shape of ``radius`` would touch this one."""
        angle = float(rng.uniform(0, 2 * np.pi))
        turned = angle - self.angle
        half = self.radius / np.hypot(np.cos(turned) / self.aspect**0.5, np.sin(turned) * self.aspect**0.5)
        far = 0.93 * (half + radius)
        return self.row + far * np.cos(angle), self.col + far * np.sin(angle)


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


class Solid(Protocol):
    """What can be put on a canvas of as many axes as it has itself."""

    def depth(self, shape: Any, /) -> tuple[tuple[slice, ...], Floats]:
        """Return a block, and how deep each of its pixels lies in the solid: see :meth:`Shape.depth`."""


S = TypeVar("S", bound=Solid)


class Canvas(Generic[S]):
    """Labels of shapes that may touch but never lie on each other.

    Attributes
    ----------
    labels : ndarray of shape (H, W) or (Z, H, W), uint16
        The shapes put so far, numbered from 1.
    shapes : list of Shape, or of solids with three axes
        In the order of their labels.
    blocked : ndarray of bool, like ``labels``
        Where no shape may lie.
    """

    def __init__(self, shape: tuple[int, ...], blocked: npt.NDArray[np.bool_] | None = None) -> None:
        self.labels: Labels = np.zeros(shape, np.uint16)
        self.shapes: list[S] = []
        self.blocked = np.zeros(shape, bool) if blocked is None else blocked
        self._depth = np.full(shape, -np.inf, np.float32)

    def put(self, shape: S, *, gap: float = 0.25, touch: int = 0, shared: float = 0.1) -> bool:
        """Put ``shape`` if there is room, and return whether there was.

        Parameters
        ----------
        shape : Shape or another solid
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


def noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float | tuple[float, ...]) -> Floats:
    """Return smooth noise with mean about 0, spread 1 and grains of ``sigma`` pixels (along each axis)."""
    from scipy import ndimage as ndi

    sigmas = (float(sigma),) * len(shape) if isinstance(sigma, int | float) else sigma
    # Coarse grains are made small and enlarged: the same look for a fraction of the time.
    steps = [max(int(one / 3), 1) for one in sigmas]
    small = [-(-length // step) + 2 for length, step in zip(shape, steps, strict=True)]
    grains = [one / step for one, step in zip(sigmas, steps, strict=True)]
    field = ndi.gaussian_filter(rng.standard_normal(small, dtype=np.float32), grains, mode="wrap")
    field /= max(float(field.std()), 1e-6)
    if max(steps) > 1:
        field = ndi.zoom(field, steps, order=1)
    return np.asarray(field[tuple(slice(length) for length in shape)], np.float32)


def inner(labels: Labels) -> npt.NDArray[np.bool_]:
    """Return the pixels of objects that do not border on another object or the background."""
    kept = labels > 0
    for axis in range(labels.ndim):
        edge = np.diff(labels.astype(np.int32), axis=axis) != 0
        first, last = [slice(None)] * labels.ndim, [slice(None)] * labels.ndim
        first[axis], last[axis] = slice(None, -1), slice(1, None)
        kept[tuple(first)] &= ~edge
        kept[tuple(last)] &= ~edge
    return kept


def photograph(
    rng: np.random.Generator, light: Floats, *, offset: float, gain: float, read: float, most: int = 4095
) -> npt.NDArray[np.uint16]:
    """Return what a camera makes of light.

    Parameters
    ----------
    rng : Generator
    light : ndarray
        In greys above darkness, none of them negative.
    offset : float
        The grey of darkness.
    gain : float
        The photons that one grey stands for; their number is left to chance.
    read : float
        Spread of the camera's own noise, in greys.
    most : int
        The grey at which it is saturated.
    """
    photons = rng.poisson(light * gain) / gain
    image = photons + offset + rng.normal(0, read, light.shape)
    return np.clip(np.rint(image), 0, most).astype(np.uint16)
