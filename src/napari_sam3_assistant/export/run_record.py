"""The record of a run through a stack: JSON lines in a file that only grows, so that the run can be gone on with.

The first line says of which picture it is, and what is looked at. Each further line is a change: what was said of
objects, what was found on a frame, what was taken away; lines that follow each other give the state after each of
them. A line is written at once. The last one may be torn: it is left out, and what it told is done again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from napari_sam3_assistant.core.errors import AssistantError, ImageError, SaveError
from napari_sam3_assistant.export.appended import AppendedFile
from napari_sam3_assistant.export.atomic import exists_error, save_error
from napari_sam3_assistant.export.journal_folder import Claim
from napari_sam3_assistant.export.record_lines import (
    VERSION,
    VIDEO,
    about_in,
    change_in,
    plain,
    told,
    told_about,
)
from napari_sam3_assistant.export.record_values import About, Change

SUFFIX = ".video.jsonl"
ANEW = "Start anew: allow it to be replaced, or choose another folder."
ANEW_IN_SHELL = "Start anew with --overwrite, or choose another --out."
Value = TypeVar("Value", About, Change)


def record_path(folder: Path, name: str) -> Path:
    """Return where the record of a run lies whose output has this name."""
    return folder / f"{name}{SUFFIX}"


class RunRecord:
    """A record in use, which no other process writes meanwhile.

    Parameters
    ----------
    path : Path
    about : About or None
        What a new one begins with; None goes on with the one that is there.
    overwrite : bool
        Whether a new one may replace one that is there.

    Raises
    ------
    SaveError
        If it is there already, cannot be written, or another process writes it.
    """

    def __init__(self, path: Path, about: About | None, *, overwrite: bool = False) -> None:
        self.path = path
        if about is not None and path.exists() and not overwrite:
            raise exists_error(path)
        try:
            self._claim = _claimed(path)
            self._file = AppendedFile(path, 0 if about is not None else _whole_bytes(path))
        except OSError as error:
            raise save_error(path, error) from error
        if about is not None:
            self._append(told_about(about))

    def write(self, change: Change) -> None:
        """Append a change.

        Raises
        ------
        SaveError
            If that fails; what was there before is as it was.
        """
        self._append(told(change))

    def close(self) -> None:
        """Bring it to the disk, and let go of it. A second call does nothing."""
        self._file.sync()
        self._file.close()
        self._claim.let_go()

    def _append(self, line: Mapping[str, Any]) -> None:
        if not self.path.exists():  # its folder was deleted: the file is open still, and nobody would find it
            raise SaveError(f"{self.path.name} is gone from {self.path.parent}.", hint="Start it again.")
        self._file.append(json.dumps(line, separators=(",", ":"), default=plain).encode() + b"\n")


def read(path: Path) -> tuple[About, Iterator[Change]]:
    """Return what a record begins with, and its changes, which are read one after the other.

    Raises
    ------
    ImageError
        If it is not there, cannot be read, is damaged, or was written by a newer version; for a change that is
        damaged, when that is read.
    """
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        raise ImageError(f"{path.name} is empty.", hint=ANEW, in_shell=ANEW_IN_SHELL)
    number, line = first
    version = line.get("version")
    if line.get("is") == VIDEO and isinstance(version, int) and version > VERSION:
        raise ImageError(
            f"{path.name} was written by a newer version of this program.",
            hint="Update it: pip install --upgrade napari-sam3-assistant.",
        )
    about = _made(path, number, line, about_in)
    return about, (_made(path, number, line, change_in) for number, line in lines)


def _made(path: Path, number: int, line: Mapping[str, Any], make: Callable[[Mapping[str, Any]], Value]) -> Value:
    try:
        return make(line)
    except (AssistantError, KeyError, TypeError, ValueError, IndexError) as error:
        raise _damaged(path, number) from error


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the number and the content of each whole line."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return
                try:
                    found = json.loads(line)
                except ValueError as error:
                    raise _damaged(path, number) from error
                if not isinstance(found, dict):
                    raise _damaged(path, number)
                yield number, found
    except FileNotFoundError as error:
        raise ImageError(
            f"There is no record {path} to go on with.",
            hint="Start anew, or name the folder where the run was saved.",
            in_shell="Leave --resume out, or name the --out of that run.",
        ) from error
    except OSError as error:
        raise ImageError(f"{path.name} cannot be read: {error.strerror}.", hint="Check the disk.") from error


def _damaged(path: Path, number: int) -> ImageError:
    hint = "" if number < 2 else f"Delete the lines from {number} on to go on from what stands before, or start anew"
    return ImageError(
        f"{path.name} is damaged in line {number}.",
        hint=f"{hint}." if hint else ANEW,
        in_shell=f"{hint} with --overwrite." if hint else ANEW_IN_SHELL,
    )


def _claimed(path: Path) -> Claim:
    claim = Claim.take(path)
    if claim is None:
        raise SaveError(f"Another program writes {path.name}.", hint="Wait until it is done, or stop it.")
    return claim


def _whole_bytes(path: Path) -> int:
    """Return how long a record is up to the end of its last whole line, in bytes."""
    end = 0
    with path.open("rb") as file:
        for line in file:
            end += len(line) if line.endswith(b"\n") else 0
    return end
