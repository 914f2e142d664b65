"""The keys of a review: on the canvas while a layer that is reviewed is selected, and in the dock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from napari_sam3_assistant.layers.bound import bind_keys
from napari_sam3_assistant.layers.marks import ACCEPTED, NEEDS_EDIT, REJECTED

if TYPE_CHECKING:
    from napari_sam3_assistant.app.masking.review import Review


@dataclass(frozen=True, slots=True)
class ReviewKey:
    """A key as napari writes it, what the list of keys says of it, and what it does."""

    keys: str
    title: str
    verb: Callable[[Review], None]


REVIEW_KEYS = (
    ReviewKey("K", "accept", lambda review: review.judge(ACCEPTED)),
    ReviewKey("Q", "reject", lambda review: review.judge(REJECTED)),
    ReviewKey("J", "needs edit", lambda review: review.judge(NEEDS_EDIT)),
    ReviewKey("W", "next unreviewed", lambda review: review.walk(1)),
    ReviewKey("Shift-W", "previous", lambda review: review.walk(-1)),
)
"""None of them is a key of napari's in a Labels layer; those of SAM3's own layers come back after the review."""


class ReviewKeys:
    """Binds the keys on the layers that are reviewed.

    Parameters
    ----------
    review : Review
    """

    def __init__(self, review: Review) -> None:
        self._review = review
        self._ends: dict[str, Callable[[], None]] = {}

    def bind(self) -> None:
        """Bind the keys where they work now, and nowhere else."""
        layers = {str(layer.unique_id): layer for layer in self._review.bound_layers()}
        for identity in self._ends.keys() - layers.keys():
            self._ends.pop(identity)()
        for identity, layer in layers.items():
            if identity not in self._ends:
                self._ends[identity] = bind_keys(
                    layer, {key.keys: partial(key.verb, self._review) for key in REVIEW_KEYS}
                )

    def unbind(self) -> None:
        """Give the keys back."""
        while self._ends:
            self._ends.popitem()[1]()
