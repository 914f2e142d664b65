"""The pictures of a server: decoded once, known by their hash, and forgotten when memory asks for it."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.server.model.coarser import coarser
from napari_sam3_assistant.wire.pictures import picture_id
from napari_sam3_assistant.wire.refusals import Refusal


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Picture:
    """A picture as engines and browsers see it. Whoever holds it keeps it from being forgotten.

    Attributes
    ----------
    image_id : str
        SHA-256 of its pixels, size and window, as hexadecimal text.
    source : Source
        RGB, uint8; of a large picture with a coarser copy, which is what engines look at.
    shape : tuple of int
        Height and width, in pixels.
    intensity_window : tuple of float or None
        What was taken for black and white, of a picture of more than 8 bits.
    """

    image_id: str
    source: Source
    shape: tuple[int, int]
    intensity_window: tuple[float, float] | None = None

    @property
    def plane(self) -> Plane:
        """The one plane of the source."""
        return Plane(0, 1)

    @property
    def nbytes(self) -> int:
        """Memory that its pixels take, or will take once engines have looked at it, in bytes."""
        return sum(int(level.nbytes) for level in self.source.levels)


def picture_of(
    pixels: npt.NDArray[np.uint8], tenant: str = "", intensity_window: tuple[float, float] | None = None
) -> Picture:
    """Return the picture of RGB pixels of shape (H, W, 3); pictures of two tenants share nothing."""
    pixels = np.ascontiguousarray(pixels)
    image_id = picture_id(pixels, intensity_window)
    source = Source(f"{tenant}/{image_id}", (pixels, *coarser(pixels)), rgb=True, channel_axis=2)
    return Picture(image_id, source, (pixels.shape[0], pixels.shape[1]), intensity_window)


class PictureStore:
    """Pictures by tenant and hash: all that somebody holds, and the newest others. Used from any thread.

    Parameters
    ----------
    most_bytes : int
        Memory for pictures that nobody holds; the least recently used are forgotten first.
    most_held_bytes : int
        Memory for all pictures together, those that are held included.
    """

    def __init__(self, most_bytes: int, most_held_bytes: int) -> None:
        self.most_bytes, self.most_held_bytes = most_bytes, most_held_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], Picture] = OrderedDict()
        self._alive: weakref.WeakValueDictionary[tuple[str, str], Picture] = weakref.WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._alive)

    @property
    def nbytes(self) -> int:
        """Memory that the pictures take, those that are held included, in bytes."""
        return sum(picture.nbytes for picture in list(self._alive.values()))

    def add(self, picture: Picture, tenant: str = "") -> Picture:
        """Keep a picture; return it, or the same one that is there already.

        Raises
        ------
        Refusal
            If those that are held leave no memory for it.
        """
        with self._lock:
            known = self._found(picture.image_id, tenant)
            if known is not None:
                return known
            fits = picture.nbytes <= self.most_bytes
            self._shrink(self.most_bytes - picture.nbytes if fits else self.most_bytes)
            if self.nbytes + picture.nbytes > self.most_held_bytes:
                raise Refusal("busy", "Busy: the pictures in use leave no memory for another one. Try again later.")
            key = tenant, picture.image_id
            self._alive[key] = picture
            if fits:
                self._kept[key] = picture
        return picture

    def get(self, image_id: str, tenant: str = "") -> Picture | None:
        """Return a picture that was added before, if it is still there."""
        with self._lock:
            return self._found(image_id, tenant)

    def clear(self) -> None:
        """Forget the pictures that nobody holds."""
        with self._lock:
            self._kept.clear()

    def _found(self, image_id: str, tenant: str) -> Picture | None:
        key = tenant, image_id
        picture = self._alive.get(key)
        if picture is not None and picture.nbytes <= self.most_bytes:
            self._kept[key] = picture
            self._kept.move_to_end(key)
            self._shrink(self.most_bytes)
        return picture

    def _shrink(self, most_bytes: int) -> None:
        total = sum(picture.nbytes for picture in self._kept.values())
        while self._kept and total > most_bytes:
            total -= self._kept.popitem(last=False)[1].nbytes
