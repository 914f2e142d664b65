"""What the record of a run tells, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from napari_sam3_assistant.core.fingerprints import Fingerprint
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.core.windows import Window

Index = tuple[tuple[int, int], ...]
"""Where a plane cuts the other axes of the picture, see :class:`~napari_sam3_assistant.core.planes.Plane`."""


class Event(StrEnum):
    """Why a line was written."""

    SAID = "said"
    DONE = "done"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, eq=False)
class About:
    """What a record begins with.

    Attributes
    ----------
    picture : Fingerprint
    plane : Plane
        Of any frame, in axes of the picture.
    axis : int
        That of the frames.
    window : Window
        What is looked at of each, in pixels of the plane.
    engine, weights : str
        Who answers.
    texts : tuple of str
        What is found by words on all frames; empty where nothing is.
    """

    picture: Fingerprint
    plane: Plane
    axis: int
    window: Window
    engine: str = ""
    weights: str = ""
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """An object on a plane, and by what it was found."""

    id: int
    mask: PlacedMask
    score: float
    said: bool = False
    prompt: str = ""
    engine: str = ""
    layer: str = ""
    frame: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class OnPlane:
    """What is another on a plane: objects that are there now, those that are no more, and why it cannot be read."""

    index: Index
    seen: tuple[Seen, ...] = ()
    gone: tuple[int, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What has become of that which is found by words.

    Attributes
    ----------
    found : frozenset of int
        Objects that were found by them, and not prompted since.
    removed : frozenset of int
        Objects that were found by them and taken away.
    waiting : bool
        Whether they are not answered yet.
    """

    found: frozenset[int] = frozenset()
    removed: frozenset[int] = frozenset()
    waiting: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A line of a record.

    Attributes
    ----------
    event : Event
    frame : int or None
        Which it is about.
    planes : tuple of OnPlane
    serial : int
        Of what was said last.
    said : mapping of int to mapping of int to (int, Prompts or None)
        By frame and object, with its serial: what is new. None where the frame is one from which words are followed.
    unsaid : tuple of (frame, object)
        What is said no longer.
    waiting : mapping of int to tuple of int, or None
        By frame, the objects of which what was said is not answered; None where that is as before.
    done : tuple of (object, first frame, frame after the last, serial)
        Frames that are done now.
    window : Window or None
        What is looked at from now on; None where that is as before.
    words : Words or None
        None where that is as before.
    """

    event: Event
    frame: int | None = None
    planes: tuple[OnPlane, ...] = ()
    serial: int = 0
    said: Mapping[int, Mapping[int, tuple[int, Prompts | None]]] = field(default_factory=dict)
    unsaid: tuple[tuple[int, int], ...] = ()
    waiting: Mapping[int, tuple[int, ...]] | None = None
    done: tuple[tuple[int, int, int, int], ...] = ()
    window: Window | None = None
    words: Words | None = None
