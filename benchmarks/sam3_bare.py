"""The same questions asked of transformers' classes directly, with the weights that the engine has in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_sam3_assistant.engines.sam3 import linear
from napari_sam3_assistant.engines.sam3.embedding import pixels_of
from napari_sam3_assistant.engines.sam3.model import Model


class Bare:
    """What transformers does by itself, without masks of the picture's size, and without stopping on the way."""

    def __init__(self, model: Model, image: npt.NDArray[np.uint8]) -> None:
        self.model, self.image = model, image
        self.vision: Any = None
        self.maps: list[torch.Tensor] = []

    @torch.inference_mode()
    def encode(self) -> None:
        """Run the vision tower and both pyramids."""
        net, model = self.model.net, self.model
        with self._products():
            pixels = pixels_of(self.image, model.side).to(model.device, getattr(torch, model.precision))
            self.vision = net.detector_model.get_vision_features(pixels)
            maps, _ = net.get_vision_features_for_tracker(self.vision)
        sizes = net.tracker_model.backbone_feature_sizes
        self.maps = [one.permute(1, 2, 0).reshape(1, -1, *size) for one, size in zip(maps, sizes, strict=True)]

    @torch.inference_mode()
    def click(self) -> None:
        """Decode one point in the middle."""
        tracker, side = self.model.net.tracker_model, self.model.side
        with self._products():
            sparse, dense = tracker.prompt_encoder(
                torch.tensor([[[[side / 2, side / 2]]]], device=self.model.device),
                torch.ones(1, 1, 1, dtype=torch.int64, device=self.model.device),
                None,
                None,
            )
            tracker.mask_decoder(
                image_embeddings=self.maps[2],
                image_positional_embeddings=tracker.get_image_wide_positional_embeddings(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=True,
                high_resolution_features=self.maps[:2],
            )[0].cpu()

    @torch.inference_mode()
    def read(self, words: str) -> Any:
        """Return a phrase's features and attention."""
        detector = self.model.net.detector_model
        most = detector.text_encoder.config.max_position_embeddings
        tokens = self.model.tokenizer(
            words, return_tensors="pt", padding="max_length", max_length=most, truncation=True
        ).to(self.model.device)
        with self._products():
            made = detector.get_text_features(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)
        return SimpleNamespace(pooler_output=made.pooler_output, attention=tokens.attention_mask)

    @torch.inference_mode()
    def find(self, phrase: Any) -> None:
        """Decode what a phrase finds, with one box that brings the class token."""
        with self._products():
            self.model.net.detector_model(
                vision_embeds=self.vision,
                text_embeds=phrase,
                attention_mask=phrase.attention,
                input_boxes=torch.zeros(1, 1, 4, device=self.model.device),
                input_boxes_labels=torch.full((1, 1), -10, device=self.model.device),
            ).pred_masks.cpu()

    @contextmanager
    def _products(self) -> Iterator[None]:
        """Have products computed as torch does by itself."""
        ours = [module for module in self.model.net.modules() if type(module) is linear.OneDnnLinear]
        for module in ours:
            module.__class__ = torch.nn.Linear
        try:
            yield
        finally:
            for module in ours:
                module.__class__ = linear.OneDnnLinear
