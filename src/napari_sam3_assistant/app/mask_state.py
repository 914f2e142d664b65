"""The state of Mask Operations: which layer, its components, what came last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.app.state import ImageItem
from napari_sam3_assistant.masks.components import Component


@dataclass(eq=False)
class MaskState:
    """What the user sets (``target``, ``minimum_size``, ``hole_size``), and facts."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    layers: tuple[ImageItem, ...] = ()
    target: str | None = None
    minimum_size: int = 64
    hole_size: int = 256
    components: tuple[Component, ...] = ()
    axes: int = 2
    analyzed: bool = False
    busy: str = ""
    message: str = "Ready"
    failed: bool = False
    undo: str | None = None
    redo: str | None = None
