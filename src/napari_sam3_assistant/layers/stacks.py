"""Arrays for the labels of a stack: in memory up to a size, beyond it in a folder that goes when they go.

An array beyond that size is one of zarr, in blocks of one plane, or of parts of one of 1,024 pixels a side: a plane is
read and written without the others. Its folder lies where the system keeps what is temporary. It is removed with the
array, when the process ends, and, where that was killed, by the next process that makes one.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import tempfile
import weakref
from collections.abc import Collection, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.export.journal_folder import Claim
from napari_sam3_assistant.layers.blocks import to_axes, to_plane
from napari_sam3_assistant.layers.pixels import is_zarr

logger = logging.getLogger(__name__)
MEMORY_BYTES = 512 * 2**20
"""So much a stack takes in memory at most, unless the user sets another size."""
TILE = 1024
"""The longest side of a block, in pixels."""
PREFIX, LOCK = "napari-sam3-stack-", ".lock"
ROOM = (
    "Free some space there, then press Propagate: it goes on with the frames that are left. "
    "Or keep larger stacks in memory: File > Preferences > SAM3 Assistant > Memory."
)

_folders: dict[str, weakref.finalize[Any, Any]] = {}
"""What removes the folder of an array, by the folder."""


def stack_of(shape: Sequence[int], dtype: npt.DTypeLike, plane: Plane, most_bytes: int = MEMORY_BYTES) -> Any:
    """Return labels of 0 for a stack: an ndarray, or a zarr array where that would take more than ``most_bytes``.

    Parameters
    ----------
    shape : sequence of int
    dtype : dtype
    plane : Plane
        Any one of the stack: which axes are rows and columns.
    most_bytes : int

    Raises
    ------
    SaveError
        If the folder of a zarr array cannot be made.
    """
    if int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize <= most_bytes:
        return np.zeros(shape, dtype)
    folder, claim = _made_folder()
    try:
        made = _zarr(folder, shape, dtype, plane)
    except OSError as error:
        _remove(folder, claim)
        raise disk_error(error) from error
    _folders[str(folder)] = weakref.finalize(made, _remove, folder, claim)
    return made


def _zarr(folder: Path, shape: Sequence[int], dtype: npt.DTypeLike, plane: Plane) -> Any:
    import zarr
    from zarr.codecs import ZstdCodec

    sides = {axis: min(shape[axis], TILE) for axis in (plane.row_axis, plane.col_axis)}
    return zarr.create_array(
        folder,
        shape=tuple(shape),
        chunks=tuple(sides.get(axis, 1) for axis in range(len(shape))),
        dtype=np.dtype(dtype),
        fill_value=0,
        compressors=ZstdCodec(level=1),
        config={"write_empty_chunks": False},
    )


def let_go(data: Any) -> None:
    """Remove the folder of an array that is used no more; of one in memory there is none."""
    remove = _folders.pop(str(folder_of(data)), None)
    if remove is not None:
        remove()


def folder_of(data: Any) -> Path | None:
    """Return the folder in which an array of zarr lies, or None."""
    root = getattr(data.store, "root", None) if is_zarr(data) else None
    return None if root is None else Path(root)


def copied(data: Any) -> Any:
    """Return an independent copy of an array of :func:`stack_of`. May take long; on any thread.

    Raises
    ------
    SaveError
        If the disk is full.
    """
    source = folder_of(data)
    if source is None:
        return np.array(data)
    import zarr

    folder, claim = _made_folder()
    try:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        made = zarr.open_array(folder, mode="r+")
    except (OSError, shutil.Error) as error:
        _remove(folder, claim)
        raise disk_error(error) from error
    _folders[str(folder)] = weakref.finalize(made, _remove, folder, claim)
    return made


def shares(data: Any) -> bool:
    """Return whether an array lies in the folder of one of ours: pixels and fate are the same."""
    return str(folder_of(data)) in _folders


def keep_only(data: Any, plane: Plane, ids: Collection[int]) -> None:
    """Empty all labels of a stack but some.

    Raises
    ------
    SaveError
        If the disk is full.
    """
    for one in planes_of(data, plane):
        labels = plane_in(data, one)
        gone = (labels > 0) & ~np.isin(labels, list(ids))
        if gone.any():
            labels[gone] = 0
            put_plane(data, one, labels, Box(0, 0, *labels.shape))


# -- planes ---------------------------------------------------------------------------------------


def key_of(plane: Plane, ndim: int) -> tuple[slice, ...]:
    """Return the slices of a plane in an array of ``ndim`` axes, of length 1 on those that it cuts."""
    key = [slice(None)] * ndim
    for axis, position in plane.index:
        key[axis] = slice(position, position + 1)
    return tuple(key)


def planes_of(data: Any, plane: Plane) -> list[Plane]:
    """Return all planes of a stack."""
    cut = [axis for axis in range(data.ndim) if axis not in (plane.row_axis, plane.col_axis)]
    found = product(*(range(data.shape[axis]) for axis in cut))
    return [Plane(plane.row_axis, plane.col_axis, tuple(zip(cut, index, strict=True))) for index in found]


def plane_in(data: Any, plane: Plane) -> npt.NDArray[Any]:
    """Return the labels of a plane: a view of them where the array is in memory, else a copy."""
    return to_plane(np.asarray(data[key_of(plane, data.ndim)]), plane)


def put_plane(data: Any, plane: Plane, labels: npt.NDArray[Any], changed: Box) -> None:
    """Write the part of a plane that has changed into an array of zarr; one in memory has it already.

    Raises
    ------
    SaveError
        If the disk is full, or the folder is gone.
    """
    if not is_zarr(data):
        return
    key = list(key_of(plane, data.ndim))
    cut = []
    for axis, low, high in (
        (plane.row_axis, changed.top, changed.bottom),
        (plane.col_axis, changed.left, changed.right),
    ):
        # Whole blocks: what is in part of one would be read again first.
        cut.append(slice(int(low) // TILE * TILE, min(-(-int(high) // TILE) * TILE, data.shape[axis])))
        key[axis] = cut[-1]
    try:
        data[tuple(key)] = to_axes(labels[tuple(cut)], plane, data.ndim)
    except OSError as error:
        raise disk_error(error) from error


def disk_error(error: Exception) -> SaveError:
    """Return an error of the disk under an array as one that says what to do now."""
    reason = getattr(error, "strerror", None) or str(error)
    return SaveError(f"The preview cannot be written to {tempfile.gettempdir()}: {reason}.", hint=ROOM)


# -- folders --------------------------------------------------------------------------------------


def _made_folder() -> tuple[Path, Claim | None]:
    sweep()
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        return folder, Claim.take(folder)
    except OSError as error:
        raise disk_error(error) from error


def _remove(folder: Path, claim: Claim | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if claim is not None:
        claim.let_go()


def sweep() -> None:
    """Remove the folders of processes that are gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if not folder.is_dir() or str(folder) in _folders:
            continue
        with contextlib.suppress(OSError):  # another user's
            claim = Claim.take(folder)
            if claim is not None:
                logger.info("Removing %s, which a process has left", folder)
                _remove(folder, claim)
