"""What operations on labels take: whole planes beside a copy and the bare library call, and edits of one object.

python -m benchmarks masks            # 8,192 x 8,192 with 5,000 objects; two minutes
python -m benchmarks masks --quick    # 2,048 x 2,048 with 300

Ours use NumPy, SciPy and scikit-image alone; a bare call of a package that is not installed is left out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.rows import Row, show
from napari_sam3_assistant.masks import cleanup, values
from napari_sam3_assistant.masks.components import Component, analyze

Labels = npt.NDArray[Any]
Bare = tuple[str, Callable[[], object]] | None


def cells(side: int, count: int, dtype: str = "uint16", seed: int = 0) -> Labels:
    """Return a plane of lobed cells on a grid, some of which touch, each with a small hole."""
    rng, line = np.random.default_rng(seed), int(np.ceil(count**0.5))
    pitch = side // line
    labels = np.zeros((side, side), dtype)
    for number in range(count):
        radius, turn, hole = rng.uniform(0.3, 0.55) * pitch, rng.uniform(0, 6), rng.uniform(0, 4)
        middle = np.array(divmod(number, line)) * pitch + pitch // 2
        low, high = np.maximum(middle - int(radius) - 2, 0), np.minimum(middle + int(radius) + 3, side)
        rows, cols = np.ogrid[low[0] - middle[0] : high[0] - middle[0], low[1] - middle[1] : high[1] - middle[1]]
        lobed = radius * (1 + 0.12 * np.sin(5 * np.arctan2(rows, cols) + turn))
        cell = (np.hypot(rows, cols) < lobed) & (np.hypot(rows - 3, cols + 2) > hole)
        np.copyto(labels[low[0] : high[0], low[1] : high[1]], labels.dtype.type(number + 1), where=cell)
    return labels


def planes(labels: Labels, small: int, times: int, targets: bool) -> list[Row]:
    """Return what each operation on all of a plane takes."""
    whole = tuple(range(1, int(labels.max()) + 1))
    half = whole[::2]
    copy = _best(labels.copy, times)
    asked: list[tuple[str, Callable[[], object], Bare, float | None]] = [
        ("remove small", lambda: cleanup.remove_small(labels, small), _cc3d_small(labels, small), 400),
        ("fill holes", lambda: cleanup.fill_holes(labels), _voids(labels), 400),
        ("smooth, radius 1", lambda: cleanup.smooth(labels, 1), _in_boxes(labels), 600),
        ("smooth, radius 3", lambda: cleanup.smooth(labels, 3), None, None),
        ("keep largest", lambda: cleanup.keep_largest(labels), _largest(labels), 1000),
        ("clear border", lambda: cleanup.clear_border(labels), _border(labels), None),
        ("dilate, radius 1", lambda: cleanup.dilate(labels, 1), _expanded(labels), None),
        ("erode, radius 1", lambda: cleanup.erode(labels, 1), None, None),
        ("relabel half of the values", lambda: values.relabel(labels, half, 1), _remap(labels, half), 150),
        ("count the values", lambda: values.value_counts(labels), _unique(labels), None),
        ("renumber", lambda: values.renumber(labels), _renumber(labels), None),
        ("components", lambda: analyze(labels), _statistics(labels), None),
    ]
    rows = [Row("a copy of the array", copy)]
    for what, ours, bare, target in asked:
        taken = _best(ours, times)
        rows.append(
            Row(
                what,
                taken,
                bare=_best(bare[1], times) if bare else None,
                bare_name=bare[0] if bare else "",
                target=target if targets else None,
                note=f"{taken / copy:.0f} times a copy",
            )
        )
    return rows


def one_object(labels: Labels, times: int) -> list[Row]:
    """Return what an edit of one object among all takes, without the drawing of it."""
    found = analyze(labels)
    chosen = max(found, key=lambda one: one.area)
    shift = labels[chosen.slices].copy()

    def bare() -> None:
        block = shift.copy()
        block[block == chosen.label] = 0

    rest = {"bare_name": "the same pixels of its box by hand", "target": 5.0, "note": f"{chosen.area:,} pixels"}
    beside = _best(bare, 5 * times)
    return [
        Row("delete one object", _best(_on(cleanup.delete_components, labels, chosen), 5 * times), bare=beside, **rest),
        Row(
            "give one object another value",
            _best(_on(cleanup.assign_components, labels, chosen, 3), 5 * times),
            bare=beside,
            **rest,
        ),
    ]


def _on(operation: Callable[..., object], labels: Labels, chosen: Component, *others: int) -> Callable[[], object]:
    return lambda: operation(labels, (chosen,), *others)


def _cc3d_small(labels: Labels, size: int) -> Bare:
    if find_spec("cc3d") is None:
        return None
    import cc3d

    def small() -> Labels:
        parts = cc3d.connected_components(labels, connectivity=4)
        return np.where(np.bincount(parts.reshape(-1))[parts] < size, 0, labels)

    return "cc3d, then bincount and a table", small


def _voids(labels: Labels) -> Bare:
    if find_spec("fill_voids") is None:
        return None
    import fill_voids
    from scipy import ndimage as ndi

    def fill() -> None:
        for number, box in enumerate(ndi.find_objects(labels), start=1):
            if box is not None:
                fill_voids.fill(labels[box] == number)

    return "fill_voids in the box of each label", fill


def _in_boxes(labels: Labels) -> Bare:
    from scipy import ndimage as ndi

    def smooth() -> None:
        for number, box in enumerate(ndi.find_objects(labels), start=1):
            if box is not None:
                mask = np.pad(labels[box] == number, 2)
                ndi.binary_closing(ndi.binary_opening(mask))

    return "scipy opening and closing in the box of each label", smooth


def _largest(labels: Labels) -> Bare:
    from scipy import ndimage as ndi

    def largest() -> None:
        for number, box in enumerate(ndi.find_objects(labels), start=1):
            if box is not None:
                pieces, count = ndi.label(labels[box] == number)
                if count > 1:
                    np.bincount(pieces.reshape(-1))

    return "scipy label in the box of each label", largest


def _border(labels: Labels) -> Bare:
    from skimage.segmentation import clear_border

    return "skimage clear_border, of whole labels", lambda: clear_border(labels)


def _expanded(labels: Labels) -> Bare:
    from skimage.segmentation import expand_labels

    if labels.size > 1 << 24:
        return None  # gigabytes, and a minute
    return "skimage expand_labels", lambda: expand_labels(labels, 1)


def _remap(labels: Labels, chosen: tuple[int, ...]) -> Bare:
    if find_spec("fastremap") is None:
        return None
    import fastremap

    table = dict.fromkeys(chosen, 1)
    return "fastremap.remap, without an edit", lambda: fastremap.remap(labels, table, preserve_missing_labels=True)


def _unique(labels: Labels) -> Bare:
    if find_spec("fastremap") is None:
        return "np.unique", lambda: np.unique(labels, return_counts=True)
    import fastremap

    return "fastremap.unique", lambda: fastremap.unique(labels, return_counts=True)


def _renumber(labels: Labels) -> Bare:
    if find_spec("fastremap") is None:
        return None
    import fastremap

    return "fastremap.renumber, without an edit", lambda: fastremap.renumber(labels)


def _statistics(labels: Labels) -> Bare:
    if find_spec("cc3d") is None:
        return None
    import cc3d

    return "cc3d, and its statistics", lambda: cc3d.statistics(cc3d.connected_components(labels, connectivity=4))


def _best(work: Callable[[], object], times: int) -> float:
    """Return the shortest of several times, in milliseconds."""
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spent.append((time.perf_counter() - start) * 1000)
    return min(spent)


def main(arguments: list[str]) -> int:
    """Print the tables; return 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks masks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smaller plane")
    parser.add_argument("--times", type=int, default=3)
    told = parser.parse_args(arguments)
    side, count = (2048, 300) if told.quick else (8192, 5000)
    labels = cells(side, count)
    shown = [
        (
            f"A plane of {side:,}², {count:,} objects",
            planes(labels, labels.size // count // 4, told.times, not told.quick),
        ),
        ("One object of them", one_object(labels, told.times)),
    ]
    for title, rows in shown:
        show(title, rows)
        print(flush=True)
    return int(any(row.held is False for _, rows in shown for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
