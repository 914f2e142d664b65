"""What Meta's tracker remembers of one object: a state of its own, and no more of it than later frames look at.

The tracker (``Sam3TrackerPredictor`` of package ``sam3``) keeps all in a dictionary that it makes itself, its
"inference state", and lets it grow by some megabytes a frame. Each object has a state here, as each object that is
clicked on has one in Meta's own video predictor: none changes what is remembered of another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.prompts import Prompts

NAME = 1
"""The object's number in its own state."""

_AHEAD = 17
"""More frames than the tracker has pointers: a film is taken to go on for so many, whichever way."""
_FAR = 16
"""A frame that was only begun on is forgotten this far away."""

_TOLD, _FOLLOWED = "cond_frame_outputs", "non_cond_frame_outputs"


@dataclass(slots=True, eq=False)
class Remembered:
    """One object on the frames where it was prompted, and on those near them and near the present one.

    Attributes
    ----------
    state : dict
        As Meta's tracker has made it.
    said : dict of int to Prompts
        By frame: by what the object was prompted.
    drawn : dict of int to PlacedMask
        By frame: the mask that was given, where it was given by one.
    begun : set of int
        Frames of ``drawn`` that were begun on only: of another pass, or another session, and nobody's prompt.
    """

    state: dict[str, Any]
    said: dict[int, Prompts] = field(default_factory=dict)
    drawn: dict[int, PlacedMask] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)

    @classmethod
    def nothing(cls, tracker: Any) -> Remembered:
        """Return what is remembered of an object that nobody has pointed at yet."""
        side = tracker.low_res_mask_size
        # Answers stay on the tracker's own grid: only the object's part of it is brought to the frame's pixels.
        state = tracker.init_state(side, side, _AHEAD, offload_state_to_cpu=tracker.device.type != "cuda")
        tracker._obj_id_to_idx(
            state, NAME
        )  # it makes a place for the object, which its public calls do only as they ask
        return cls(state)

    def copy(self) -> Remembered:
        """Return the same, to be changed apart from this; what is large is shared."""
        return Remembered(_apart(self.state), dict(self.said), dict(self.drawn), set(self.begun))

    @property
    def told(self) -> dict[int, dict[str, Any]]:
        """What the tracker keeps of frames where the object was prompted, or begun on."""
        frames: dict[int, dict[str, Any]] = self.state["output_dict"][_TOLD]
        return frames

    @property
    def followed(self) -> dict[int, dict[str, Any]]:
        """What it keeps of frames where the object was followed to."""
        frames: dict[int, dict[str, Any]] = self.state["output_dict"][_FOLLOWED]
        return frames

    def on(self, frame: int) -> dict[str, Any] | None:
        """Return what the tracker keeps of the object on a frame; None where that is not known, or no longer."""
        one = self.told.get(frame) or self.followed.get(frame)
        return None if one is None or one["pred_masks"] is None else one

    def answer_anew(self, frame: int, prior: torch.Tensor | None) -> None:
        """Have the next points on a frame start from these logits, or from nothing, in place of the last answer."""
        for kept in (self.state["output_dict_per_obj"], self.state["temp_output_dict_per_obj"]):
            for one in kept.values():
                for frames in one.values():
                    frames.pop(frame, None)
        if prior is not None:
            self.state["temp_output_dict_per_obj"][0][_TOLD][frame] = {"pred_masks": prior}

    @contextmanager
    def showing(self, frame: int, features: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the state with the features of one frame; they are not kept."""
        blank = next(iter(features["backbone_fpn"])).new_zeros(1, 3, 1, 1)  # the memory encoder reads no pixels
        self.state["cached_features"] = {frame: (blank, features)}
        self.state["num_frames"] = max(frame, *self.told, *self.followed, 0) + _AHEAD
        try:
            yield self.state
        finally:
            self.state["cached_features"] = {}

    @property
    def nbytes(self) -> int:
        """Memory that is taken, in bytes."""
        stored = {one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in _tensors(self.state)}
        return sum(stored.values())

    def prune(self, tracker: Any, frame: int) -> None:
        """Forget what neither ``frame`` looks at, nor any that is followed to from it, or from one that was told.

        A frame that was only begun on is one like the others, as soon as it is far away and another one was told.

        Notes
        -----
        Of the frames before it, the tracker looks at the last one and at the nearest ones on which the object was
        seen well (``frame_filter``): at pointers of 15, and at pictures of the nearest 6 of those.
        """
        for far in [one for one in self.begun if abs(one - frame) > _FAR and len(self.told) > 1]:
            tracker.clear_all_points_in_frame(self.state, far, NAME, need_output=False)
            self._forget(far)
            self.begun.discard(far)
            del self.drawn[far]
        pointers, pictures = set[int](), set[int]()
        for start in (frame, *self.told):
            for near in self._nearest(tracker, start):
                pointers.update(near[: tracker.max_obj_ptrs_in_encoder])
                pictures.update(near[: tracker.num_maskmem])
        for one in [one for one in self.followed if one not in pointers]:
            self._forget(one)
        for one in pointers - pictures:
            for kept in (self.followed, self.state["output_dict_per_obj"][0][_FOLLOWED]):
                if one in kept:
                    kept[one].update(pred_masks=None, maskmem_features=None, maskmem_pos_enc=None)
        for near in self._nearest(tracker, frame):
            self._forget_bare(near, tracker.num_maskmem)

    def _nearest(self, tracker: Any, start: int) -> Iterator[list[int]]:
        """Yield the frames that may be looked at before and after ``start``, itself among them, nearest first."""
        for ahead in (False, True):
            near = sorted((one for one in self.followed if one == start or (one > start) == ahead), reverse=not ahead)
            yield [one for one in near if abs(one - start) <= 1 or _seen_well(tracker, self.followed[one])]

    def _forget_bare(self, near: Sequence[int], most: int) -> None:
        """Forget pointers without pictures where pictures are looked at: those of ``near`` that come before ``most``.

        The way there was another one when the pictures were let go.
        """
        with_pictures = 0
        for one in near:
            if self.followed[one]["maskmem_features"] is not None:
                with_pictures += 1
            elif with_pictures < most:
                self._forget(one)

    def _forget(self, frame: int) -> None:
        self.followed.pop(frame, None)
        self.state["output_dict_per_obj"][0][_FOLLOWED].pop(frame, None)
        self.state["frames_already_tracked"].pop(frame, None)


def _seen_well(tracker: Any, one: Mapping[str, Any]) -> bool:
    """Return whether the tracker may look at what it keeps of a frame, whatever is nearer."""
    return not tracker.use_memory_selection or bool(one.get("eff_iou_score", 0) > tracker.mf_threshold)


def _apart(kept: Any) -> Any:
    """Return a copy of containers in containers, with the same tensors."""
    if isinstance(kept, dict):
        return type(kept)((key, _apart(one)) for key, one in kept.items())
    if isinstance(kept, (list, set)):
        return type(kept)(map(_apart, kept))
    return kept


def _tensors(kept: Any) -> Iterator[torch.Tensor]:
    if isinstance(kept, torch.Tensor):
        yield kept
    elif isinstance(kept, dict):
        yield from _tensors(list(kept.values()))
    elif isinstance(kept, list):
        for one in kept:
            yield from _tensors(one)
