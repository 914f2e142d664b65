"""Embeddings on disk: what it takes to find, read and write one, beside encoding it and beside copying its bytes.

python -m benchmarks store [--model FOLDER]

Without a folder, a small random model; the features of the released one's size are made up.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.rows import Row, middle, show

SIDES = ((256, 4), (256, 2), (256, 1), (32, 4), (64, 2), (256, 1))
"""Channels, and times the grid of 72 patches, of the six arrays that SAM3 keeps of a picture."""
GRID, TIMES = 72, 5


def measure(model: Path | None) -> Iterator[tuple[str, list[Row]]]:
    """Yield the parts of the table, each with its heading."""
    with tempfile.TemporaryDirectory() as folder:
        yield "Features of the released model's size", made_up(Path(folder) / "large")
        if model is None:
            from tests.engines.sam3.tiny import make

            model = make(Path(folder) / "tiny")
        yield "A picture of 1,024 x 1,024 pixels", encoded(model, Path(folder) / "kept")


def made_up(folder: Path) -> list[Row]:
    """Return what it takes to write and read features of random numbers, beside a copy of them."""
    from napari_sam3_assistant.engines.store import Store, Stored
    from napari_sam3_assistant.engines.storing import StoreOptions, key_of

    random, image = np.random.default_rng(0), np.zeros((2048, 2048, 3), np.uint8)
    arrays = {
        f"{number}": random.standard_normal((1, channels, times * GRID, times * GRID), np.float32)
        for number, (channels, times) in enumerate(SIDES)
    }
    store, key = Store(StoreOptions(folder)), key_of("sam3", "", image)
    store.check()
    embedding = Stored(arrays, (2048, 2048))
    megabytes = sum(one.nbytes for one in arrays.values()) / 1e6
    copying = _ms(lambda: [one.copy() for one in arrays.values()])
    return [
        Row("key of 2,048 x 2,048 pixels", _ms(lambda: key_of("sam3", "", image))),
        Row(f"write {megabytes:.0f} MB", _ms(lambda: store.write(key, embedding)), bare=copying, bare_name="copy"),
        Row(f"read {megabytes:.0f} MB", _ms(lambda: store.read(key)), bare=copying, bare_name="copy"),
        Row("files: compressed by zstd, of 1", _compressed(arrays), unit="size"),
    ]


def encoded(model: Path, folder: Path) -> list[Row]:
    """Return what it takes to have a picture's embedding from disk, beside encoding it."""
    from napari_sam3_assistant.core.progress import CancelToken, no_progress
    from napari_sam3_assistant.engines.registry import create
    from napari_sam3_assistant.engines.stored import StoredEngine
    from napari_sam3_assistant.engines.storing import StoreOptions

    image = np.random.default_rng(0).integers(0, 255, (1024, 1024, 3)).astype(np.uint8)
    engine = create("sam3", folder=model, device="cpu")
    engine.load(progress=no_progress, cancel=CancelToken())
    bare = _ms(lambda: engine.encode(image, progress=no_progress, cancel=CancelToken()), 2)
    kept = StoredEngine(engine, StoreOptions(folder), wait=True)
    first = _ms(lambda: kept.encode(image, progress=no_progress, cancel=CancelToken()), 1)
    kept._keeper.close()
    again = _ms(lambda: kept.encode(image, progress=no_progress, cancel=CancelToken()))
    kept.close()
    return [
        Row("encode, and keep it", first, bare=bare, bare_name="encode"),
        Row("read from disk", again, bare=bare, bare_name="encode", target=bare),
    ]


def _compressed(arrays: dict[str, np.ndarray]) -> float:
    from numcodecs import Zstd

    some = arrays["2"].tobytes()
    return len(Zstd(level=1).encode(some)) / len(some)


def _ms(work: Callable[[], object], times: int = TIMES) -> float:
    """Return how long ``work`` takes, in milliseconds: the median of so many times."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return middle(taken)


def main(arguments: list[str]) -> int:
    """Measure and show; the exit code says whether reading takes less than encoding."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks store")
    parser.add_argument("--model", type=Path)
    held = True
    for title, rows in measure(parser.parse_args(arguments).model):
        show(title, rows)
        held = held and all(row.held is not False for row in rows)
    return 0 if held else 1
