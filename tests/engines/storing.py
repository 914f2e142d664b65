"""An engine whose embeddings are features that can be stored, and pictures for it. No model is needed."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.engines import store
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.engines.storing import BFLOAT16

FACTORY = f"{__name__}:Plain"
SLOW_FACTORY = f"{__name__}:slow"
SLOW_S = 2.0


@dataclass(eq=False)
class Features:
    arrays: dict
    shape: tuple[int, int]

    @property
    def nbytes(self):
        return sum(one.nbytes for one in self.arrays.values())


class Plain:
    """Its features are the picture in three number formats, and each of its weights has other ones."""

    name = "plain"

    def __init__(self, weights="first", stores=True, broken=False):
        self.weights, self.capabilities, self.broken = weights, Capabilities(stores=stores), broken
        self.encodes = 0

    def load(self, *, progress, cancel):
        pass

    def encode(self, image, *, progress, cancel):
        self.encodes += 1
        features = image[..., 0].astype(np.float32) / 7 + len(self.weights)
        if self.broken:
            features[0, 0] = np.nan
        bits = (features.view(np.uint32) >> 16).astype(np.uint16)
        return Features({"fine": features, "half": features.astype(np.float16), f"b{BFLOAT16}": bits}, image.shape[:2])

    def pack(self, embedding):
        return embedding.arrays

    def unpack(self, arrays, shape):
        if set(arrays) != {"fine", "half", f"b{BFLOAT16}"}:
            raise ValueError("it is no embedding of Plain")
        return Features(dict(arrays), shape)

    def close(self):
        pass


def slow():
    """Return a plain engine; in this process, the disk takes longer than the end of an engine is waited for."""
    usual = store._write

    def write(path, embedding):
        time.sleep(SLOW_S)
        usual(path, embedding)

    store._write = write
    return Plain()


def picture(seed=0, shape=(40, 50)):
    return np.random.default_rng(seed).integers(0, 255, (*shape, 3)).astype(np.uint8)


def encode(engine, image, progress=no_progress):
    return engine.encode(image, progress=progress, cancel=CancelToken())


def same(one, other):
    """Whether two embeddings are equal to the last bit, the types of their numbers too."""
    return one.shape == other.shape and all(
        one.arrays[name].dtype == other.arrays[name].dtype and one.arrays[name].tobytes() == array.tobytes()
        for name, array in other.arrays.items()
    )
