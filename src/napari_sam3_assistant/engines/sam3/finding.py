"""SAM3's detector and tracker on the frames of a film, by the parts of transformers' ``Sam3VideoModel``.

The vision encoder does not run here: features are those of the one encoding of a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.engines.sam3 import text, upstream
from napari_sam3_assistant.engines.sam3.embedding import Sam3Embedding
from napari_sam3_assistant.engines.sam3.memory import POINTS_BACK, Seen
from napari_sam3_assistant.engines.sam3.tracking import Features

MOST_TOLD = 4
"""So many frames on which an object was found, or found again, are kept: no more are looked at."""

_FRAMES = range(2**31)
_CERTAIN = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What the detector has found on a frame.

    Attributes
    ----------
    masks : Tensor of shape (n, h, w)
        Logits.
    scores : Tensor of shape (n,)
    boxes : Tensor of shape (n, 4)
    phrases : list of int
        By which phrase, for each.
    """

    masks: torch.Tensor
    scores: torch.Tensor
    boxes: torch.Tensor
    phrases: list[int]


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """An object on a frame: its number, its logits, shape (h, w), and its score."""

    object_id: int
    logits: torch.Tensor
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """The objects of a frame, and the numbers of those that are given up."""

    objects: list[Followed]
    removed: frozenset[int]


class _Shown:
    """The features of one frame, in the place of transformers' cache."""

    def __init__(self) -> None:
        self._features: Features | None = None

    def show(self, features: Features) -> None:
        self._features = features

    def get_vision_features(self, frame: int) -> dict[str, list[torch.Tensor]] | None:
        if self._features is None:
            return None
        maps = [one.flatten(2).permute(2, 0, 1) for one in self._features.maps]
        return {"vision_feats": maps, "vision_pos_embeds": [self._features.position]}

    def clear_all(self) -> None:
        self._features = None


