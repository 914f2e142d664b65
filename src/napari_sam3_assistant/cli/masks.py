"""``masks``: label images cleaned, merged and converted, many files at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_sam3_assistant.cli import screen

FORMATS = ("tiff", "png", "npy", "zarr", "coco", "yolo", "geojson", "csv")
"""Those of :data:`napari_sam3_assistant.export.exports.EXPORTS`, whose import takes longer than help may."""
MODES = ("semantic", "instance", "binary")
OVERLAPS = ("earlier", "later", "larger", "smaller", "background")
MEANINGS = ("objects", "classes")

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE", help="TIFF, PNG, NPY, OME-Zarr, COCO JSON, YOLO-seg or GeoJSON.", show_default=False
    ),
]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Where the files go.", show_default="beside each file")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there already.")]
Size = Annotated[
    str | None,
    typer.Option(metavar="H,W", help="Height and width of the picture, for files that do not say.", show_default=False),
]
Mean = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(MEANINGS),
        help="What a label is: one object, or a class whose pieces are the objects.",
        show_default="what the file says, else objects",
    ),
]
Rle = Annotated[bool, typer.Option("--rle", help="COCO: write all objects as run-length codes, none as polygons.")]
Detections = Annotated[bool, typer.Option("--detections", help="GeoJSON: detections for QuPath, not annotations.")]


def clean(
    files: Files,
    remove_small: Annotated[
        int, typer.Option(min=0, metavar="PX", help="Remove connected pieces of fewer pixels.")
    ] = 0,
    fill_holes: Annotated[
        int | None,
        typer.Option(min=0, metavar="PX", help="Fill holes of up to so many pixels; 0 fills all.", show_default=False),
    ] = None,
    smooth: Annotated[int, typer.Option(min=0, metavar="PX", help="Smooth outlines by this radius.")] = 0,
    keep_largest: Annotated[bool, typer.Option("--keep-largest", help="Keep the largest piece of each label.")] = False,
    clear_border: Annotated[bool, typer.Option("--clear-border", help="Remove pieces that reach the border.")] = False,
    out: Out = None,
    format: Annotated[
        str | None,
        typer.Option(metavar="|".join(FORMATS), help="What is written.", show_default="the format of each file"),
    ] = None,
    size: Size = None,
    overwrite: Overwrite = False,
) -> None:
    """Clean label images: the same operations as the tab Mask Cleanup, in the order of the options.

    No label grows into another. A file is written for each, as NAME_clean beside it, or as NAME in --out.

    Example: napari-sam3-assistant masks clean *.tif --remove-small 64 --fill-holes 256 --smooth 1 --out cleaned
    """
    from napari_sam3_assistant.cli import arguments, masking

    steps = masking.steps(remove_small, fill_holes, smooth, keep_largest=keep_largest, clear_border=clear_border)
    if not steps:
        raise typer.BadParameter("There is nothing to do. Give --remove-small, --fill-holes, --smooth or another.")
    target = masking.Target(out, None if format is None else arguments.format_of(format, FORMATS), overwrite, "_clean")
    raise typer.Exit(masking.clean(files, steps, target, _size(size), screen.note))


def merge(
    files: Files,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="The file that is written; its ending says as what.", show_default=False),
    ],
    mode: Annotated[
        str, typer.Option(metavar="|".join(MODES), help="Values as they are, a number for each object, or 0 and 1.")
    ] = MODES[0],
    overlap: Annotated[
        str, typer.Option(metavar="|".join(OVERLAPS), help="Who has a pixel that several files have.")
    ] = OVERLAPS[0],
    overwrite: Overwrite = False,
) -> None:
    """Merge label images of one picture into one: the same as the tab Final Merge / Export.

    Files that hold a part of the picture are laid where they lie. The first file named is the earliest.

    Example: napari-sam3-assistant masks merge nuclei.tif axons.tif --mode semantic --overlap earlier --out all.tif
    """
    from napari_sam3_assistant.cli import masking

    _one_of(mode, MODES, "--mode")
    _one_of(overlap, OVERLAPS, "--overlap")
    raise typer.Exit(masking.merge(files, out, mode, overlap, overwrite, screen.note))


def convert(
    files: Files,
    to: Annotated[str, typer.Option(metavar="|".join(FORMATS), help="What is written.", show_default=False)],
    out: Out = None,
    labels_mean: Mean = None,
    class_name: Annotated[
        list[str],
        typer.Option(
            "--class", metavar="NAME | N=NAME", help="The class of all objects, or of label N.", show_default=False
        ),
    ] = [],  # noqa: B006 - typer copies it
    rle: Rle = False,
    detections: Detections = False,
    size: Size = None,
    overwrite: Overwrite = False,
) -> None:
    """Convert label images: for detectors (coco, yolo), QuPath (geojson), spreadsheets (csv), and back.

    Example: napari-sam3-assistant masks convert cells_mask_01.tif --to coco --class nucleus --out training
    """
    from napari_sam3_assistant.cli import arguments, masking

    meaning = None if labels_mean is None else _one_of(labels_mean, MEANINGS, "--labels-mean")
    kind = arguments.format_of(to, FORMATS)
    options = {"coco": {"rle": rle}, "geojson": {"detections": detections}}.get(kind, {})
    for flag, asked, needed in (("--rle", rle, "coco"), ("--detections", detections, "geojson")):
        if asked and kind != needed:
            raise typer.BadParameter(f"{flag} is about {needed}, not {kind}.", param_hint=flag)
    classes = dict(_class(text) for text in class_name)
    target = masking.Target(out, kind, overwrite)
    raise typer.Exit(masking.convert(files, target, _size(size), meaning, classes, options, screen.note))


def _one_of(word: str, known: tuple[str, ...], option: str) -> str:
    if word not in known:
        raise typer.BadParameter(f"{word!r} is none of {', '.join(known)}.", param_hint=option)
    return word


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    height, _, width = text.partition(",")
    if not (height.strip().isdecimal() and width.strip().isdecimal() and int(height) and int(width)):
        raise typer.BadParameter(f"{text!r} is not H,W: height and width in pixels.", param_hint="--size")
    return int(height), int(width)


def _class(text: str) -> tuple[int, str]:
    """Return the label that ``3=axon`` names, 0 for all, and the name of its class."""
    number, equals, name = text.partition("=")
    if not equals:
        number, name = "", text
    if not name.strip() or (equals and not number.strip().isdecimal()):
        raise typer.BadParameter(f"{text!r} is neither NAME nor N=NAME.", param_hint="--class")
    return (int(number) if equals else 0), name.strip()
