"""Layers that cover a block of a picture's plane: their array, their geometry, and what we note of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.utils.colormaps import label_colormap

from napari_sam3_assistant.core.geometry import Box, clip, intersection
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.world import camera_of, geometry_at

GRID = 64
RESULT = "result"
"""The key of a note that tells which result of a batch a layer shows; such a layer stays with its own picture."""
COLORS, COLOR_SEED = 49, 0.597
"""napari's cyclic colours, begun where the first is a light yellow: it is seen on grey, on pink and on violet."""


def colormap() -> Any:
    """Return the colours of objects, the same in every layer."""
    return label_colormap(COLORS, seed=COLOR_SEED)


def note(layer: Any) -> dict[str, Any]:
    """Return what we noted of a layer in its metadata; empty if nothing."""
    found = layer.metadata.get(names.METADATA, {})
    return found if isinstance(found, dict) else {}


def write_note(layer: Any, noted: Mapping[str, Any] | None) -> None:
    """Note something of a layer in its metadata, beside what others keep there; None removes the note."""
    kept = {key: value for key, value in layer.metadata.items() if key != names.METADATA}
    layer.metadata = kept if noted is None else {**kept, names.METADATA: dict(noted)}


def grid_block(box: Box, shape: tuple[int, int], kept: Window | None = None) -> Window:
    """Return the block of a plane of ``shape`` that holds ``box``, rounded outwards to :data:`GRID` pixels.

    ``kept``, a block in use, is returned where it holds the box too.
    """
    box = clip(box, shape) or box
    if kept is not None and intersection(box, kept.box) == box:
        return kept
    top, left = (math.floor(value / GRID) * GRID for value in (box.top, box.left))
    bottom = min(math.ceil(box.bottom / GRID) * GRID, shape[0])
    right = min(math.ceil(box.right / GRID) * GRID, shape[1])
    return Window(max(top, 0), max(left, 0), bottom, right)


def block_geometry(image: Any, plane: Plane, block: Window) -> dict[str, Any]:
    """Return the geometry of a layer of an image's axes that covers ``block`` of its plane."""
    corner = [0] * image.ndim
    for axis, position in plane.index:
        corner[axis] = position
    corner[plane.row_axis], corner[plane.col_axis] = block.offset
    return geometry_at(image, corner)


def to_axes(labels: np.ndarray, plane: Plane, ndim: int) -> np.ndarray:
    """Return labels of a plane as an array of ``ndim`` axes, of length 1 on those that the plane cuts."""
    if plane.row_axis > plane.col_axis:
        labels = labels.T
    return np.expand_dims(labels, [axis for axis in range(ndim) if axis not in (plane.row_axis, plane.col_axis)])


def to_plane(data: np.ndarray, plane: Plane) -> np.ndarray:
    """Return the view of an array of :func:`to_axes` with rows and columns alone."""
    cut = tuple(axis for axis in range(data.ndim) if axis not in (plane.row_axis, plane.col_axis))
    labels = data.squeeze(cut)
    return labels.T if plane.row_axis > plane.col_axis else labels


def axes_shape(shape: tuple[int, int], plane: Plane, ndim: int) -> tuple[int, ...]:
    """Return the shape of :func:`to_axes` for labels of ``shape``."""
    lengths = dict(zip((plane.row_axis, plane.col_axis), shape, strict=True))
    return tuple(lengths.get(axis, 1) for axis in range(ndim))


def picture_shape(image: Any, source: Source) -> tuple[int, ...]:
    """Return the shape of a picture in the axes of its layer, which do not count red, green and blue."""
    return source.shape[: image.ndim]


def same_frame(layer: Any, geometry: Mapping[str, Any]) -> bool:
    """Return whether a layer differs from ``geometry`` in its translation alone."""
    return all(
        np.array_equal(np.asarray(getattr(layer, name)), np.asarray(geometry[name]))
        for name in ("scale", "rotate", "shear")
    ) and (
        np.array_equal(layer.affine.affine_matrix, geometry["affine"])
        and tuple(layer.units) == tuple(geometry["units"])
    )


def insert_above(viewer: Any, image: Any, layer: Any) -> Any:
    """Add a layer right above an image, below the prompts, and return it; the selection stays as it is."""
    selection = viewer.layers.selection
    selected, active = set(selection), selection.active
    with _camera_kept(viewer):
        viewer.layers.insert(viewer.layers.index(image) + 1, layer)
    if set(selection) != selected:
        selection.clear()
        selection.update(selected)
        if active is not None:
            selection.active = active
    return layer


def bring_above(viewer: Any, image: Any) -> None:
    """Lay our prompts and previews above an image that was put over them; their order stays."""
    place = viewer.layers.index(image)
    ours = (*names.PROMPTS, *names.PREVIEWS, names.PROPAGATED)
    covered = [
        at
        for at, layer in enumerate(viewer.layers)
        if at < place and str(layer.name).startswith(ours) and RESULT not in note(layer)
    ]
    if covered:
        viewer.layers.move_multiple(covered, place + 1)


def take_away(viewer: Any, layer: Any) -> None:
    """Remove a layer; the camera stays where it is."""
    with _camera_kept(viewer):
        viewer.layers.remove(layer)


@contextmanager
def _camera_kept(viewer: Any) -> Iterator[None]:
    """Leave the camera where it is: napari fits the view anew whenever a layer changes the number of axes."""
    camera = camera_of(viewer)
    before = {name: getattr(camera, name) for name in ("center", "zoom", "angles")}
    yield
    for name, value in before.items():
        if getattr(camera, name) != value:
            setattr(camera, name, value)


def unchanged(layer: Any, key: Mapping[str, Any]) -> bool:
    """Return whether a layer was drawn of the same objects of the same plane: ``image``, ``plane``, ``items``."""
    noted = note(layer)
    before, now = noted.get("items", ()), key["items"]
    return (
        (noted.get("image"), noted.get("plane")) == (key["image"], key["plane"])
        and len(before) == len(now)
        and all(a.id == b.id and a.mask is b.mask and a.score == b.score for a, b in zip(before, now, strict=True))
    )
