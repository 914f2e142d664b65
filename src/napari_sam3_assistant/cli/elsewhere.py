"""The options of commands whose engine may be on a server."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_sam3_assistant.cli.serve import TOKEN_VARIABLE

Server = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="A server whose engine answers: gpu-box:8000.", show_default=False),
]
Token = Annotated[
    str | None,
    typer.Option(
        metavar="TOKEN",
        help=f"What the server asks for. Better set {TOKEN_VARIABLE}: others see what a command was told.",
        envvar=TOKEN_VARIABLE,
        show_default=False,
        show_envvar=False,
    ),
]
