"""Amounts of bytes: in words, and what a disk has left."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from napari_sam3_assistant.core.errors import SaveError

SPARE = 200_000_000
"""So many bytes are left free on a disk: one that is full to the brim troubles everything else."""
OVER_S = 5.0
"""A pace is that of so many seconds."""


def gigabytes(amount: int) -> str:
    """Return ``amount`` bytes in words: ``"3.4 GB"``, ``"12 MB"``."""
    if amount >= 1_000_000_000:
        return f"{amount / 1_000_000_000:.1f} GB"
    if amount >= 1_000_000:
        return f"{amount / 1_000_000:.0f} MB"
    return f"{amount / 1_000:.0f} KB" if amount >= 1_000 else f"{amount} bytes"


def free_at(folder: Path) -> int:
    """Return how many bytes are free where ``folder`` is, or would be made."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def check_free(folder: Path, needed: int, what: str) -> None:
    """Check that a disk has room, before anything is written to it.

    Parameters
    ----------
    folder : Path
        Where it shall go. It need not be there yet.
    needed : int
        Bytes that are still to come.
    what : str
        What needs the room: ``"The model"``.

    Raises
    ------
    SaveError
        If there is not enough; nothing was written.
    """
    if not needed:
        return
    try:
        free = free_at(folder)
    except OSError as error:
        raise SaveError(f"{folder} cannot be read: {error.strerror}.", hint="Choose another folder.") from error
    if free < needed + SPARE:
        raise SaveError(
            f"{what} needs {gigabytes(needed + SPARE)}, and the disk of {folder} has {gigabytes(free)} free.",
            hint=f"Free {gigabytes(needed + SPARE - free)}, or choose a folder on another disk.",
        )


class Pace:
    """How fast something comes, over the last seconds.

    Parameters
    ----------
    clock : callable
        Seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, amount: int) -> None:
        """Take note that ``amount`` bytes are there by now."""
        now = self._clock()
        if self._seen and amount < self._seen[-1][1]:  # begun anew
            self._seen.clear()
        self._seen.append((now, amount))
        while now - self._seen[0][0] > OVER_S:
            self._seen.popleft()

    @property
    def words(self) -> str:
        """``", 12 MB/s"``; empty until that can be told."""
        (begun, first), (now, last) = self._seen[0], self._seen[-1]
        if now - begun < 1.0 or last <= first:
            return ""
        return f", {gigabytes(round((last - first) / (now - begun)))}/s"
