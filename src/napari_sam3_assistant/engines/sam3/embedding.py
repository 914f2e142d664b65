"""One encoding of a picture, from which every kind of prompt is answered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_sam3_assistant.core.intensity import check_image
from napari_sam3_assistant.engines.sam3 import tower
from napari_sam3_assistant.engines.sam3.model import Model
from napari_sam3_assistant.engines.sam3.precision import FLOAT32

# Shares of the time that the tower takes, and each of the two pyramids after it.
_TOWER, _NECK = 0.92, 0.039
# Of a pyramid: its levels' shares of the time, and in how many pieces each of them is made.
_SHARES, _BANDS = (0.75, 0.2, 0.05), 4


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Sam3Embedding:
    """What SAM3 keeps of a picture.

    Attributes
    ----------
    shape : tuple of int
        Height and width of the picture, in pixels.
    levels : tuple of 3 Tensors
        The detector's features at 4, 2 and 1 times the grid of patches; the first two in float16 where the
        tower is in bfloat16, which rounds eight times as much.
    clicks : tuple of 3 Tensors
        The same for the decoder of clicks. The last one is without the no-memory token, which clicks add to it: what
        follows objects through frames puts its memories there instead.
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
        Called with the share done, at every place where the work can be stopped; what it raises ends it.

    Notes
    -----
    A fourth level of each pyramid, at half the grid, is not read, and not made.
    """
    check_image(image)
    net, clicks = model.net, model.net.tracker_model
    digest = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).hexdigest()
    with torch.inference_mode():
        pixels = pixels_of(image, model.side).to(model.device, getattr(torch, model.precision))
        encoder = net.detector_model.vision_encoder
        cells = tower.features(encoder.backbone, pixels, lambda share: tell(_TOWER * share))
        picture = cells.float().permute(2, 0, 1)[None]
        detector = _pyramid(encoder.neck, picture, lambda share: tell(_TOWER + _NECK * share))
        fine, middle, last = _pyramid(net.tracker_neck, picture, lambda share: tell(_TOWER + _NECK * (1 + share)))
        tell(_TOWER + 2 * _NECK)
        maps = clicks.mask_decoder.conv_s0(fine), clicks.mask_decoder.conv_s1(middle), last
        if model.precision != FLOAT32:
            detector = [*(_narrow(one) for one in detector[:-1]), detector[-1]]
    tell(1.0)
    return Sam3Embedding((image.shape[0], image.shape[1]), tuple(detector), maps, digest, model.weights)


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


def _pyramid(neck: Any, picture: torch.Tensor, tell: Callable[[float], None]) -> list[torch.Tensor]:
    """Return the features of a picture, shape (1, C, h, w), at 4, 2 and 1 times its size; made in bands of rows."""
    levels, done = [], 0.0
    for level, share in zip(neck.fpn_layers, _SHARES, strict=False):
        larger = []
        for index, part in enumerate(picture.chunk(_BANDS, dim=2)):
            tell(done + 0.5 * share * index / _BANDS)
            for step in (*level.scale_layers, level.proj1):  # none of them looks beyond its row
                part = step(part)
            larger.append(part)
        bands = []
        for index, band in enumerate(_bands(torch.cat(larger, dim=2))):
            tell(done + share * (0.5 + 0.5 * index / _BANDS))
            bands.append(torch.nn.functional.conv2d(band, level.proj2.weight, level.proj2.bias, padding=(0, 1)))
        levels.append(torch.cat(bands, dim=2))
        done += share
    return levels


def _bands(features: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield features in bands of rows, with a row more above and below, for a convolution that is 3 wide."""
    padded, rows = torch.nn.functional.pad(features, (0, 0, 1, 1)), features.shape[2]
    for top, bottom in pairwise(rows * index // _BANDS for index in range(_BANDS + 1)):
        yield padded[:, :, top : bottom + 2]


def _narrow(level: torch.Tensor) -> torch.Tensor:
    """Return features in float16; as they are where one is beyond it."""
    narrow = level.half()
    return narrow if narrow.isfinite().all() else level
