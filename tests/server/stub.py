"""An engine that answers at once, or as late and as badly as a test wants, and counts."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.prompts import Prompts, Query
from napari_sam3_assistant.core.results import Candidates, Segmentation
from napari_sam3_assistant.engines.protocol import Capabilities, check


@dataclass(frozen=True, slots=True, eq=False)
class StubEmbedding:
    shape: tuple[int, int]
    picture: np.ndarray
    nbytes: int = 1000


@dataclass(eq=False)
class StubEngine:
    """Answers with a disc round the newest positive point, or the box.

    Attributes
    ----------
    load_s, encode_s, decode_s : float
        How long each takes.
    looks : bool
        Whether it looks at Cancel meanwhile, every 10 ms.
    radius, wave : int
        Of the disc, in pixels; its outline goes in and out by ``wave``.
    fail : callable or None
        ``fail(what)``, with "load", "encode", "segment" or "find", may raise.
    found : tuple of (float, (int, int, int, int))
        Score and ``top, left, bottom, right`` of each rectangle that it finds.
    alternatives : int
        How many other readings it has of what it is asked.
    encodes, decodes, finds : int
        How often each was done.
    asked : list of Prompts
        What :meth:`segment` was asked.
    previous : list of Segmentation or None
        What it was given back.
    """

    load_s: float = 0.0
    encode_s: float = 0.0
    decode_s: float = 0.0
    looks: bool = True
    radius: int = 20
    wave: int = 0
    score: float = 0.9
    fail: Callable[[str], None] | None = None
    capabilities: Capabilities = field(default_factory=Capabilities)
    name: str = "stub"
    weights: str = ""
    found: tuple[tuple[float, tuple[int, int, int, int]], ...] = ()
    alternatives: int = 0
    encodes: int = 0
    decodes: int = 0
    finds: int = 0
    asked: list[Prompts] = field(default_factory=list)
    previous: list[Segmentation | None] = field(default_factory=list)
    closed: bool = False
    threads: set[str] = field(default_factory=set)

    def load(self, *, progress, cancel) -> None:
        self._work("load", self.load_s, cancel)

    def encode(self, image, *, progress, cancel) -> StubEmbedding:
        self._work("encode", self.encode_s, cancel)
        self.encodes += 1
        return StubEmbedding(image.shape[:2], np.array(image[:1, :1]))

    def segment(self, embedding, prompts: Prompts, previous=None) -> Segmentation:
        check(prompts, self.capabilities)
        self._work("segment", self.decode_s)
        self.decodes += 1
        self.asked.append(prompts)
        self.previous.append(previous)
        mask = self._disc(embedding.shape, prompts)
        others = (PlacedMask(np.ones((1, 2), bool)),) * self.alternatives
        return Segmentation(mask, self.score, others, f"state {self.decodes}" if self.capabilities.refines else None)

    def find(self, embedding, query: Query) -> Candidates:
        self._work("find", self.decode_s)
        self.finds += 1
        scores = np.array([score for score, _ in self.found], np.float32)
        boxes = np.array([box for _, box in self.found], np.float32).reshape(-1, 4)
        sizes = [(int(bottom - top), int(right - left)) for top, left, bottom, right in boxes]
        return Candidates(scores, boxes, tuple(np.ones(size, bool) for size in sizes), boxes, embedding.shape)

    def close(self) -> None:
        self.closed = True

    def _disc(self, shape: tuple[int, int], prompts: Prompts) -> PlacedMask:
        if prompts.mask is not None and not prompts.points:
            return prompts.mask.mask.trimmed()
        row, col = prompts.positive[-1].pixel if prompts.positive else (int(value) for value in prompts.newest())
        return self.disc(shape, row, col)

    def disc(self, shape: tuple[int, int], row: int, col: int) -> PlacedMask:
        """Return the disc on a picture of ``shape`` (H, W)."""
        whole = _disc(self.radius, self.wave)
        reach = whole.shape[0] // 2
        top, left = row - reach, col - reach
        rows, cols = (
            slice(max(-first, 0), max(side - first, 0)) for first, side in ((top, shape[0]), (left, shape[1]))
        )
        return PlacedMask(whole[rows, cols], (max(top, 0), max(left, 0))).trimmed()

    def _work(self, what: str, seconds: float, cancel=None) -> None:
        self.threads.add(threading.current_thread().name)
        if self.fail is not None:
            self.fail(what)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if cancel is not None and self.looks:
                cancel.raise_if_cancelled()
            time.sleep(min(left, 0.01) if self.looks else left)


@dataclass(eq=False)
class Gate:
    """Holds the engine's thread in one of its calls until it is opened."""

    what: str = "segment"
    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def __call__(self, what: str) -> None:
        if what == self.what:
            self.reached.set()
            assert self.opened.wait(20)


def gated(what: str = "segment") -> tuple[StubEngine, Gate]:
    """Return an engine that waits at ``what``, and what it waits for."""
    gate = Gate(what)
    return StubEngine(fail=gate), gate


@functools.cache
def _disc(radius: int, wave: int) -> np.ndarray:
    rows, cols = np.ogrid[-radius - wave : radius + wave + 1, -radius - wave : radius + wave + 1]
    return np.hypot(rows, cols) - wave * np.sin(9 * np.arctan2(rows, cols)) <= radius
