"""What an engine answers, as values.

Masks are placed: an array of the object's size and the pixel where it begins, never an
array of the plane's size. Scores run from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, clip
from napari_sam3_assistant.core.planes import Plane


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """One object.

    Attributes
    ----------
    mask : PlacedMask
        Its pixels.
    score : float
        How good the engine thinks the mask is, 0 to 1.
    alternatives : tuple of PlacedMask
        Other readings of the same prompts, the better ones first.
    state : object or None
        What the engine wants back as ``previous`` when the object is refined. Only the engine
        that made it reads it.
    """

    mask: PlacedMask
    score: float
    alternatives: tuple[PlacedMask, ...] = ()
    state: object | None = field(default=None, repr=False)

    def shifted(self, rows: int, cols: int) -> Segmentation:
        """Return the same object moved by whole pixels; the state stays as it is."""
        return replace(
            self,
            mask=self.mask.shifted(rows, cols),
            alternatives=tuple(mask.shifted(rows, cols) for mask in self.alternatives),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """All that was found, good and bad: a threshold costs no second look at the picture.

    Attributes
    ----------
    scores : ndarray of shape (n,), float32
        0 to 1.
    boxes : ndarray of shape (n, 4), float32
        ``(top, left, bottom, right)`` in pixels, half-open: no pixel outside belongs to the object.
    logits : tuple of n ndarrays of shape (h, w), float32 or bool
        Positive (True) on the object, sampled at the centres of a grid of h x w cells over ``frames``.
    frames : ndarray of shape (n, 4), float32
        The rectangle that each of ``logits`` covers, in pixels.
    shape : tuple of int
        Height and width of the picture, in pixels.
    stability : ndarray of shape (n,), float32, or None
        How little the mask of each changes if it is cut at 1 above or below 0: the overlap (IoU) of the two; 1 where
        the engine's outlines are sharp. None where that is not known.
    """

    scores: npt.NDArray[np.float32]
    boxes: npt.NDArray[np.float32]
    logits: tuple[npt.NDArray[np.float32] | npt.NDArray[np.bool_], ...]
    frames: npt.NDArray[np.float32]
    shape: tuple[int, int]
    stability: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        n = len(self.logits)
        stable = self.stability is None or self.stability.shape == (n,)
        if self.scores.shape != (n,) or self.boxes.shape != (n, 4) or self.frames.shape != (n, 4) or not stable:
            raise EngineError(
                "An engine returned candidates of unequal numbers.", hint="Report this with your engine's name."
            )

    def __len__(self) -> int:
        return len(self.scores)

    def kept(self, least: float, stability: float = 0.0) -> Candidates:
        """Return those of a score and, where it is known, a stability from so much on, in their order.

        The others need no memory.
        """
        known = self.stability
        which = np.flatnonzero((self.scores >= least) & (True if known is None else known >= stability))
        logits = tuple(self.logits[index] for index in which)
        stable = None if known is None else known[which]
        return Candidates(self.scores[which], self.boxes[which], logits, self.frames[which], self.shape, stable)

    def each(self) -> Iterator[Segmentation]:
        """Yield every one as an object, in their order; its mask may be empty."""
        for index in range(len(self)):
            yield Segmentation(self._mask(index), float(self.scores[index]))

    def above(self, threshold: float) -> tuple[Segmentation, ...]:
        """Return the objects whose score is ``threshold`` or more, the best first.

        Masks are made of these only, and only inside their boxes. An object without a pixel
        is left out.
        """
        order = np.argsort(-self.scores, kind="stable")
        kept = [int(index) for index in order if self.scores[index] >= threshold]
        made = (Segmentation(self._mask(index), float(self.scores[index])) for index in kept)
        return tuple(one for one in made if one.mask.area)

    def _mask(self, index: int) -> PlacedMask:
        values, frame = self.logits[index], Box(*map(float, self.frames[index]))
        top, left, bottom, right = map(float, self.boxes[index])
        if bottom <= top or right <= left:
            return PlacedMask(np.zeros((0, 0), bool))
        box = clip(Box(top, left, bottom, right), self.shape)
        if box is None:
            return PlacedMask(np.zeros((0, 0), bool))
        first = math.ceil(box.top), math.ceil(box.left)
        rows, cols = np.arange(first[0], math.ceil(box.bottom)), np.arange(first[1], math.ceil(box.right))
        if (
            values.shape == frame.size
            and box == frame
            and float(frame.top).is_integer()
            and float(frame.left).is_integer()
        ):
            return PlacedMask(values > 0, first).trimmed()
        return PlacedMask(_sample(values.astype(np.float32), frame, rows, cols) > 0, first).trimmed()


def _sample(
    values: npt.NDArray[np.float32], frame: Box, rows: npt.NDArray[np.intp], cols: npt.NDArray[np.intp]
) -> npt.NDArray[np.float32]:
    """Return bilinear samples of a grid over ``frame`` at pixel centres; the border value goes on outside."""

    def weights(
        at: npt.NDArray[np.intp], start: float, length: float, cells: int
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
        # Cell centres lie at (k + 1/2) / cells of the frame; a pixel's centre lies half a pixel after its edge.
        place = np.clip((at + 0.5 - start) / length * cells - 0.5, 0, cells - 1)
        low = np.minimum(place.astype(np.intp), max(cells - 2, 0))
        return low, (place - low).astype(np.float32)

    height, width = values.shape
    r, a = weights(rows, frame.top, frame.size[0], height)
    c, b = weights(cols, frame.left, frame.size[1], width)
    below, beside = np.minimum(r + 1, height - 1), np.minimum(c + 1, width - 1)
    lines = values[r] * (1 - a)[:, None] + values[below] * a[:, None]
    sampled: npt.NDArray[np.float32] = lines[:, c] * (1 - b) + lines[:, beside] * b
    return sampled


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """The objects of one frame of a stack or film.

    Attributes
    ----------
    frame : int
        Index along the frame axis.
    objects : dict of int to Segmentation
        By object id; ids start at 1. An object that is not seen on the frame has no entry.
    lost : frozenset of int
        Objects that are followed no further. Those that are in neither may be seen again on a later frame.
    names : mapping of int to str
        By which words objects were found, where they were found by words.
    """

    frame: int
    objects: dict[int, Segmentation]
    lost: frozenset[int] = frozenset()
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """One line of the table of results.

    Attributes
    ----------
    layer, prompt : str
        Name of the picture, and what was asked.
    image : str
        The picture's identity.
    plane : Plane
        On which plane of it the object lies.
    object_id : int
        From 1; each plane has its own numbers, and those that were accepted have others.
    score : float
        0 to 1.
    area : int
        In pixels.
    accepted : bool
        Whether it lies in the layer of accepted labels, under this number.
    """

    layer: str
    prompt: str
    image: str
    plane: Plane
    object_id: int
    score: float
    area: int
    accepted: bool = False

    @property
    def frame(self) -> tuple[int, ...]:
        """Where the picture is cut on its other axes, in their order; empty where it has none."""
        return tuple(position for _, position in self.plane.index)
