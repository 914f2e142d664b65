"""A picture with masks drawn on it: tinted inside, outlined at the edge."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import PlacedMask, clip, slices

# Told apart by people who see colours differently, after Okabe and Ito; each is bright enough for a dark picture.
COLOURS = np.array(
    [(230, 159, 0), (86, 180, 233), (0, 190, 130), (240, 228, 66), (213, 94, 0), (204, 121, 167), (0, 114, 178)],
    np.uint8,
)
TINT = 0.45
"""How much of the colour is mixed into the pixels of an object."""
BAND = 128
"""Rows that are tinted at once."""


def visualisation(pixels: npt.NDArray[np.uint8], masks: Sequence[PlacedMask]) -> bytes:
    """Return the PNG of a picture with masks drawn on it. Slow: called on a thread of the codec pool.

    Parameters
    ----------
    pixels : ndarray of shape (H, W, 3), uint8
        RGB; not changed.
    masks : sequence of PlacedMask
        The best first; it is drawn last, above the others.
    """
    from PIL import Image

    drawn = pixels.copy()
    thickness = max(1, round(max(pixels.shape[:2]) / 600))
    for number in reversed(range(len(masks))):
        _draw(drawn, masks[number], COLOURS[number % len(COLOURS)], thickness)
    file = io.BytesIO()
    Image.fromarray(drawn).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _draw(drawn: npt.NDArray[np.uint8], mask: PlacedMask, colour: npt.NDArray[np.uint8], thickness: int) -> None:
    """Draw one mask, in place."""
    box = clip(mask.box, drawn.shape[:2]) if mask.box is not None else None
    if box is None:
        return
    inside, part = mask.mask[slices(box, mask.offset)], drawn[slices(box)]
    edge = inside & ~_shrunk(_shrunk(inside, thickness).T, thickness).T
    for channel, value in enumerate(colour):
        values = part[..., channel]
        tinted = (np.arange(256) * (1 - TINT) + value * TINT).astype(np.uint8)
        for top in range(0, len(values), BAND):  # a large picture needs no copy of it
            band = values[top : top + BAND]
            np.copyto(band, tinted[band], where=inside[top : top + BAND])
        np.copyto(values, value, where=edge)


def _shrunk(mask: npt.NDArray[np.bool_], by: int) -> npt.NDArray[np.bool_]:
    """Return a mask without the pixels that have one outside of it ``by`` rows or less above or below."""
    all_true, rows = np.pad(mask, ((by, by), (0, 0))), 1
    while rows <= 2 * by:  # each row stands for as many rows, twice as many each time
        step = min(rows, 2 * by + 1 - rows)
        all_true = all_true[:-step] & all_true[step:]
        rows += step
    return all_true
