"""What a session has said about its objects."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_sam3_assistant.core.prompts import PointPrompt, Prompts
from napari_sam3_assistant.wire.values import Point


@dataclass(slots=True)
class SessionObject:
    """One object: what was said about it."""

    object_id: int
    points: list[Point] = field(default_factory=list)

    def prompts(self) -> Prompts:
        """Return what was said, in (row, col) pixels."""
        return Prompts(tuple(PointPrompt(point.y, point.x, bool(point.label)) for point in self.points))
