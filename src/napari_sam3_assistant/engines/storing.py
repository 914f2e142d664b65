"""Embeddings that stay: what an engine gives to be stored, and what an embedding is found again by.

An engine that can be stored says ``capabilities.stores``. What it packs are arrays of numpy, so that a file of them is
the same whatever device the engine runs on. Nothing here touches a disk, or needs more than numpy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine

FORM = 1
"""The number of the form that files are in. It rises when files of before can be read no longer."""
MOST_BYTES = 20 * 1024**3
"""What all files of a folder may take unless the user says, in bytes."""
BFLOAT16 = ".bfloat16"
"""Ends the name of an array of numbers that numpy has no type for: their bits, as uint16."""
Arrays = Mapping[str, npt.NDArray[Any]]

_EXPONENT = np.uint16(0x7F80)


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Where embeddings are kept, and how much of the disk they may take.

    Attributes
    ----------
    folder : Path
        Made if it is not there. Files of others in it are left alone.
    most_bytes : int
        The least recently used are given up first.
    """

    folder: Path
    most_bytes: int = MOST_BYTES


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """What came of keeping embeddings, since the engine was made.

    Attributes
    ----------
    found : int
        Embeddings read from the disk, in place of an encoding.
    encoded : int
        Embeddings that the engine made, since they were not there.
    written : int
        Of these, how many lie on the disk by now.
    problem : AssistantError or None
        Why no more are written, or read; None where nothing is in the way.
    """

    found: int = 0
    encoded: int = 0
    written: int = 0
    problem: AssistantError | None = None


class StorableEngine(Protocol):
    """An engine whose embeddings can be stored: its ``capabilities.stores`` says so (:func:`storable`)."""

    def pack(self, embedding: Embedding) -> Arrays:
        """Return all that an embedding holds beside its shape, to the last bit. Called on the engine's thread.

        The arrays are read on another thread later, and are not changed by anybody.
        """

    def unpack(self, arrays: Arrays, shape: tuple[int, int]) -> Embedding:
        """Return the embedding of a picture of this shape: equal to the one that was packed, on the engine's device.

        Raises
        ------
        ValueError
            If these are no arrays of an embedding of this model.
        EngineError
            If the engine is closed.
        """


def storable(engine: ImageEngine) -> StorableEngine | None:
    """Return an engine as one whose embeddings can be stored; None where they cannot."""
    return cast(StorableEngine, engine) if engine.capabilities.stores else None


def key_of(engine: str, weights: str, image: npt.NDArray[np.uint8]) -> str:
    """Return what the embedding of an image is found again by: 32 letters and digits.

    Parameters
    ----------
    engine, weights : str
        Name and weights of an engine that is loaded.
    image : ndarray of shape (H, W, 3), uint8
        The very pixels that the engine encodes. They hold all that the embedding depends on beside the weights: the
        picture and its version, the plane, the channels, the level, the window and the limits of intensity.
    """
    told = repr((FORM, engine, weights, image.shape)).encode()
    # A person's own files are no secret to them, but a picture must never be answered by another one's embedding.
    made = hashlib.blake2b(told, digest_size=16)
    made.update(np.ascontiguousarray(image).data)
    return made.hexdigest()


def finite(arrays: Arrays) -> bool:
    """Return whether all numbers of packed arrays are some."""
    return all(_finite(name, array) for name, array in arrays.items())


def _finite(name: str, array: npt.NDArray[Any]) -> bool:
    if name.endswith(BFLOAT16):
        return not bool(np.any((array & _EXPONENT) == _EXPONENT))
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
