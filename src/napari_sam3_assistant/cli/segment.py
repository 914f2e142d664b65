"""``segment``: masks of images, from prompts on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_sam3_assistant.cli import screen
from napari_sam3_assistant.cli.elsewhere import Python, Server, Token

FORMATS = ("tiff", "png", "npy", "zarr")
"""Those of :data:`napari_sam3_assistant.export.images.FORMATS`, whose import takes longer than help may."""


def segment(
    images: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE", help="TIFF, PNG, JPEG or NPY files, or zarr folders.", show_default=False),
    ],
    point: Annotated[
        list[str],
        typer.Option(
            metavar="R,C[,-]", help="A pixel of the object; with - one that is not of it.", show_default=False
        ),
    ] = [],  # noqa: B006 - typer copies it
    box: Annotated[
        list[str], typer.Option(metavar="T,L,B,R", help="A box round an object: one object a box.", show_default=False)
    ] = [],  # noqa: B006
    mask: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="A rough mask, or a label image: one object a label.", show_default=False),
    ] = [],  # noqa: B006
    exemplar: Annotated[
        list[str],
        typer.Option(metavar="T,L,B,R[,-]", help="A box round an example: find all like it.", show_default=False),
    ] = [],  # noqa: B006
    exemplar_image: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An example in a picture of its own: find all like it.", show_default=False),
    ] = None,
    exemplar_box: Annotated[
        str | None,
        typer.Option(
            metavar="T,L,B,R", help="A box round the example on that picture.", show_default="the whole picture"
        ),
    ] = None,
    text: Annotated[
        list[str],
        typer.Option(metavar="PHRASE", help="What to find all of, in words: needs SAM3.", show_default=False),
    ] = [],  # noqa: B006
    everything: Annotated[
        bool, typer.Option("--everything", help="Find every object: no prompt is needed, and none is taken.")
    ] = False,
    points_per_side: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="For everything: rows and columns of the grid of points that SAM3 is asked about.",
            show_default="32",
        ),
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            metavar="0...1",
            help="Keep what is like the example, what words name, or everything from this score.",
            show_default="the engine's; 0.35 for words",
        ),
    ] = None,
    engine: Annotated[str, typer.Option(metavar="NAME", help="Who answers.")] = "auto",
    model: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the model is, for engines that have one."),
    ] = None,
    server: Server = None,
    token: Token = None,
    python: Python = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where masks go.", show_default="beside each image")
    ] = None,
    format: Annotated[str, typer.Option(metavar="|".join(FORMATS), help="What masks are written as.")] = FORMATS[0],
    json: Annotated[bool, typer.Option("--json", help="Print the result for programs, not a table.")] = False,
    plane: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N] | AXIS=N", help="Which plane of a stack, from 0: 3,0 or t=3,c=0.", show_default=False
        ),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(metavar="SIDE | T,L,B,R", help="What part of a large plane to look at.", show_default=False),
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(metavar="AXIS", help="The axis of channels, if the file does not say.", show_default=False),
    ] = None,
    rgb: Annotated[bool, typer.Option("--rgb", help="The channels are red, green and blue.")] = False,
) -> None:
    """Segment images: one object from points, one from each box or mask, all that an example or words mean, or all.

    Points beside one box or one mask correct it. The same prompts are used on each image. Coordinates are
    pixels, row before column, the first is 0,0. Nothing is overwritten.
    """
    from napari_sam3_assistant.cli import arguments, segmenting

    crop = arguments.crop_of(exemplar_image, exemplar_box)
    prompts = arguments.prompts_of(point, box, exemplar, text, crop=crop, masks=len(mask), everything=everything)
    options = arguments.Options(
        prompts=prompts,
        mask_files=tuple(map(arguments.file_of, mask)),
        threshold=arguments.threshold_of(
            threshold, exemplars=len(exemplar) + (crop is not None), texts=len(text), everything=everything
        ),
        points_per_side=arguments.points_per_side_of(points_per_side, everything=everything),
        plane=arguments.plane_of(plane),
        window=arguments.window_of(window),
        channel_axis=arguments.axis_of(channels),
        rgb=True if rgb else None,
        engine=engine,
        model=arguments.model_of(model),
        out=out,
        format=arguments.format_of(format, FORMATS),
        server=server,
        token=token,
        python=python,
    )
    raise typer.Exit(segmenting.run(images, options, as_json=json, say=screen.note))
