"""The work of ``get-model``: the download, the question for a token, the conversion, and what to do next."""

from __future__ import annotations

import getpass
import os
import shlex
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from napari_sam3_assistant.cli import screen
from napari_sam3_assistant.core.errors import AssistantError, Cancelled
from napari_sam3_assistant.core.progress import Progress
from napari_sam3_assistant.engines.weights import convert, download
from napari_sam3_assistant.engines.weights.amounts import gigabytes
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.places import own_folder
from napari_sam3_assistant.engines.weights.refusals import NoAccess

Done = TypeVar("Done")
ASK = "Token (nothing is shown, and it is not kept): "


def run(folder: Path | None) -> int:
    """Make ``folder``, or the user's own, hold a model that can be used, and return the exit code."""
    try:
        place = folder.expanduser() if folder else own_folder()
        known = _whole(place)
        where = convert.prepare(known.path) if known.loads_from else _converted(known)
    except (AssistantError, RuntimeError) as error:  # RuntimeError: "~nobody"
        screen.complain(error if isinstance(error, AssistantError) else AssistantError(f"{error}."))
        return screen.STOPPED if isinstance(error, Cancelled) else screen.FAILED
    screen.note(f"SAM3 ({gigabytes(known.nbytes)}) serves {', '.join(known.tasks)}.")
    screen.note(f"In napari, choose this folder; in the shell: segment IMAGE --model {shlex.quote(str(known.path))}")
    screen.emit(f"{where}\n")
    return 0


def _whole(place: Path) -> ModelFolder:
    """Return what is in a folder, once all is there; who has no access is asked for a token, once."""
    known = ModelFolder.inspect(place)
    if known.ready and known.tokenizer:
        screen.note(f"The model in {place} is whole: nothing to get.")
        return known
    screen.note(f"SAM3 goes to {place}")
    try:
        return _got(place, download.token_from(os.environ))
    except NoAccess as error:
        if not _can_ask():
            raise
        screen.complain(error)
        return _got(place, _asked())


def _got(place: Path, token: str | None) -> ModelFolder:
    return _shown("Getting SAM3", lambda tell: download.get_model(place, token=token, progress=tell))


def _converted(known: ModelFolder) -> Path:
    screen.note(f"Meta's file in {known.path} is converted once.")
    return _shown("Converting", lambda tell: convert.prepare(known.path, progress=tell))


def _can_ask() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _asked() -> str:
    """Return the token that the user types without seeing it.

    Raises
    ------
    NoAccess
        If nothing was typed, or it would be seen.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            token = download.checked(getpass.getpass(ASK))
    except (EOFError, getpass.GetPassWarning) as error:
        raise NoAccess("The token cannot be asked for here.", hint=f"Set {download.TOKEN} to it.") from error
    if not token:
        raise NoAccess("No token was given.", hint=f"Try again, or set {download.TOKEN} to it.")
    return token


def _shown(title: str, work: Callable[[Progress], Done]) -> Done:
    """Do some work, and show on the terminal how far it is."""
    with screen.working(title) as update:

        def tell(fraction: float | None, message: str = "") -> None:
            update(message or title if fraction is None else f"{title}: {fraction:.0%}, {message}")

        return work(tell)
