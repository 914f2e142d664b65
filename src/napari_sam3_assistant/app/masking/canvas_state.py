"""What the tools of the canvas are set to, and what is selected by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.masks.pointed import Pointed


@dataclass(eq=False)
class CanvasState:
    """What the user sets (the three tools), and facts.

    ``right_click_delete``: a right-click deletes the object under the pointer, without a menu. ``assign``: a click
    gives it the assignment value, and the keys 1 to 6 give it their number. ``lasso``: a line drawn round objects
    selects them. ``selected`` are the objects that were clicked or drawn round last.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    right_click_delete: bool = False
    assign: bool = False
    lasso: bool = False
    selected: tuple[Pointed, ...] = ()

    @property
    def armed(self) -> bool:
        """Whether any of the tools is on."""
        return self.right_click_delete or self.assign or self.lasso
