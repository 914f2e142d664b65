"""Following, measured: objects of films and stacks with truth, each from its true mask on one frame."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.evaluation.pictures import film
from benchmarks.evaluation.protocol import encoded
from napari_sam3_assistant.core.geometry import PlacedMask, mask_iou
from napari_sam3_assistant.core.intensity import limits_of, to_rgb
from napari_sam3_assistant.core.labels import to_masks
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine, video_of
from napari_sam3_assistant.samples.dividing_cells import dividing_cells
from napari_sam3_assistant.samples.nuclei_stack import nuclei_stack

LARGE = 80
"""Objects of so many pixels are followed."""
SEEN = 24
"""Of an object with fewer pixels on a frame there is nothing to see."""
FROM_THE_BORDER = 25
"""Of films without a truth beyond their border, objects are followed that stay so many pixels inside."""


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """Frames, encoded, and the true masks on each by label."""

    frames: Sequence[Embedding]
    truths: Sequence[dict[int, PlacedMask]]


@dataclass(slots=True)
class Figures:
    """What came of it. Overlaps (IoU) are those with the truth, where an object is to be seen.

    Attributes
    ----------
    objects : int
        How many were followed.
    overlaps, copied : list of list of float
        By object, of each frame: of what was followed, and of its first mask.
    missed : int
        Frames on which an object is to be seen, and was not found.
    too_far : int
        Frames on which one was found that is not there any more.
    spent_s : float
        Time of the steps on one core, encoding left out.
    steps : int
    """

    objects: int = 0
    overlaps: list[list[float]] = field(default_factory=list)
    copied: list[list[float]] = field(default_factory=list)
    missed: int = 0
    too_far: int = 0
    spent_s: float = 0.0
    steps: int = 0

    @property
    def worse(self) -> int:
        """How many objects have a mean overlap below that of the copied mask, by more than one hundredth."""
        pairs = zip(self.overlaps, self.copied, strict=True)
        return sum(bool(one) and np.mean(one) < np.mean(copy) - 0.01 for one, copy in pairs)

    def mean(self, of: Sequence[Sequence[float]]) -> float:
        """Return the mean over all frames of all objects."""
        return float(np.mean([value for row in of for value in row]))

    def row(self, name: str) -> str:
        """Return the figures as a line of a table."""
        frames = sum(map(len, self.overlaps))
        ms = 1000 * self.spent_s / max(self.steps, 1)
        return (
            f"{name:26s}{self.objects:8d}{frames:8d}{self.mean(self.overlaps):9.3f}{self.mean(self.copied):9.3f}"
            f"{self.worse:7d}{self.missed:8d}{self.too_far:9d}{ms:8.1f}"
        )


HEAD = f"{'following':26s}" + "".join(
    f"{word:>{width}s}"
    for word, width in (
        ("objects", 8),
        ("frames", 8),
        ("overlap", 9),
        ("copied", 9),
        ("worse", 7),
        ("missed", 8),
        ("too far", 9),
        ("ms", 8),
    )
)


def follow(
    engine: ImageEngine, shown: Film, start: int, ways: Sequence[range], ids: Sequence[int], to: Figures
) -> None:
    """Follow objects from their true masks on frame ``start``, and add what came of it to ``to``."""
    first = {id: shown.truths[start][id] for id in ids}
    found: dict[int, dict[int, PlacedMask]] = {}
    for way in ways:
        session = video_of(engine).start()
        for id, mask in first.items():
            session.prompt(start, shown.frames[start], id, Prompts(mask=MaskPrompt(mask)))
        for frame in way:
            began = time.process_time()
            answer = session.step(frame, shown.frames[frame])
            to.spent_s += time.process_time() - began
            to.steps += 1
            found[frame] = {id: one.mask for id, one in answer.objects.items()}
        session.close()
    to.objects += len(first)
    for id, mask in first.items():
        overlaps, copied = [], []
        for frame, seen in found.items():
            truth = shown.truths[frame].get(id)
            if truth is not None and truth.area >= SEEN:
                overlaps.append(mask_iou(seen[id], truth) if id in seen else 0.0)
                copied.append(mask_iou(mask, truth))
                to.missed += id not in seen
            else:
                to.too_far += id in seen
        to.overlaps.append(overlaps)
        to.copied.append(copied)


def encoded_stack(engine: ImageEngine, image: np.ndarray, labels: np.ndarray) -> Film:
    """Return a sample as a film."""
    limits = limits_of(list(image))
    return Film([encoded(engine, to_rgb(plane, limits)) for plane in image], [to_masks(one) for one in labels])


def encoded_film(engine: ImageEngine, kind: str, speed: float, seed: int) -> Film:
    """Return a picture of ``kind`` on its way."""
    frames = film(kind, speed=speed, seed=seed)
    return Film([encoded(engine, one.image) for one in frames], [to_masks(one.labels) for one in frames])


def samples(engine: ImageEngine, seeds: range) -> Iterator[tuple[str, Figures]]:
    """Yield what comes of the samples: cells that divide, and nuclei through depth from two frames."""
    cells = Figures()
    for seed in seeds:
        sample = dividing_cells(seed)
        shown = encoded_stack(engine, sample.image, sample.truth)
        follow(engine, shown, 0, [range(1, len(shown.frames))], _large(shown, 0), cells)
    yield "dividing cells, 0 forward", cells
    for start in (12, 5):
        nuclei = Figures()
        for seed in seeds:
            sample = nuclei_stack(seed)
            shown = encoded_stack(engine, sample.image, sample.truth)
            ways = [range(start + 1, len(shown.frames)), range(start - 1, -1, -1)]
            follow(engine, shown, start, ways, _large(shown, start), nuclei)
        yield f"nuclei stack, {start} both", nuclei


def films(
    engine: ImageEngine, kinds: Sequence[str], speeds: Sequence[float], seeds: range
) -> Iterator[tuple[str, Figures]]:
    """Yield what comes of pictures that drift and warp."""
    for kind in kinds:
        for speed in speeds:
            figures = Figures()
            for seed in seeds:
                shown = encoded_film(engine, kind, speed, seed)
                follow(engine, shown, 0, [range(1, len(shown.frames))], _inside(shown), figures)
            yield f"{kind}, {speed:g} px/frame", figures


def _large(shown: Film, frame: int) -> list[int]:
    return [id for id, mask in shown.truths[frame].items() if mask.area >= LARGE]


def _inside(shown: Film) -> list[int]:
    height, width = shown.frames[0].shape
    kept = []
    for id, mask in shown.truths[0].items():
        (top, left), (rows, cols) = mask.offset, mask.mask.shape
        away = min(top, left, height - top - rows, width - left - cols)
        if mask.area > SEEN and away > FROM_THE_BORDER:
            kept.append(id)
    return kept
