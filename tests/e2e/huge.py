"""Planes of 60,000 x 60,000 pixels on disk, as OME-Zarr, of which only two patches far apart are written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import zarr

SIDE, CHUNK, LEVELS = 60_000, 1024, 6
PATCH = 2 * CHUNK
CORNERS = ((4 * CHUNK, 4 * CHUNK), (52 * CHUNK, 53 * CHUNK))
"""The first pixel of each patch."""
NEAR, FAR = ((row + 1000, col + 1000) for row, col in CORNERS)
"""The middle of the object in each patch, a disk of :data:`RADIUS` pixels."""
RADIUS = 40


def make(folder: Path, *, rgb: bool = False) -> Path:
    """Write the picture and its smaller copies; what is not written is black and takes no room."""
    shape, chunks = (SIDE, SIDE, *(3,) * rgb), (CHUNK, CHUNK, *(3,) * rgb)
    group = zarr.create_group(folder, zarr_format=2)
    patch = _patch(rgb)
    for level in range(LEVELS):
        small = tuple(length >> level if length > 3 else length for length in shape)
        array = group.create_array(
            str(level), shape=small, chunks=chunks, dtype="uint8", fill_value=0, chunk_key_encoding=KEYS
        )
        part = patch[:: 2**level, :: 2**level]
        for row, col in CORNERS:
            top, left = row >> level, col >> level
            array[top : top + len(part), left : left + len(part)] = part
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"] + [
        {"name": "c", "type": "channel"}
    ] * rgb
    datasets = [
        {"path": str(k), "coordinateTransformations": [{"type": "scale", "scale": [2.0**k, 2.0**k, *(1.0,) * rgb]}]}
        for k in range(LEVELS)
    ]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
    return folder


KEYS = {"name": "v2", "separator": "/"}


def _patch(rgb: bool) -> np.ndarray:
    rows, cols = np.ogrid[:PATCH, :PATCH]
    grey = np.random.default_rng(0).integers(28, 33, (PATCH, PATCH)).astype(np.uint8)
    grey[(rows - 1000) ** 2 + (cols - 1000) ** 2 <= RADIUS**2] = 200
    return np.stack([grey, grey // 2, grey // 3], axis=-1) if rgb else grey


class Chunks:
    """Counts the chunks that are asked for, by level, from now on."""

    def __init__(self, monkeypatch) -> None:
        self.read: Counter[int] = Counter()
        get = zarr.storage.LocalStore.get

        async def counted(store, key, *arguments, **options):
            level, *_, last = key.split("/") if "/" in key else ("", key)
            if last.isdigit():  # a chunk: "0/4/5", "s0/c/4/5", or "c/4/5" of an array alone
                level = level.lstrip("s")
                self.read[int(level) if level.isdigit() else 0] += 1
            return await get(store, key, *arguments, **options)

        monkeypatch.setattr(zarr.storage.LocalStore, "get", counted)

    def taken(self) -> Counter[int]:
        """Return what was read since the last time."""
        found, self.read = self.read, Counter()
        return found