class Finder:
    """Finds objects by phrases on one frame after the other, and follows them.

    Parameters
    ----------
    reader : Reader
    phrases : tuple of str
    """

    def __init__(self, reader: text.Reader, phrases: tuple[str, ...]) -> None:
        self._reader, self._net = reader, reader.model.net
        self._code = upstream.video_code()
        device = reader.model.device
        self._session = self._code.Sam3VideoInferenceSession(
            inference_device=device, inference_state_device=device, dtype=torch.float32
        )
        self._session.processed_frames = _FRAMES  # only their number is asked for
        self._session.cache = self._shown = _Shown()
        self._session.max_obj_id = 0  # the next one is 1
        self._session.obj_with_new_inputs = []
        for phrase in phrases:
            self._session.add_prompt(phrase)

    @property
    def ids(self) -> list[int]:
        """Numbers of the objects that are followed."""
        return list(self._session.obj_ids)

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of masks as the detector makes them."""
        size = int(self._net.low_res_mask_size)
        return size, size

    def knows(self, object_id: int, frame: int) -> bool:
        """Return whether it is remembered what an object was on a frame."""
        index = self._session._obj_id_to_idx.get(object_id)
        return index is not None and any(frame in some for some in self._session.output_dict_per_obj[index].values())

    def phrase_of(self, object_id: int) -> str:
        """Return the phrase that an object was found by."""
        return str(self._session.prompts[self._session.obj_id_to_prompt_id[object_id]])

    def phrase_for(self, mask: torch.Tensor, found: Found) -> int:
        """Return the phrase that has found what overlaps a mask, shape (1, h, w), most; else the first one."""
        if not len(found.masks):
            return 0
        return found.phrases[int(self._code.mask_iou(mask.to(found.masks.device), found.masks > 0).argmax())]

    def add(self, object_id: int, frame: int, seen: Seen, phrase: int) -> None:
        """Follow an object that was drawn on a frame."""
        session, index = self._session, self._session.obj_id_to_idx(object_id)
        presence = torch.full((1, 1, 1), _CERTAIN, device=seen.pointer.device)
        known = seen.read_upstream | {"pred_masks": seen.logits, "object_score_logits": presence}
        session.output_dict_per_obj[index]["cond_frame_outputs"][frame] = known
        session.max_obj_id = max(session.max_obj_id, object_id)
        session.obj_id_to_prompt_id.setdefault(object_id, phrase)
        session.obj_id_to_score.setdefault(object_id, seen.score)
        session.obj_first_frame_idx.setdefault(object_id, frame)
        session.trk_keep_alive.setdefault(object_id, self._net.init_trk_keep_alive)

    def found(self, embedding: Sam3Embedding, cancel: CancelToken | None = None) -> Found:
        """Return what all phrases find on a frame: of several that overlap, the best one for each phrase.

        Notes
        -----
        As on a single image, the class token goes with bare words, as in Meta's package; transformers leaves it out.
        """
        net = self._net
        masks, scores, boxes, phrases = [], [], [], []
        for index, words in self._session.prompts.items():
            if cancel is not None:
                cancel.raise_if_cancelled()
            said = text.asked(self._reader, embedding, words)
            score, least = text.scores_of(said), net.score_threshold_detection
            keep = score > least
            if net.det_nms_thresh > 0:
                keep = self._code.nms_masks(score, said.pred_masks[0], least, net.det_nms_thresh)
            masks.append(said.pred_masks[0][keep])
            scores.append(score[keep])
            boxes.append(said.pred_boxes[0][keep])
            phrases += [index] * len(scores[-1])
        return Found(torch.cat(masks), torch.cat(scores), torch.cat(boxes), phrases)

    def step(
        self, frame: int, embedding: Sam3Embedding, features: Features, backward: bool, cancel: CancelToken | None
    ) -> Step:
        """Return the objects on a frame.

        Notes
        -----
        ``_det_track_one_frame`` and ``forward`` of ``Sam3VideoModel``, in their order.
        """
        net, session = self._net, self._session
        found = self.found(embedding, cancel)
        self._shown.show(features)
        where = {"inference_session": session, "frame_idx": frame, "reverse": backward}
        try:
            masks, presence = net.run_tracker_propagation(**where)
        except BaseException:
            self._drop_unfinished(frame)
            raise
        seen = {"mask": found.masks, "scores": found.scores, "bbox": found.boxes}
        plan, told = net.run_tracker_update_planning_phase(
            **where,
            det_out=seen,
            tracker_low_res_masks_global=masks,
            tracker_obj_scores_global=presence,
            det_idx_to_prompt_id=dict(enumerate(found.phrases)),
        )
        # Before objects are given up: transformers asks afterwards, and then gives masks of one to the next.
        logits, followed = self._outputs(seen, masks, plan), list(session.obj_ids)
        net.run_tracker_update_execution_phase(**where, det_out=seen, tracker_update_plan=plan)
        told["obj_id_to_tracker_score_frame_wise"][frame].update(
            zip(followed, presence.sigmoid().flatten().tolist(), strict=True)
        )
        self._note(told)
        self._shown.clear_all()
        hidden = session.suppressed_obj_ids[frame] | session.removed_obj_ids
        scores = session.obj_id_to_tracker_score_frame_wise[frame]
        made = [Followed(id, one[0], scores[id]) for id, one in logits.items() if id not in hidden]
        self._prune(frame)
        return Step(made, frozenset(plan["obj_ids_newly_removed"]))

    def _outputs(
        self, seen: dict[str, torch.Tensor], masks: torch.Tensor, plan: dict[str, Any]
    ) -> dict[int, torch.Tensor]:
        """Return logits, shape (1, h, w), of what was followed and of what was found anew, by number."""
        made: dict[int, torch.Tensor] = self._net.build_outputs(
            self._session, seen, masks, plan, reconditioned_obj_ids=plan["reconditioned_obj_ids"]
        )
        return made

    def _note(self, told: dict[str, Any]) -> None:
        """Keep what a step has decided."""
        session, beside = self._session, told["extra_metadata"]
        for name in ("obj_id_to_score", "obj_id_to_tracker_score_frame_wise", "obj_id_to_last_occluded", "max_obj_id"):
            setattr(session, name, told[name])
        for name, value in beside.items():
            setattr(session, name, value)
        session.obj_ids = list(told["obj_ids"])

    def _drop_unfinished(self, frame: int) -> None:
        """Forget answers of a step that was stopped before memories were made of them."""
        for stores in self._session.output_dict_per_obj.values():
            for store in stores.values():
                if frame in store and "maskmem_features" not in store[frame]:
                    del store[frame]

    def _prune(self, frame: int) -> None:
        """Forget what later frames do not look at: full-size masks, frames far away, and most frames of the rest."""
        session = self._session
        for stores in session.output_dict_per_obj.values():
            told, followed = stores["cond_frame_outputs"], stores["non_cond_frame_outputs"]
            for store in (told, followed):
                if frame in store:
                    store[frame].pop("high_res_masks", None)
            first, *others = told
            for far in sorted(others, key=lambda one: abs(one - frame))[MOST_TOLD - 1 :]:
                del told[far]
            for far in [one for one in followed if min(abs(one - frame), abs(one - first)) > POINTS_BACK]:
                del followed[far]
        for index in session.frames_tracked_per_obj:
            session.frames_tracked_per_obj[index].clear()
        for index in session.mask_inputs_per_obj:
            session.mask_inputs_per_obj[index].clear()
        for by_frame in (session.obj_id_to_tracker_score_frame_wise, session.suppressed_obj_ids):
            for far in [one for one in by_frame if abs(one - frame) > POINTS_BACK]:
                del by_frame[far]
        for frames in (*session.unmatched_frame_inds.values(), *session.overlap_pair_to_frame_inds.values()):
            del frames[POINTS_BACK:]
