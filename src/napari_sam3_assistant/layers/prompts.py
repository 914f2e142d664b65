"""Prompt layers: made, styled, and read through world coordinates, this plane only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Points

from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import PointPrompt, Prompts, is_positive
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.world import World, between, geometry_at, to_world

POSITIVE_COLOR = "#2fb344"
NEGATIVE_COLOR = "#e03131"
POINT_SIZE = 12
POINT_SCREEN_PX = (9, 24)
SYMBOLS = {True: "disc", False: "cross"}
WORDS = {True: "positive", False: "negative"}


@dataclass(frozen=True, slots=True)
class CollectedPoints:
    """What a points layer says about one plane of an image.

    Attributes
    ----------
    points : tuple of PointPrompt
        In pixels of the plane, oldest first.
    elsewhere : int
        Points left out because they lie on other slices.
    outside : int
        Points left out because they lie beside the picture.
    """

    points: tuple[PointPrompt, ...]
    elsewhere: int = 0
    outside: int = 0

    @property
    def prompts(self) -> Prompts:
        """The points as prompts for one object."""
        return Prompts(points=self.points)


def add_point_layer(viewer: Any, *, ndim: int = 2, image: Any | None = None) -> Any:
    """Return the layer ``SAM3 points``, made and styled if it is not there.

    Parameters
    ----------
    viewer : napari viewer
    ndim : int
        Axes of the layer where there is no ``image``.
    image : napari Image layer or None
        Whose geometry the layer takes, so that a point's coordinates are the image's pixels.
    """
    found = point_layer(viewer)
    if found is not None:
        return found
    geometry = geometry_at(image, (0,) * image.ndim) if image is not None else {}
    return viewer.add_points(
        np.zeros((0, image.ndim if image is not None else ndim)),
        ndim=image.ndim if image is not None else ndim,
        name=names.POINTS,
        features={names.POLARITY: np.array([], dtype=object)},
        feature_defaults={names.POLARITY: WORDS[True]},
        property_choices={names.POLARITY: [WORDS[True], WORDS[False]]},
        face_color=names.POLARITY,
        face_color_cycle=[POSITIVE_COLOR, NEGATIVE_COLOR],
        border_color="white",
        border_width=0.12,
        symbol=SYMBOLS[True],
        size=POINT_SIZE,
        canvas_size_limits=POINT_SCREEN_PX,
        **geometry,
    )


def point_layer(viewer: Any) -> Any | None:
    """Return the layer ``SAM3 points``, or None."""
    return next((one for one in viewer.layers if one.name == names.POINTS and isinstance(one, Points)), None)


def set_next_polarity(points: Any, positive: bool) -> None:
    """Make the next point positive or negative; points that are selected stay as they are."""
    with points.block_update_properties():
        points.feature_defaults = {names.POLARITY: WORDS[positive]}
        points.current_symbol = SYMBOLS[positive]


def next_polarity(points: Any) -> bool:
    """Return whether the next point will be positive."""
    defaults = points.feature_defaults
    return is_positive(defaults[names.POLARITY].iloc[0]) if names.POLARITY in defaults else True


def flip_points(points: Any) -> int:
    """Turn the polarity of the selected points, or of the latest one; return how many were turned."""
    count = len(points.data)
    chosen = sorted(index for index in points.selected_data if index < count) or list(range(count))[-1:]
    if not chosen:
        return 0
    features = points.features.copy()
    words = list(_polarity_words(points))
    symbols = list(points.symbol)
    for index in chosen:
        positive = not is_positive(words[index])
        words[index] = WORDS[positive]
        symbols[index] = SYMBOLS[positive]
    features[names.POLARITY] = words
    points.features = features
    points.symbol = symbols
    points.refresh_colors()
    return len(chosen)


def clear_points(points: Any) -> None:
    """Remove every point; the layer stays."""
    points.selected_data = set(range(len(points.data)))
    points.remove_selected()


def collect_points(points: Any, image: Any, plane: Plane, world: World | None = None) -> CollectedPoints:
    """Return the points that lie on a plane of an image, in its pixels.

    Parameters
    ----------
    points : napari Points layer
        Of any number of axes and any transform.
    image : napari Image layer
    plane : Plane
        Of the image's data.
    world : World or None
        What the viewer shows; None for layers without sliders and with one unit.

    Returns
    -------
    CollectedPoints
        What lies on other slices or beside the picture is counted, and left out.
    """
    data = np.asarray(points.data, dtype=float).reshape(-1, points.ndim)
    if not len(data):
        return CollectedPoints(())
    world = world or World((0.0,) * max(points.ndim, image.ndim), (-2, -1), None)
    to_all, to_image = between(points, image, world)
    pixels = to_image(data)
    here = np.isfinite(pixels).all(axis=1)
    for axis, position in plane.index:
        if axis < image.ndim:
            here &= np.abs(pixels[:, axis] - position) <= 0.5 + 1e-6
    here &= _on_missing_axes(points, image, to_all(data), world)
    rows, cols = pixels[:, _own(plane.row_axis, image)], pixels[:, _own(plane.col_axis, image)]
    shape = image.data.shape if not image.multiscale else image.data[0].shape
    height, width = plane.shape_in(shape)
    with np.errstate(invalid="ignore"):
        inside = (rows >= -0.5) & (rows < height - 0.5) & (cols >= -0.5) & (cols < width - 0.5)
    words = _polarity_words(points)
    kept = np.flatnonzero(here & inside)
    made = tuple(PointPrompt(float(rows[k]), float(cols[k]), is_positive(words[k])) for k in kept)
    return CollectedPoints(made, elsewhere=int((~here).sum()), outside=int((here & ~inside).sum()))


def _own(axis: int, image: Any) -> int:
    """Return the layer axis of an array axis: the colour axis, always last, is not one of the layer's."""
    return axis if axis < image.ndim else image.ndim - 1


def _on_missing_axes(points: Any, image: Any, positions: np.ndarray, world: World) -> np.ndarray:
    """Return which world ``positions`` lie where the sliders stand on axes that the image does not have."""
    missing = max(points.ndim - image.ndim, 0)
    here = np.ones(len(positions), bool)
    steps = np.abs(np.diag(to_world(points, world).linear))
    for axis in range(missing):
        at = positions.shape[1] - points.ndim + axis
        slider = world.point[at - (positions.shape[1] - world.ndim)] if at >= positions.shape[1] - world.ndim else 0.0
        here &= np.abs(positions[:, at] - slider) <= (0.5 + 1e-6) * max(steps[axis], 1e-12)
    return here


def _polarity_words(points: Any) -> list[Any]:
    features = points.features
    for name in names.POLARITY_FEATURES:
        if name in features:
            return list(features[name])
    return [WORDS[True]] * len(points.data)
