"""The state that all tabs of Mask Operations share: which layer, which part of it, what goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.app.task_state import ImageItem
from napari_sam3_assistant.masks.scopes import Reach

CLEANUP = "Mask Cleanup"


@dataclass(eq=False)
class MaskState:
    """What the user sets (``target``, ``tab``), and facts.

    ``layers`` are the Labels layers of the viewer, the lowest first. ``busy`` says what runs, empty for nothing, and
    ``progress`` how far it is, 0 to 1, None where that is not known. ``undo`` and ``redo`` are the titles of what
    would be taken back, or made again, in the target.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    layers: tuple[ImageItem, ...] = ()
    target: str | None = None
    tab: str = CLEANUP
    busy: str = ""
    progress: float | None = None
    message: str = "Ready"
    failed: bool = False
    undo: str | None = None
    redo: str | None = None


@dataclass(eq=False)
class ScopeState:
    """How far an operation reaches: all the user's.

    ``first`` and ``last`` are the slices of a range, counted from 0, both included.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    reach: Reach = Reach.WHOLE
    first: int = 0
    last: int = 0
