"""What a worker does for the tab ``Mask Isolation``: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from napari_sam3_assistant.app.masking.isolation_state import Row
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.layers.harvest import Frame
from napari_sam3_assistant.masks.candidates import Harvest, harvest
from napari_sam3_assistant.masks.isolation import Rules, Status, Verdict, classify, unjudged
from napari_sam3_assistant.masks.label_layers import LabelLayer
from napari_sam3_assistant.masks.relations import Relations, relate

HARVESTED = 0.7
"""The share of the bar that looking for pieces takes; the rest is comparing them."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a harvest has brought, all of it values.

    Attributes
    ----------
    harvest : Harvest
    relations : Relations
    frame : Frame
        Of the grid.
    names : tuple of str
        Of the layers.
    minimum_area : int
        Of the candidates, in pixels.
    """

    harvest: Harvest
    relations: Relations
    frame: Frame
    names: tuple[str, ...]
    minimum_area: int


def look(placed: Sequence[LabelLayer], minimum_area: int, frame: Frame, watch: Watch) -> tuple[Found, tuple[Row, ...]]:
    """Return the candidates of some layers, with a row for each; errors as ``masks.candidates.harvest``."""
    made = harvest(placed, minimum_area, watch=_share(watch, 0, HARVESTED))
    relations = relate(made, watch=_share(watch, HARVESTED, 1))
    found = Found(made, relations, frame, tuple(one.name for one in placed), minimum_area)
    return found, _rows(made, unjudged(relations, len(made.candidates)))


def judge(found: Found, rules: Rules, marks: Mapping[int, Status]) -> tuple[Row, ...]:
    """Return a row for each candidate, with its status."""
    return _rows(found.harvest, classify(found.harvest, found.relations, rules, marks))


def _rows(found: Harvest, verdicts: Sequence[Verdict]) -> tuple[Row, ...]:
    return tuple(Row(*one) for one in zip(found.candidates, verdicts, strict=True))


def _share(watch: Watch, low: float, high: float) -> Watch:
    """Return the watch of a part of some work, that from ``low`` to ``high`` of 1."""

    def told(fraction: float | None, message: str = "") -> None:
        watch.at(None if fraction is None else low + (high - low) * fraction, message)

    return Watch(told)
