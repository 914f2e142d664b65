"""``doctor``: what is installed, what it runs on, and what to do about each "no"."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_sam3_assistant.cli import screen
from napari_sam3_assistant.cli.elsewhere import Python


def doctor(
    model: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A model folder to look into.", show_default=False)
    ] = None,
    python: Python = None,
    probe: Annotated[bool, typer.Option("--probe", help="Ask torch which device it finds; takes seconds.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the findings for programs, not a table.")] = False,
) -> None:
    """Say what is installed, which device and engine would be used, and what to do about each "no".

    Fails where something is missing that the built-in engine, or the model folder named, needs.
    """
    from napari_sam3_assistant.cli import examining

    findings = examining.examine(model, probe=probe, python=python)
    examining.show(findings, as_json=json)
    raise typer.Exit(screen.FAILED if any(one.needed and not one.ok for one in findings) else 0)
