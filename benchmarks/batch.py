"""A batch: 8 pictures x 5 phrases by a small random SAM3, and one example on 8 pictures, beside the bare engine calls.

python -m benchmarks batch [--pictures N] [--side N] [--times N]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import Row, show
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.intensity import to_rgb
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, Query, TextPrompt
from napari_sam3_assistant.core.sources import array_source, estimate_limits
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.tasks import batch
from napari_sam3_assistant.tasks.batch import Picture, Question
from napari_sam3_assistant.testing import blobs

WORDS = ("nucleus", "cell", "debris", "dividing cell", "background")
WITHIN = 1.25
"""A batch may take so many times what the bare calls take."""
LEAST = 0.1
"""The score from which both make masks: the same number of them."""


def measure(engine: Any, pictures: Sequence[Picture], times: int, what: str, note: str = "") -> Row:
    """Return how long a batch takes, beside the engine's own calls on the same pixels, run in turn."""

    def ours() -> None:
        for outcome in batch.run(engine, EmbeddingCache(), pictures, threshold=LEAST):
            if outcome.error is not None:
                raise outcome.error

    def bare() -> None:
        for one in pictures:
            limits = estimate_limits(one.source, one.plane)
            pixels = to_rgb(one.source.levels[0], limits)
            embedding = engine.encode(pixels, progress=no_progress, cancel=CancelToken())
            for question in one.questions:
                engine.find(embedding, question.asked).above(LEAST)

    bare()
    pairs = [(_seconds(ours), _seconds(bare)) for _ in range(times)]
    own, other = (1e3 * min(values) for values in zip(*pairs, strict=True))
    name = "limits, encode and find, called one after the other"
    return Row(what, own, "ms", other, name, target=WITHIN * other, note=note)


def pictures_of(count: int, side: int, questions: tuple[Question, ...]) -> list[Picture]:
    """Return pictures of blobs, each another one, and what is asked of them."""
    shown = [np.roll(blobs((side, side)), 7 * k, axis=1) for k in range(count)]
    return [
        Picture(f"p{k}", array_source(data, identity=f"p{k}"), Plane(0, 1), questions) for k, data in enumerate(shown)
    ]


def examples(count: int, side: int, times: int) -> Row:
    """Return how long one example on every picture takes the built-in engine."""
    question = Question(Query(exemplars=(BoxPrompt(Box(10, 10, side / 3, side / 3)),)))
    what = f"an example on {count} pictures of {side} px (Built-in)"
    return measure(BuiltinEngine(), pictures_of(count, side, (question,)), times, what)


def words(count: int, side: int, times: int) -> Row:
    """Return how long five phrases on every picture take a small random SAM3."""
    from napari_sam3_assistant.engines.sam3.image import Sam3Engine
    from tests.engines.sam3.tiny import make

    questions = tuple(Question(Query((TextPrompt(one),)), one) for one in WORDS)
    with tempfile.TemporaryDirectory() as folder:
        engine = Sam3Engine(make(Path(folder) / "tiny"), device="cpu")
        engine.load(progress=no_progress, cancel=CancelToken())
        try:
            what = f"{len(WORDS)} phrases on {count} pictures of {side} px (SAM3, small)"
            return measure(
                engine, pictures_of(count, side, questions), times, what, "a random model: its times are not SAM3's"
            )
        finally:
            engine.close()


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main(arguments: list[str]) -> int:
    """Measure and print; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks batch", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--times", type=int, default=3)
    told = parser.parse_args(arguments)
    rows = [examples(told.pictures, told.side, told.times)]
    if find_spec("torch") is not None and find_spec("transformers") is not None:
        rows.append(words(told.pictures, told.side, told.times))
    show("Batches", rows)
    return int(any(row.held is False for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
