"""The layer of points: made, styled, and read through world coordinates, this plane only.

Each point has a polarity and the number of the object it is about. Points of other objects
can be hidden; what is hidden is neither flipped nor chosen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Points

from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import PointPrompt, Prompts, is_positive
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.features import (
    WORDS,
    next_positive,
    next_value,
    object_ids,
    polarity_words,
    positives,
    set_next,
    whole_id,
    write_features,
)
from napari_sam3_assistant.layers.frames import points_geometry
from napari_sam3_assistant.layers.owned import about, mark, others, set_next_picture
from napari_sam3_assistant.layers.point_records import PointsRecord, read_points, write_points
from napari_sam3_assistant.layers.positions import positions
from napari_sam3_assistant.layers.world import World, displayed_axes, slider_position

__all__ = [
    "CollectedPoints",
    "PointsRecord",
    "add_point_layer",
    "clear_points",
    "collect_points",
    "count_points",
    "flip_points",
    "indices_of",
    "newest_point",
    "next_object",
    "next_polarity",
    "of_selected",
    "point_layer",
    "read_points",
    "remove_points",
    "set_next_object",
    "set_next_polarity",
    "set_polarity",
    "show_only",
    "write_points",
]

POSITIVE_COLOR = "#51cf66"
NEGATIVE_COLOR = "#c92a2a"
"""Light and dark, so that they are told apart without red and green too."""
POINT_SIZE = 12
POINT_SCREEN_PX = (9, 24)
SYMBOLS = {True: "disc", False: "cross"}


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
    objects : tuple of int
        The object of each point.
    others : tuple of str
        The pictures of points left out because they are about other ones, one each: unique ids.
    nowhere : int
        Points left out because they have a coordinate that is not a number.
    """

    points: tuple[PointPrompt, ...]
    elsewhere: int = 0
    outside: int = 0
    objects: tuple[int, ...] = ()
    others: tuple[str, ...] = ()
    nowhere: int = 0

    @property
    def prompts(self) -> Prompts:
        """The points as prompts for one object."""
        return Prompts(points=self.points)

    def by_object(self) -> dict[int, tuple[PointPrompt, ...]]:
        """Return the points of each object, in the order in which the objects were begun."""
        found: dict[int, list[PointPrompt]] = {}
        for id, point in zip(self.objects, self.points, strict=True):
            found.setdefault(id, []).append(point)
        return {id: tuple(own) for id, own in found.items()}


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
    geometry = points_geometry(image) if image is not None else {}
    points = Points(
        np.zeros((0, image.ndim if image is not None else ndim)),
        ndim=image.ndim if image is not None else ndim,
        name=names.POINTS,
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
    # Features given together with choices would be ignored; written before anything draws the layer, they cost little.
    set_next_object(points, 1)
    mark(points)
    if image is not None:
        set_next_picture(points, image)
    viewer.layers.append(points)
    return point_layer(viewer)


def point_layer(viewer: Any) -> Any | None:
    """Return the layer ``SAM3 points``, or None."""
    return next((one for one in viewer.layers if one.name == names.POINTS and isinstance(one, Points)), None)


def set_next_polarity(points: Any, positive: bool) -> None:
    """Make the next point positive or negative; points that are selected stay as they are."""
    set_next(points, names.POLARITY, WORDS[positive])
    with points.block_update_properties():
        points.current_symbol = SYMBOLS[positive]


def next_polarity(points: Any) -> bool:
    """Return whether the next point will be positive."""
    return next_positive(points)


def set_next_object(points: Any, id: int) -> None:
    """Make the next point be about object ``id``, from 1; points that are selected stay as they are."""
    set_next(points, names.OBJECT, id)


def next_object(points: Any) -> int:
    """Return the object that the next point is about; 1 where the layer does not say."""
    return whole_id(next_value(points, names.OBJECT))


def of_selected(points: Any) -> bool | None:
    """Return the polarity that all selected points have; None where none is selected, or they differ."""
    words, count = polarity_words(points), len(points.data)
    found = {is_positive(words[index]) for index in points.selected_data if index < count}
    return found.pop() if len(found) == 1 else None


def set_polarity(points: Any, positive: bool) -> int:
    """Make the selected points positive or negative; return how many there are. Hidden points are left alone."""
    chosen = sorted(points.selected_data & set(np.flatnonzero(points.shown).tolist()))
    _write_polarity(points, dict.fromkeys(chosen, positive))
    return len(chosen)


def flip_points(points: Any) -> int:
    """Turn the polarity of the selected points; return how many were turned.

    Where none is selected, the latest point of the object that the next point is about is turned, or,
    if it has none, the latest of all. Hidden points are left alone.
    """
    shown = [index for index, one in enumerate(points.shown) if one]
    ids, own = object_ids(points), next_object(points)
    chosen = sorted(points.selected_data & set(shown)) or [k for k in shown if ids[k] == own][-1:] or shown[-1:]
    words = polarity_words(points)
    _write_polarity(points, {index: not is_positive(words[index]) for index in chosen})
    return len(chosen)


def _write_polarity(points: Any, wanted: Mapping[int, bool]) -> None:
    """Give points of some indices another polarity, word and symbol."""
    if not wanted:
        return
    words, symbols = polarity_words(points), list(points.symbol)
    for index, positive in wanted.items():
        words[index], symbols[index] = WORDS[positive], SYMBOLS[positive]
    write_features(points, {names.POLARITY: words})
    points.symbol = symbols
    points.refresh_colors()


def show_only(points: Any, id: int | None, image: Any = None) -> None:
    """Show the points of one object alone, or of all (None), of one picture; hidden ones are no longer selected.

    napari shows each new point, also one of another object: call this again when the object changes.
    """
    shown = np.array([id is None or one == id for one in object_ids(points)], dtype=bool)
    if image is not None:
        shown &= about(points, image)
    if np.array_equal(shown, points.shown):
        return
    points.selected_data.difference_update(int(index) for index in np.flatnonzero(~shown))
    points.shown = shown
    points.refresh(thumbnail=False, data_displayed=False, extent=False)  # `shown` leaves the highlight as it was


def limit_size(points: Any, world: World) -> None:
    """Keep points from becoming too small or too large to be seen; where none is in view there is nothing to keep.

    napari then draws a point of size 0 at the first pixel, which a least size would make visible.
    """
    position, on_screen = np.asarray(slider_position(points, world)), displayed_axes(points, world)
    cut = [axis for axis in range(points.ndim) if axis not in on_screen]
    near = (np.abs(np.asarray(points.data)[:, cut] - position[cut]) <= 0.5).all(axis=1)
    limits = POINT_SCREEN_PX if bool((near & points.shown).any()) else (0, POINT_SCREEN_PX[1])
    if tuple(points.canvas_size_limits) != limits:
        points.canvas_size_limits = limits


def remove_points(points: Any, indices: Collection[int]) -> None:
    """Remove some points; nothing is selected afterwards, and the next point stays as it was set."""
    chosen = sorted({int(index) for index in indices if 0 <= index < len(points.data)})
    points.selected_data.clear()
    if chosen:
        # napari counts on having drawn the highlight of the point under the pointer, and fails where it has not yet.
        points.refresh(thumbnail=False, data_displayed=False, extent=False)
        points.remove(chosen)


def clear_points(points: Any) -> None:
    """Remove every point; the layer stays."""
    remove_points(points, range(len(points.data)))


def indices_of(
    points: Any, ids: Collection[int], image: Any = None, plane: Plane | None = None, world: World | None = None
) -> list[int]:
    """Return the indices of the points of some objects; with an image and a plane, only of those that lie there."""
    wanted = np.array([id in ids for id in object_ids(points)], dtype=bool)
    if image is not None and plane is not None and len(wanted):
        found = positions(points, image, plane, _data(points), world)
        wanted &= found.here & found.inside & about(points, image)
    return [int(index) for index in np.flatnonzero(wanted)]


def collect_points(
    points: Any, image: Any, plane: Plane, world: World | None = None, *, also: str = ""
) -> CollectedPoints:
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
    also : str
        Points about this other picture, a unique id, count too.

    Returns
    -------
    CollectedPoints
        What lies on other slices or beside the picture, or is about another one, is counted, and left out.
    """
    if not len(points.data):
        return CollectedPoints(())
    found = positions(points, image, plane, _data(points), world)
    placed = np.isfinite(_data(points)).all(axis=1)
    own = about(points, image, also)
    here, inside = found.here, found.inside
    words, ids = positives(polarity_words(points)), object_ids(points)
    kept = np.flatnonzero(own & here & inside).tolist()
    rows, cols = found.rows.tolist(), found.cols.tolist()
    return CollectedPoints(
        tuple(PointPrompt(rows[k], cols[k], words[k]) for k in kept),
        elsewhere=int((own & placed & ~here).sum()),
        outside=int((own & here & ~inside).sum()),
        objects=tuple(ids[k] for k in kept),
        others=others(points, image, also),
        nowhere=int((own & ~placed).sum()),
    )


def newest_point(points: Any, image: Any, plane: Plane, world: World | None = None) -> tuple[int, PointPrompt] | None:
    """Return the object and the place of the point added last; None where it does not lie on the plane."""
    found = positions(points, image, plane, _data(points)[-1:], world)
    if not len(found.rows) or not (found.here & found.inside)[0]:
        return None
    id, word = object_ids(points)[-1], polarity_words(points)[-1]
    return id, PointPrompt(float(found.rows[0]), float(found.cols[0]), is_positive(word))


def count_points(points: Any, image: Any, plane: Plane, world: World | None = None) -> int:
    """Return how many points lie on a plane of an image; parameters are those of :func:`collect_points`."""
    if not len(points.data):
        return 0
    found = positions(points, image, plane, _data(points), world)
    return int((found.here & found.inside & about(points, image)).sum())


def _data(points: Any) -> np.ndarray:
    return np.asarray(points.data, dtype=float).reshape(-1, points.ndim)
