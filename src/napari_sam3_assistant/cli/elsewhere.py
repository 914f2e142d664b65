"""The options of commands whose engine may be on a server, or in another Python."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_sam3_assistant.engines.interpreters import VARIABLE

TOKEN_VARIABLE = "NAPARI_SAM3_SERVER_TOKEN"

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
Python = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help=f"For --engine meta: the Python that has Meta's package, or its environment. {VARIABLE} does too.",
        show_default="this one",
    ),
]
