"""Label images of one plane as PNG files: grey, or with a table of colours."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.export.places import Place, place_in

MOST_LABEL = 2**16 - 1

_NOTE = "Description"
_INCH_CM = 2.54
_MOST_PER_METER = 2**31 - 1


def write(
    file: BinaryIO,
    labels: npt.NDArray[Any],
    place: Place,
    color_of: Callable[[int], tuple[int, int, int]] | None = None,
) -> None:
    """Write 2-D labels from 0 to :data:`MOST_LABEL` as 8-bit grey, or 16-bit where one needs that.

    Parameters
    ----------
    file : binary file
    labels : ndarray of shape (H, W), integer or bool
    place : Place
    color_of : callable or None
        Returns the colour of a label, 0 to 255 each: up to 255 the file gets a table of colours, and its pixels
        are still the labels. There is none for 16 bits.

    Notes
    -----
    The place stands as JSON in a text chunk "Description"; the scale also in pHYs, in whole pixels a metre.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    dtype = np.uint8 if int(labels.max()) < 2**8 else np.uint16
    about = PngInfo()
    about.add_text(_NOTE, json.dumps(place.note()))
    lengths, more = place.pixel_cm(), {}
    if lengths is not None and all(1 <= 100 / length <= _MOST_PER_METER for length in lengths):
        more["dpi"] = (_INCH_CM / lengths[1], _INCH_CM / lengths[0])
    image = Image.fromarray(labels.astype(dtype, copy=False))
    if color_of is not None and dtype is np.uint8:
        colors = [(0, 0, 0), *map(color_of, range(1, 2**8))]
        image.putpalette([part for color in colors for part in color])
    image.save(file, "PNG", pnginfo=about, **more)


def read(path: Path) -> tuple[npt.NDArray[Any], Place]:
    """Return the labels of a grey or indexed PNG file, and its place as far as :func:`write` has noted it.

    Raises
    ------
    ImageError
        If it is a colour picture.
    """
    from PIL.PngImagePlugin import PngImageFile

    # Not Image.open: that refuses, or warns of, planes of the size our users have.
    with path.open("rb") as file, PngImageFile(file) as png:
        if png.mode not in ("1", "L", "P", "I", "I;16"):
            raise ImageError(f"{path.name} is a colour picture, not labels.", hint="Choose a file of whole numbers.")
        labels = np.array(png)
        note = _note(png)
    return labels, place_in(note, labels.ndim)


def read_place(path: Path) -> Place:
    """Return the place that :func:`write` has noted, without reading pixels."""
    from PIL.PngImagePlugin import PngImageFile

    with path.open("rb") as file, PngImageFile(file) as png:
        return place_in(_note(png), 2)


def _note(png: Any) -> dict[str, Any]:
    try:
        note = json.loads(png.info.get(_NOTE, "{}"))  # not png.text, which reads all pixels first
    except (TypeError, ValueError):  # another program's words
        return {}
    return note if isinstance(note, dict) else {}
