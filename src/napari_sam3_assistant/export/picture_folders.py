"""Pictures that are folders: zarr arrays, and OME-Zarr pictures by their metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.export.stacks import Picture, picture_of

_MARKS = ("zarr.json", ".zarray", ".zgroup", ".zattrs")


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a zarr array or group."""
    return any((path / mark).is_file() for mark in _MARKS)


def read_zarr(path: Path) -> Picture:
    """Return a zarr array, or the picture of an OME-Zarr group with all its resolutions; no pixel is read.

    Raises
    ------
    ImageError
        If the group holds no picture, or several arrays without saying which is one.

    Notes
    -----
    Metadata are those of OME-NGFF 0.1 to 0.5: ``multiscales``, in 0.5 under ``ome``. Of a collection of
    pictures (bioformats2raw) the first, ``0``, is taken.
    """
    import zarr

    node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Array):
        return picture_of(node, name=path.name)
    pyramid = multiscales(node.attrs)
    if pyramid is None and "0" in node and isinstance(node["0"], zarr.Group):
        node = node["0"]
        pyramid = multiscales(node.attrs)
    if pyramid is not None:
        return _ome(path, node, pyramid)
    arrays = [name for name, child in node.members() if isinstance(child, zarr.Array)]
    if len(arrays) == 1:
        return picture_of(node[arrays[0]], name=path.name)
    there = f"It holds: {', '.join(sorted(arrays)[:8])}." if arrays else "Name the folder of the array itself."
    raise ImageError(f"{path.name} is a zarr group that does not say which array is its picture.", hint=there)


def multiscales(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the first pyramid that the attributes of a group describe, or None."""
    inner = attributes.get("ome")
    found = (inner if isinstance(inner, Mapping) else attributes).get("multiscales")
    return found[0] if isinstance(found, list) and found and isinstance(found[0], Mapping) else None


def _ome(path: Path, group: Any, pyramid: Mapping[str, Any]) -> Picture:
    entries = pyramid.get("datasets") or []
    try:
        levels = tuple(group[entry["path"]] for entry in entries)
    except KeyError as error:
        raise ImageError(f"{path.name} lacks its array {error}.", hint="Copy the folder again, whole.") from error
    if not levels:
        raise ImageError(f"{path.name} names no array.", hint="Write it again where it was made.")
    described = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in pyramid.get("axes") or []]
    if len(described) != levels[0].ndim:  # version 0.1 and 0.2: always these
        described = [{"name": name} for name in "tczyx"[-levels[0].ndim :]] if levels[0].ndim <= 5 else []
    axes = tuple(str(axis.get("name", "")).lower() for axis in described)
    channels = axes.index("c") if "c" in axes else None
    scale, units, steps = _scale(entries[0], pyramid, described, axes)
    return Picture(path.name, levels, axes, False, channels, scale, units, steps)


def _scale(
    entry: Mapping[str, Any], pyramid: Mapping[str, Any], described: list[Any], axes: tuple[str, ...]
) -> tuple[tuple[float, float] | None, tuple[str, str] | None, dict[int, tuple[float, str]]]:
    """Return height and width of a pixel of the first level, their units, and the steps along other axes.

    What is not told is None, or empty.
    """
    if "y" not in axes or "x" not in axes:
        return None, None, {}
    lengths = [1.0] * len(axes)
    known = False
    for owner in (entry, pyramid):
        for step in owner.get("coordinateTransformations") or []:
            if step.get("type") == "scale" and len(step.get("scale", ())) == len(axes):
                lengths = [a * float(b) for a, b in zip(lengths, step["scale"], strict=True)]
                known = True
    if not known:
        return None, None, {}
    row, col = axes.index("y"), axes.index("x")
    units = [str(axis.get("unit", "pixel")) for axis in described]
    others = [axis for axis, name in enumerate(axes) if name not in ("y", "x", "c")]
    steps = {axis: (abs(lengths[axis]), units[axis]) for axis in others if lengths[axis]}
    return (lengths[row], lengths[col]), (units[row], units[col]), steps
