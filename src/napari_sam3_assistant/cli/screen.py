"""What is written where: results to standard output, everything else to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, TextIO

import typer

from napari_sam3_assistant.core.errors import AssistantError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from napari_sam3_assistant.engines.storing import StoreCounts

FAILED, WRONG_USE, STOPPED = 1, 2, 130
_WIDTH_OF_FILES = 200


def emit(text: str) -> None:
    """Write ``text`` to standard output."""
    _write(sys.stdout, text)


def note(text: str) -> None:
    """Write a line for the person at the screen, to standard error."""
    _write(sys.stderr, text + "\n")


def complain(error: AssistantError, about: str = "") -> None:
    """Say what failed, and what to do now."""
    note(f"{about + ': ' if about else ''}{error.message} {error.in_shell}".rstrip())


def stop(error: AssistantError, code: int = FAILED) -> NoReturn:
    """Say what failed, and end the command.

    Raises
    ------
    typer.Exit
        Always.
    """
    complain(error)
    raise typer.Exit(code) from error


def say_stored(counts: StoreCounts | None) -> None:
    """Say what came of keeping embeddings, if anything is to be said."""
    if counts is None:
        return
    if counts.found:
        note(f"{counts.found} of {counts.found + counts.encoded} encodings were read from disk.")
    if counts.problem is not None:
        complain(counts.problem)


def show(*parts: RenderableType) -> None:
    """Write tables and the like to standard output, as wide as the screen, or wide if it is a file."""
    console = _console(sys.stdout)
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    emit("".join(line.rstrip() + "\n" for line in capture.get().splitlines()))


@contextmanager
def working(message: str) -> Iterator[Callable[[str], None]]:
    """Show a line on standard error while work goes on, if that is a terminal; yields what changes the line."""
    from rich.text import Text

    # As Text: a file may be called "[b]", which is not meant as bold.
    with _console(sys.stderr).status(Text(message)) as status:
        yield lambda text: status.update(Text(text))


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, width=None if stream.isatty() else _WIDTH_OF_FILES, highlight=False)


def _write(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()
