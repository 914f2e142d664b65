"""Meta's tracker on one frame: an object as it was prompted, drawn, or followed to there.

All is done by the public calls of ``Sam3TrackerPredictor`` of package ``sam3``, in the order in which Meta's own video
predictor makes them for an object that is clicked on; the vision encoder does not run here. All is called within
``MetaModel.computing``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.engines import hooks
from napari_sam3_assistant.engines.meta.remembered import NAME, Remembered
from napari_sam3_assistant.engines.sam3.prompting import shares_of

MOST_POINTS = 16
"""Of more, corners of a box among them, the tracker takes the first 8 and the last 8 only."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What points and a box say of an object on a frame.

    Attributes
    ----------
    places : ndarray of shape (n, 2), float32
        ``(x, y)`` as fractions of the frame.
    labels : ndarray of shape (n,), int32
        1 on the object, 0 beside it.
    corners : ndarray of shape (4,), float32, or None
        ``(x0, y0, x1, y1)`` of a box, as fractions of the frame.
    """

    places: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int32]
    corners: npt.NDArray[np.float32] | None = None


Shape = tuple[int, int]


def grid_of(tracker: Any) -> Shape:
    """Return the height and width of the grid on which the tracker draws masks."""
    return (tracker.low_res_mask_size,) * 2


def prompted(
    tracker: Any, remembered: Remembered, frame: int, features: Mapping[str, Any], asked: Asked
) -> dict[str, Any]:
    """Have an object be what points and a box say on a frame; return what the tracker keeps of it."""
    with remembered.showing(frame, features) as state:
        tracker.add_new_points_or_box(
            state,
            frame,
            NAME,
            points=torch.from_numpy(asked.places),
            labels=torch.from_numpy(asked.labels),
            box=None if asked.corners is None else torch.from_numpy(asked.corners),
        )
        tracker.propagate_in_video_preflight(state)
    return remembered.told[frame]


def drawn(
    tracker: Any, remembered: Remembered, frame: int, features: Mapping[str, Any], mask: PlacedMask, shape: Shape
) -> dict[str, Any]:
    """Have an object be what is drawn on a frame of ``shape`` (H, W); return what the tracker keeps of it.

    Notes
    -----
    A cell of the tracker's grid belongs to the object where more than half of it is drawn on. Of a mask too small for
    that, the cells that hold most of it do: Meta's call would remember it as an object that is nowhere.
    """
    shares, given = shares_of(mask, shape, grid_of(tracker)), torch.from_numpy(mask.within(Box(0, 0, *shape)))
    if shares.max() <= 0.5:
        given = shares[0, 0] == shares.max()
    with remembered.showing(frame, features) as state:
        side = state["video_height"]
        # Only for this call: it makes arrays of the frame's size.
        state["video_height"], state["video_width"] = given.shape
        tracker.add_new_mask(state, frame, NAME, given.to(tracker.device))
        state["video_height"], state["video_width"] = side, side
        tracker.propagate_in_video_preflight(state)
        state["mask_inputs_per_obj"][0][frame] = None  # as large as the frame, and only its key is looked at
    return remembered.told[frame]


def followed(
    tracker: Any, remembered: Remembered, frame: int, features: Mapping[str, Any], backward: bool
) -> dict[str, Any]:
    """Find an object on a frame by what is remembered of it, or as it was told there; return what is kept of it."""
    with remembered.showing(frame, features) as state:
        steps = tracker.propagate_in_video(
            state, start_frame_idx=frame, max_frame_num_to_track=0, reverse=backward, tqdm_disable=True
        )
        for _ in steps:  # one: it is kept in the state
            pass
    return remembered.told.get(frame) or remembered.followed[frame]


def logits_of(kept: Mapping[str, Any], hole_area: int) -> npt.NDArray[np.float32]:
    """Return an object's logits on the tracker's grid, shape (h, w); none is positive where it is not there.

    Holes, and specks beside the object, are taken away up to ``hole_area`` cells, as Meta's video predictor does
    with what it answers. What the tracker remembers stays as it is.
    """
    from sam3.model.sam3_tracker_utils import fill_holes_in_mask_scores

    logits = kept["pred_masks"].float()
    if (logits > 0).any():
        try:
            logits = fill_holes_in_mask_scores(logits, hole_area)
        except ImportError as error:
            raise EngineError(
                "Meta's package cannot tidy masks: scipy is missing beside it.",
                hint="Install it where sam3 is: pip install scipy.",
            ) from error
    array: npt.NDArray[np.float32] = logits[0, 0].cpu().numpy()
    return array


def score_of(kept: Mapping[str, Any]) -> float:
    """Return how likely the object is there, times the overlap (IoU) that the tracker expects of its mask."""
    score = kept["object_score_logits"].float().sigmoid().max()
    if "iou_score" in kept:
        score = score * kept["iou_score"].float().max().clamp(0, 1)
    return float(score)


def stoppable(tracker: Any, cancel: CancelToken | None) -> AbstractContextManager[None]:
    """Have the tracker look, before each layer of its attention to memories, whether it shall stop."""
    return hooks.stoppable(tracker.transformer.encoder.layers, cancel)
