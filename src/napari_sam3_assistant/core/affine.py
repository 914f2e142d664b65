"""Affine maps between coordinate systems of any, and different, numbers of axes.

A map says nothing of what its two sides are; the code that uses it does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import ImageError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """``y = linear @ x + offset``.

    Attributes
    ----------
    linear : ndarray of shape (m, n), float64
    offset : ndarray of shape (m,), float64
    """

    linear: Floats
    offset: Floats

    def __call__(self, points: npt.ArrayLike) -> Floats:
        """Return the images of ``points``, an array of shape (..., n), as an array of shape (..., m)."""
        return np.asarray(points, dtype=float) @ self.linear.T + self.offset

    def after(self, first: Affine) -> Affine:
        """Return the map that applies ``first`` and then this one."""
        return Affine(self.linear @ first.linear, self.linear @ first.offset + self.offset)

    def inverse(self) -> Affine:
        """Return the map back.

        Raises
        ------
        ImageError
            If there is none: two axes lie on each other, or a scale is 0.
        """
        try:
            back: Floats = np.linalg.inv(self.linear).astype(np.float64)
        except np.linalg.LinAlgError as error:
            raise ImageError(
                "The layer is flattened by its transform.", hint="Give every axis a scale other than 0."
            ) from error
        return Affine(back, -back @ self.offset)

    def scaled(self, factors: npt.ArrayLike) -> Affine:
        """Return the map followed by a scaling of each result axis, ``factors`` of shape (m,)."""
        by = np.asarray(factors, dtype=np.float64)
        return Affine(self.linear * by[:, None], self.offset * by)


def probe(function: Callable[[Sequence[float]], npt.ArrayLike], ndim: int) -> Affine:
    """Return the affine map that ``function`` computes, found from ``ndim + 1`` of its values."""
    origin = np.asarray(function((0.0,) * ndim), dtype=float)
    columns = [np.asarray(function(tuple(map(float, unit))), dtype=float) - origin for unit in np.eye(ndim)]
    return Affine(np.stack(columns, axis=1).astype(np.float64), origin)


def pick(axes: Sequence[int], ndim: int, rest: Sequence[float]) -> Affine:
    """Return the map from the coordinates on ``axes`` to all ``ndim`` coordinates, the others held at ``rest``."""
    linear = np.zeros((ndim, len(axes)))
    offset = np.array(rest, dtype=float)
    for column, axis in enumerate(axes):
        linear[axis, column] = 1.0
        offset[axis] = 0.0
    return Affine(linear, offset)
