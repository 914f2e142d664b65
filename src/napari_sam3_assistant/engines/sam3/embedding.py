"""One encoding of a picture, from which every kind of prompt is answered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.engines.sam3.model import Model

# Share of the time that the blocks of the vision encoder take; the rest are the two pyramids.
_BLOCKS = 0.95


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Sam3Embedding:
    """What SAM3 keeps of a picture.

    Attributes
    ----------
    shape : tuple of int
        Height and width of the picture, in pixels.
    levels : tuple of 3 Tensors
        The detector's features at 4, 2 and 1 times the grid of patches.
    clicks : tuple of 3 Tensors
        The same for the decoder of clicks, the last one with the no-memory token.
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


def embed(model: Model, image: npt.NDArray[np.uint8], tell: Callable[[float], None]) -> Sam3Embedding:
    """Return the embedding of a picture.

    Parameters
    ----------
    model : Model
    image : ndarray of shape (H, W, 3), uint8
        RGB.
    tell : callable
        Called with the share done, before each block of the vision encoder; what it raises ends the work.

    Notes
    -----
    The no-memory token belongs on the features of the decoder of clicks at the size of the grid. Meta's
    package and ``Sam3TrackerVideoModel`` put it there; ``Sam3TrackerModel`` of transformers 5.23 adds it
    to a level that nothing reads.
    """
    check_image(image)
    net, tracker = model.net, model.net.tracker_model
    digest = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).hexdigest()
    with torch.inference_mode():
        pixels = pixels_of(image, model.side).to(model.device, getattr(torch, model.precision))
        encoder = net.detector_model.vision_encoder
        with _told(encoder.backbone.layers, lambda share: tell(_BLOCKS * share)):
            vision = net.detector_model.get_vision_features(pixels)
        tell(_BLOCKS)
        maps, _ = net.get_vision_features_for_tracker(vision)
        maps[-1] = maps[-1] + tracker.no_memory_embedding
        clicks = tuple(
            one.permute(1, 2, 0).reshape(1, -1, *size)
            for one, size in zip(maps, tracker.backbone_feature_sizes, strict=True)
        )
        levels = tuple(vision.fpn_hidden_states[:3])
    tell(1.0)
    return Sam3Embedding((image.shape[0], image.shape[1]), levels, clicks, digest, model.weights)


def pixels_of(image: npt.NDArray[np.uint8], side: int) -> torch.Tensor:
    """Return a picture as SAM3 sees it.

    Parameters
    ----------
    image : ndarray of shape (H, W, 3), uint8
        RGB.
    side : int
        Of the square that it is brought to, in pixels; its aspect is not kept.

    Returns
    -------
    Tensor of shape (1, 3, side, side), float32
        -1 (black) to 1 (white).

    Notes
    -----
    Resized while it is still 8-bit, bilinear with antialiasing, as ``Sam3ImageProcessor`` of transformers
    and ``Sam3Processor`` of package ``sam3`` do.
    """
    planes = torch.from_numpy(np.array(image.transpose(2, 0, 1)[None], order="C"))
    resized = torch.nn.functional.interpolate(
        planes, (side, side), mode="bilinear", antialias=True, align_corners=False
    )
    return (resized.float() / 255 - 0.5) / 0.5


def check_image(image: npt.NDArray[np.uint8]) -> None:
    """Check that an array is a picture.

    Raises
    ------
    EngineError
        If it is not RGB of 8 bits, or has no pixel.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        what = f"{image.dtype} of shape {image.shape}"
        raise EngineError(f"Expected 8-bit RGB, not {what}.", hint="Convert it with to_rgb first.")
    if not image.size:
        raise EngineError("The image is empty.", hint="Choose an image that has pixels.")


@contextmanager
def _told(blocks: Any, tell: Callable[[float], None]) -> Iterator[None]:
    """Have ``tell`` called with the share done before each of the model's blocks runs."""

    def before(index: int) -> Callable[[Any, Any], None]:
        return lambda module, given: tell(index / len(blocks))

    hooks = [block.register_forward_pre_hook(before(index)) for index, block in enumerate(blocks)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
