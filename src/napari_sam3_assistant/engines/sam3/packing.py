"""SAM3's embeddings as arrays of numpy, and back, to the last bit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from napari_sam3_assistant.engines.sam3.embedding import Sam3Embedding
from napari_sam3_assistant.engines.sam3.model import Model
from napari_sam3_assistant.engines.storing import Arrays

PICTURE, LEVELS, CLICKS = "picture", "levels", "clicks"
CHANNELS_LAST = ".channels_last"
"""Ends the name of features whose channels lie side by side in memory: what is computed of them depends on it."""
_COUNT = 3


def pack(embedding: Sam3Embedding) -> Arrays:
    """Return the arrays of an embedding: its features as they lie in memory, and the digest of its picture."""
    packed: dict[str, npt.NDArray[np.generic]] = {
        PICTURE: np.frombuffer(bytes.fromhex(embedding.picture), np.uint8).copy()
    }
    for kind, maps in ((LEVELS, embedding.levels), (CLICKS, embedding.clicks)):
        for number, features in enumerate(maps):
            name, array = _packed(f"{kind}.{number}", features)
            packed[name] = array
    return packed


def unpack(model: Model, arrays: Arrays, shape: tuple[int, int]) -> Sam3Embedding:
    """Return the embedding of a picture of this shape, on the model's device.

    Raises
    ------
    ValueError
        If these are no arrays of one.
    """
    if PICTURE not in arrays:
        raise ValueError("it is no embedding of SAM3")
    levels, clicks = (
        tuple(_unpacked(arrays, f"{kind}.{number}").to(model.device) for number in range(_COUNT))
        for kind in (LEVELS, CLICKS)
    )
    return Sam3Embedding(shape, levels, clicks, arrays[PICTURE].tobytes().hex(), model.weights)


def _packed(name: str, features: torch.Tensor) -> tuple[str, npt.NDArray[np.generic]]:
    if not features.is_contiguous() and features.is_contiguous(memory_format=torch.channels_last):
        name, features = name + CHANNELS_LAST, features.permute(0, 2, 3, 1)
    return name, features.contiguous().cpu().numpy()


def _unpacked(arrays: Arrays, name: str) -> torch.Tensor:
    last = name + CHANNELS_LAST
    array = arrays.get(name, arrays.get(last))
    if array is None or array.ndim != 4 or array.dtype not in (np.float32, np.float16):
        raise ValueError(f"it has no features {name}")
    features = torch.from_numpy(np.require(array, requirements=["C", "W"]))
    return features if name in arrays else features.permute(0, 3, 1, 2)
