"""All objects that words or examples mean."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from napari_sam3_assistant.core.prompts import Query
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.engines.sam3 import prompting
from napari_sam3_assistant.engines.sam3.embedding import Sam3Embedding
from napari_sam3_assistant.engines.sam3.masks import FloatArray
from napari_sam3_assistant.engines.sam3.model import Model
from napari_sam3_assistant.engines.sam3.upstream import vision_output

MOST_PHRASES = 512
"""So many phrases are kept once read: 32 KB each."""
NO_EXAMPLES = np.zeros((0, 4), np.float32)

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
    """Return all that each phrase of ``query`` (or none, with examples) finds; see :meth:`ImageEngine.find`."""

    def ask(words: str, boxes: FloatArray, labels: list[bool]) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.inference_mode():
            said = asked(reader, embedding, words, boxes, labels)
            return scores_of(said), said.pred_masks[0]

    return prompting.find(ask, embedding.shape, query)


def asked(
    reader: Reader, embedding: Sam3Embedding, words: str, boxes: FloatArray = NO_EXAMPLES, labels: Sequence[bool] = ()
) -> Any:
    """Return what the detector says to a phrase, and examples as :func:`prompting.examples` returns them, of an image.

    Called in inference mode.

    Notes
    -----
    Where there is no example, one that is marked as padding: then the detector adds the class token of its
    geometry encoder to bare words, as Meta's package always does and transformers does not.
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
        input_boxes=torch.from_numpy(boxes if len(boxes) else np.zeros((1, 4), np.float32))[None].to(model.device),
        input_boxes_labels=torch.tensor([[int(one) for one in labels] or [_PADDING]], device=model.device),
    )


def scores_of(said: Any) -> torch.Tensor:
    """Return the scores, shape (n,), of what the detector has said: that of a query times that of the phrase."""
    made: torch.Tensor = (said.pred_logits.sigmoid() * said.presence_logits.sigmoid())[0]
    return made
