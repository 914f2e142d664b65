"""What a user waits for in Mask Isolation: harvest, classify, the new layer; beside the bare calls of scipy.

python -m benchmarks isolation            # 8,192 x 8,192 pixels, 5,000 candidates of two masks: ten seconds
python -m benchmarks isolation --quick    # 2,048 x 2,048 pixels
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage as ndi

from benchmarks.rows import Row, show
from napari_sam3_assistant.masks.candidates import harvest
from napari_sam3_assistant.masks.isolated import OverlapRule, ParentRule, isolate, whole_objects
from napari_sam3_assistant.masks.isolation import Rules, classify
from napari_sam3_assistant.masks.label_layers import LabelLayer
from napari_sam3_assistant.masks.relations import relate

STEP_PX = 160
RADII_PX = (25, 52)
MOST = 2500
TIMES = 3


def discs(side: int, seed: int) -> np.ndarray:
    """Return a plane of ``side`` x ``side`` pixels, uint16, with discs of any size on a grid, 2,500 at most."""
    rng, plane, label = np.random.default_rng(seed), np.zeros((side, side), np.uint16), 0
    rows, cols = np.ogrid[:STEP_PX, :STEP_PX]
    for top in range(0, side - STEP_PX + 1, STEP_PX):
        for left in range(0, side - STEP_PX + 1, STEP_PX):
            label += 1
            row, col = STEP_PX / 2 + rng.uniform(-3, 3, 2)
            disc = np.hypot(rows - row, cols - col) <= rng.integers(*RADII_PX)
            if label <= MOST:
                plane[top : top + STEP_PX, left : left + STEP_PX][disc] = label
    return plane


def best(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the shortest time of several calls in milliseconds, and what the last one gave."""
    spent = []
    for _ in range(TIMES):
        start = time.perf_counter()
        given = call()
        spent.append(1000 * (time.perf_counter() - start))
    return min(spent), given


def measured(side: int) -> list[Row]:
    """Return the rows for two masks of ``side`` x ``side`` pixels."""
    planes = [discs(side, seed) for seed in (0, 1)]
    layers = [LabelLayer(str(k), str(k), plane, (0, 0)) for k, plane in enumerate(planes)]
    look, found = best(lambda: harvest(layers, 64))
    label, _ = best(lambda: [ndi.label(plane) for plane in planes])
    compare, relations = best(lambda: relate(found))
    pairs, _ = best(lambda: np.unique(planes[0].astype(np.int64) * 2**16 + planes[1], return_counts=True))
    judge, verdicts = best(lambda: classify(found, relations, Rules()))
    copy, _ = best(planes[0].copy)
    note = f"{len(found.candidates):,} candidates, {relations.small.size:,} pairs"
    rows = [
        Row("harvest", look, "ms", label, "scipy.ndimage.label of each mask", target=2000, note=note),
        Row("compare", compare, "ms", pairs, "np.unique of the pairs of labels", target=1000),
        Row("classify", judge, "ms", target=1000),
    ]
    for rule in OverlapRule:
        ids = whole_objects(verdicts, ParentRule.TRIM)
        made, _ = best(lambda r=rule, i=ids: isolate(found, relations, verdicts, i, r, ParentRule.TRIM))
        rows.append(Row(f"new layer, {rule}", made, "ms", copy, "a copy of one mask", target=3000))
    return rows


def main(arguments: list[str]) -> int:
    """Measure, and return 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks isolation", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller plane")
    side = 2048 if parser.parse_args(arguments).quick else 8192
    rows = measured(side)
    show(f"Mask Isolation, {side:,} x {side:,} pixels, two masks", rows)
    return int(any(row.held is False for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
