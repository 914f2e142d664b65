"""``propagate``: objects followed through a stack, from prompts on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_sam3_assistant.cli import screen
from napari_sam3_assistant.cli.elsewhere import Python, Server, Token

FORMATS = ("tiff", "zarr", "npy")
"""Those of :data:`napari_sam3_assistant.tasks.stack_output.STACKS`, whose import takes longer than help may."""
DIRECTIONS = ("both", "forward", "backward")


def propagate(
    stack: Annotated[
        str,
        typer.Argument(metavar="STACK", help="A TIFF or NPY file, or a zarr folder, with frames.", show_default=False),
    ],
    point: Annotated[
        list[str],
        typer.Option(
            metavar="[N:]Z,R,C[,-]",
            help="A pixel of object N on frame Z; with - one that is not of it.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 - typer copies it
    box: Annotated[
        list[str],
        typer.Option(
            metavar="[N:]Z,T,L,B,R", help="A box round object N on frame Z: one object a box.", show_default=False
        ),
    ] = [],  # noqa: B006
    mask: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="A mask of a frame: one object a label, of its number.", show_default=False),
    ] = [],  # noqa: B006
    mask_frame: Annotated[
        list[int],
        typer.Option(metavar="Z", min=0, help="The frame of each --mask, in order.", show_default="what the file says"),
    ] = [],  # noqa: B006
    text: Annotated[
        list[str],
        typer.Option(metavar="PHRASE", help="What to find and follow, in words: needs SAM3.", show_default=False),
    ] = [],  # noqa: B006
    axis: Annotated[
        str | None,
        typer.Option(metavar="NAME|N", help="The axis of the frames.", show_default="called z or t, or the longest"),
    ] = None,
    frames: Annotated[
        str | None,
        typer.Option(metavar="A:B", help="From frame A up to, and without, frame B.", show_default="all"),
    ] = None,
    direction: Annotated[
        str, typer.Option(metavar="|".join(DIRECTIONS), help="Which way objects are followed from a prompt.")
    ] = DIRECTIONS[0],
    engine: Annotated[str, typer.Option(metavar="NAME", help="Who answers.")] = "auto",
    model: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the model is, for engines that have one.")
    ] = None,
    server: Server = None,
    token: Token = None,
    python: Python = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where files go.", show_default="beside the stack")
    ] = None,
    format: Annotated[str, typer.Option(metavar="|".join(FORMATS), help="What masks are written as.")] = FORMATS[0],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files of an earlier run.")] = False,
    plane: Annotated[
        str | None,
        typer.Option(metavar="N[,N] | AXIS=N", help="Where the other axes are, from 0: 3 or c=0.", show_default=False),
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
    """Follow objects through the frames of a stack: a label stack, a table of each object on each frame.

    Point at an object on any frame, from 0; further points, on this frame or another, correct it. With several objects,
    say which by its number: --point 2:12,40,50. Nothing is overwritten; Ctrl+C stops, and --resume goes on.
    """
    from napari_sam3_assistant.cli import arguments, propagating, stack_arguments

    typed = stack_arguments.prompts_of(point, box, text)
    options = propagating.Options(
        stack,
        typed,
        stack_arguments.masks_of(mask, mask_frame),
        stack_arguments.axis_of(axis),
        stack_arguments.frames_of(frames),
        stack_arguments.direction_of(direction, DIRECTIONS),
        arguments.plane_of(plane),
        arguments.window_of(window),
        arguments.axis_of(channels),
        True if rgb else None,
        engine,
        arguments.model_of(model),
        out,
        arguments.format_of(format, FORMATS),
        resume,
        overwrite,
        server,
        token,
        python,
    )
    raise typer.Exit(propagating.run(options, screen.note))
