"""Frames of layers: where their pixels lie in the world, compared and handed on."""

from __future__ import annotations

from typing import Any

import numpy as np

DIGITS = 9
PARTS = ("scale", "rotate", "shear", "translate", "affine")
"""What a frame consists of, as napari names it, besides units."""


def frame_of(layer: Any) -> tuple[Any, ...]:
    """Return what is equal for two layers whose pixels of the same coordinates lie on each other.

    Numbers are rounded: a layer made for a turned picture has its place by a calculation.
    """
    parts = [np.asarray(getattr(layer, name)) for name in PARTS[:-1]] + [np.asarray(layer.affine.affine_matrix)]
    return (
        layer.ndim,
        tuple(map(str, layer.units)),
        *(tuple(np.round(part.ravel(), DIGITS).tolist()) for part in parts),
    )


def take_frame(layer: Any, image: Any) -> None:
    """Lay a layer onto an image of as many axes: its coordinates become the image's pixels."""
    for name in PARTS[:-1]:
        setattr(layer, name, getattr(image, name))
    layer.affine = image.affine.affine_matrix
    layer.units = image.units
