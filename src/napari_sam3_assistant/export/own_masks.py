"""Masks that this program wrote, told from pictures: ``*.tif`` in a folder takes both."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from napari_sam3_assistant.export import omezarr, png, tiff
from napari_sam3_assistant.export.names import PICTURE_SUFFIXES, picture_stem, without_slice

logger = logging.getLogger(__name__)

_NAME = re.compile(r"(?P<picture>.+?)((_roi)?_mask_\d{2,}|_tracks)")


def is_own_mask(path: Path) -> bool:
    """Return whether a file is a mask that this program wrote.

    Its name tells, and the note beside its pixels; NPY keeps none, so there its name and a picture of that
    name in the same folder. A file that cannot be read is none.
    """
    named = _NAME.fullmatch(path.name.removesuffix(path.suffix).removesuffix(".ome"))
    if named is None:
        return False
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            return path.is_file() and _has_picture(path.parent, named["picture"])
        if suffix in (".tif", ".tiff"):
            return tiff.read_place(path).plane_shape is not None
        if suffix == ".zarr":
            return omezarr.read_place(path).plane_shape is not None
        return suffix == ".png" and png.read_place(path).plane_shape is not None
    except Exception as error:  # what a decoder makes of broken bytes is anyone's guess; reading it will say so
        logger.debug("%s is not looked at as a mask: %s", path, error)
        return False


def _has_picture(folder: Path, stem: str) -> bool:
    stems = without_slice(stem)
    pictures = [picture_stem(name) for name in os.listdir(folder) if name.lower().endswith(PICTURE_SUFFIXES)]
    # Behind the picture's name a file of a batch says its phrase.
    return any(name in stems or stem.startswith(f"{name}_") for name in pictures)
