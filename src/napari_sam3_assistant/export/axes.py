"""What a picture's file says of its axes and channels, found without reading a pixel."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_sam3_assistant.export.picture_folders import multiscales

logger = logging.getLogger(__name__)
TIFF = (".tif", ".tiff", ".btf", ".tf8", ".lsm")


@dataclass(frozen=True, slots=True)
class FileAxes:
    """Names of the axes of a picture, in order and in lower case, and of its channels; empty where not told."""

    names: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


NOTHING = FileAxes()


def axes_in(path: str | Path, shape: Sequence[int]) -> FileAxes:
    """Return what a file says of the picture of ``shape`` in it.

    Parameters
    ----------
    path : str or Path
        A TIFF file (OME or ImageJ), or a folder of OME-Zarr; of anything else nothing is known.
    shape : sequence of int
        Of the picture as it was opened. A file that holds no picture of this shape says nothing about it.

    Notes
    -----
    OME-XML as tifffile reads it; metadata of OME-NGFF 0.1 to 0.5. A file that is broken says nothing: it is
    whoever reads its pixels that has to complain.
    """
    path = Path(path)
    try:
        found = _of_zarr(path, shape) if path.is_dir() else _of_tiff(path, shape)
    except Exception as error:  # what a parser makes of broken bytes is anyone's guess
        logger.info("%s says nothing of its axes: %s", path, error)
        return NOTHING
    return found if len(found.names) == len(shape) else NOTHING


def _of_tiff(path: Path, shape: Sequence[int]) -> FileAxes:
    if path.suffix.lower() not in TIFF:
        return NOTHING
    import tifffile

    with tifffile.TiffFile(path, _multifile=False) as tiff:
        place = next((k for k, series in enumerate(tiff.series) if tuple(series.shape) == tuple(shape)), None)
        if place is None:
            return NOTHING
        names = tuple(letter.lower() for letter in tiff.series[place].axes)
        return FileAxes(names, _ome_channels(tiff.ome_metadata, place) if tiff.is_ome else ())


def _ome_channels(xml: str | None, place: int) -> tuple[str, ...]:
    import tifffile

    images = tifffile.xml2dict(xml or "").get("OME", {}).get("Image", [])
    image = images[place] if isinstance(images, list) else images
    told = image.get("Pixels", {}).get("Channel", [])
    return _names(told if isinstance(told, list) else [told], "Name")


def _names(channels: Sequence[Any], key: str) -> tuple[str, ...]:
    found = tuple(str(one.get(key) or "") if isinstance(one, Mapping) else "" for one in channels)
    return found if any(found) else ()


def _of_zarr(path: Path, shape: Sequence[int]) -> FileAxes:
    """Return what the folder says, or of a collection its first picture."""
    for folder in (path, path / "0"):
        told = _attributes(folder)
        pyramid = multiscales(told)
        if pyramid is None:
            continue
        described = [one if isinstance(one, Mapping) else {"name": one} for one in pyramid.get("axes") or []]
        names = tuple("c" if one.get("type") == "channel" else str(one.get("name", "")).lower() for one in described)
        if not names and len(shape) <= 5:  # versions 0.1 and 0.2: always these
            names = tuple("tczyx"[-len(shape) :])
        inner = told.get("ome")
        omero = (inner if isinstance(inner, Mapping) else told).get("omero") or {}
        return FileAxes(names, _names(omero.get("channels") or [], "label"))
    return NOTHING


def _attributes(folder: Path) -> Mapping[str, Any]:
    """Return the attributes of a zarr group, of format 3 or 2."""
    for name in ("zarr.json", ".zattrs"):
        file = folder / name
        if file.is_file():
            found = json.loads(file.read_text(encoding="utf-8"))
            attributes = found.get("attributes", {}) if name == "zarr.json" else found
            return attributes if isinstance(attributes, Mapping) else {}
    return {}
