"""How long the next encoding will take: as long as the last ones did, on this machine and with this model."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from napari_sam3_assistant.engines.sam3 import remembered

SHORT = 1.0
"""Seconds up to which nobody has to be told."""

_LAST = 5


def cache_file() -> Path:
    """Return the file in which the times of encodings are kept."""
    return remembered.cache_file("encodings.json")


def expected(key: str, otherwise: float | None) -> float | None:
    """Return about how long an encoding takes, in seconds; None if that is short, or not known.

    Parameters
    ----------
    key : str
        Of the machine, the model and how it runs.
    otherwise : float or None
        What to go by as long as nothing was encoded with it.
    """
    times = _times(remembered.read(cache_file()).get(key))
    seconds = median(times) if times else otherwise
    return seconds if seconds is not None and seconds > SHORT else None


def note(key: str, seconds: float) -> None:
    """Remember how long an encoding took."""
    path = cache_file()
    known = remembered.read(path)
    known[key] = [*_times(known.get(key)), round(seconds, 3)][-_LAST:]
    remembered.write(path, known)


def _times(known: object) -> list[float]:
    """Return what is kept under a key; nothing if that is no list of times."""
    if not isinstance(known, list) or not all(isinstance(one, (int, float)) and one > 0 for one in known):
        return []
    return [float(one) for one in known]
