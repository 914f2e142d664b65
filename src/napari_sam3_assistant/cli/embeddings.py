"""``encode`` and ``embeddings``: what SAM3 reads of pictures, kept on disk ahead of time; and what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

FOLDER_VARIABLE = "NAPARI_SAM3_EMBEDDINGS"
Embeddings = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help=f"Keep what SAM3 reads of pictures here: the same pixels are not encoded again. Or set {FOLDER_VARIABLE}.",
        envvar=FOLDER_VARIABLE,
        show_default=False,
        show_envvar=False,
    ),
]


def encode(
    images: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE", help="TIFF, PNG, JPEG or NPY files, or zarr folders.", show_default=False),
    ],
    model: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where the model is.")] = None,
    embeddings: Embeddings = None,
    limit_size: Annotated[
        float, typer.Option(metavar="GIB", min=0.001, help="What the folder may take; the oldest are given up.")
    ] = 20.0,
    engine: Annotated[str, typer.Option(metavar="NAME", help="Who encodes.")] = "auto",
    device: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where SAM3 runs: cuda, mps or cpu.", show_default="the best")
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(metavar="AXIS", help="The axis of channels, if the file does not say.", show_default=False),
    ] = None,
    rgb: Annotated[bool, typer.Option("--rgb", help="The channels are red, green and blue.")] = False,
) -> None:
    """Encode images ahead of time, every plane of a stack, so that they open ready: overnight, for instance.

    In napari, tick Keep embeddings on disk in the preferences of this plugin; both use the same folder unless told.
    What is there already is not encoded again, so a run that was stopped with Ctrl+C goes on where it was. Planes of
    more than 2048 pixels a side are left out: a click reads a part of them.
    """
    from napari_sam3_assistant.cli import arguments, encoding

    options = encoding.Options(
        engine,
        arguments.model_of(model),
        device,
        embeddings,
        limit_size,
        arguments.axis_of(channels),
        True if rgb else None,
    )
    raise typer.Exit(encoding.run(images, options))


def embeddings(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="Where they are.", show_default="that of your caches"),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove them all. Other files are left alone.")] = False,
) -> None:
    """Say how many embeddings a folder holds and how much they take, or remove them."""
    from napari_sam3_assistant.cli import encoding

    raise typer.Exit(encoding.tell(folder, clear=clear))
