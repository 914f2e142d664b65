"""What is clicked on: nuclei in memory, and in sparse pyramids on disk of which only some chunks are written."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import LocalStore, WrapperStore

from napari_sam3_assistant.samples.nuclei import nuclei

CHUNK = 1024
COARSEST = 1024


class CountingStore(WrapperStore):
    """A store on disk that counts the chunks that are asked for."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.chunks = 0
        self._lock = threading.Lock()

    async def get(self, key: str, *arguments: Any, **options: Any) -> Any:
        if not key.endswith("zarr.json"):
            with self._lock:
                self.chunks += 1
        return await super().get(key, *arguments, **options)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A picture for ``viewer.add_image`` and where its objects are.

    Attributes
    ----------
    data : ndarray, or list of zarr arrays at falling resolution
        The picture.
    places : list of tuple
        A pixel ``(row, col)`` in the middle of each object.
    options : dict
        What ``viewer.add_image`` has to know.
    store : CountingStore or None
        Where the full resolution is read from.
    """

    data: Any
    places: list[tuple[int, int]]
    options: dict[str, Any]
    store: CountingStore | None = None


def field(side: int, dtype: str) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return ``side`` x ``side`` nuclei and the middle of each, those near the border left out."""
    from scipy import ndimage as ndi

    sample = nuclei()
    shown = sample.image if dtype == "uint16" else np.clip(sample.image / 12, 0, 255).astype(np.uint8)
    height, width = sample.truth.shape
    rows, cols = -(-side // height), -(-side // width)
    image = np.ascontiguousarray(np.tile(shown, (rows, cols))[:side, :side])
    values = np.arange(1, int(sample.truth.max()) + 1)
    depth = ndi.distance_transform_edt(sample.truth > 0)
    middles = [tuple(map(int, place)) for place in ndi.maximum_position(depth, sample.truth, values)]
    places = [(r + i * height, c + j * width) for i in range(rows) for j in range(cols) for r, c in middles]
    return image, [(r, c) for r, c in places if 40 <= r < side - 40 and 40 <= c < side - 40]


def in_memory(side: int, dtype: str = "uint16") -> Scene:
    """Return a picture in memory."""
    image, places = field(side, dtype)
    return Scene(image, places, {})


def on_disk(folder: Path, side: int, patch: int = 2 * CHUNK, *, rgb: bool = False) -> Scene:
    """Return a lazy pyramid of ``side`` x ``side``, uint8, grey or in colour, made if ``folder`` is not there.

    Only a ``patch`` in its middle is written; what was never written is black and takes no room.
    """
    image, places = field(patch, "uint8")
    corner = side // 2 // CHUNK * CHUNK if side > patch else 0
    if not folder.exists():
        _write(folder, side, np.stack([image, image // 2, image // 3], axis=-1) if rgb else image, corner)
    count = len(list(folder.iterdir()))
    store = CountingStore(LocalStore(folder / "0", read_only=True))
    levels = [zarr.open_array(store if k == 0 else folder / str(k), mode="r") for k in range(count)]
    # Objects whose window, 1,024 a side, lies in what was written.
    inner = [(r, c) for r, c in places if abs(r - patch / 2) < patch / 5 and abs(c - patch / 2) < patch / 5] or places
    options = {"multiscale": True, "contrast_limits": (0, 255), "rgb": rgb}
    store.chunks = 0
    return Scene(levels, [(r + corner, c + corner) for r, c in inner], options, store)


def _write(folder: Path, side: int, image: np.ndarray, corner: int) -> None:
    level = 0
    while level == 0 or side >> level >= COARSEST // 2:
        length, small = max(side >> level, 1), image[:: 2**level, :: 2**level]
        shape, chunks = (length, length, *image.shape[2:]), (CHUNK, CHUNK, *image.shape[2:])
        array = zarr.create_array(folder / str(level), shape=shape, chunks=chunks, dtype="uint8", fill_value=0)
        at = corner >> level
        end = min(at + len(small), length)
        array[at:end, at:end] = small[: end - at, : end - at]
        level += 1
