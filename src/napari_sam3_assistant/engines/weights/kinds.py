"""Which model weights are of: told by the names of their tensors, whatever their file is called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from napari_sam3_assistant.engines.weights.files import Entry

POINTS = ("points", "boxes", "masks")
WORDS = ("text", "exemplars")
VIDEO = ("video",)


class Kind(Enum):
    """What a folder holds; the value is for people."""

    SAM3 = "SAM3"
    META = "SAM3 in Meta's own form"
    DETECTOR = "SAM3's detector alone"
    TRACKER = "SAM3's tracker alone"
    SAM31 = "SAM 3.1 multiplex"
    SAM2 = "SAM 2"
    SAM1 = "the first SAM"
    OTHER = "another model"
    NOTHING = "no model"


SERVES = {
    Kind.SAM3: (*POINTS, *WORDS, *VIDEO),
    Kind.META: (*POINTS, *WORDS, *VIDEO),
    Kind.DETECTOR: WORDS,
    Kind.TRACKER: (*POINTS, *VIDEO),
    Kind.SAM31: VIDEO,
}
"""What one can ask of each, all its files given."""

MODEL_TYPE = "sam3_video"
"""What ``config.json`` calls the model that holds every part of SAM3."""

_PARTS = (
    "detector_model.vision_encoder.backbone.",
    "detector_model.vision_encoder.neck.",
    "detector_model.text_encoder.",
    "detector_model.text_projection.",
    "detector_model.geometry_encoder.",
    "detector_model.detr_encoder.",
    "detector_model.detr_decoder.",
    "detector_model.mask_decoder.",
    "detector_model.dot_product_scoring.",
    "tracker_neck.",
    "tracker_model.no_memory_embedding",
    "tracker_model.prompt_encoder.",
    "tracker_model.mask_decoder.",
    "tracker_model.memory_attention.",
    "tracker_model.memory_encoder.",
)
_MULTIPLEX = ("interactive_", "multiplex", "tracker.model.")

# Where config.json says a size, what it is if it does not (as in facebook/sam3), and the tensor that has it.
_DETECTOR = "detector_model."
_BACKBONE = ("detector_config", "vision_config", "backbone_config")
_TEXT = ("detector_config", "text_config")
TOKENS = _DETECTOR + "text_encoder.text_model.embeddings.token_embedding.weight"
"""The tensor that has a row for each token."""
_SIZES: tuple[tuple[tuple[str, ...], int, str, int], ...] = (
    ((*_BACKBONE, "hidden_size"), 1024, _DETECTOR + "vision_encoder.backbone.layer_norm.weight", 0),
    ((*_TEXT, "vocab_size"), 49408, TOKENS, 0),
    ((*_TEXT, "hidden_size"), 1024, TOKENS, 1),
    ((*_BACKBONE[:2], "fpn_hidden_size"), 256, _DETECTOR + "vision_encoder.neck.fpn_layers.0.proj2.weight", 0),
    (
        ("tracker_config", "prompt_encoder_config", "hidden_size"),
        256,
        "tracker_model.prompt_encoder.point_embed.weight",
        1,
    ),
)
_LAYERS = (
    ((*_BACKBONE, "num_hidden_layers"), 32, _DETECTOR + "vision_encoder.backbone.layers."),
    ((*_TEXT, "num_hidden_layers"), 24, _DETECTOR + "text_encoder.text_model.encoder.layers."),
)


def kind_of(names: Iterable[str]) -> Kind:
    """Return which model tensors of these names are of."""
    known = tuple(names)

    def has(*starts: str) -> bool:
        return any(name.startswith(starts) for name in known)

    if any(part in name for name in known for part in _MULTIPLEX):
        return Kind.SAM31
    if has("detector_model.") and has("tracker_model."):
        return Kind.SAM3
    if has("detector.backbone.") and (has("tracker.") or has("detector.transformer.")):
        return Kind.META
    if has("detector_model.", "detr_encoder."):
        return Kind.DETECTOR
    if has("tracker_model.", "tracker_neck."):
        return Kind.TRACKER
    if has("image_encoder.trunk.", "sam_mask_decoder.", "memory_attention."):
        return Kind.SAM2
    if has("image_encoder.blocks.", "vision_encoder.layers.") and has("mask_decoder."):
        return Kind.SAM1
    if has("vision_encoder.") and has("mask_decoder.", "prompt_encoder."):
        return Kind.TRACKER if has("vision_encoder.backbone.layers.") else Kind.SAM2
    return Kind.OTHER if known else Kind.NOTHING


def lacking(entries: Mapping[str, Entry]) -> list[str]:
    """Return the parts of SAM3, by transformers' names, of which there is nothing in ``entries``."""
    return [part.rstrip(".") for part in _PARTS if not any(name.startswith(part) for name in entries)]


def misfit(entries: Mapping[str, Entry], config: Mapping[str, Any]) -> str:
    """Return how SAM3's weights differ from what their ``config.json`` says, or an empty text."""
    for path, usual, name, axis in _SIZES:
        said, there = _said(config, path, usual), entries.get(name)
        if there is not None and (axis >= len(there.shape) or there.shape[axis] != said):
            return f"{'.'.join(path)} is {said}, {name} is {' x '.join(map(str, there.shape))}"
    for path, usual, start in _LAYERS:
        said = _said(config, path, usual)
        count = len({name[len(start) :].partition(".")[0] for name in entries if name.startswith(start)})
        if count != said:
            return f"{'.'.join(path)} is {said}, and {count} layers are there"
    return ""


def vocabulary(entries: Mapping[str, Entry]) -> int | None:
    """Return how many tokens SAM3's weights know, or None."""
    there = entries.get(TOKENS)
    return there.shape[0] if there is not None and there.shape else None


def _said(config: Mapping[str, Any], path: tuple[str, ...], usual: int) -> object:
    value: Any = config
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return usual if value is None else value
