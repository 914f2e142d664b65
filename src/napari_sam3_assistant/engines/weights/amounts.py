"""Amounts of bytes: in words, and what a disk has left."""

from __future__ import annotations

import shutil
from pathlib import Path

from napari_sam3_assistant.core.errors import SaveError

SPARE = 200_000_000
"""So many bytes are left free on a disk: one that is full to the brim troubles everything else."""


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
