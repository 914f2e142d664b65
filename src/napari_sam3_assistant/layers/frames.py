"""Frames of layers: where their pixels lie in the world, compared and handed on."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Points

from napari_sam3_assistant.core.affine import probe
from napari_sam3_assistant.layers.world import geometry_at

DIGITS = 9


def frame_of(layer: Any) -> tuple[Any, ...]:
    """Return what is equal for two layers whose pixels of the same coordinates lie on each other.

    Numbers are rounded: a layer made for a turned picture has its place by a calculation.
    """
    frame = probe(layer.data_to_world, layer.ndim)
    numbers = np.round(np.concatenate([frame.linear.ravel(), frame.offset]), DIGITS)
    return layer.ndim, tuple(map(str, layer.units)), tuple(numbers.tolist())


def take_frame(layer: Any, image: Any) -> None:
    """Lay a layer onto an image of as many axes: its coordinates become the image's pixels."""
    geometry = points_geometry(image) if isinstance(layer, Points) else geometry_at(image, [0] * image.ndim)
    for name in ("scale", "rotate", "shear", "translate", "affine", "units"):
        setattr(layer, name, geometry[name])


def points_geometry(image: Any) -> dict[str, Any]:
    """Return the geometry of a layer of points whose coordinates are the pixels of an image, see :func:`geometry_at`.

    Of a mirrored image all but the size of a pixel stands in the affine: napari 0.7 takes the width of a selected
    point from the scale, and fails where that is negative.
    """
    geometry = geometry_at(image, [0] * image.ndim)
    scale = np.asarray(image.scale, dtype=float)
    if (scale > 0).all():
        return geometry
    whole, affine = probe(image.data_to_world, image.ndim), np.eye(image.ndim + 1)
    affine[:-1, :-1], affine[:-1, -1] = whole.linear / np.abs(scale), whole.offset
    still = {"rotate": np.eye(image.ndim), "shear": np.zeros_like(image.shear), "translate": (0,) * image.ndim}
    return {**geometry, **still, "scale": tuple(np.abs(scale)), "affine": affine}
