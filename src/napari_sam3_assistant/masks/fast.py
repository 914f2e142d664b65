"""What optional libraries do sooner, to the same pixels; each function returns None where they are missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[Any]


def volume_pieces(volumes: Labels) -> npt.NDArray[np.uint32] | None:
    """Return the number of the piece that each voxel belongs to: voxels of one value that touch by faces.

    Parameters
    ----------
    volumes : ndarray of integer or bool, shape (n, planes, rows, columns)
        Each volume is by itself; background has pieces too.

    Returns
    -------
    ndarray of the same shape, uint32, or None
        From 1, in no order. None where connected-components-3d is not installed, or cannot be asked: it takes 0
        for what is in no piece, so that every value must leave room for one more, and none may be negative.
    """
    try:
        import cc3d
    except ImportError:
        return None
    labels = volumes.view(np.uint8) if volumes.dtype == bool else volumes
    if not labels.size or int(labels.min()) < 0 or int(labels.max()) >= np.iinfo(labels.dtype).max:
        return None
    found = np.empty(labels.shape, np.uint32)
    before = 0
    for volume, pieces in zip(labels, found, strict=True):
        here = np.ascontiguousarray(volume + labels.dtype.type(1), labels.dtype.newbyteorder("="))
        numbers, count = cc3d.connected_components(here, connectivity=6, return_N=True, out_dtype=np.uint32)
        np.add(numbers, before, out=pieces)
        before += count
    return found
