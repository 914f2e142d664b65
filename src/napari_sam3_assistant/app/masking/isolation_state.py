"""The state of the tab ``Mask Isolation``: what the user sets, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.app.masking.isolation_text import summary
from napari_sam3_assistant.app.task_state import ImageItem
from napari_sam3_assistant.masks.candidates import Candidate
from napari_sam3_assistant.masks.isolated import OverlapRule, ParentRule
from napari_sam3_assistant.masks.isolation import Rules, SortRule, Verdict

OBJECTS = "isolated_objects"


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A candidate, and what it is."""

    candidate: Candidate
    verdict: Verdict


@dataclass(eq=False)
class IsolationState:
    """What the user sets, and facts, from ``items`` on.

    ``items`` are the layers that can be chosen, ``rows`` the candidates by id, ``summary`` what there is to say of
    them. ``turn`` rises when all rows are others, and not when some are marked. ``classified`` are the rules that
    the statuses follow from, None before any.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    all_visible: bool = True
    chosen: frozenset[str] = frozenset()
    minimum_area: int = 64
    duplicate_iou: float = 0.85
    containment: float = 0.90
    fragment_iou: float = 0.15
    area_ratio: float = 0.75
    sort: SortRule = SortRule.SMALL_FIRST
    overlap: OverlapRule = OverlapRule.SMALL
    parents: ParentRule = ParentRule.TRIM
    right_click: bool = False
    output_name: str = OBJECTS
    rules_open: bool = False
    items: tuple[ImageItem, ...] = ()
    rows: tuple[Row, ...] = ()
    turn: int = 0
    summary: str = summary(None)
    classified: Rules | None = None

    @property
    def rules(self) -> Rules:
        """The numbers as they are set."""
        return Rules(
            self.minimum_area, self.duplicate_iou, self.containment, self.fragment_iou, self.area_ratio, self.sort
        )
