"""What was found of what was looked for, and which of it passes a threshold: chosen where the engine works."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam3_assistant.tasks.find import FindResult
from napari_sam3_assistant.tasks.reading import Named, TextResult


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """What passes a threshold.

    Attributes
    ----------
    objects : tuple of Named
        Those that words did not name have no class name.
    message : str
        In words, for a user.
    """

    objects: tuple[Named, ...]
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """All that was found, good and bad, and what of it was chosen.

    Attributes
    ----------
    result : FindResult or TextResult
    chosen : Chosen
    """

    result: FindResult | TextResult
    chosen: Chosen

    @property
    def encode_ms(self) -> float:
        """Reading and encoding, in milliseconds; 0 where the embedding was there."""
        return self.result.encode_ms

    @property
    def decode_ms(self) -> float:
        """The answer itself, in milliseconds."""
        return self.result.decode_ms

    @property
    def named(self) -> bool:
        """Whether it was looked for by words."""
        return isinstance(self.result, TextResult)

    def with_threshold(self, threshold: float | None) -> Looked:
        """Return the same with another threshold; nobody is asked again."""
        return Looked(self.result, choose(self.result, threshold))


def choose(result: FindResult | TextResult, threshold: float | None) -> Chosen:
    """Return what passes ``threshold`` (None: the usual one). Masks are made of these only: 1,000 take 0.2 s."""
    view = result.view
    part = "" if view.window.shape == view.source.plane_shape(view.plane) else " in view"
    notes: list[str] = []
    if isinstance(result, TextResult):
        reading = result.read(threshold)
        notes = [one.message for one in reading.outcomes if one.used < one.asked or not one.kept]
        objects = reading.objects
    else:
        least = result.threshold if threshold is None else threshold
        objects = tuple(Named(one, "", 1) for one in result.above(least))
    count = f"Found {len(objects)} object{'' if len(objects) == 1 else 's'}{part}." if objects else ""
    if not objects and not notes:
        count = f"No objects found{part}."
    return Chosen(objects, " ".join(filter(None, (count, *notes[:1]))))
