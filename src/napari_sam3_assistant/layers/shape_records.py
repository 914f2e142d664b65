"""What a shapes layer held, to be brought back by undo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.features import polarity_words, table_of, write_features, write_table
from napari_sam3_assistant.layers.owned import is_ours
from napari_sam3_assistant.layers.point_records import DIRECT, frozen


@dataclass(frozen=True, slots=True, eq=False)
class ShapesRecord:
    """What a shapes layer held; the arrays are copies and cannot be written to.

    Attributes
    ----------
    data : tuple of ndarray of shape (N, D), float32
        The vertices of each shape, in data coordinates of the layer.
    kinds : tuple of str
        ``rectangle``, ``ellipse``, ``polygon``, ``path`` or ``line``.
    words : tuple
        The polarity of each shape, as it stood there.
    widths : tuple of float
        Of the edges, in data coordinates.
    edges, faces : ndarray of shape (number of shapes, 4), float
        Colours. They are brought back where they do not follow from a feature.
    table : DataFrame
        All features, one row a shape: brought back with shapes that were deleted.
    layer : str
        The unique id of the layer; empty for none in use.
    ours : bool
        Whether it is a layer of ours, which is made anew where it is gone.
    """

    data: tuple[npt.NDArray[np.float32], ...]
    kinds: tuple[str, ...]
    words: tuple[Any, ...]
    widths: tuple[float, ...]
    edges: npt.NDArray[Any]
    faces: npt.NDArray[Any]
    table: Any
    layer: str = ""
    ours: bool = True

    def __len__(self) -> int:
        return len(self.data)

    @classmethod
    def none(cls) -> ShapesRecord:
        """Return the record of no layer in use."""
        return cls((), (), (), (), np.empty((0, 4)), np.empty((0, 4)), None, ours=False)


def read_shapes(layer: Any) -> ShapesRecord:
    """Return what a shapes layer holds."""
    count = len(layer.data)
    return ShapesRecord(
        tuple(frozen(np.asarray(one, dtype=np.float32)) for one in layer.data),
        tuple(str(kind) for kind in layer.shape_type),
        tuple(polarity_words(layer)),
        tuple(float(width) for width in layer.edge_width),
        frozen(np.asarray(layer.edge_color, dtype=float).reshape(count, 4)),
        frozen(np.asarray(layer.face_color, dtype=float).reshape(count, 4)),
        table_of(layer),
        str(layer.unique_id),
        is_ours(layer),
    )


def write_shapes(layer: Any, record: ShapesRecord) -> None:
    """Bring back what a shapes layer held.

    Nothing is selected afterwards, and a shape that was being drawn is finished first. Features of the
    user's stay as they are, and come back with shapes that were deleted. The events are napari's: ``data`` (two or
    more), then those of features and colours.

    Parameters
    ----------
    layer : napari Shapes layer
    record : ShapesRecord
        Where it has fewer axes than the layer, the shapes lie at 0 on the first ones; of more, the last count.
    """
    if not len(record):
        if len(layer.data):
            layer.remove(list(range(len(layer.data))))
        layer.selected_data = set()
        return
    deleted = len(layer.data) != len(record)
    layer.data = [(_on_axes(one, layer.ndim), kind) for one, kind in zip(record.data, record.kinds, strict=True)]
    if deleted:
        write_table(layer, record.table)
    if list(record.words) != polarity_words(layer):
        write_features(layer, {names.POLARITY: list(record.words)})
    layer.edge_width = list(record.widths)
    layer.events.edge_width()  # napari draws new widths only when it is told
    for side, colors in (("edge", record.edges), ("face", record.faces)):
        if str(getattr(layer, f"{side}_color_mode")) == DIRECT:
            setattr(layer, f"{side}_color", np.array(colors))
    layer.refresh_colors()


def _on_axes(vertices: npt.NDArray[np.float32], ndim: int) -> npt.NDArray[np.float32]:
    if vertices.shape[1] >= ndim:
        return vertices[:, vertices.shape[1] - ndim :].copy()
    return np.pad(vertices, ((0, 0), (ndim - vertices.shape[1], 0)))
