"""One phrase in Meta's video model, on frames that come one at a time.

Meta's package wants a whole film at once, prepares the next frame while it works on one, and keeps what it has seen of
all. Here it gets stand-ins that have one frame, the one at hand, with the features of its encoding; what it decides is
its own. All is called in inference mode.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.engines.meta import forgetting

_SPARE = 32
"""The film is said to go on for so many frames: more than the tracker ever looks back or ahead."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The objects of a phrase on a frame.

    Attributes
    ----------
    ids : list of int
    masks : ndarray of shape (n, H, W), bool
        Where two objects met, each pixel is one's.
    scores : list of float
        That each is there.
    removed : frozenset of int
        All that have been given up so far.
    """

    ids: list[int]
    masks: npt.NDArray[np.bool_]
    scores: list[float]
    removed: frozenset[int]


class _EveryFrame:
    """The same for every frame, in the place of a list that is as long as the film."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __getitem__(self, frame: int) -> Any:
        return self._value

    def __setitem__(self, frame: int, value: object) -> None:
        """Forget it: it would be a note that the frame has been seen."""


class _OneFrame(dict[int, Any]):
    """What the detector has found on the frame at hand. It says that others are done: they are not here yet."""

    frame = 0

    def __contains__(self, frame: object) -> bool:
        return frame != self.frame or super().__contains__(frame)


