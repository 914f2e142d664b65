"""The command ``napari-sam3-assistant``.

Exit codes: 0 done, 1 something failed, 2 wrong use, 130 stopped with Ctrl+C. Results go to standard
output, all else to standard error. What takes long to import is imported by the command that needs it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand

from napari_sam3_assistant import __version__
from napari_sam3_assistant.cli import screen
from napari_sam3_assistant.cli.demo import demo
from napari_sam3_assistant.cli.doctor import doctor
from napari_sam3_assistant.cli.embeddings import embeddings, encode
from napari_sam3_assistant.cli.get_model import get_model
from napari_sam3_assistant.cli.masks import clean, convert, merge
from napari_sam3_assistant.cli.propagate import propagate
from napari_sam3_assistant.cli.segment import segment
from napari_sam3_assistant.cli.serve import serve
from napari_sam3_assistant.cli.streams import guarded
from napari_sam3_assistant.core.errors import AssistantError

app = typer.Typer(
    name="napari-sam3-assistant",
    help="Point at things in an image, get masks you can trust.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        screen.emit(f"napari-sam3-assistant {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", callback=_print_version, is_eager=True
    ),
) -> None:
    pass


class _Command(TyperCommand):
    """A command whose usage has no braces: ``IMAGE...``, not ``{IMAGE}...``."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]


def _help(command: Callable[..., None]) -> str:
    """Return the docstring with each paragraph on one line: the screen is not as wide as our code."""
    return "\n\n".join(" ".join(text.split()) for text in (inspect.getdoc(command) or "").split("\n\n"))


for _command in (segment, propagate, encode, embeddings, serve, doctor, get_model, demo):
    app.command(cls=_Command, help=_help(_command))(_command)
_masks = typer.Typer(help="Clean, merge and convert label images.", no_args_is_help=True)
for _of_masks in (clean, merge, convert):
    _masks.command(cls=_Command, help=_help(_of_masks))(_of_masks)
app.add_typer(_masks, name="masks")


def main() -> int:
    """Run the command and return its exit code."""
    with guarded() as out:
        code = _run()
        out.flush()
        if out.problem:
            screen.complain(
                AssistantError(
                    f"The result cannot be written to standard output: {out.problem}.",
                    hint="Send it elsewhere; masks that were saved are kept.",
                )
            )
            code = code or screen.FAILED
    return code


def _run() -> int:
    try:
        app(prog_name="napari-sam3-assistant")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return screen.STOPPED
    return 0
