"""All objects that words or examples mean."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from napari_sam3_assistant.core.prompts import BoxPrompt, Query
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.engines.places import corners_of
from napari_sam3_assistant.engines.sam3.embedding import Sam3Embedding
from napari_sam3_assistant.engines.sam3.masks import candidates
from napari_sam3_assistant.engines.sam3.model import Model
from napari_sam3_assistant.engines.sam3.upstream import vision_output

NO_WORDS = "visual"
"""The phrase that Meta's package gives the model where there are examples only."""
MOST_PHRASES = 512
"""So many phrases are kept once read: 32 KB each."""
LEAST_SCORE = 0.01
"""Of several phrases in one query, what is found with a lower score is not kept: 200 objects for each would be."""

_PADDING = -10


@dataclass(frozen=True, slots=True, eq=False)
class Phrase:
    """Words as the detector takes them.

    Attributes
    ----------
    features : Tensor of shape (1, tokens, C)
    attention : Tensor of shape (1, tokens)
        1 where there is a word.
    """

    features: torch.Tensor
    attention: torch.Tensor


@dataclass(slots=True, eq=False)
class Reader:
    """Reads phrases with one model, and remembers them: reading costs more than a click."""

    model: Model
    _known: OrderedDict[str, Phrase] = field(default_factory=OrderedDict)

    def read(self, words: str) -> Phrase:
        """Return a phrase. What goes beyond the model's 32 tokens, about 20 words, is left out."""
        if words in self._known:
            self._known.move_to_end(words)
            return self._known[words]
        detector = self.model.net.detector_model
        most = detector.text_encoder.config.max_position_embeddings
        tokens = self.model.tokenizer(
            words, return_tensors="pt", padding="max_length", max_length=most, truncation=True
        ).to(self.model.device)
        with torch.inference_mode():
            read = detector.get_text_features(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask)
        self._known[words] = phrase = Phrase(read.pooler_output, tokens.attention_mask)
        if len(self._known) > MOST_PHRASES:
            self._known.popitem(last=False)
        return phrase


def find(reader: Reader, embedding: Sam3Embedding, query: Query) -> Candidates:
    """Return all that each phrase of ``query`` (or none, with examples) finds; see :meth:`ImageEngine.find`.

    One after another: each phrase is asked together with all examples.
    """
    boxes, labels = examples(query.exemplars, embedding.shape)
    words = [one.text for one in query.texts] or [NO_WORDS]
    least = 0.0 if len(words) == 1 else LEAST_SCORE
    return joined([_found(reader, embedding, one, boxes, labels, least) for one in words], embedding.shape)


def examples(exemplars: Sequence[BoxPrompt], shape: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return examples as the detector takes them: ``(cx, cy, w, h)`` in fractions of the picture, and 1 or 0.

    Notes
    -----
    Where there is none, one that is marked as padding: then the detector adds the class token of its
    geometry encoder to bare words, as Meta's package always does and transformers does not.
    """
    if not exemplars:
        return torch.zeros(1, 1, 4), torch.full((1, 1), _PADDING)
    corners = torch.from_numpy(np.stack([corners_of(one.box, shape) for one in exemplars]))
    low, high = corners[:, :2], corners[:, 2:]
    labels = torch.tensor([[int(one.positive) for one in exemplars]])
    return torch.cat([(low + high) / 2, high - low], dim=1)[None], labels


def joined(parts: Sequence[Candidates], shape: tuple[int, int]) -> Candidates:
    """Return what several phrases have found on one picture as one."""
    if len(parts) == 1:
        return parts[0]
    return Candidates(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.boxes for part in parts]),
        tuple(logits for part in parts for logits in part.logits),
        np.concatenate([part.frames for part in parts]),
        shape,
    )


def asked(reader: Reader, embedding: Sam3Embedding, words: str, boxes: torch.Tensor, labels: torch.Tensor) -> Any:
    """Return what the detector says to a phrase, and examples as :func:`examples` returns them, of an image.

    Called in inference mode.
    """
    model, phrase = reader.model, reader.read(words)
    detector = model.net.detector_model
    levels = tuple(level.float() for level in embedding.levels)
    last = levels[-1]
    position = detector.vision_encoder.neck.position_encoding(last.shape, last.device, last.dtype)
    return detector(
        vision_embeds=vision_output(levels, position),
        text_embeds=SimpleNamespace(pooler_output=phrase.features),
        attention_mask=phrase.attention,
        input_boxes=boxes.to(model.device),
        input_boxes_labels=labels.to(model.device),
    )


def scores_of(said: Any) -> torch.Tensor:
    """Return the scores, shape (n,), of what the detector has said: that of a query times that of the phrase."""
    made: torch.Tensor = (said.pred_logits.sigmoid() * said.presence_logits.sigmoid())[0]
    return made


def _found(
    reader: Reader, embedding: Sam3Embedding, words: str, boxes: torch.Tensor, labels: torch.Tensor, least: float
) -> Candidates:
    """Return what one phrase and the examples find, with scores of ``least`` or more."""
    with torch.inference_mode():
        said = asked(reader, embedding, words, boxes, labels)
        scores = scores_of(said)
        keep = scores >= least
        logits, scores = said.pred_masks[0][keep].cpu().numpy(), scores[keep].cpu().numpy()
    return candidates(logits, scores, embedding.shape)
