"""The state of Mask Operations: which layer, its components, what came last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.app.task_state import ImageItem
from napari_sam3_assistant.masks.components import Component


@dataclass(eq=False)
class MaskState:
    """What the user sets (``target``, ``minimum_size``, ``hole_size``), and facts.

    ``components`` are those of the layer as it is: when its pixels change they go, and ``outdated`` says so.
    ``axes`` is the number of axes they have.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    layers: tuple[ImageItem, ...] = ()
    target: str | None = None
    minimum_size: int = 64
    hole_size: int = 256
    components: tuple[Component, ...] = ()
    axes: int = 2
    analyzed: bool = False
    outdated: bool = False
    busy: str = ""
    message: str = "Ready"
    failed: bool = False
    undo: str | None = None
    redo: str | None = None

    @property
    def listing(self) -> str:
        """What to say in place of components, where there are none to list."""
        if self.target is None:
            return "There is no Labels layer.\nOpen one, or make one with New labels layer in the layer list."
        if self.outdated:
            return "The layer has changed.\nPress Analyze Layer to list its components again."
        return "There is no object in this layer." if self.analyzed else "Press Analyze Layer to list its components."
