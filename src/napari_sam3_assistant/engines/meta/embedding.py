"""One encoding of a picture by Meta's own code, from which its every call is answered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_sam3_assistant.core.intensity import check_image
from napari_sam3_assistant.engines.meta.model import MetaModel

_NECK = 0.95
"""The share of the time that the vision transformer takes."""


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
        return sum(one.numel() * one.element_size() for one in chain(self.levels, self.clicks))


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
        # In one order of axes: what is read back from a disk has this one, and rounding depends on it.
        levels = [one.contiguous() for one in said["backbone_fpn"]]
        clicks = [one.contiguous() for one in said["sam2_backbone_out"]["backbone_fpn"]]
    tell(1.0)
    return MetaEmbedding((image.shape[0], image.shape[1]), tuple(levels), tuple(clicks), digest, model.weights)


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


def pack(embedding: MetaEmbedding) -> dict[str, npt.NDArray[np.generic]]:
    """Return an embedding as arrays, to be kept on disk: the very same numbers."""
    packed: dict[str, npt.NDArray[np.generic]] = {"picture": np.frombuffer(embedding.picture.encode(), np.uint8)}
    for name, tensors in (("levels", embedding.levels), ("clicks", embedding.clicks)):
        for index, one in enumerate(tensors):
            whole = one.detach().cpu().contiguous()
            narrow = whole.dtype == torch.bfloat16  # numpy has no such type: the bits are kept, and its name says so
            packed[f"{name}{index}{'.bfloat16' * narrow}"] = (whole.view(torch.int16) if narrow else whole).numpy()
    return packed


def unpack(model: MetaModel, arrays: Mapping[str, npt.NDArray[np.generic]], shape: tuple[int, int]) -> MetaEmbedding:
    """Return the embedding of a picture of ``shape`` (H, W) that :func:`pack` has made arrays of.

    Raises
    ------
    ValueError
        If they are not those of this model.
    """
    found: dict[str, list[torch.Tensor]] = {"levels": [], "clicks": []}
    for name, tensors in found.items():
        for index in range(3):
            narrow = arrays.get(f"{name}{index}.bfloat16")
            plain = arrays.get(f"{name}{index}")
            array = plain if narrow is None else narrow
            if array is None or array.ndim != 4 or len(array) != 1:
                raise ValueError(f"it has no features {name}{index}")
            made = torch.from_numpy(np.array(array, order="C"))
            tensors.append((made if narrow is None else made.view(torch.bfloat16)).to(model.device))
    picture = bytes(np.asarray(arrays.get("picture", np.zeros(0, np.uint8)), np.uint8)).decode("ascii", "replace")
    return MetaEmbedding(shape, tuple(found["levels"]), tuple(found["clicks"]), picture, model.weights)


def _positions(model: MetaModel, features: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    """Return the positions of features; of the last level alone they are ever read, of the others only the size."""
    *finer, last = features
    encode = model.detector.backbone.vision_backbone.position_encoding
    with torch.inference_mode():
        read = encode(last).to(last.dtype)
    return [*(torch.zeros((), dtype=one.dtype, device=one.device).expand(one.shape) for one in finer), read]


@contextmanager
def _told(model: MetaModel, tell: Callable[[float], None]) -> Iterator[None]:
    """Call ``tell`` before each layer of the vision transformer, with the share of the work that is done."""
    trunk = model.detector.backbone.vision_backbone.trunk
    layers = [one for block in trunk.blocks for one in block.modules() if isinstance(one, torch.nn.Linear)]
    shares = iter([_NECK * index / len(layers) for index in range(len(layers))])
    hooks = [one.register_forward_pre_hook(lambda *_: tell(next(shares, _NECK))) for one in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
