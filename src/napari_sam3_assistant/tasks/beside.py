"""Beside: a crop and the image as one picture, for engines whose examples lie in the picture itself.

All coordinates are (row, col) pixels; boxes are half-open.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.prompts import BoxPrompt, CropExemplar, Query
from napari_sam3_assistant.core.results import Candidates

GAP = 8
"""Black pixels between the crop and the image."""


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """A crop, and where it and the image lie in one picture.

    Attributes
    ----------
    crop : CropExemplar
        It lies at the picture's first pixel.
    image : Box
        Where the image lies: to the right of the crop or below it, whichever makes the smaller picture.
    """

    crop: CropExemplar
    image: Box

    @property
    def digest(self) -> str:
        """The same text for the same pixels of the crop."""
        picture = np.ascontiguousarray(self.crop.picture)
        return hashlib.blake2b(picture.data, digest_size=16, person=str(picture.shape[:2])[:16].encode()).hexdigest()

    def compose(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return both as one RGB picture, black where neither is."""
        (bottom, right), picture = (int(corner) for corner in self.image.corners[2:]), self.crop.picture
        height, width = picture.shape[:2]
        one = np.zeros((max(bottom, height), max(right, width), 3), np.uint8)
        one[:height, :width] = picture
        one[bottom - image.shape[0] : bottom, right - image.shape[1] : right] = image
        return one

    def question(self, query: Query) -> Query:
        """Return what is asked about the one picture: the crop's box is an example on it, like all others."""
        top, left = self.image.top, self.image.left
        others = tuple(replace(one, box=one.box.shifted(top, left)) for one in query.exemplars)
        return Query(query.texts, (BoxPrompt(self.crop.box), *others))

    def on_image(self, found: Candidates) -> Candidates:
        """Return what was found on the image, in its pixels; what lies by half or more outside it is left out."""
        top, left, bottom, right = found.boxes.T
        high = np.minimum(bottom, self.image.bottom) - np.maximum(top, self.image.top)
        wide = np.minimum(right, self.image.right) - np.maximum(left, self.image.left)
        shared = np.maximum(high, 0) * np.maximum(wide, 0)
        kept = np.flatnonzero(shared > 0.5 * (bottom - top) * (right - left))
        first = np.array([self.image.top, self.image.left] * 2, np.float32)
        height, width = self.image.size
        limits = np.array([height, width] * 2, np.float32)
        return Candidates(
            found.scores[kept],
            np.clip(found.boxes[kept] - first, 0, limits),
            tuple(found.logits[index] for index in kept),
            found.frames[kept] - first,
            (int(height), int(width)),
        )


def beside(crop: CropExemplar, shape: tuple[int, int]) -> Beside:
    """Return how a crop is shown beside an image of ``shape`` (H, W)."""
    (h, w), (height, width) = crop.picture.shape[:2], shape
    as_row = max(h, height) * (w + GAP + width)
    as_column = (h + GAP + height) * max(w, width)
    top, left = (0, w + GAP) if as_row <= as_column else (h + GAP, 0)
    return Beside(crop, Box(top, left, top + height, left + width))
