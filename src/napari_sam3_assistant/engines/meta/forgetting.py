"""What Meta's tracker need not remember: it keeps all frames of a film, and looks at a few."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

LOOKS_BACK = 16
"""So many of the frames before are looked at, of those on which the objects were surely seen."""
MOST_TOLD = 4
"""So many of the frames are looked at on which objects were found anew or drawn."""

State = dict[str, Any]
"""What the tracker keeps of objects that were first seen on the same frame: its ``inference_state``."""


def drop_unfinished(states: Iterable[State], frame: int) -> None:
    """Forget answers of a step that was stopped before memories were made of them."""
    for state in states:
        seen = state["output_dict"]["non_cond_frame_outputs"].get(frame)
        if seen is not None and seen["maskmem_features"] is None:
            _drop(state, "non_cond_frame_outputs", frame)


def prune(state: State, frame: int, surely: float) -> None:
    """Forget frames that are looked at no more once ``frame`` was answered.

    Parameters
    ----------
    state : dict
    frame : int
    surely : float
        The score above which the tracker looks at a frame before.
    """
    told, followed = (state["output_dict"][name] for name in ("cond_frame_outputs", "non_cond_frame_outputs"))
    others = list(told)[1:]
    for far in sorted(others, key=lambda one: abs(one - frame))[MOST_TOLD - 1 :]:
        _drop(state, "cond_frame_outputs", far)
    near = sorted(followed, key=lambda one: abs(one - frame))
    good = [one for one in near if "eff_iou_score" not in followed[one] or followed[one]["eff_iou_score"] > surely]
    kept = set(good[:LOOKS_BACK]) | {one for one in near if abs(one - frame) <= LOOKS_BACK}
    for far in set(followed) - kept:
        _drop(state, "non_cond_frame_outputs", far)


def prune_metadata(told: State, frame: int) -> None:
    """Forget decisions on frames that are looked at no more."""
    beside = told["rank0_metadata"]
    for by_frame in (told["obj_id_to_tracker_score_frame_wise"], beside["suppressed_obj_ids"]):
        for far in [one for one in by_frame if abs(one - frame) > LOOKS_BACK]:
            del by_frame[far]
    for frames in (*beside["unmatched_frame_inds"].values(), *beside["overlap_pair_to_frame_inds"].values()):
        del frames[LOOKS_BACK:]


def _drop(state: State, kind: str, frame: int) -> None:
    for one in _outputs(state):
        one[kind].pop(frame, None)
    state["consolidated_frame_inds"][kind].discard(frame)
    state["frames_already_tracked"].pop(frame, None)
    if kind == "cond_frame_outputs":
        for inputs in (*state["mask_inputs_per_obj"].values(), *state["point_inputs_per_obj"].values()):
            inputs.pop(frame, None)


def _outputs(state: State) -> Iterator[State]:
    yield state["output_dict"]
    yield from state["output_dict_per_obj"].values()
