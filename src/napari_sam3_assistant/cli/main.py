"""The command ``napari-sam3-assistant``.

Exit codes: 0 done, 1 something failed, 2 wrong use, 130 stopped with Ctrl+C. Results go to standard
output, all else to standard error. What takes long to import is imported by the command that needs it.
"""

from __future__ import annotations

import typer

from napari_sam3_assistant import __version__
from napari_sam3_assistant.cli import screen
from napari_sam3_assistant.cli.demo import demo
from napari_sam3_assistant.cli.doctor import doctor
from napari_sam3_assistant.cli.segment import segment

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


app.command()(segment)
app.command()(doctor)
app.command()(demo)


def main() -> int:
    """Run the command and return its exit code."""
    try:
        app(prog_name="napari-sam3-assistant")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return screen.STOPPED
    finally:
        screen.settle()
    return 0
