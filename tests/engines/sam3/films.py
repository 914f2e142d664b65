"""Small films, and what transformers' own video classes make of all their frames at once: the yardstick.

They see the pixels that our engine sees, and where it is said its features. Trackers of random weights blow rounding up
into other masks some frames on.
"""

from importlib import import_module

import numpy as np
import torch

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.engines.sam3 import upstream
from napari_sam3_assistant.engines.sam3.embedding import pixels_of
from napari_sam3_assistant.engines.sam3.tracking import features_of
from tests.engines.sam3.tiny import tokenizer

SHAPE = (64, 128)
"""Places on it are scaled without rounding."""
COUNT = 18
"""More frames than the tracker has pointers: transformers counts shorter films otherwise."""

_DISCS = ((20, 40, 10, 60), (44, 80, 12, 120), (16, 104, 7, 180))


def film(count=COUNT, shape=SHAPE):
    """Return frames of three discs that drift through noise."""
    noise = np.random.default_rng(3).integers(40, 65, (*shape, 3), dtype=np.uint8)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    frames = np.repeat(noise[None], count, axis=0)
    for at, frame in enumerate(frames):
        for index, (row, col, radius, green) in enumerate(_DISCS):
            away = (rows - row - 0.8 * (at % 20)) ** 2 + (cols - col + (1.5 - index) * (at % 20)) ** 2
            frame[away < radius**2] = (200, green, 90)
    return frames


def whole(mask):
    """Return a placed mask as an array of a frame's size."""
    return mask.within(Box(0, 0, *SHAPE))


def enlarged(logits):
    """Return the pixels of a frame where logits, shape (1, h, w), are positive."""
    full = torch.nn.functional.interpolate(torch.as_tensor(logits)[None], SHAPE, mode="bilinear", align_corners=False)
    return (full[0, 0] > 0).numpy()


def features(engine, embedding):
    """Return features of ours as transformers' tracker keeps them: maps and positions, shape (h * w, 1, C) each."""
    with torch.inference_mode():
        ours = features_of(engine._loaded().model, embedding)
        return [one.flatten(2).permute(2, 0, 1) for one in ours.maps], [ours.position]


def iou(a, b):
    return (a & b).sum() / max((a | b).sum(), 1) if (a | b).any() else 1.0


class Tracker:
    """``Sam3TrackerVideoModel``, given a film whole; each argument of :meth:`follow` spoils one thing."""

    def __init__(self, folder):
        upstream.model_class()  # makes the classes known where torchvision is missing
        self.code = import_module("transformers.models.sam3_tracker_video.modeling_sam3_tracker_video")
        made = self.code.Sam3TrackerVideoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        self.model = made.eval()
        self.side = self.model.prompt_encoder.input_image_size

    def open(self, frames, features=()):
        """Return a session with all frames of a film; with features as :meth:`features_of` returns them, if given."""
        pixels = torch.cat([pixels_of(frame, self.side) for frame in frames])
        height, width = frames.shape[1:3]
        session = self.code.Sam3TrackerVideoInferenceSession(
            pixels,
            video_height=height,
            video_width=width,
            dtype=torch.float32,
            max_vision_features_cache_size=len(frames) + 1,
        )
        for index, (maps, positions) in enumerate(features):
            session.cache.cache_vision_features(index, {"vision_feats": maps, "vision_pos_embeds": positions})
        return session

    @torch.inference_mode()
    def features_of(self, frame):
        """Return what its own vision encoder makes of a frame: maps and positions, shape (h * w, 1, C) each."""
        made = self.model.get_image_features(pixels_of(frame, self.side), return_dict=True)
        return made.fpn_hidden_states, made.fpn_position_encoding

    @torch.inference_mode()
    def prompt(self, session, frame, said, *, swap=False, flip=False):
        """Prompt objects, ``{id: Prompts}``, on a frame; return their logits."""
        for id, prompts in said.items():
            index = session.obj_id_to_idx(id)
            if prompts.mask is not None:
                session.add_mask_inputs(index, frame, self._drawn(session, prompts.mask.mask, flip))
            else:
                session.add_point_inputs(index, frame, self._points(session, prompts, swap))
        session.obj_with_new_inputs = list(said)
        return self._logits(self.model(session, frame_idx=frame))

    @torch.inference_mode()
    def follow(self, frames, steps, passes, features=(), **spoil):
        """Return logits ``{frame: {id: (h, w)}}`` of passes, (first frame, backward), after the prompts of steps."""
        session, found = self.open(frames, features), {}
        for frame, said in steps:
            self.prompt(session, frame, said, **spoil)
        for start, backward in passes:
            for out in self.model.propagate_in_video_iterator(session, start_frame_idx=start, reverse=backward):
                found[out.frame_idx] = self._logits(out)
        return found

    def _logits(self, out):
        return {id: one[0].numpy() for id, one in zip(out.object_ids, out.pred_masks, strict=True)}

    def _drawn(self, session, mask, flip):
        drawn = mask.within(Box(0, 0, session.video_height, session.video_width))
        shares = torch.nn.functional.interpolate(
            torch.tensor(drawn[:, ::-1].copy() if flip else drawn, dtype=torch.float32)[None, None],
            (self.side, self.side),
            mode="bilinear",
            antialias=True,
            align_corners=False,
        )
        return (shares >= 0.5).float()

    def _points(self, session, prompts, swap):
        places, labels = [], []
        if prompts.box is not None:
            top, left, bottom, right = prompts.box.box.corners
            places, labels = [(top, left), (bottom, right)], [2, 3]
        places += [(point.row, point.col) for point in prompts.points]
        labels += [int(point.positive) for point in prompts.points]
        order = (0, 1) if swap else (1, 0)
        scale = np.array([self.side / session.video_width, self.side / session.video_height])
        coords = torch.tensor(np.array(places, float)[:, order] * scale, dtype=torch.float32)[None, None]
        return {"point_coords": coords, "point_labels": torch.tensor(labels, dtype=torch.int32)[None, None]}


