"""The tab ``Mask Isolation``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.app.masking.desk import Desk


@dataclass(eq=False)
class IsolationState:
    """What the user sets, and facts."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    ready: bool = True


class Isolation:
    """Verbs of the tab."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.state = IsolationState()
