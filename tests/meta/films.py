"""A small film, and what Meta's own tracker and its video predictor make of it: the yardstick."""

import numpy as np
import torch
from PIL import Image

from napari_sam3_assistant.core.geometry import Box

SHAPE = (64, 128)
COUNT = 9
LONG = 18
"""More frames than the tracker has pointers: it counts shorter films otherwise."""

_DISCS = ((20, 40, 10, 60), (44, 80, 12, 120), (16, 104, 7, 180))


def film(count=COUNT):
    """Return frames of three discs that drift through noise."""
    noise = np.random.default_rng(3).integers(40, 65, (*SHAPE, 3), dtype=np.uint8)
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    frames = np.repeat(noise[None], count, axis=0)
    for at, frame in enumerate(frames):
        for index, (row, col, radius, green) in enumerate(_DISCS):
            away = (rows - row - 1.6 * (at % COUNT)) ** 2 + (cols - col + 2 * (1.5 - index) * (at % COUNT)) ** 2
            frame[away < radius**2] = (200, green, 90)
    return frames


def shown(features, weights="small", shape=SHAPE):
    """Return an embedding with these features for the tracker."""
    from napari_sam3_assistant.engines.meta.embedding import MetaEmbedding

    return MetaEmbedding(shape, (), tuple(features["backbone_fpn"]), "", weights)


@torch.inference_mode()
def features_of(model, frame):
    """Return what Meta's tracker takes of a frame, by the encoder of Meta's model."""
    side = model.side
    pixels = torch.nn.functional.interpolate(
        torch.tensor(frame).permute(2, 0, 1)[None].float(), (side, side), mode="bilinear", antialias=True
    )
    levels = model.video.detector.backbone.forward_image((pixels / 255 - 0.5) / 0.5)["sam2_backbone_out"]
    decoder, maps = model.tracker.sam_mask_decoder, levels["backbone_fpn"]
    return {
        "backbone_fpn": [decoder.conv_s0(maps[0]), decoder.conv_s1(maps[1]), maps[2]],
        "vision_pos_enc": levels["vision_pos_enc"],
    }


def enlarged(logits):
    """Return the pixels of a frame where logits, shape (1, 1, h, w), are positive."""
    return torch.nn.functional.interpolate(logits, SHAPE, mode="bilinear", align_corners=False)[0, 0].numpy() > 0


def whole(mask):
    """Return a placed mask as an array of a frame's size."""
    return mask.within(Box(0, 0, *SHAPE))


def iou(a, b):
    return (a & b).sum() / (a | b).sum() if (a | b).any() else 1.0


class Tracker:
    """Meta's tracker that is given the features of all frames at once, and asked for all of them in one call."""

    def __init__(self, model, features, count=LONG):
        self.tracker, self.count = model.tracker, count
        blank = torch.zeros(1, 3, 1, 1)
        self.cached = {frame: (blank, features[frame % len(features)]) for frame in range(count)}

    @torch.inference_mode()
    def follow(self, steps, passes, *, swap=False):
        """Return logits, ``{frame: (1, 1, h, w)}``, of passes, (first, last frame), after prompts, (frame, prompts)."""
        state = self.tracker.init_state(*SHAPE, self.count, cached_features=self.cached, offload_state_to_cpu=True)
        found = {}
        for frame, prompts in steps:
            self._prompt(state, frame, prompts, swap)
        for first, last in passes:
            steps = self.tracker.propagate_in_video(
                state, first, abs(last - first), last < first, tqdm_disable=True, propagate_preflight=True
            )
            found |= {frame: logits for frame, _, logits, _, _ in steps}
        return found

    def _prompt(self, state, frame, prompts, swap):
        if prompts.mask is not None:
            self.tracker.add_new_mask(state, frame, 1, torch.from_numpy(whole(prompts.mask.mask)))
            return
        height, width = SHAPE[::-1] if swap else SHAPE
        self.tracker.add_new_points_or_box(
            state,
            frame,
            1,
            points=[[one.col / width, one.row / height] for one in prompts.points] or None,
            labels=[int(one.positive) for one in prompts.points] or None,
            box=None if prompts.box is None else _corners(prompts.box.box, height, width),
        )


def _corners(box, height, width):
    return torch.tensor([box.left / width, box.top / height, box.right / width, box.bottom / height])


class Predictor:
    """Meta's video predictor, by its requests; it notes the features that its tracker is given."""

    def __init__(self, model, monkeypatch):
        from sam3.model.sam3_video_predictor import Sam3VideoPredictor

        self.kind, self.features = Sam3VideoPredictor, {}
        self.predictor = Sam3VideoPredictor.__new__(Sam3VideoPredictor)  # the model is in memory already
        self.predictor.model = model.video
        self.predictor.async_loading_frames, self.predictor.video_loader_type = False, "cv2"
        # Its detector finds nothing of itself.
        monkeypatch.setattr(model.video, "score_threshold_detection", 2.0)
        read = model.tracker._get_image_feature

        def noting(state, frame, count):
            given = state["cached_features"][frame][1]
            self.features[frame] = given.get("tracker_backbone_out", given)
            return read(state, frame, count)

        monkeypatch.setattr(model.tracker, "_get_image_feature", noting)

    def open(self, frames, last):
        """Start a session, and have it see the frames up to ``last``, as it wants before any click."""
        pictures = [Image.fromarray(frame) for frame in frames]
        self.session = self._ask("start_session", resource_path=pictures)["session_id"]
        self._ask("add_prompt", frame_index=0, text="cell")
        self.follow(0, last)

    def click(self, frame, object_id, prompts):
        places = [[one.col / SHAPE[1], one.row / SHAPE[0]] for one in prompts.points]
        labels = [int(one.positive) for one in prompts.points]
        self._ask("add_prompt", frame_index=frame, points=places, point_labels=labels, obj_id=object_id)

    def follow(self, first, last):
        """Return masks, ``{frame: {id: (H, W)}}``."""
        request = {
            "type": "propagate_in_video",
            "session_id": self.session,
            "propagation_direction": "backward" if last < first else "forward",
            "start_frame_index": first,
            "max_frame_num_to_track": abs(last - first),
        }
        found = {}
        for one in self.predictor.handle_stream_request(request):
            out = one["outputs"]
            found[one["frame_index"]] = dict(zip(out["out_obj_ids"].tolist(), out["out_binary_masks"], strict=True))
        return found

    def remove(self, object_id):
        self._ask("remove_object", obj_id=object_id)

    def close(self):
        self._ask("close_session")

    def _ask(self, kind, **said):
        session = {} if kind == "start_session" else {"session_id": self.session}
        return self.predictor.handle_request({"type": kind, **session, **said})
