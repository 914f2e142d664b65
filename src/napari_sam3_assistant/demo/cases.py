"""What the demo does: which objects it points at, and how, and how well the masks must fit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

MOST_CLICKS = 4


class Kind(StrEnum):
    """How an object is pointed at. The value is what the table says."""

    POINT = "1 point"
    POINTS = "points"
    BOX = "box"
    PAINTED = "painted"
    EXAMPLE = "example"
    REFINED = "found, corrected"


MARKS = {
    Kind.POINT: 0.85,
    Kind.POINTS: 0.85,
    Kind.BOX: 0.85,
    Kind.PAINTED: 0.80,
    Kind.EXAMPLE: 0.80,
    Kind.REFINED: 0.80,
}
"""What the last mask must reach: intersection over union, for an example the F1 score of all that was found."""

MEASURES = {kind: "F1" if kind is Kind.EXAMPLE else "IoU" for kind in Kind}


@dataclass(frozen=True, slots=True)
class Case:
    """One object of one sample, and how it is pointed at.

    Attributes
    ----------
    kind : Kind
    sample : str
        Key in :data:`~napari_sam3_assistant.samples.SAMPLES`.
    label : int
        The object's value in the truth; 0 for ``REFINED``, which corrects the worst of what the case before found.
    counter : tuple of int or None
        For ``EXAMPLE``: a box ``(top, left, bottom, right)`` round what is not to be found, drawn after the first
        search.
    """

    kind: Kind
    sample: str
    label: int = 0
    counter: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the demo's table; times in milliseconds.

    Attributes
    ----------
    sample : str
        Its name.
    kind : Kind
    prompt : str
        What was drawn, clicked and pressed.
    fits : tuple of float
        How well the mask fitted the truth after each step, see :data:`MEASURES`; of a painted mask, first the paint.
    score : float
        What the engine thinks of the mask, 0 to 1; of several masks, the mean.
    actions : int
        Clicks, drags, strokes and keys.
    encode_ms, decode_ms, plugin_ms : float
        The encoding of the picture, which the plugin did before; and of the last answer what the engine took, and all
        the rest from the click or key to the drawn mask.
    saved : Path
    """

    sample: str
    kind: Kind
    prompt: str
    fits: tuple[float, ...]
    score: float
    actions: int
    encode_ms: float
    decode_ms: float
    plugin_ms: float
    saved: Path

    @property
    def fit(self) -> float:
        """How well the last mask fits the truth."""
        return self.fits[-1]

    @property
    def passed(self) -> bool:
        """Whether the mask fits the truth."""
        return self.fit >= MARKS[self.kind]


CASES = (
    Case(Kind.POINT, "nuclei", 3),
    Case(Kind.POINTS, "nuclei", 45),
    Case(Kind.BOX, "nuclei", 13),
    Case(Kind.PAINTED, "nuclei", 16),
    Case(Kind.EXAMPLE, "nuclei", 3),
    Case(Kind.REFINED, "nuclei"),
    Case(Kind.POINT, "histology", 64),
    Case(Kind.POINTS, "histology", 26),
    Case(Kind.BOX, "histology", 60),
    Case(Kind.PAINTED, "histology", 74),
    Case(Kind.EXAMPLE, "histology", 64),
    Case(Kind.REFINED, "histology"),
    Case(Kind.POINT, "phase_contrast", 3),
    Case(Kind.POINTS, "phase_contrast", 11),
    Case(Kind.BOX, "phase_contrast", 27),
    Case(Kind.PAINTED, "phase_contrast", 9),
    Case(Kind.EXAMPLE, "phase_contrast", 15, counter=(312, 25, 347, 73)),
    Case(Kind.REFINED, "phase_contrast"),
)
