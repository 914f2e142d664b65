"""``get-model``: a folder with SAM3 in it, from the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def get_model(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="FOLDER", help="Where the model goes, or is.", show_default="your data folder"),
    ] = None,
) -> None:
    """Get SAM3 from the Hugging Face hub: what a folder lacks, going on where an earlier download stopped.

    Meta asks you to accept a licence first, at huggingface.co/facebook/sam3. The token that shows that you did is
    taken from HF_TOKEN, or asked for; it is kept nowhere. Where Meta's sam3.pt is in the folder, that is converted.
    """
    from napari_sam3_assistant.cli import getting

    raise typer.Exit(getting.run(folder))
