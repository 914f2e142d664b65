"""Measures of components that take a look at their pixels: perimeter, circularity, mean intensity.

What follows from a component alone (area, box, centroid) is not measured here. Lengths are in
pixels; :class:`Sizes` makes world units of them. A perimeter is one of a plane: components that reach over
several slices have none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.masks.components import Component, component_mask

Labels = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]

NEVER_ROUNDER = 1.0
PLANE, VOLUME_AXES = (-2, -1), 3
EVERY = 64
"""Whether the work shall stop is looked at after so many components."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What was measured of one component; None where that has no meaning.

    Attributes
    ----------
    of : Component or None
        None where nothing was measured.
    perimeter : float or None
        In pixels.
    circularity : float or None
        1 for a disc, towards 0 the more it is drawn out or ragged.
    intensity : float or None
        Mean of the image on its pixels.
    """

    of: Component | None = None
    perimeter: float | None = None
    circularity: float | None = None
    intensity: float | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the pixels of an array are in the world.

    Attributes
    ----------
    steps : tuple of float
        Length of one pixel along each axis, in ``unit``.
    unit : str
        ``um`` for one; empty where lengths are in pixels.
    """

    steps: tuple[float, ...]
    unit: str = ""

    def content(self, shape: Sequence[int]) -> tuple[float, int]:
        """Return the area or volume of one pixel of a block of some shape, and of how many axes: 2 or 3."""
        axes = _spread(shape)
        return math.prod(self.steps[axis] for axis in axes), len(axes)

    def step(self, shape: Sequence[int]) -> float | None:
        """Return how long a pixel of a block is in its plane; None where it is not as high as it is wide."""
        axes = _spread(shape)
        first, second = (self.steps[axis] for axis in (axes if len(axes) == len(PLANE) else PLANE))
        return second if math.isclose(first, second, rel_tol=1e-6) else None


def measure(
    labels: Any, components: Iterable[Component], image: Any | None = None, watch: Watch = UNWATCHED
) -> dict[int, Measure]:
    """Return the measures of components, by their ids.

    Parameters
    ----------
    labels : array of integer or bool
        In memory, or read where it is sliced.
    components : iterable of Component
        Of these labels.
    image : array of numbers, or None
        Of the shape of ``labels``; with one axis more, colours, of which the mean is taken. None: no intensity.
    watch : Watch

    Raises
    ------
    PromptError
        If ``labels`` has changed, so that a component is no longer there.
    """
    chosen = tuple(components)
    found = {}
    for at, component in enumerate(chosen):
        if at % EVERY == 0:
            watch.at(at / len(chosen), "Measuring")
        mask = _mask(labels, component)
        around = _perimeter_of(mask)
        found[component.id] = Measure(
            component,
            around,
            None if around is None else circularity(component.area, around),
            None if image is None else _mean(image, component, mask),
        )
    return found


def perimeter(mask: Flags) -> float:
    """Return the length of the border of a mask of shape (h, w), in pixels.

    Notes
    -----
    K. Benkrid, D. Crookes, A. Benkrid: Design and FPGA implementation of a perimeter estimator, Proc. Irish
    Machine Vision and Image Processing Conf., 2000, pp. 51-57. As ``skimage.measure.perimeter`` with
    ``neighborhood=4``: border pixels weigh 1, sqrt(2) or their mean by how their neighbours on the border lie.
    """
    inside = np.zeros((mask.shape[0] + 4, mask.shape[1] + 4), np.uint8)
    inside[2:-2, 2:-2] = mask
    middle = inside[1:-1, 1:-1]
    border = middle & ~(inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:])
    rows = border[:, :-2] + border[:, 2:]
    beside = rows[1:-1] + border[:-2, 1:-1] + border[2:, 1:-1]
    corners = rows[:-2] + rows[2:]
    kind = np.where(border[1:-1, 1:-1], 1 + 2 * beside + 10 * corners, 0)
    counts = np.bincount(kind.reshape(-1), minlength=_WEIGHTS.size)
    return float(counts @ _WEIGHTS)


def circularity(area: float, around: float) -> float | None:
    """Return how round something of an area and a perimeter is, at most 1; None where it has no perimeter.

    Notes
    -----
    ``4 pi area / perimeter**2`` (E. P. Cox, Journal of Paleontology 1, 1927, p. 179), cut to 1 as ImageJ does:
    of a few pixels the perimeter is estimated too short.
    """
    return min(4 * math.pi * area / around**2, NEVER_ROUNDER) if around > 0 else None


def _spread(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the axes along which a block has more than one pixel, counted from the last: two, or three of a volume."""
    axes = tuple(axis for axis in range(-min(len(shape), VOLUME_AXES), 0) if shape[axis] > 1)
    return axes if len(axes) >= len(PLANE) else PLANE


def _weights() -> npt.NDArray[np.float64]:
    """Return what a border pixel weighs, by 1 + 2 * (neighbours by sides) + 10 * (neighbours by corners)."""
    weights = np.zeros(50)
    weights[[5, 7, 15, 17, 25, 27]] = 1
    weights[[21, 33]] = math.sqrt(2)
    weights[[13, 23]] = (1 + math.sqrt(2)) / 2
    return weights


_WEIGHTS = _weights()


def _mask(labels: Any, component: Component) -> Flags:
    """Return the pixels of a component, in its block; a component that is alone there needs no search."""
    block = np.asarray(labels[component.slices])
    mask = np.asarray(block == component.label, bool)
    return mask if np.count_nonzero(mask) == component.area else component_mask(labels, component)


def _perimeter_of(mask: Flags) -> float | None:
    """Return the perimeter of what lies in one plane, whichever, else None."""
    sides = [length for length in mask.shape if length > 1]
    if len(sides) > len(PLANE):
        return None
    return perimeter(mask.reshape((*sides, 1, 1)[: len(PLANE)]))


def _mean(image: Any, component: Component, mask: Flags) -> float | None:
    values = np.asarray(image[component.slices])[mask]
    mean = float(values.mean(dtype=np.float64))
    return mean if math.isfinite(mean) else None
