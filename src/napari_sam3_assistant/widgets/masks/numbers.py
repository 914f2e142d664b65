"""Whole numbers that a user sets, no wider than they need to be."""

from __future__ import annotations

from napari_sam3_assistant.widgets.whole import Number

MOST = 2**31 - 1
MOST_RADIUS_PX, MOST_DISTANCE_PX = 10, 10_000
LEAST_PX = 62


def number(lowest: int, highest: int, tip: str, name: str) -> Number:
    """Return a field for a whole number; ``name`` is what it is called where its label is not seen."""
    made = Number()
    made.setRange(lowest, highest)
    made.setToolTip(tip)
    made.setAccessibleName(name)
    made.setMinimumWidth(LEAST_PX)
    return made
