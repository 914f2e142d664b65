"""Talk: what was said about one object besides its points, and what came of it. Values; nothing here touches napari."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace

from napari_sam3_assistant.core.prompts import MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.tasks.image import PlaneResult
from napari_sam3_assistant.tasks.view import View

Points = Mapping[int, tuple[PointPrompt, ...]]
"""The points of each object, by its number."""


@dataclass(frozen=True, slots=True, eq=False)
class Talk:
    """What was said about one object besides its points, and what came of it.

    Attributes
    ----------
    kind : str
        What it began with: ``points``, ``box``, ``labels``, ``exemplar``, ``painted``.
    key : tuple
        Of the shape or label it began with: the same key is the same shape.
    base : Prompts
        Its box and its mask; no points.
    ground : MaskPrompt or None
        The mask that points correct, where the object did not begin with points.
    chosen : MaskPrompt or None
        The other reading that was chosen; points correct it from then on.
    reading : int
        Which reading of ``answer`` is shown; 0 is the engine's own choice.
    asked : Prompts or None
        What the mask answers; None where nobody was asked.
    answer : PlaneResult or None
        The newest answer.
    accepted : int or None
        The number it was accepted under.
    edited : bool
        Whether the user has painted in the mask, or has chosen another reading of it.
    refused : bool
        Whether ``asked`` could not be answered: the mask is the one from before.
    """

    kind: str = "points"
    key: tuple[Hashable, ...] = ()
    base: Prompts = field(default_factory=Prompts)
    ground: MaskPrompt | None = None
    chosen: MaskPrompt | None = None
    reading: int = 0
    asked: Prompts | None = None
    answer: PlaneResult | None = None
    accepted: int | None = None
    edited: bool = False
    refused: bool = False

    def prompts(self, points: tuple[PointPrompt, ...]) -> Prompts:
        """Return all that is said about the object, its points included."""
        mask = self.chosen or self.ground
        if points and mask is not None:
            return Prompts(points=points, mask=mask)
        return replace(self.base, points=points)

    @property
    def view(self) -> View | None:
        """What was looked at for the newest answer; going on with the object looks there again."""
        return self.answer.view if self.answer is not None else None

    @property
    def settled(self) -> bool:
        """Whether the mask is the user's by now: no answer that comes later may change it."""
        return self.edited or self.accepted is not None

    def waits_for(self, prompts: Prompts | None) -> bool:
        """Whether a later answer to ``prompts`` may take the place of the mask."""
        return not self.settled and self.asked in (None, prompts)

    @property
    def pointed(self) -> bool:
        """Whether the mask answers points."""
        return self.asked is not None and bool(self.asked.points)

    @property
    def readings(self) -> int:
        """How many readings of the same prompts there are."""
        return 1 + len(self.answer.segmentation.alternatives) if self.answer is not None else 1
