"""What words name on a view, and what of it passes a threshold: values, without an engine."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam3_assistant.core.intensity import Limits
from napari_sam3_assistant.core.prompts import TextPrompt
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.tasks.distinct import distinct
from napari_sam3_assistant.tasks.view import View

TEXT_THRESHOLD = 0.35
"""The score from which objects that words name are kept unless the user says."""
LEAST_THRESHOLD = 0.01
"""What scores less is not kept, whatever the threshold."""


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """One object, and what it is.

    Attributes
    ----------
    segmentation : Segmentation
        Whole, in pixels of the plane: where objects overlap, each has all its pixels.
    class_name : str
        The phrase that named it.
    class_value : int
        Number of the phrase, from 1.
    """

    segmentation: Segmentation
    class_name: str
    class_value: int


@dataclass(frozen=True, slots=True)
class PhraseOutcome:
    """What came of one phrase.

    Attributes
    ----------
    phrase : str
    engine : str
        Title of the engine.
    asked, used : float
        The threshold that was asked for, and the one that was applied: a lower one where nothing passed.
    found : int
        Number of masks that passed.
    kept : int
        Those of them that no better one, of this phrase or another, stands for.
    """

    phrase: str
    engine: str
    asked: float
    used: float
    found: int
    kept: int

    @property
    def message(self) -> str:
        """In words, for a user."""
        if not self.found:
            return (
                f"Text prompt '{self.phrase}' returned zero objects. Try a short noun phrase, lower Detection "
                "threshold, or use a box/exemplar prompt for microscopy-specific structures."
            )
        lower = f" Nothing reached {self.asked:.2f}." if self.used < self.asked else ""
        elsewhere = "" if self.kept else " Another phrase found the same, with better scores."
        return f"Text prompt used by {self.engine}: '{self.phrase}' at threshold {self.used:.2f}.{lower}{elsewhere}"


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What words name, from one threshold on.

    Attributes
    ----------
    objects : tuple of Named
        In the order of the phrases; of each phrase the best first. No two overlap (IoU) by more than
        :data:`~napari_sam3_assistant.tasks.distinct.SAME_IOU`.
    outcomes : tuple of PhraseOutcome
        One for each phrase.
    """

    objects: tuple[Named, ...]
    outcomes: tuple[PhraseOutcome, ...]

    @property
    def messages(self) -> tuple[str, ...]:
        """What came of each phrase, in words."""
        return tuple(one.message for one in self.outcomes)


@dataclass(frozen=True, slots=True, eq=False)
class TextResult:
    """All that words name on a view, good and bad: another threshold costs no second look.

    Attributes
    ----------
    phrases : tuple of TextPrompt
    candidates : tuple of Candidates
        Of each phrase, those that score 0.01 or more, in pixels of the window of ``view``.
    view : View
        What was looked at.
    limits : Limits
        What was taken for black and white.
    engine : str
        Who answered.
    threshold : float
        What the user asked for, or the usual one.
    encode_ms : float
        Reading and encoding; 0 where the embedding was there.
    decode_ms : float
        The answers themselves.
    """

    phrases: tuple[TextPrompt, ...]
    candidates: tuple[Candidates, ...]
    view: View
    limits: Limits
    engine: str
    threshold: float
    encode_ms: float
    decode_ms: float

    def above(self, threshold: float) -> tuple[Named, ...]:
        """Return the objects from ``threshold`` on; see :meth:`read`."""
        return self.read(threshold).objects

    def read(self, threshold: float | None = None) -> Reading:
        """Return the objects from a threshold on, and what came of each phrase.

        Parameters
        ----------
        threshold : float or None
            0 to 1; None takes :attr:`threshold`. A phrase of which no object reaches it is read again with
            each of :func:`lower_thresholds`, until one does.
        """
        asked = self.threshold if threshold is None else threshold
        named: list[Named] = []
        passed: list[tuple[float, int]] = []
        for value, (phrase, some) in enumerate(zip(self.phrases, self.candidates, strict=True), 1):
            used, found = _passing(some, asked)
            passed.append((used, len(found)))
            named.extend(Named(one, phrase.text, value) for one in self.view.placed(found))
        segmentations = [one.segmentation for one in named]
        kept = distinct([one.mask for one in segmentations], [one.score for one in segmentations])
        objects = tuple(named[index] for index in kept)
        values = [one.class_value for one in objects]
        outcomes = tuple(
            PhraseOutcome(phrase.text, registry.title_of(self.engine), asked, used, found, values.count(value))
            for value, (phrase, (used, found)) in enumerate(zip(self.phrases, passed, strict=True), 1)
        )
        return Reading(objects, outcomes)


def lower_thresholds(threshold: float) -> tuple[float, ...]:
    """Return what is tried, in order, where nothing reaches ``threshold``."""
    steps = (max(min(threshold, TEXT_THRESHOLD) * 0.5, LEAST_THRESHOLD), 0.20, 0.10)
    return tuple(step for step in steps if step < threshold)


def _passing(candidates: Candidates, threshold: float) -> tuple[float, tuple[Segmentation, ...]]:
    """Return the threshold from which there is an object, or the last one that was tried, and the objects."""
    used, found = threshold, candidates.above(threshold)
    for lower in () if found else lower_thresholds(threshold):
        used, found = lower, candidates.above(lower)
        if found:
            break
    return used, found
