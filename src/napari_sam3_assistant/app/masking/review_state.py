"""What is listed for review, what of it is shown, and what was decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.layers.marks import ACCEPTED, NEEDS_EDIT, OUTPUTS, REJECTED, UNREVIEWED, Mark

LAYERS, OBJECTS = "Layers", "Objects of a layer"
ALL_STATUSES = "All statuses"
STATUS_WORDS = {
    UNREVIEWED: "Unreviewed",
    ACCEPTED: "Accepted",
    NEEDS_EDIT: "Needs edit",
    REJECTED: "Rejected",
}


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A layer, or an object of one.

    Attributes
    ----------
    key : str
        Unique id of the layer, or the label value as text.
    layer : str
        Name of the layer.
    value : int
        The class value of a layer, the label value of an object.
    mark : Mark
    pixels : int or None
        None where they were not counted.
    dims : int
        Number of axes.
    shape : tuple of int
        Of the layer, or of the box round the object.
    role : str
    box : tuple of (int, int)
        Round the object; first index, and the one after the last, on each axis.
    """

    key: str
    layer: str
    value: int
    mark: Mark
    pixels: int | None
    dims: int
    shape: tuple[int, ...]
    role: str
    box: tuple[tuple[int, int], ...] = ()


@dataclass(eq=False)
class ReviewState:
    """What the user sets, and facts.

    The user sets what is reviewed (``kind``, ``layer``: a unique id), the filters, the class to assign, whether
    rejected ones are hidden (``auto_hide``) and whether the next one comes by itself (``go_on``), and which rows are
    ``selected``, by their keys. ``rows`` are those that pass the filters, ``summary`` counts all, ``listing`` says
    what to read in place of rows, and ``hidden`` whether any is hidden.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    kind: str = LAYERS
    layer: str | None = None
    status_filter: str = ALL_STATUSES
    class_filter: str = ""
    text_filter: str = ""
    include_final: bool = False
    auto_hide: bool = True
    go_on: bool = True
    class_name: str = ""
    class_value: int = 1
    selected: tuple[str, ...] = ()
    rows: tuple[ReviewRow, ...] = ()
    summary: str = ""
    listing: str = ""
    hidden: bool = False


def passing(rows: Iterable[ReviewRow], state: ReviewState) -> tuple[ReviewRow, ...]:
    """Return the rows that pass the filters. Class and text are looked for anywhere, in small letters."""
    status = next((key for key, word in STATUS_WORDS.items() if word == state.status_filter), None)
    wanted, text = state.class_filter.strip().lower(), state.text_filter.strip().lower()
    return tuple(
        row
        for row in rows
        if (status is None or row.mark.status == status)
        and (state.include_final or row.role not in OUTPUTS)
        and wanted in row.mark.class_name.lower()
        and (not text or text in f"{row.layer} {row.value} {row.mark.class_name} {row.role}".lower())
    )


def summary(rows: Iterable[ReviewRow]) -> str:
    """Return how many there are of each status."""
    counts = dict.fromkeys((ACCEPTED, NEEDS_EDIT, REJECTED, UNREVIEWED), 0)
    for row in rows:
        counts[row.mark.status] += 1
    return "Review summary: " + ", ".join(f"{status}={count}" for status, count in counts.items())


def marked(row: ReviewRow, mark: Mark, *, of_layer: bool) -> ReviewRow:
    """Return a row with another mark; the value of a layer's row is that of its class."""
    return replace(row, mark=mark, value=mark.class_value if of_layer else row.value)
