"""What SAM3's tracker remembers of one object: no more than what later frames look at."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from napari_sam3_assistant.core.geometry import PlacedMask

LOOKS_BACK = 6
"""So many frames back the tracker looks at pictures of the object (7 with the present one)."""
POINTS_BACK = 16
"""So many frames back it looks at pointers to the object, which are small."""


@dataclass(slots=True, eq=False)
class Seen:
    """An object on one frame.

    Attributes
    ----------
    logits : Tensor of shape (1, 1, h, w) or None
        Positive on the object; on the decoder's grid.
    score : float
        That the object is there, times the overlap (IoU) that the decoder expects of its mask.
    there : bool
        Whether it is on the frame at all.
    pointer : Tensor of shape (1, 1, C)
    picture : Tensor of shape (h * w, 1, 64), bfloat16, or None
        What the memory encoder has made of frame and mask; None where it is out of sight.
    position : Tensor of shape (h * w, 1, 64) or None
        Of the cells of ``picture``: the same tensor for all frames.
    backward : bool
        Whether it was followed there from a later frame.
    drawn : PlacedMask or None
        The mask that was given, where the object was given by one.
    """

    logits: torch.Tensor | None
    score: float
    there: bool
    pointer: torch.Tensor
    picture: torch.Tensor | None = None
    position: torch.Tensor | None = None
    backward: bool = False
    drawn: PlacedMask | None = None

    @property
    def read_upstream(self) -> dict[str, torch.Tensor | None]:
        """The same under the names by which transformers' tracker reads it."""
        return {
            "object_pointer": self.pointer,
            "maskmem_features": self.picture,
            "maskmem_pos_enc": self.position,
        }


@dataclass(slots=True, eq=False)
class Memory:
    """One object on the frames where it was prompted, and on those near them and near the present one.

    Attributes
    ----------
    told : dict of int to Seen
        By frame: where the object was prompted, or begun on. They condition every later answer.
    followed : dict of int to Seen
        By frame: where it was followed to.
    """

    told: dict[int, Seen] = field(default_factory=dict)
    followed: dict[int, Seen] = field(default_factory=dict)
    _begun: set[int] = field(default_factory=set)

    def on(self, frame: int) -> Seen | None:
        """Return the object on a frame; None where that is not known, or no longer."""
        return self.told.get(frame) or self.followed.get(frame)

    def tell(self, frame: int, seen: Seen, *, begun: bool = False) -> None:
        """Keep what was said of a frame. What was followed close to it is forgotten: it may be what was corrected."""
        self.told[frame] = seen
        self._begun = self._begun | {frame} if begun else self._begun - {frame}
        for near in [one for one in self.followed if abs(one - frame) <= LOOKS_BACK + 1]:
            del self.followed[near]
        self._prune(frame)

    def follow(self, frame: int, seen: Seen) -> None:
        """Keep what was found on a frame."""
        self.followed[frame] = seen
        self._prune(frame)

    def without(self, frame: int) -> Memory:
        """Return the same without what is known of one frame."""
        told, followed = ({at: one for at, one in some.items() if at != frame} for some in (self.told, self.followed))
        return Memory(told, followed, self._begun - {frame})

    @property
    def nbytes(self) -> int:
        """Memory that is taken, in bytes, without what all frames share."""
        tensors = [
            tensor
            for one in (*self.told.values(), *self.followed.values())
            for tensor in (one.logits, one.pointer, one.picture)
            if tensor is not None
        ]
        return sum(one.numel() * one.element_size() for one in tensors)

    # -- as transformers' tracker reads a session -------------------------------------------------

    @property
    def output_dict_per_obj(self) -> list[dict[str, dict[int, dict[str, torch.Tensor | None]]]]:
        """All that is remembered, of the one object."""
        return [
            {
                "cond_frame_outputs": {frame: one.read_upstream for frame, one in self.told.items()},
                "non_cond_frame_outputs": {frame: one.read_upstream for frame, one in self.followed.items()},
            }
        ]

    def _prune(self, frame: int) -> None:
        """Forget what no frame looks at that is followed to from ``frame``, or from one that was told.

        A frame that was only begun on is one like the others, as soon as it is far away and another one was told.
        """
        for far in [one for one in self._begun if abs(one - frame) > POINTS_BACK and len(self.told) > 1]:
            del self.told[far]
            self._begun.discard(far)
        starts = (frame, *self.told)
        away = {one: min(abs(one - start) for start in starts) for one in self.followed}
        self.followed = {one: seen for one, seen in self.followed.items() if away[one] <= POINTS_BACK}
        for one, seen in self.followed.items():
            if away[one] > LOOKS_BACK:
                seen.logits = seen.picture = seen.position = None
