"""Every object without a prompt: how many of what the built-in engine finds are objects, and how many it finds.

python -m benchmarks everything       # samples of seeds 0 to 3, and the coins of scikit-image; half a minute
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.evaluation.pictures import KINDS, Picture
from napari_sam3_assistant import samples
from napari_sam3_assistant.core.intensity import limits_of, to_rgb
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.tasks.everything import NOWHERE

OVERLAP = 0.5
"""From which overlap (IoU) an object counts as found."""
SAMPLES = ("nuclei", "histology", "phase_contrast")


def pictures(name: str, seeds: int) -> Iterator[Picture]:
    """Yield pictures of one kind with their truth."""
    if name not in SAMPLES:
        yield KINDS[name].make(0)
        return
    for seed in range(seeds):
        made = getattr(samples, name)(seed)
        yield Picture(to_rgb(made.image, limits_of([made.image], color=made.rgb)), made.truth)


def found_in(found: tuple[Segmentation, ...], labels: np.ndarray) -> int:
    """Return how many of the labelled objects are among what was found."""
    areas, met = np.bincount(labels.ravel()), set()
    for one in found:
        (top, left), (height, width) = one.mask.offset, one.mask.mask.shape
        under = labels[top : top + height, left : left + width][one.mask.mask]
        shared = np.bincount(under, minlength=len(areas))
        overlap = shared / (one.mask.area + areas - shared)
        best = int(overlap[1:].argmax()) + 1
        if overlap[best] >= OVERLAP:
            met.add(best)
    return len(met)


def measure(name: str, seeds: int) -> tuple[float, float, float, float]:
    """Return precision, recall, encoding and looking in milliseconds a picture."""
    engine = BuiltinEngine()
    least = engine.capabilities.proposals.least_score
    right = given = there = 0
    encoding, looking = [], []
    for picture in pictures(name, seeds):
        start = time.perf_counter()
        embedding = engine.encode(picture.image, progress=no_progress, cancel=CancelToken())
        middle = time.perf_counter()
        found = engine.propose(embedding, NOWHERE).above(least)
        encoding.append((middle - start) * 1000)
        looking.append((time.perf_counter() - middle) * 1000)
        right += found_in(found, picture.labels)
        given, there = given + len(found), there + len(np.unique(picture.labels[picture.labels > 0]))
    return right / max(given, 1), right / there, float(np.median(encoding)), float(np.median(looking))


def main(arguments: list[str]) -> int:
    """Print a table; 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks everything", description=__doc__)
    parser.add_argument("--seeds", type=int, default=4, help="how many pictures of each sample")
    told = parser.parse_args(arguments)
    table = Table("pictures", "precision", "recall", "F1", "encoding ms", "looking ms")
    for name in (*SAMPLES, "coins"):
        precision, recall, encoding, looking = measure(name, told.seeds)
        both = 2 * precision * recall / max(precision + recall, 1e-9)
        table.add_row(name, f"{precision:.2f}", f"{recall:.2f}", f"{both:.2f}", f"{encoding:.0f}", f"{looking:.0f}")
    Console().print(table)
    return 0
