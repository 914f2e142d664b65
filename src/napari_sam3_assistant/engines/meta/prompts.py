"""One picture's prompts answered by Meta's decoder of clicks and its detector."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_sam3_assistant.engines.meta.embedding import MetaEmbedding, detector_features
from napari_sam3_assistant.engines.meta.model import MetaModel
from napari_sam3_assistant.engines.sam3.masks import FloatArray

MOST_PHRASES = 512
"""So many phrases are kept once read: 32 KB each."""

_CORNERS = (2, 3)
"""The labels of a box's corners, which go before points."""


def grid_of(model: MetaModel) -> tuple[int, int]:
    """Return height and width of the grid on which the decoder draws and takes masks."""
    height, width = model.tracker.sam_prompt_encoder.mask_input_size
    return int(height), int(width)


def decoded(
    model: MetaModel,
    embedding: MetaEmbedding,
    points: FloatArray,
    labels: npt.NDArray[np.int64],
    box: FloatArray | None = None,
    prior: torch.Tensor | None = None,
    *,
    readings: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the decoder makes of some objects; see :func:`~napari_sam3_assistant.engines.sam3.clicks.decoded`.

    Notes
    -----
    What ``SAM3InteractiveImagePredictor`` does between its prompts and its logits: the no-memory token is added to
    the last features, a box is two points before the others. It enlarges each mask to the picture in between, and
    fills holes with a loop over all pieces; here both come afterwards, for the masks that are wanted.
    """
    tracker = model.tracker
    if box is not None:
        points = np.concatenate([box.reshape(1, 2, 2), points], axis=1)
        labels = np.concatenate([np.array([_CORNERS]), labels], axis=1)
    with model.computing():
        places = torch.from_numpy(points * np.float32(model.side)).to(model.device)
        kinds = torch.from_numpy(labels.astype(np.int32)).to(model.device)
        sparse, dense = tracker.sam_prompt_encoder(
            points=(places, kinds) if labels.size else None,
            boxes=None,
            masks=None if prior is None else prior.to(model.device),
        )
        *fine, last = embedding.clicks
        masks, overlaps, _, _ = tracker.sam_mask_decoder(
            image_embeddings=last + tracker.no_mem_embed.view(1, -1, 1, 1),
            image_pe=tracker.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=readings,
            repeat_image=len(sparse) > 1,
            high_res_features=fine,
        )
    return masks, overlaps


@dataclass(slots=True, eq=False)
class Reader:
    """Reads phrases with one model, and remembers them: reading costs more than a click."""

    model: MetaModel
    _known: OrderedDict[str, dict[str, torch.Tensor]] = field(default_factory=OrderedDict)

    def read(self, words: str) -> dict[str, torch.Tensor]:
        """Return a phrase as the detector takes it. What goes beyond the model's 32 tokens is left out."""
        if words in self._known:
            self._known.move_to_end(words)
            return self._known[words]
        with self.model.computing():
            phrase: dict[str, torch.Tensor] = self.model.detector.backbone.forward_text(
                [words], device=self.model.device
            )
        self._known[words] = phrase
        if len(self._known) > MOST_PHRASES:
            self._known.popitem(last=False)
        return phrase


def asked(
    reader: Reader, embedding: MetaEmbedding, words: str, boxes: FloatArray, labels: list[bool]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scores, shape (n,), and logits, shape (n, h, w), of all that a phrase and examples find.

    Parameters
    ----------
    reader : Reader
    embedding : MetaEmbedding
    words : str
    boxes : ndarray of shape (n, 4), float32
        Examples, ``(cx, cy, w, h)`` in fractions of the picture.
    labels : list of bool
        Whether each of them is one of what is looked for.

    Notes
    -----
    As ``Sam3Processor`` scores: the score of each object times that of the phrase.
    """
    model = reader.model
    phrase = reader.read(words)
    with model.computing():
        said: Any = model.detector.forward_grounding(
            backbone_out=detector_features(model, embedding) | phrase,
            find_input=_stage(model.device),
            find_target=None,
            geometric_prompt=_examples(model, boxes, labels),
        )
        scores = said["pred_logits"][0, :, 0].sigmoid() * said["presence_logit_dec"].sigmoid()[0]
    return scores, said["pred_masks"][0]


def _stage(device: str) -> Any:
    """Return Meta's record that says: the first picture, and the first phrase."""
    from sam3.model.data_misc import FindStage

    first = torch.zeros(1, dtype=torch.long, device=device)
    return FindStage(
        img_ids=first,
        text_ids=first,
        input_boxes=None,
        input_boxes_mask=None,
        input_boxes_label=None,
        input_points=None,
        input_points_mask=None,
    )


def _examples(model: MetaModel, boxes: FloatArray, labels: list[bool]) -> Any:
    """Return Meta's record of examples; one of none is another thing than no record."""
    made = model.detector._get_dummy_prompt()
    for box, label in zip(boxes, labels, strict=True):
        place = torch.from_numpy(box.copy()).view(1, 1, 4).to(model.device)
        made.append_boxes(place, torch.tensor([[label]], device=model.device))
    return made
