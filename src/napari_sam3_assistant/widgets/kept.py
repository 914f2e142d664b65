"""How values of the state are read from settings, whoever wrote them, and how they are written.

A reader takes what Qt found, of any type, and raises ``ValueError`` with the reason where it
makes no sense. Qt hands numbers and truths back as text where a file holds them, and as
themselves where the system keeps them (Windows, macOS).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.core.window_rule import SIDES
from napari_sam3_assistant.export.images import FORMATS

MOST_LETTERS = 4096
TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Kept:
    """A control whose last state is remembered.

    Attributes
    ----------
    key : str
        In the settings.
    part, field : str
        Of the state.
    read : callable
        Returns the value of what was found; raises ValueError where that makes no sense.
    write : callable
        Returns what is written for a value.
    old : str
        The key of an earlier version, read where ``key`` holds nothing, once.
    at_first : str
        What an earlier version wrote where a user had chosen nothing; it is as if nothing were there, once.
    """

    key: str
    part: str
    field: str
    read: Callable[[object], Any]
    write: Callable[[Any], object]
    old: str = ""
    at_first: str = ""


def text(found: object) -> str:
    """Return text."""
    if not isinstance(found, str):
        raise ValueError("it is no text")
    if len(found) > MOST_LETTERS or "\0" in found:
        raise ValueError("it is too long, or holds what no name can hold")
    return found


def addresses(found: object) -> tuple[str, ...]:
    """Return addresses of servers."""
    return tuple(text(found).split())


def truth(found: object) -> bool:
    """Return whether something is ticked, as any version of Qt or of the plugin has written it."""
    truth = TRUTHS.get(str(found).strip().lower()) if isinstance(found, (str, int)) else None
    if truth is None:
        raise ValueError("it is neither true nor false")
    return truth


def share(found: object) -> float | None:
    """Return a number above 0, and up to 1; None where nothing was chosen."""
    if found == "":
        return None
    try:
        number = float("nan" if isinstance(found, bool) else found)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not 0 < number <= 1:
        raise ValueError("it is no number above 0, and up to 1")
    return number


def side(found: object) -> int:
    """Return the size of a window that can be chosen, in pixels."""
    if str(found) not in map(str, SIDES):
        raise ValueError(f"it is none of {', '.join(map(str, SIDES))}")
    return int(str(found))


def one_of(kind: type[StrEnum]) -> Callable[[object], Any]:
    """Return a reader of one of some words."""
    return lambda found: _word(found, {one.value: one for one in kind})


def mode(found: object) -> bool:
    """Return whether the mode ``Advanced`` was in use."""
    return bool(_word(found, {"simple": False, "advanced": True}))


def file_format(found: object) -> str:
    """Return a format by its name, its title or one of its suffixes, with or without a dot: all were written once."""
    known = {}
    for name, kind in FORMATS.items():
        suffixes = (kind.suffix, *kind.also)
        for word in (name, kind.title, *suffixes, *(suffix.removeprefix(".") for suffix in suffixes)):
            known[word.lower()] = name
    return str(_word(found.strip().lower() if isinstance(found, str) else found, known))


def sections(found: object) -> frozenset[Section]:
    """Return the sections that were open."""
    words = filter(None, text(found).split(" "))
    return frozenset(_word(word, {one.value: one for one in Section}) for word in words)


def write_truth(value: bool) -> str:
    """Return a truth as Qt writes it into a file."""
    return "true" if value else "false"


def write_sections(value: frozenset[Section]) -> str:
    """Return the sections that are open."""
    return " ".join(sorted(value))


def write_addresses(value: tuple[str, ...]) -> str:
    """Return addresses, in which there is no space."""
    return " ".join(value)


def write_mode(advanced: bool) -> str:
    """Return the name of the mode."""
    return "advanced" if advanced else "simple"


def write_number(value: float | None) -> str:
    """Return a number; nothing where none was chosen."""
    return "" if value is None else str(value)


def _word(found: object, known: Mapping[str, Any]) -> Any:
    if not isinstance(found, str) or found not in known:
        raise ValueError("it is none of the choices there are")
    return known[found]
