"""What a points layer held, to be brought back by undo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.features import (
    WORDS,
    object_ids,
    polarity_words,
    table_of,
    write_features,
    write_table,
)
from napari_sam3_assistant.layers.owned import is_ours

DIRECT = "direct"
Clicked = tuple[tuple[float, ...], bool, int]
"""A point: where it lies, in data coordinates of its layer, whether it is positive, and which object it is about."""


@dataclass(frozen=True, slots=True, eq=False)
class PointsRecord:
    """What a points layer held; the arrays are copies and cannot be written to.

    Attributes
    ----------
    data : ndarray of shape (N, D), float64
        In data coordinates of the layer.
    words : ndarray of shape (N,), object
        The polarity of each point, as it stood there.
    objects : ndarray of shape (N,), int64
        The object of each point.
    symbols : ndarray of shape (N,), object
    colors : ndarray of shape (N, 4), float
        Of the faces. They are brought back where they do not follow from a feature.
    table : DataFrame
        All features, one row a point: brought back with points that were deleted.
    layer : str
        The unique id of the layer; empty for none in use.
    ours : bool
        Whether it is a layer of ours, which is made anew where it is gone.
    """

    data: npt.NDArray[np.float64]
    words: npt.NDArray[np.object_]
    objects: npt.NDArray[np.int64]
    symbols: npt.NDArray[np.object_]
    colors: npt.NDArray[Any]
    table: Any
    layer: str = ""
    ours: bool = True

    def __len__(self) -> int:
        return len(self.data)

    @property
    def most(self) -> int:
        """The largest number of an object; 0 where there is no point."""
        return int(self.objects.max(initial=0))

    @classmethod
    def none(cls) -> PointsRecord:
        """Return the record of no layer in use."""
        words, numbers = np.empty(0, object), np.empty(0, np.int64)
        return cls(np.empty((0, 2)), words, numbers, words, np.empty((0, 4)), None, ours=False)


def read_points(points: Any) -> PointsRecord:
    """Return what a points layer holds."""
    count = len(points.data)
    return PointsRecord(
        frozen(np.asarray(points.data, dtype=np.float64).reshape(count, points.ndim)),
        frozen(_words(polarity_words(points))),
        frozen(np.array(object_ids(points), dtype=np.int64)),
        frozen(_words(points.symbol)),
        frozen(np.asarray(points.face_color, dtype=float).reshape(count, 4)),
        table_of(points),
        str(points.unique_id),
        is_ours(points),
    )


def put_points(points: Any, clicked: Sequence[Clicked]) -> None:
    """Put points into a layer that has none."""
    points.data = np.array([at[-points.ndim :] for at, _, _ in clicked], dtype=np.float64)
    words = [WORDS[positive] for _, positive, _ in clicked]
    write_features(points, {names.POLARITY: words, names.OBJECT: [number for _, _, number in clicked]})
    points.selected_data.clear()
    points.refresh_colors()


def same_words(one: PointsRecord, other: PointsRecord) -> bool:
    """Return whether two records say the same polarity and the same object of each point."""
    return list(one.words) == list(other.words) and list(one.objects) == list(other.objects)


def write_points(points: Any, record: PointsRecord) -> None:
    """Bring back what a points layer held.

    Nothing is selected afterwards, and the points of objects that were hidden are hidden. Features of
    the user's stay as they are, and come back with points that were deleted. The events are napari's: ``data``
    once (``changed``, ``added`` or ``removed``), then those of features, symbols and colours.

    Parameters
    ----------
    points : napari Points layer
    record : PointsRecord
        Where it has fewer axes than the layer, the points lie at 0 on the first ones; of more, the last count.
    """
    hidden = {id for id, shown in zip(object_ids(points), points.shown, strict=True) if not shown}
    points.selected_data.clear()
    if not len(record):
        if len(points.data):
            points.remove(list(range(len(points.data))))
        return
    deleted = len(points.data) != len(record)
    points.data = _on_axes(record.data, points.ndim)
    if deleted:
        write_table(points, record.table)
    if list(record.words) != polarity_words(points):
        write_features(points, {names.POLARITY: list(record.words)})
    if list(record.objects) != object_ids(points):
        write_features(points, {names.OBJECT: record.objects.tolist()})
    points.symbol = list(record.symbols)
    if str(points.face_color_mode) == DIRECT:
        points.face_color = np.array(record.colors)
    points.refresh_colors()
    points.shown = np.array([id not in hidden for id in record.objects])


def _on_axes(data: npt.NDArray[np.float64], ndim: int) -> npt.NDArray[np.float64]:
    if data.shape[1] >= ndim:
        return data[:, data.shape[1] - ndim :].copy()
    return np.pad(data, ((0, 0), (ndim - data.shape[1], 0)))


def frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a copy of an array that cannot be written to."""
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _words(values: Any) -> npt.NDArray[np.object_]:
    words = np.empty(len(values), dtype=object)
    words[:] = list(values)
    return words
