"""Label images to TIFF, PNG and NPY files and to OME-Zarr folders, and back.

Labels are whole numbers; 0 is background. A file holds the array that is given, never one of
the plane's size: where it lies on its plane is written beside the pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import AssistantError, ImageError, SaveError
from napari_sam3_assistant.export import omezarr, png, tiff
from napari_sam3_assistant.export.atomic import write_file, write_folder
from napari_sam3_assistant.export.places import Place, place_of

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file for label images.

    Attributes
    ----------
    title : str
        What the user reads.
    suffix : str
        Of the files that are written, with its dot.
    also : tuple of str
        Other suffixes that mean the same.
    ndim : range
        How many axes it holds.
    most_label : int or None
        The largest label it holds, from 0; None: any whole number, negative ones too.
    keeps_place : bool
        Whether position, scale and units are kept.
    write : callable
        Writes labels and their place into a binary file that can seek, or a folder.
    read : callable
        Returns the array and the place of a file.
    folder : bool
        Whether a "file" of it is a folder of blocks; it holds a large plane without its zeros.
    """

    title: str
    suffix: str
    also: tuple[str, ...]
    ndim: range
    most_label: int | None
    keeps_place: bool
    write: Callable[[Any, Array, Place], None]
    read: Callable[[Path], tuple[Array, Place]]
    folder: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SavedLabels:
    """What a label file holds.

    Attributes
    ----------
    labels : ndarray of integer or bool
        As stored.
    place : Place
        As far as the file tells.
    """

    labels: Array
    place: Place


def _write_npy(file: BinaryIO, labels: Array, place: Place) -> None:
    # Not np.save: it hides a full disk behind an error without a number.
    plain = np.ascontiguousarray(labels)
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(plain))
    file.write(plain.reshape(-1).view(np.uint8).data)


def _read_npy(path: Path) -> tuple[Array, Place]:
    with path.open("rb") as file:
        return np.lib.format.read_array(file, allow_pickle=False), Place()


FORMATS: dict[str, Format] = {
    "tiff": Format("TIFF", ".tif", (".tiff",), range(2, 33), tiff.MOST_LABEL, True, tiff.write, tiff.read),
    "npy": Format("NumPy (.npy)", ".npy", (), range(1, 33), None, False, _write_npy, _read_npy),
    "png": Format("PNG", ".png", (), range(2, 3), png.MOST_LABEL, True, png.write, png.read),
    "zarr": Format(
        "OME-Zarr",
        omezarr.SUFFIX,
        (".zarr",),
        range(2, 6),
        omezarr.MOST_LABEL,
        True,
        omezarr.write,
        omezarr.read,
        folder=True,
    ),
}


def save_labels(
    labels: Array,
    path: Path,
    *,
    scale: Sequence[float] | None = None,
    units: Sequence[object] | str | None = None,
    offset: Sequence[int] | None = None,
    plane_shape: Sequence[int] | None = None,
    plane: Sequence[tuple[int, int]] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a label image and return where it is.

    Parameters
    ----------
    labels : ndarray of integer or bool
        TIFF makes it uint16, or uint32 where a label needs that; PNG uint8 or uint16; NPY leaves it.
    path : Path
        Its suffix chooses the format, see :data:`FORMATS`.
    scale : sequence of float or None
        Length of a pixel along each axis.
    units : sequence, str or None
        Names of the units of ``scale``: one for each axis, or one for all.
    offset : sequence of int or None
        Where the first pixel lies on its plane, one number for each axis: an object of a large
        plane makes a file of its own size.
    plane_shape : sequence of int or None
        Shape of that plane, one number for each axis.
    plane : sequence of (axis, position) or None
        Where that plane was cut out of a stack, as :attr:`~napari_sam3_assistant.core.planes.Plane.index`
        tells; None, or empty, where there was no stack.
    overwrite : bool
        Whether a file that is there already may be replaced.

    Raises
    ------
    SaveError
        If the format cannot hold the labels, the file is there already, or it cannot be written.

    Notes
    -----
    TIFF and PNG keep scale, units, offset, the plane and its shape exactly, as JSON beside the pixels; TIFF
    also in its own tags for resolution and position, PNG the scale in pHYs. NPY keeps the array alone; OME-Zarr keeps
    all of it too, and says scale and units as every program reads them.
    """
    kind = format_of(path)
    check_labels(labels, kind)
    place = place_of(labels.ndim, offset=offset, plane_shape=plane_shape, scale=scale, units=units, plane=plane)
    if kind.folder:
        return write_folder(path, lambda folder: kind.write(folder, labels, place), overwrite=overwrite)
    return write_file(path, lambda file: kind.write(file, labels, place), overwrite=overwrite)


def read_labels(path: Path) -> SavedLabels:
    """Return what :func:`save_labels`, or another program, has written.

    Raises
    ------
    ImageError
        If there is no such file, or it holds no label image.
    """
    kind = _kind(path)
    if kind is None:
        raise ImageError(f"{path.name} is no label image by its name.", hint=_suffixes_hint())
    try:
        labels, place = kind.read(path)
    except AssistantError:
        raise
    except FileNotFoundError as error:
        raise ImageError(f"There is no file {path}.", hint="Check the folder and the name.") from error
    except Exception as error:  # what a decoder makes of broken bytes is anyone's guess
        raise ImageError(
            f"{path.name} cannot be read as {kind.title}.", hint="Save it again where it was made."
        ) from error
    if labels.dtype.kind not in "biu":
        raise ImageError(f"{path.name} holds {labels.dtype}, not labels.", hint="Choose a file of whole numbers.")
    return SavedLabels(labels, place)


def format_of(path: Path) -> Format:
    """Return the format that the suffix of ``path`` names.

    Raises
    ------
    SaveError
        If it names none of :data:`FORMATS`.
    """
    kind = _kind(path)
    if kind is None:
        raise SaveError(f"The name {path.name} does not say which format.", hint=_suffixes_hint())
    return kind


def names_folder(path: Path) -> bool:
    """Return whether the suffix of ``path`` names a format of which each "file" is a folder."""
    kind = _kind(path)
    return kind is not None and kind.folder


def _kind(path: Path) -> Format | None:
    suffix = path.suffix.lower()
    return next((kind for kind in FORMATS.values() if suffix in (kind.suffix, *kind.also)), None)


def _suffixes_hint() -> str:
    return f"Let it end in {', '.join(kind.suffix for kind in FORMATS.values())}."


def check_labels(labels: Array, kind: Format) -> None:
    """Check that a format holds labels.

    Raises
    ------
    SaveError
        If it does not; it names one that does.
    """
    if labels.dtype.kind not in "biu":
        raise SaveError(f"Labels are whole numbers, not {labels.dtype}.", hint="Convert the layer to labels first.")
    if not labels.size or not labels.ndim:
        raise SaveError("There are no pixels to save.", hint="Make a mask first.")
    if labels.ndim not in kind.ndim:
        able = [other.title for other in FORMATS.values() if labels.ndim in other.ndim]
        raise SaveError(f"{kind.title} holds no {labels.ndim}-D labels.", hint=f"Choose {' or '.join(able)}.")
    if kind.most_label is None:
        return
    low, high = int(labels.min()), int(labels.max())
    if low < 0:
        raise SaveError(f"{kind.title} holds no negative labels.", hint="Choose NumPy (.npy), or relabel them.")
    if high > kind.most_label:
        able = [other.title for other in FORMATS.values() if (other.most_label or high) >= high]
        raise SaveError(
            f"{kind.title} holds labels up to {kind.most_label:,}, not {high:,}.",
            hint=f"Choose {' or '.join(able)}.",
        )
