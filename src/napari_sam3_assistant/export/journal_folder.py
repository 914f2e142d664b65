"""Where journals lie, whose each is, and which of them are of a picture.

A process holds the lock of each journal that it writes, and the system lets go of the lock when the process ends,
however it ends: a journal that can be claimed is of a process that is gone. What was given back or put away is
kept for :data:`KEEP_DAYS` under another name.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from napari_sam3_assistant.core.fingerprints import Fingerprint
from napari_sam3_assistant.export import journal
from napari_sam3_assistant.export.journal import Content

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

logger = logging.getLogger(__name__)
ENVIRONMENT = "NAPARI_SAM3_ASSISTANT_JOURNALS"
"""Names another folder for journals."""
SUFFIX, LOCK, ASIDE = ".journal", ".lock", ".aside"
KEEP_DAYS = 7
DAY_S = 24 * 60 * 60


def journal_folder() -> Path:
    """Return the folder of journals. It need not be there."""
    chosen = os.environ.get(ENVIRONMENT, "").strip()
    if chosen:
        return Path(chosen).expanduser().absolute()
    return platformdirs.user_state_path("napari-sam3-assistant", appauthor=False) / "journals"


def new_path(folder: Path, picture: Fingerprint) -> Path:
    """Return the path of a new journal of a picture: no other process makes the same."""
    return folder / f"{picture.key}-{secrets.token_hex(6)}{SUFFIX}"


class Claim:
    """The lock of a journal, held until :meth:`let_go`, or until the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_suffix(LOCK)
        self._handle: int | None = None

    @classmethod
    def take(cls, path: Path) -> Claim | None:
        """Return the claim of a journal, or None where a process that lives has it.

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        made = cls(path)
        made._handle = handle = os.open(made._path, os.O_RDWR | os.O_CREAT, 0o600)
        if _locked(handle):
            return made
        os.close(handle)
        return None

    def let_go(self) -> None:
        """Give the lock back; where the journal is gone, the lock's file goes too."""
        if self._handle is None:
            return
        if not self._path.with_suffix(SUFFIX).exists():
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(self._handle)
        self._handle = None


def _locked(handle: int) -> bool:
    """Lock an open file and return whether that could be done at once; without locks on this disk it always can."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if sys.platform == "win32":
            return False
        logger.warning("This disk has no locks: %s", error)
    return True


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A journal of a picture, and what it held when it was looked at."""

    path: Path
    content: Content


def any_like(folder: Path, picture: Fingerprint) -> bool:
    """Return whether there is a journal of a picture of this shape and type: only then its pixels are worth reading."""
    like = picture.shape, picture.dtype, picture.rgb
    for path in _files(folder, SUFFIX):
        with contextlib.suppress(OSError):  # one that cannot be read is not offered
            known = journal.pictures_in(path)
            if not known or any((one.shape, one.dtype, one.rgb) == like for one in known):
                return True
    return False


def find(folder: Path, pictures: Sequence[Fingerprint], but: Collection[Path] = ()) -> list[Found]:
    """Return the journals of a picture that no process writes, the oldest first.

    What was put away long ago is removed. A folder or file that cannot be read holds nothing.

    Parameters
    ----------
    folder : Path
    pictures : sequence of Fingerprint
        All that the picture may be known by.
    but : collection of Path
        Journals that are left out.
    """
    sweep(folder)
    found = []
    for path in _files(folder, SUFFIX):
        if path in but:
            continue
        try:
            if not _is_of(path, pictures):
                continue
            claim = Claim.take(path)
            if claim is None:
                continue
            try:
                found.append(Found(path, journal.read(path)))
            finally:
                claim.let_go()
        except OSError as error:
            logger.warning("The journal %s could not be read: %s", path, error)
    return sorted((one for one in found if one.content.objects), key=lambda one: one.content.when)


def _is_of(path: Path, pictures: Sequence[Fingerprint]) -> bool:
    """Return whether a journal is of a picture, as its first record tells, or its name where that is broken."""
    if any(path.name.startswith(one.key) and not one.plain for one in pictures):
        return True
    known = journal.pictures_in(path)
    return any(one.same_as(picture) for one in known for picture in pictures)


def put_away(path: Path) -> None:
    """Give a journal that is claimed the name of one that is no longer offered.

    Raises
    ------
    OSError
        If that cannot be done.
    """
    os.replace(path, path.with_suffix(ASIDE))
    os.utime(path.with_suffix(ASIDE))


def sweep(folder: Path, clock: Callable[[], float] = time.time) -> None:
    """Remove what was put away more than :data:`KEEP_DAYS` ago."""
    for path in _files(folder, ASIDE):
        with contextlib.suppress(OSError):  # another process may be quicker
            if clock() - path.stat().st_mtime > KEEP_DAYS * DAY_S:
                path.unlink()


def count(folder: Path) -> int:
    """Return how many journals there are."""
    return sum(1 for _ in _files(folder, SUFFIX))


def _files(folder: Path, suffix: str) -> Iterator[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # it is not there yet, or may not be read
        return
    yield from (folder / name for name in names if name.endswith(suffix))
