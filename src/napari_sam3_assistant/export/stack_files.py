"""Stacks of labels as one TIFF or NPY file, of any size: read and written a few planes at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.export import tiff
from napari_sam3_assistant.export.atomic import write_file
from napari_sam3_assistant.export.images import FORMATS, format_of
from napari_sam3_assistant.export.places import Place

Array = npt.NDArray[Any]
MOST_BYTES = 2**22
"""So much of a stack is in memory at once, or one plane where that is more."""


def save_stack(
    labels: Any,
    path: Path,
    place: Place,
    *,
    letters: str | None = None,
    overwrite: bool = False,
    watch: Watch = UNWATCHED,
) -> Path:
    """Write a stack of labels into one file, and return its path.

    Parameters
    ----------
    labels : array of unsigned integers, of 3 axes or more
        NumPy, zarr or anything that slices like them and is made where it is sliced.
    path : Path
        Ends in ``.tif`` or ``.npy``.
    place : Place
        NPY does not keep it.
    letters : str or None
        The names of the axes; None for the usual ones. NPY does not keep them.
    overwrite : bool
        Whether a file that is there may be replaced.
    watch : Watch
        Told how far it is.

    Raises
    ------
    SaveError
        If the file is of another kind, is there already, or cannot be written.
    """
    kind = format_of(path)
    dtype = np.dtype(labels.dtype)
    pieces = _watched(slabs(labels), labels.size, watch)
    if kind is FORMATS["npy"]:
        return write_file(path, lambda file: _write_npy(file, pieces, labels.shape, dtype), overwrite=overwrite)
    if kind is not FORMATS["tiff"]:
        raise SaveError(f"{kind.title} holds no stack in one file.", hint="Choose TIFF, NumPy or OME-Zarr.")
    dtype = np.dtype(np.uint16 if dtype.itemsize < 4 else np.uint32)
    pages = (page.astype(dtype, copy=False) for piece in pieces for page in piece.reshape(-1, *labels.shape[-2:]))
    return write_file(
        path,
        lambda file: tiff.write_pages(file, pages, tuple(labels.shape), dtype, place, letters),
        overwrite=overwrite,
    )


def slabs(data: Any, most: int = MOST_BYTES) -> Iterator[Array]:
    """Return an array of 3 axes or more in pieces of whole planes of its last two axes, in order."""
    yield from _slabs(data, (), most)


def _slabs(data: Any, index: tuple[int, ...], most: int) -> Iterator[Array]:
    rest = data.shape[len(index) :]
    step = math.prod(rest[1:]) * np.dtype(data.dtype).itemsize
    if len(rest) > 3 and step > most:
        for first in range(rest[0]):
            yield from _slabs(data, (*index, first), most)
        return
    count = max(most // step, 1)
    for first in range(0, rest[0], count):
        yield np.asarray(data[(*index, slice(first, first + count))])


def _watched(pieces: Iterator[Array], size: int, watch: Watch) -> Iterator[Array]:
    done = 0
    for piece in pieces:
        watch.at(done / size)
        yield piece
        done += piece.size


def _write_npy(file: BinaryIO, pieces: Iterator[Array], shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    # Not a memory map: a full disk would end the process.
    plain = np.lib.format.dtype_to_descr(dtype.newbyteorder("="))
    np.lib.format.write_array_header_1_0(file, {"descr": plain, "fortran_order": False, "shape": tuple(shape)})
    for piece in pieces:
        file.write(np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data)