class Words:
    """``Sam3VideoModel`` with our features of the frames, given the film whole."""

    def __init__(self, folder, engine, frames, embeddings, *, token=True):
        self.code, self._at = upstream.video_code(), 0
        made = self.code.Sam3VideoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        self.model = made.eval()
        self.pixels = torch.cat([pixels_of(frame, engine._loaded().model.side) for frame in frames])
        self._shown = [features(engine, one) for one in embeddings]
        self._levels = [tuple(one.levels) for one in embeddings]
        detector = self.model.detector_model
        detector.get_vision_features = self._look
        self.model.get_vision_features_for_tracker = lambda vision_embeds: self._shown[self._at]
        if token:  # a box of no kind brings the class token, and nothing of its own
            bare, box = detector.forward, torch.tensor([[[0.5, 0.5, 0.2, 0.2]]])
            detector.forward = lambda **given: bare(**given, input_boxes=box, input_boxes_labels=torch.tensor([[-10]]))

    def follow(self, phrases, start=0, backward=False):
        """Return what is on each frame, and the session."""
        height, width = SHAPE
        session = self.code.Sam3VideoInferenceSession(
            self.pixels, video_height=height, video_width=width, dtype=torch.float32
        )
        for phrase in phrases:
            index = session.add_prompt(phrase)
            words = tokenizer()(phrase, return_tensors="pt", padding="max_length", max_length=32, truncation=True)
            session.prompt_input_ids[index] = words.input_ids
            session.prompt_attention_masks[index] = words.attention_mask
        outs = self.model.propagate_in_video_iterator(session, start_frame_idx=start, reverse=backward)
        return {out.frame_idx: self._masks(out) for out in outs}, session

    def _masks(self, out):
        """Return masks by our numbers, which start at 1."""
        hidden = set(out.suppressed_obj_ids) | set(out.removed_obj_ids)
        masks = {id + 1: enlarged(one) for id, one in out.obj_id_to_mask.items() if id not in hidden}
        return {id: mask for id, mask in masks.items() if mask.any()}

    def _look(self, pixel_values):
        self._at = next(at for at, one in enumerate(self.pixels) if torch.equal(one, pixel_values[0]))
        levels = self._levels[self._at]
        neck = self.model.detector_model.vision_encoder.neck
        last = levels[-1]
        return upstream.vision_output(levels, neck.position_encoding(last.shape, last.device, last.dtype))
