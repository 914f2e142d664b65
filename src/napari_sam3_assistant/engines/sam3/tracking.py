"""SAM3's tracker on one frame: an object as it was prompted, drawn, or followed to there.

Features are those of the one encoding that serves every prompt; the vision encoder does not run here. All is done by
the parts of transformers' ``Sam3TrackerVideoModel``, in its order, and all is called in inference mode.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.engines import hooks
from napari_sam3_assistant.engines.sam3.embedding import Sam3Embedding
from napari_sam3_assistant.engines.sam3.memory import Memory, Seen
from napari_sam3_assistant.engines.sam3.model import Model
from napari_sam3_assistant.engines.sam3.prompting import shares_of


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """A frame as the tracker takes it.

    Attributes
    ----------
    maps : tuple of 3 Tensors of shape (1, C, h, w)
        At 4, 2 and 1 times the grid of patches; without the no-memory token.
    cells : Tensor of shape (h * w, 1, C)
        The last of them, cell by cell.
    position : Tensor of shape (h * w, 1, C)
        Of its cells.
    """

    maps: tuple[torch.Tensor, ...]
    cells: torch.Tensor
    position: torch.Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What was said of an object on a frame.

    Attributes
    ----------
    places : Tensor of shape (1, 1, n, 2)
        ``(x, y)`` in pixels of the square that pictures are brought to: the corners of a box, then points.
    labels : Tensor of shape (1, 1, n), int32
        1 on the object, 0 beside it; 2 and 3 for the corners of a box.
    prior : Tensor of shape (1, 1, h, w) or None
        Logits of the mask to be corrected.
    """

    places: torch.Tensor
    labels: torch.Tensor
    prior: torch.Tensor | None = None


def features_of(model: Model, embedding: Sam3Embedding) -> Features:
    """Return an encoded frame as the tracker takes it; nothing large is computed."""
    last = embedding.clicks[2]
    position = model.net.tracker_neck.position_encoding(last.shape, last.device, last.dtype)
    return Features(embedding.clicks, _by_cells(last), _by_cells(position))


def prompted(model: Model, features: Features, memory: Memory, frame: int, asked: Asked) -> Seen:
    """Return an object as it was prompted on a frame.

    Parameters
    ----------
    model : Model
    features : Features
        Of the frame.
    memory : Memory
        Of the object. Where it was followed to this frame, what is known of other frames takes part.
    frame : int
    asked : Asked
    """
    tracker, before = model.net.tracker_model, memory.on(frame)
    rest = memory.without(frame)
    first = before is None or not rest.told
    last = features.maps[2] + tracker.no_memory_embedding.view(1, -1, 1, 1)
    if not first:
        last = _remembering(tracker, features, rest, frame, before is not None and before.backward)
    said = tracker._single_frame_forward(
        input_points=asked.places,
        input_labels=asked.labels,
        input_masks=asked.prior,
        image_embeddings=[*features.maps[:2], last],
        multimask_output=tracker._use_multimask(first, {"point_labels": asked.labels}),
    )
    return _seen(tracker, features, said, told=True, backward=before is not None and before.backward)


def drawn(model: Model, features: Features, mask: PlacedMask, shape: tuple[int, int]) -> Seen:
    """Return an object as it was drawn on a frame of ``shape`` (H, W).

    Notes
    -----
    A cell belongs to the object where half of it or more is drawn on. Of a mask too small for that, the cells that hold
    most of it do: transformers would take it for no object at all.
    """
    tracker = model.net.tracker_model
    shares = shares_of(mask, shape, (model.side, model.side)).to(model.device)
    cells = (shares >= shares.max().clamp(max=0.5)).float()
    said = tracker._use_mask_as_output(features.maps[2], list(features.maps[:2]), cells)
    seen = _seen(tracker, features, said, told=True, backward=False)
    seen.drawn, seen.score = mask, 1.0
    return seen


def followed(model: Model, features: Features, memory: Memory, frame: int, backward: bool) -> Seen:
    """Return an object as it is found on a frame by what is remembered of it; it may be not there."""
    tracker = model.net.tracker_model
    said = tracker._single_frame_forward(
        image_embeddings=[*features.maps[:2], _remembering(tracker, features, memory, frame, backward)],
        multimask_output=tracker._use_multimask(False, None),
    )
    return _seen(tracker, features, said, told=False, backward=backward)


def stoppable(model: Model, cancel: CancelToken | None) -> AbstractContextManager[None]:
    """Have the tracker look, before each layer of its attention to memories, whether it shall stop."""
    return hooks.stoppable(model.net.tracker_model.memory_attention.layers, cancel)


def _by_cells(features: torch.Tensor) -> torch.Tensor:
    return features.flatten(2).permute(2, 0, 1)


def _remembering(tracker: Any, features: Features, memory: Memory, frame: int, backward: bool) -> torch.Tensor:
    """Return a frame's features, shape (1, C, h, w), with what is remembered of an object.

    Notes
    -----
    ``_prepare_memory_conditioned_features`` of ``Sam3TrackerVideoModel``, with 16 pointers however many frames there
    are: their number is not known here. It is transformers' own way with frames that come one by one.
    """
    device = features.cells.device
    pictures = tracker._gather_memory_frame_outputs(memory, 0, frame, backward)
    known = [(away, one) for away, one in pictures if one is not None and one["maskmem_features"] is not None]
    memories, positions = tracker._build_memory_attention_inputs(known, device)
    away, pointers, most = tracker._get_object_pointers(memory, 0, frame, 0, device, backward, True)
    tokens, token_positions = tracker._process_object_pointers(away, pointers, most, 1, tracker.hidden_dim, device)
    if tokens is not None:
        memories, positions = [*memories, tokens], [*positions, token_positions]
    made = tracker.memory_attention(
        current_vision_features=features.cells,
        current_vision_position_embeddings=features.position,
        memory=torch.cat(memories).to(features.cells.dtype),
        memory_posision_embeddings=torch.cat(positions),
        num_object_pointer_tokens=0 if tokens is None else len(tokens),
    )
    grid: torch.Tensor = made.squeeze(1).transpose(1, 2).reshape(features.maps[2].shape)
    return grid


def _seen(tracker: Any, features: Features, said: Any, *, told: bool, backward: bool) -> Seen:
    """Return an answer of the decoder, with the memory that is made of it; full-size masks are let go."""
    picture, position = tracker._encode_new_memory(features.cells, said.high_res_masks, said.object_score_logits, told)
    presence, overlap = said.object_score_logits, said.iou_scores
    return Seen(
        said.pred_masks,
        float(presence.sigmoid().max() * overlap.max().clamp(0, 1)),
        bool((presence > 0).any()),
        said.object_pointer,
        picture,
        position,
        backward,
    )
