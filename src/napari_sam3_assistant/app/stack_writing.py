"""What a thread of the files does with the labels of a stack: plane by plane into one file, of any size."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.app.writing import Target, Write, written
from napari_sam3_assistant.core.geometry import union
from napari_sam3_assistant.core.labels import to_labels
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.export.label_stream import ORDERS, LabelStream
from napari_sam3_assistant.export.places import Place, place_of
from napari_sam3_assistant.export.stack_files import save_stack
from napari_sam3_assistant.layers import stacks
from napari_sam3_assistant.layers.sparse import SparseLabels
from napari_sam3_assistant.masks.pieces import Record

Part = tuple[Plane, npt.NDArray[Any], tuple[int, int]]
"""A plane, labels on it, and the row and column where they begin."""


@dataclass(frozen=True, slots=True)
class Placing:
    """What a file tells of a stack beside its labels; ``plane`` is any one of it."""

    plane: Plane
    place: Place
    letters: str | None


def placing_of(target: Target, plane: Plane, axes: Sequence[str]) -> Placing:
    """Return what a file tells of a stack whose axes are called ``axes``, as far as that is known."""
    names, ndim = "".join(axes).lower(), len(target.shape)
    letters = names if len(names) == ndim == len(axes) and names in ORDERS else None
    return Placing(plane, place_of(ndim, scale=target.scale, units=target.units), letters)


def of_stack(target: Target, data: Any, plane: Plane, axes: Sequence[str] = ()) -> Write:
    """Return the function that writes the labels of a stack into one file.

    A file that is not wholly written, because that failed or was cancelled, is removed.

    Parameters
    ----------
    target : Target
    data : ndarray, zarr array or SparseLabels
        Read when the file is written.
    plane : Plane
        Any one of the stack: which axes are rows and columns.
    axes : sequence of str
        What they are called, as far as that is known.
    """
    known = placing_of(target, plane, axes)

    def save(path: Path, watch: Watch) -> Path:
        if not target.kind.folder:
            return save_stack(data, path, known.place, letters=known.letters, watch=watch)
        stream = LabelStream(path, data.shape, plane, known.place, letters=known.letters)
        try:
            for one, labels, corner in _parts(data, plane, watch):
                stream.write(one, labels, corner)
            return stream.finish(watch)
        except BaseException:
            shutil.rmtree(stream.folder, ignore_errors=True)
            raise

    return lambda watch: written(target, lambda path: save(path, watch))


def _parts(data: Any, plane: Plane, watch: Watch) -> Iterator[Part]:
    """Return the planes with labels, one after the other."""
    if isinstance(data, SparseLabels):
        yield from _of_records(data.records, data.dtype, watch)
        return
    for one in watch.over(stacks.planes_of(data, plane), "Saving..."):
        labels = stacks.plane_in(data, one)
        if labels.any():
            yield one, labels, (0, 0)


def _of_records(records: Sequence[Record], dtype: np.dtype[Any], watch: Watch) -> Iterator[Part]:
    found: dict[Plane, list[Record]] = defaultdict(list)
    for record in records:
        if record.mask.box is not None:
            found[record.plane].append(record)
    for plane, own in watch.over(list(found.items()), "Saving..."):
        labels, corner = painted(own)
        yield plane, labels.astype(dtype), corner


def painted(records: Sequence[Record]) -> tuple[npt.NDArray[Any], tuple[int, int]]:
    """Return the labels of objects of a plane where they lie, the last on top, and the pixel where that begins."""
    boxes = [box for record in records if (box := record.mask.box) is not None]
    if not boxes:
        return np.zeros((1, 1), np.uint32), (0, 0)
    box = union(boxes)
    window = Window(int(box.top), int(box.left), int(box.bottom), int(box.right))
    values = [record.id for record in records]
    labels = to_labels([record.mask for record in records], window, values=values, overlap="last")
    return labels.astype(np.uint32), window.offset