class Finder:
    """Finds what a phrase means on one frame after the other, and follows it.

    Parameters
    ----------
    net : Module
        Meta's ``Sam3VideoInference``.
    phrase : str
    shape : tuple of int
        Height and width of the frames, in pixels.

    Notes
    -----
    ``features`` of a frame are its ``backbone_out``, as :func:`~..embedding.detector_features` returns it.
    """

    def __init__(self, net: Any, phrase: str, shape: tuple[int, int]) -> None:
        self.phrase = phrase
        self._net = net
        self._fresh = True
        # One blank picture: the state is made by Meta's code, whatever its version keeps in it.
        self._state: dict[str, Any] = net.init_state(resource_path=[Image.new("RGB", (8, 8))])
        self._state["orig_height"], self._state["orig_width"] = shape
        self._state["is_image_only"] = False
        self._state["text_prompt"] = phrase
        batch = self._state["input_batch"]
        batch.find_text_batch[0] = phrase
        batch.find_inputs = _EveryFrame(batch.find_inputs[0])
        batch.img_batch = _EveryFrame(torch.zeros(3, 1, 1, device=net.device))  # features come with the frame
        for name in [one for one in self._state if one.startswith("per_frame_")]:
            self._state[name] = _EveryFrame(None)
        self._state["previous_stages_out"] = _EveryFrame(None)
        self._state["tracker_metadata"] = net._initialize_metadata()
        self._buffer = _OneFrame()
        words = net.detector.backbone.forward_text(batch.find_text_batch, device=net.device)
        self._words = tuple(batch.find_text_batch), words

    @property
    def ids(self) -> list[int]:
        """Numbers of the objects that are followed."""
        return [int(one) for one in self._told["obj_ids_all_gpu"]]

    def knows(self, object_id: int, frame: int) -> bool:
        """Return whether it is remembered what an object was on a frame."""
        return any(
            frame in seen
            for one in self._followed
            if object_id in one["obj_ids"]
            for seen in one["output_dict"].values()
        )

    def detect(self, frame: int, features: Mapping[str, Any]) -> torch.Tensor:
        """Return what the phrase finds on a frame: logits, shape (n, h, w)."""
        self._show(frame, features)
        with _narrowed(self._net.tracker, features):
            found = self._net.run_backbone_and_detection(
                frame_idx=frame,
                num_frames=self._state["num_frames"],
                input_batch=self._state["input_batch"],
                geometric_prompt=self._state["constants"]["empty_geometric_prompt"],
                feature_cache=self._state["feature_cache"],
                reverse=False,
                allow_new_detections=True,
            )
        masks: torch.Tensor = found["mask"]
        return masks

    def add(self, frame: int, features: Mapping[str, Any], masks: Mapping[int, PlacedMask]) -> None:
        """Follow objects that were drawn on a frame, from there on: what was known of them elsewhere is forgotten."""
        net, state, told = self._net, self._state, self._told
        for known in set(masks) & set(self.ids):
            net.remove_object(state, known)
        self.detect(frame, features)
        height, width = state["orig_height"], state["orig_width"]
        drawn = np.stack([one.within(Box(0, 0, height, width)) for one in masks.values()])
        state["tracker_inference_states"] = net._tracker_add_new_objects(
            frame_idx=frame,
            num_frames=state["num_frames"],
            new_obj_ids=list(masks),
            new_obj_masks=torch.from_numpy(drawn).to(net.device).float() - 0.5,
            tracker_states_local=self._followed,
            orig_vid_height=height,
            orig_vid_width=width,
            feature_cache=state["feature_cache"],
        )
        self._fresh = False
        told["obj_ids_per_gpu"][0] = np.append(told["obj_ids_per_gpu"][0], list(masks))
        told["num_obj_per_gpu"][0] = len(told["obj_ids_per_gpu"][0])
        told["obj_ids_all_gpu"] = told["obj_ids_per_gpu"][0].copy()
        self._number_from(max(masks) + 1)
        beside = told["rank0_metadata"]
        for object_id in masks:
            told["obj_id_to_score"][object_id] = 1.0
            beside["obj_first_frame_idx"][object_id] = frame
            beside["trk_keep_alive"][object_id] = net.init_trk_keep_alive
            beside["unmatched_frame_inds"].pop(object_id, None)
            beside["removed_obj_ids"].discard(object_id)
        self._forget(frame)

    def step(self, frame: int, features: Mapping[str, Any], backward: bool, first_id: int) -> Found:
        """Return the objects on a frame; those found here first are numbered from ``first_id`` on.

        Notes
        -----
        A film's first frame is run twice, as Meta's package does: when words are said, and when they are followed.
        """
        net, state = self._net, self._state
        self._show(frame, features)
        self._number_from(first_id)
        try:
            with _narrowed(net.tracker, features):
                if self._fresh:
                    net._run_single_frame_inference(state, frame, reverse=False)
                    self._fresh = False
                seen = net._run_single_frame_inference(state, frame, reverse=backward)
        except BaseException:
            forgetting.drop_unfinished(self._followed, frame)
            self._forget(frame)
            raise
        removed = frozenset(int(one) for one in seen["removed_obj_ids"])
        made = net._postprocess_output(
            state, seen, removed, seen["suppressed_obj_ids"], seen.get("unconfirmed_obj_ids")
        )
        ids = [int(one) for one in made["out_obj_ids"]]
        there = seen["obj_id_to_tracker_score"]
        scores = [float(there.get(one, score)) for one, score in zip(ids, made["out_probs"], strict=True)]
        self._forget(frame)
        return Found(ids, made["out_binary_masks"], scores, removed)

    @property
    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = self._state["tracker_metadata"]
        return told

    @property
    def _followed(self) -> list[dict[str, Any]]:
        followed: list[dict[str, Any]] = self._state["tracker_inference_states"]
        return followed

    def _number_from(self, first: int) -> None:
        self._told["max_obj_id"] = max(self._told["max_obj_id"], first - 1)

    def _show(self, frame: int, features: Mapping[str, Any]) -> None:
        """Put a frame's features where Meta's code finds them instead of making them."""
        key, words = self._words
        self._buffer.frame = frame
        self._state["feature_cache"] |= {"text": {key: {**words, **features}}, "multigpu_buffer": self._buffer}
        length = max(self._state["num_frames"], frame + _SPARE)
        for one in (self._state, *self._followed):
            one["num_frames"] = length

    def _forget(self, frame: int) -> None:
        """Give back the frame's features, and what later frames do not look at."""
        self._state["feature_cache"].clear()
        self._state["cached_frame_outputs"].clear()
        self._buffer.clear()
        forgetting.prune_metadata(self._told, frame)
        for one in self._followed:
            forgetting.prune(one, frame, self._net.tracker.mf_threshold)


@contextmanager
def _narrowed(tracker: Any, features: Mapping[str, Any]) -> Iterator[None]:
    """Have the tracker's finer features taken from the frame's: those of an embedding were narrowed for its decoder.

    Notes
    -----
    Meta's detector rounds them to bfloat16 before that. Here they are not rounded: on CUDA they are bfloat16 anyway.
    """
    decoder, maps = tracker.sam_mask_decoder, features["sam2_backbone_out"]["backbone_fpn"]
    layers = (decoder.conv_s0, decoder.conv_s1)
    for layer, made in zip(layers, maps, strict=False):
        layer.forward = functools.partial(_made_before, made)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _made_before(made: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
    return made
