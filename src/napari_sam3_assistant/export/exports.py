"""The table of what masks are exported as, and read from: one entry a format, with what it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam3_assistant.core.errors import AssistantError, Cancelled, ImageError, SaveError
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.export import (
    coco,
    coco_reading,
    geojson,
    geojson_reading,
    json_files,
    object_table,
    omezarr,
    png,
    yolo,
    yolo_reading,
)
from napari_sam3_assistant.export.annotated import Annotated
from napari_sam3_assistant.export.atomic import write_file, write_folder
from napari_sam3_assistant.export.images import FORMATS, check_labels, read_labels, save_labels
from napari_sam3_assistant.export.painting import MOST_PIXELS, Imported

MOST_LAYERS = 50
"""How many pictures of one file are read at a time."""
_PNG_PLANES = SaveError("PNG export supports 2D masks only.", hint="Use TIFF or NumPy for this mask.")
_PNG_VALUES = SaveError(
    f"PNG export supports label values up to {png.MOST_LABEL}.", hint="Use TIFF or NumPy for this mask."
)
_TIFF_VALUES = SaveError("TIFF label export requires non-negative label values.", hint="Use NumPy for this mask.")


@dataclass(frozen=True, slots=True)
class Export:
    """A kind of file that masks are exported as.

    Attributes
    ----------
    title : str
        What the user reads.
    suffix : str
        Of the files that are written, with its dot.
    also : tuple of str
        Other suffixes that mean the same.
    purpose : str
        What it is for, in one sentence.
    write : callable
        ``write(path, masks, overwrite=, watch=)`` returns the path.
    objects : bool
        Whether it lists objects, so that it matters whether labels are objects or classes.
    folder : bool
        Whether a "file" of it is a folder.
    """

    title: str
    suffix: str
    also: tuple[str, ...]
    purpose: str
    write: Callable[..., Path]
    objects: bool = False
    folder: bool = False

    @property
    def suffixes(self) -> tuple[str, ...]:
        """All endings that mean it."""
        return self.suffix, *self.also


def _write_image(path: Path, masks: Annotated, *, overwrite: bool = False, watch: Watch = UNWATCHED) -> Path:
    place = masks.place
    watch.at(None)
    return save_labels(
        masks.labels,
        path,
        scale=place.scale,
        units=place.units,
        offset=place.offset,
        plane_shape=place.plane_shape,
        plane=place.plane,
        overwrite=overwrite,
    )


def _write_tiff(path: Path, masks: Annotated, *, overwrite: bool = False, watch: Watch = UNWATCHED) -> Path:
    if masks.labels.dtype.kind == "i" and masks.labels.size and int(masks.labels.min()) < 0:
        raise _TIFF_VALUES
    return _write_image(path, masks, overwrite=overwrite, watch=watch)


def _write_png(path: Path, masks: Annotated, *, overwrite: bool = False, watch: Watch = UNWATCHED) -> Path:
    if masks.labels.ndim != 2:
        raise _PNG_PLANES
    if masks.labels.size and masks.labels.dtype.kind in "iu" and int(masks.labels.max()) > png.MOST_LABEL:
        raise _PNG_VALUES
    check_labels(masks.labels, FORMATS["png"])
    watch.at(None)
    labels, place = masks.labels, masks.place
    return write_file(path, lambda file: png.write(file, labels, place, masks.color_of), overwrite=overwrite)


def _write_zarr(path: Path, masks: Annotated, *, overwrite: bool = False, watch: Watch = UNWATCHED) -> Path:
    check_labels(masks.labels, FORMATS["zarr"])
    watch.at(None)
    values = np.unique(masks.labels)
    labels = [int(value) for value in values if value > 0]
    watch.at(None)
    looks = {
        "colors": [{"label-value": label, "rgba": [*masks.color_of(label), 255]} for label in labels],
        "properties": [
            {"label-value": label, "class_name": known.name, "class_value": known.value}
            for label in labels
            if (known := masks.classes.get(label)) is not None
        ],
    }
    looks = {name: entries for name, entries in looks.items() if entries}
    return write_folder(
        path, lambda folder: omezarr.write(folder, masks.labels, masks.place, looks, watch), overwrite=overwrite
    )


EXPORTS: dict[str, Export] = {
    "tiff": Export(
        "TIFF",
        ".tif",
        (".tiff",),
        "Label images for ImageJ, Fiji, napari and Python, with axes and pixel size.",
        _write_tiff,
    ),
    "png": Export(
        "PNG",
        ".png",
        (),
        "One plane for training scripts and viewers: pixels are the labels, colours beside.",
        _write_png,
    ),
    "npy": Export(
        "NumPy (.npy)", ".npy", (), "The array as it is, any type, for Python; without pixel size.", _write_image
    ),
    "zarr": Export(
        "OME-Zarr",
        omezarr.SUFFIX,
        (".zarr",),
        "Large masks at several resolutions, for napari and OMERO; opens as labels.",
        _write_zarr,
        folder=True,
    ),
    "coco": Export(
        "COCO JSON",
        ".json",
        (),
        "Training data for detectors: outlines, boxes and classes of all objects, any number of slices.",
        coco.write,
        objects=True,
    ),
    "yolo": Export(
        "YOLO-seg",
        ".txt",
        (),
        "Training data for YOLO: one line an object, names of classes in classes.txt and data.yaml beside.",
        yolo.write,
        objects=True,
    ),
    "geojson": Export(
        "GeoJSON (QuPath)",
        ".geojson",
        (),
        "Outlines for QuPath, as annotations with class and colour.",
        geojson.write,
        objects=True,
    ),
    "csv": Export(
        "CSV",
        ".csv",
        (),
        "A table for spreadsheets: class, size, centre and box of each object.",
        object_table.write,
        objects=True,
    ),
}
"""By the name that the shell takes, in the order of the menu."""


def export_masks(
    masks: Annotated, path: Path, kind: str | None = None, *, overwrite: bool = False, watch: Watch = UNWATCHED
) -> Path:
    """Write masks to a file, all of it or nothing, and return its path.

    Parameters
    ----------
    masks : Annotated
    path : Path
    kind : str or None
        One of :data:`EXPORTS`; None: what the suffix of ``path`` says.
    overwrite : bool
        Whether a file that is there already may be replaced.
    watch : Watch

    Raises
    ------
    SaveError
        If the format cannot hold the masks, the file is there already, or it cannot be written.
    """
    name = kind if kind is not None else kind_of(path)
    if name is None:
        endings = ", ".join(one.suffix for one in EXPORTS.values())
        raise SaveError(f"The name {path.name} does not say which format.", hint=f"Let it end in {endings}.")
    check_labels(masks.labels, FORMATS["npy"])
    return EXPORTS[name].write(path, masks, overwrite=overwrite, watch=watch)


def import_masks(
    path: Path, *, shape: Sequence[int] | None = None, wanted: Sequence[str] = (), watch: Watch = UNWATCHED
) -> tuple[Imported, ...]:
    """Return the label images that a file holds: one, or of COCO one for each picture.

    Parameters
    ----------
    path : Path
        What it is, its suffix says, and of JSON its content.
    shape : sequence of int or None
        Of the picture that it is about, where that is known.
    wanted : sequence of str
        Names of pictures: where a COCO file has some of these, only those are read.
    watch : Watch

    Raises
    ------
    ImageError
        If there is no such file, it holds no masks, or something in it is not as it should be.
    """
    found: list[Imported] = []
    try:
        for one in _imported(path, shape, wanted, watch):
            found.append(one)
            if len(found) > MOST_LAYERS or sum(part.labels.size for part in found) > MOST_PIXELS:
                raise ImageError(
                    f"{path.name} holds masks of too many pictures to open at once.",
                    hint="Open the picture that you want, then import again: only its masks are read.",
                    in_shell="Split it into files of fewer pictures.",
                )
    except (Cancelled, AssistantError):
        raise
    except MemoryError as error:
        raise ImageError(f"There is no memory for the masks of {path.name}.", hint="Close other layers.") from error
    return tuple(found)


def kind_of(path: Path) -> str | None:
    """Return which of :data:`EXPORTS` the suffix of ``path`` means, or None."""
    name = path.name.lower()
    return next((kind for kind, one in EXPORTS.items() if name.endswith(one.suffixes)), None)


def with_suffix(path: Path, kind: str) -> Path:
    """Return ``path`` ending as files of a format do; the ending of another format is taken off."""
    wanted = EXPORTS[kind]
    name = path.name
    if name.lower().endswith(wanted.suffixes):
        return path
    for suffix in sorted((suffix for one in EXPORTS.values() for suffix in one.suffixes), key=len, reverse=True):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            name = name[: -len(suffix)]
            break
    return path.with_name(name + wanted.suffix)


def _imported(path: Path, shape: Sequence[int] | None, wanted: Sequence[str], watch: Watch) -> Iterator[Imported]:
    kind = kind_of(path)
    if kind in FORMATS:
        saved = read_labels(path)
        yield Imported(saved.labels, saved.place, path.name)
    elif kind == "yolo":
        yield yolo_reading.read(path, shape=shape, watch=watch)
    elif kind in ("coco", "geojson"):
        watch.at(None)
        found: Any = json_files.load(path)
        if geojson_reading.is_geojson(found):
            yield geojson_reading.read(found, path.name, shape=shape, watch=watch)
        else:
            yield from coco_reading.read(found, path.name, wanted=wanted, watch=watch)
    elif kind == "csv":
        raise ImageError(
            f"{path.name} is a table of measures: it has no pixels.", hint="Import the mask that it was made from."
        )
    else:
        endings = ", ".join(one.suffix for name, one in EXPORTS.items() if name != "csv")
        raise ImageError(f"{path.name} holds no masks by its name.", hint=f"Choose a file that ends in {endings}.")
