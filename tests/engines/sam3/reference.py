"""What transformers' own classes answer: the yardstick, called as its users call it.

``Sam3TrackerModel`` adds the no-memory token to a level that is never read. Here it is put where
Meta's package has it, on the features at the size of the grid. To a mask alone it adds a token
of no point; Meta's package adds none, and it is taken away. Nothing else is changed.
"""

from contextlib import contextmanager
from importlib import import_module

import numpy as np
import torch

from napari_sam3_assistant.engines.sam3 import upstream
from napari_sam3_assistant.engines.sam3.embedding import pixels_of


def load(folder, kind):
    """Return ``Sam3Model`` or ``Sam3TrackerModel`` with the weights of a folder."""
    upstream.model_class()  # makes the classes known where torchvision is missing
    module = {"Sam3Model": "sam3.modeling_sam3", "Sam3TrackerModel": "sam3_tracker.modeling_sam3_tracker"}[kind]
    made = getattr(import_module(f"transformers.models.{module}"), kind)
    return made.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()


class Clicks:
    """``Sam3TrackerModel`` on one picture; each argument of :meth:`ask` spoils one thing."""

    def __init__(self, folder, image):
        self.model, self.shape = load(folder, "Sam3TrackerModel"), image.shape[:2]
        self.side = self.model.prompt_encoder.input_image_size
        self.features = self.model.get_image_embeddings(pixels_of(image, self.side))

    @torch.inference_mode()
    def ask(self, points=(), labels=(), box=None, logits=None, drawn=None, *, swap=False, flip=False, token=True):
        """Return logits (n, h, w), masks of the picture's size, and predicted IoUs; prompts in (row, col) pixels."""
        height, width = self.shape
        scale = np.array([self.side / width, self.side / height])
        order = (0, 1) if swap else (1, 0)
        asked = {}
        if len(points):
            places = np.array(points, float)[:, order] * scale
            asked["input_points"] = torch.tensor(places, dtype=torch.float32)[None, None]
            asked["input_labels"] = torch.tensor([int(one) ^ int(flip) for one in labels])[None, None]
        if box is not None:
            corners = np.array(box, float).reshape(2, 2)[:, order] * scale
            asked["input_boxes"] = torch.tensor(corners.ravel(), dtype=torch.float32)[None, None]
        if drawn is not None:
            drawn = np.resize(drawn.T, drawn.shape) if swap else drawn
            asked["input_masks"] = self._low(drawn) * 20 - 10
        if logits is not None:
            asked["input_masks"] = torch.tensor(logits).clamp(-32, 32)[None, None]
        features = [one.clone() for one in self.features]
        if token:
            features[2] = features[2] + self.model.no_memory_embedding.reshape(1, -1, 1, 1)
        many = len(points) == 1 and box is None and logits is None and drawn is None
        with self._as_meta(alone=box is None and not len(points)):
            said = self.model(image_embeddings=features, multimask_output=many, **asked)
        low = said.pred_masks[0]
        full = torch.nn.functional.interpolate(low, self.shape, mode="bilinear", align_corners=False)[0]
        return low[0].numpy(), (full > 0).numpy(), said.iou_scores[0, 0].numpy()

    @contextmanager
    def _as_meta(self, *, alone):
        """Take away the token of no point that transformers adds to a mask alone: Meta's package has none there."""
        encoder = self.model.prompt_encoder
        hook = encoder.register_forward_hook(lambda _, given, said: (said[0][:, :, : 0 if alone else None], said[1]))
        try:
            yield
        finally:
            hook.remove()

    def _low(self, mask):
        size = tuple(self.model.prompt_encoder.mask_input_size)
        full = torch.tensor(mask, dtype=torch.float32)[None, None]
        return torch.nn.functional.interpolate(full, size, mode="bilinear", antialias=True, align_corners=False)


class Words:
    """``Sam3Model`` on one picture."""

    def __init__(self, folder, image, tokenizer):
        self.model, self.shape, self.tokenizer = load(folder, "Sam3Model"), image.shape[:2], tokenizer
        side = self.model.config.vision_config.backbone_config.image_size
        self.pixels = pixels_of(image, side)

    @torch.inference_mode()
    def ask(self, text, boxes=(), labels=(), *, swap=False, flip=False, token=True, padding=(0.5, 0.5, 0.2, 0.2)):
        """Return scores (n,), logits (n, h, w) and masks of the picture's size; boxes in (row, col) pixels."""
        words = self.tokenizer(text, return_tensors="pt", padding="max_length", max_length=32, truncation=True)
        asked = {}
        if len(boxes):
            height, width = self.shape
            top, left, bottom, right = (np.array(boxes, float) / [height, width, height, width]).T
            rows, cols = ((top + bottom) / 2, bottom - top), ((left + right) / 2, right - left)
            x, y = (rows, cols) if swap else (cols, rows)
            form = np.stack([x[0], y[0], x[1], y[1]], axis=1)
            asked["input_boxes"] = torch.tensor(form, dtype=torch.float32)[None]
            asked["input_boxes_labels"] = torch.tensor([[int(one) ^ int(flip) for one in labels]])
        elif token:  # a box of no kind brings the class token, and nothing of its own
            asked["input_boxes"] = torch.tensor([[padding]], dtype=torch.float32)
            asked["input_boxes_labels"] = torch.tensor([[-10]])
        said = self.model(
            pixel_values=self.pixels, input_ids=words.input_ids, attention_mask=words.attention_mask, **asked
        )
        scores = (said.pred_logits.sigmoid() * said.presence_logits.sigmoid())[0].numpy()
        full = torch.nn.functional.interpolate(said.pred_masks, self.shape, mode="bilinear", align_corners=False)[0]
        return scores, said.pred_masks[0].numpy(), (full > 0).numpy()
