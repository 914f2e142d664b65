"""One encoding of a picture by Meta's own code, from which its every call is answered."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_sam3_assistant.core.intensity import check_image
from napari_sam3_assistant.engines.hooks import before_each
from napari_sam3_assistant.engines.meta.model import MetaModel
from napari_sam3_assistant.engines.storing import BFLOAT16, Arrays

_NECK = 0.95
"""The share of the time that the vision transformer takes."""
_CHANNELS_LAST = ".channels_last"
"""Ends the name of features whose channels lie side by side in memory: rounding depends on it."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class MetaEmbedding:
    """What Meta's package keeps of a picture; positions, which are the same for all, are left out.

    Attributes
    ----------
    shape : tuple of int
        Height and width of the picture, in pixels.
    levels : tuple of 3 Tensors
        The detector's features at 4, 2 and 1 times the grid of patches.
    clicks : tuple of 3 Tensors
        The tracker's, the first two narrowed for its decoder, the last one without the no-memory token: as it takes
        the features of a frame.
    picture : str
        The same text for the same pixels.
    weights : str
        Of the model that made it.
    """

    shape: tuple[int, int]
    levels: tuple[torch.Tensor, ...]
    clicks: tuple[torch.Tensor, ...]
    picture: str
    weights: str

    @property
    def nbytes(self) -> int:
        """Memory that the features take, in bytes."""
        return sum(one.numel() * one.element_size() for one in itertools.chain(self.levels, self.clicks))


def embed(model: MetaModel, image: npt.NDArray[np.uint8], tell: Callable[[float], None]) -> MetaEmbedding:
    """Return the embedding of a picture, as ``Sam3Processor.set_image`` makes it.

    Parameters
    ----------
    model : MetaModel
    image : ndarray of shape (H, W, 3), uint8
        RGB.
    tell : callable
        Called with the share done, before each layer of the vision transformer; what it raises ends the work.
    """
    from sam3.model.sam3_image_processor import Sam3Processor

    check_image(image)
    picture = np.array(image.transpose(2, 0, 1), order="C")
    digest = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).hexdigest()
    tell(0.0)
    with model.computing(), _told(model, tell):
        # Of an array it would take the last two axes for height and width, and the first two of a picture for rows.
        processor = Sam3Processor(model.detector, resolution=model.side, device=model.device)
        said = processor.set_image(torch.from_numpy(picture))["backbone_out"]
        levels, clicks = tuple(said["backbone_fpn"]), tuple(said["sam2_backbone_out"]["backbone_fpn"])
    tell(1.0)
    return MetaEmbedding((image.shape[0], image.shape[1]), levels, clicks, digest, model.weights)


def detector_features(model: MetaModel, embedding: MetaEmbedding) -> dict[str, Any]:
    """Return what Meta's detector takes as ``backbone_out`` of a picture, still without words."""
    return {
        "vision_features": embedding.levels[-1],
        "backbone_fpn": list(embedding.levels),
        "vision_pos_enc": _positions(model, embedding.levels),
        "sam2_backbone_out": tracker_features(model, embedding),
    }


def tracker_features(model: MetaModel, embedding: MetaEmbedding) -> dict[str, Any]:
    """Return what Meta's tracker takes as ``backbone_out`` of a picture or a frame: in ``cached_features``, say."""
    return {
        "vision_features": embedding.clicks[-1],
        "vision_pos_enc": _positions(model, embedding.clicks),
        "backbone_fpn": list(embedding.clicks),
    }


def pack(embedding: MetaEmbedding) -> Arrays:
    """Return an embedding as arrays, to be kept on disk: the very same numbers, as they lie in memory."""
    packed: dict[str, npt.NDArray[np.generic]] = {"picture": np.frombuffer(embedding.picture.encode(), np.uint8)}
    for kind, tensors in (("levels", embedding.levels), ("clicks", embedding.clicks)):
        for index, features in enumerate(tensors):
            name, array = _packed(f"{kind}{index}", features)
            packed[name] = array
    return packed


def unpack(model: MetaModel, arrays: Arrays, shape: tuple[int, int]) -> MetaEmbedding:
    """Return the embedding of a picture of ``shape`` (H, W) that :func:`pack` has made arrays of.

    Raises
    ------
    ValueError
        If they are those of no embedding.
    """
    picture = arrays.get("picture")
    if picture is None or picture.dtype != np.uint8 or not picture.size:
        raise ValueError("it is no embedding of SAM3")
    levels, clicks = (
        tuple(_unpacked(arrays, f"{name}{index}").to(model.device) for index in range(3))
        for name in ("levels", "clicks")
    )
    return MetaEmbedding(shape, levels, clicks, picture.tobytes().decode("ascii", "replace"), model.weights)


def _packed(name: str, features: torch.Tensor) -> tuple[str, npt.NDArray[np.generic]]:
    if not features.is_contiguous() and features.is_contiguous(memory_format=torch.channels_last):
        name, features = name + _CHANNELS_LAST, features.permute(0, 2, 3, 1)
    whole = features.detach().contiguous().cpu()
    if whole.dtype != torch.bfloat16:
        return name, whole.numpy()
    return name + BFLOAT16, whole.view(torch.int16).numpy().view(np.uint16)  # numpy has no such type: the bits


def _unpacked(arrays: Arrays, name: str) -> torch.Tensor:
    for way, kind in itertools.product(("", _CHANNELS_LAST), ("", BFLOAT16)):
        array = arrays.get(name + way + kind)
        if array is None or array.ndim != 4 or array.dtype not in ((np.uint16,) if kind else (np.float32, np.float16)):
            continue
        whole = np.array(array, order="C")
        features = torch.from_numpy(whole.view(np.int16)).view(torch.bfloat16) if kind else torch.from_numpy(whole)
        return features.permute(0, 3, 1, 2) if way else features
    raise ValueError(f"it has no features {name}")


def _positions(model: MetaModel, features: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    """Return the positions of features; of the last level alone they are ever read, of the others only the size."""
    *finer, last = features
    encode = model.detector.backbone.vision_backbone.position_encoding
    with torch.inference_mode():
        read = encode(last).to(last.dtype)
    return [*(torch.zeros((), dtype=one.dtype, device=one.device).expand(one.shape) for one in finer), read]


def _told(model: MetaModel, tell: Callable[[float], None]) -> AbstractContextManager[None]:
    """Call ``tell`` before each layer of the vision transformer, with the share of the work that is done."""
    trunk = model.detector.backbone.vision_backbone.trunk
    layers = [one for block in trunk.blocks for one in block.modules() if isinstance(one, torch.nn.Linear)]
    shares = iter([_NECK * index / len(layers) for index in range(len(layers))])
    return before_each(layers, lambda: tell(next(shares, _NECK)))
