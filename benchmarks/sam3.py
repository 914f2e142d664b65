"""SAM3: load, encode, click, phrase and memory, beside transformers' own calls in the same run.

python -m benchmarks sam3 [--model FOLDER] [--full] [--precision NAME] [--times N]

A small random model by default; --full makes one of the released size, which takes 3.4 GB of disk and 6 GB of memory.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.rows import Row, show

LEAST, WITHIN = 3, 1.05
"""Each thing is run so often, in turn; ours may take so many times what bare transformers takes."""


def measure(folder: Path, precision: str, times: int) -> Iterator[tuple[str, list[Row]]]:
    """Yield the parts of the table, each with its heading, as they are measured."""
    from benchmarks.sam3_bare import Bare
    from napari_sam3_assistant.core.geometry import Box
    from napari_sam3_assistant.core.progress import CancelToken, no_progress
    from napari_sam3_assistant.core.prompts import BoxPrompt, PointPrompt, Prompts, Query, TextPrompt
    from napari_sam3_assistant.engines.sam3.image import Sam3Engine
    from napari_sam3_assistant.testing import blobs

    image = blobs((768, 1024))
    engine, steps = Sam3Engine(folder, precision=precision), Steps()
    start = time.perf_counter()
    engine.load(progress=no_progress, cancel=CancelToken())
    loaded, wait = time.perf_counter() - start, engine.capabilities.encode_s
    assert engine._reader is not None
    model = engine._reader.model
    bare, before = Bare(model, image), memory("RssAnon")
    embedding: Any = None

    def encode() -> None:
        nonlocal embedding
        steps.begin()
        embedding = engine.encode(image, progress=steps, cancel=CancelToken())

    ours, theirs = in_turn(encode, bare.encode, max(times // 2, 1))
    note = f"{model.precision} on {model.device}{', products by oneDNN' if model.way.onednn else ''}"
    said = "not said" if wait is None else f"{wait:.0f} s"
    yield (
        f"Load and encode ({note})",
        [
            Row("load", 1e3 * loaded, note="with the measurement of this CPU, where it was not made yet"),
            _row("encode a picture", ours, theirs, note=f"expected before: {said}"),
            Row("longest time in which Cancel is not seen", 1e3 * steps.longest, note="in the last encoding"),
        ],
    )
    point, box = Prompts((PointPrompt(384, 512),)), Prompts(box=BoxPrompt(Box(100, 100, 300, 400)))
    pair = in_turn(lambda: engine.segment(embedding, point), bare.click, 3 * times)
    rows = [_row("a click", *pair, "ours draws three masks in the picture's size, and fills holes", bound=False)]
    rows += [Row("a box", 1e3 * least(lambda: engine.segment(embedding, box), 3 * times))]
    number, phrase = iter(range(1000)), bare.read("nucleus")
    reading = in_turn(lambda: engine._reader.read(f"cell {next(number)}"), lambda: bare.read("nucleus"), times)
    rows += [_row("read a phrase", *reading)]
    query, like = Query((TextPrompt("nucleus"),)), Query(exemplars=(BoxPrompt(Box(100, 100, 300, 400)),))
    rows += [_row("find it", *in_turn(lambda: engine.find(embedding, query), lambda: bare.find(phrase), times))]
    rows += [Row("find what is like an example", 1e3 * least(lambda: engine.find(embedding, like), times))]
    found = engine.find(embedding, query)
    middle = float(sorted(found.scores)[len(found) // 2]) if len(found) else 0.5
    rows += [Row("another threshold", 1e3 * least(lambda: found.above(middle), times), note="masks of half of them")]
    yield "Questions about one encoding", rows
    yield (
        "Memory",
        [
            Row(
                "taken by the model",
                before,
                "MB",
                note="without the file of weights, which the system keeps in its cache",
            ),
            Row("with the file as far as it was read, at most", memory("VmHWM"), "MB"),
            Row("one encoding", embedding.nbytes / 1e6, "MB"),
        ],
    )


class Steps:
    """Notes the longest time between two reports of progress."""

    def begin(self) -> None:
        """Begin anew."""
        self.longest, self._last = 0.0, time.perf_counter()

    def __call__(self, fraction: float | None, message: str = "") -> None:
        now = time.perf_counter()
        self.longest, self._last = max(self.longest, now - self._last), now


def in_turn(ours: Callable[[], object], theirs: Callable[[], object], times: int) -> tuple[float, float]:
    """Return the least seconds of both, run in turn, so that what else goes on meets both alike."""
    theirs()
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(times)]
    return min(one for one, _ in pairs), min(one for _, one in pairs)


def least(work: Callable[[], object], times: int) -> float:
    """Return the least seconds that some work takes."""
    return min(_seconds(work) for _ in range(times))


def memory(what: str) -> float:
    """Return what the system says of this process's memory, in MB; 0 where it does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(what)), 0.0)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _row(what: str, ours: float, theirs: float, note: str = "", *, bound: bool = True) -> Row:
    most = WITHIN * 1e3 * theirs if bound else None
    return Row(what, 1e3 * ours, bare=1e3 * theirs, bare_name="transformers", target=most, note=note)


def main(arguments: list[str]) -> int:
    """Print the tables; return 1 where packages are missing or a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks sam3", description=__doc__)
    parser.add_argument("--model", type=Path, help="a model folder")
    parser.add_argument("--full", action="store_true", help="random weights of the released size")
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--times", type=int, default=LEAST)
    asked = parser.parse_args(arguments)
    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if missing:
        print(f"SAM3 needs {' and '.join(missing)}: pip install 'napari-sam3-assistant[sam3]'", file=sys.stderr)
        return 1
    missed = 0
    with tempfile.TemporaryDirectory() as made:
        for title, rows in measure(asked.model or made_folder(Path(made), asked.full), asked.precision, asked.times):
            show(title, rows)
            print(flush=True)
            missed += sum(row.held is False for row in rows)
    print("Every target is held." if not missed else f"{missed} target(s) are missed; see NO above.")
    return 0 if not missed else 1


def made_folder(folder: Path, full: bool) -> Path:
    """Make a model of random weights in a folder, small or of the released size, and return where it is."""
    if full:
        from benchmarks import sam3_weights

        return sam3_weights.make(folder / "model")
    from tests.engines.sam3 import tiny

    return tiny.make(folder / "model")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
