"""The Python of another environment, as a user names it, for an engine whose packages are there and not here."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.engines.meta import installed
from napari_sam3_assistant.engines.meta.installed import Installed, Problem

VARIABLE = "NAPARI_SAM3_META_PYTHON"
"""The environment variable that names the Python with Meta's package, where nothing else does."""
OLDEST = (3, 11)
"""The oldest Python that an engine's process runs on."""
INSIDE = ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe", "python", "python3")
"""Where an environment has its Python, on any system."""
_EXAMPLE = "Give the Python of that environment, such as {}, or the environment's folder."
_EXAMPLES = {"nt": r"C:\sam3-env\Scripts\python.exe", "posix": "/home/me/sam3-env/bin/python"}


def meta_python(named: str | Path | None = None) -> str:
    """Return the Python that has Meta's package: the one named, or the one that :data:`VARIABLE` names.

    Returns
    -------
    str
        Its whole path; empty where none is named.

    Raises
    ------
    EngineError
        If there is no Python where one is named.
    """
    text = str(named or "").strip()
    if text:
        return find_interpreter(text)
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return ""
    try:
        return find_interpreter(text)
    except EngineError as error:
        raise EngineError(f"{error.message} {VARIABLE} names it.", hint=error.hint) from error


def check_meta(interpreter: str) -> None:
    """Check that Meta's package can run in another Python; starts it, which takes a second at most.

    Raises
    ------
    EngineError
        If it cannot: the first thing that is wrong, and what to do.
    """
    fatal = fatal_in(installed.look_in(interpreter))
    if fatal is not None:
        raise EngineError(f"{interpreter}: {fatal.what}", hint=fatal.advice)


def fatal_in(found: Installed) -> Problem | None:
    """Return the first thing for which Meta's package cannot be used with a Python; None where there is none."""
    numbers = tuple(int(one) for one in found.python.split(".")[:2] if one.isdecimal())
    if numbers and numbers < OLDEST:
        return Problem(
            f"Its Python is {found.python}, too old.", "Make an environment with Python 3.11 or newer.", True
        )
    return next((one for one in found.problems if one.fatal), None)


def find_interpreter(text: str) -> str:
    """Return the path of the Python that was typed: of a file, of an environment's folder, or a command's name.

    Links are not followed: the Python of an environment is often a link to one that knows nothing of it.

    Raises
    ------
    EngineError
        If there is none.
    """
    typed = text.strip().strip("\"'")
    try:
        path = Path(typed).expanduser()
        found = _in_folder(path) if path.is_dir() else path if path.is_file() else _command(typed)
    except (OSError, RuntimeError, ValueError):  # no such user, a zero in the name, no permission
        found = None
    hint = _EXAMPLE.format(_EXAMPLES[os.name])
    if found is None:
        there = bool(typed) and "\0" not in typed and os.path.isdir(typed)
        raise EngineError(f"There is no Python in {typed}." if there else f"There is no Python {typed!r}.", hint=hint)
    if not os.access(found, os.X_OK):
        beside = _in_folder(found.parent)  # an environment's "activate", perhaps
        if beside is None:
            raise EngineError(f"{typed} is no program.", hint=hint)
        found = beside
    return str(found.absolute())


def _in_folder(folder: Path) -> Path | None:
    return next((one for name in INSIDE if (one := folder / name).is_file()), None)


def _command(name: str) -> Path | None:
    found = shutil.which(name) if name else None
    return None if found is None else Path(found)
