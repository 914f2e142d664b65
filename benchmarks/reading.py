"""SAM3 in napari: how long the window does not answer while SAM3 loads and reads, and what one waits for.

python -m benchmarks reading [--model FOLDER]

Without a folder, a small random model. The pictures are of 2,048 x 2,048 pixels.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.rows import Row, middle, show

if TYPE_CHECKING:
    from benchmarks.opened import Opened
    from benchmarks.scenes import Scene

MAKE = "import sys; from pathlib import Path; from tests.engines.sam3 import tiny; tiny.make(Path(sys.argv[1]))"
FREEZE_MS, CANCEL_MS = 50, 500
LOAD_S = 900.0


def measure(folder: Path) -> Iterator[tuple[str, list[Row]]]:
    """Yield the parts of the table, each with its heading."""
    from benchmarks.opened import Heartbeat, Opened
    from benchmarks.scenes import in_memory

    scene, opened = in_memory(2048), Opened()
    opened.open(scene)
    row, col = scene.places[0]
    opened.points.add([[row, col]])  # what napari and the built-in engine import and compile is there by then
    opened.settle()
    opened.forget()
    state, model = opened.state, opened.widget.controller.model
    with Heartbeat() as heart:
        start = time.perf_counter()
        model.choose_folder(folder)
        _until(lambda: state.model.loaded)
        loaded = time.perf_counter() - start
    loading, after_load = heart.longest, time.perf_counter()
    with Heartbeat() as heart:
        _until(lambda: not state.run.background_works)
        read = time.perf_counter() - after_load
    reading = heart.longest
    yield (
        "While SAM3 loads and reads a view",
        [
            Row("longest freeze of the window while SAM3 loads", loading, target=FREEZE_MS),
            Row("longest freeze while it reads 2,048²", reading, target=FREEZE_MS),
            Row("from the chosen folder to the loaded model", 1e3 * loaded),
            Row("from there to the encoded view", 1e3 * read, note=state.model.device),
        ],
    )
    clicks = [opened.click((row + k, col)) for k in range(8)]
    waited = [_cancelled(opened, scene, k) for k in range(3)]
    yield (
        "Then",
        [
            Row("own time of a click, beside SAM3's", middle(one.own_ms for one in clicks)),
            Row("SAM3's share, its process included", middle(one.decode_ms for one in clicks)),
            Row("Cancel of its reading", max(waited), target=CANCEL_MS),
        ],
    )
    yield "Memory", [_unloaded(opened)]
    opened.close()


def _cancelled(opened: Opened, scene: Scene, k: int) -> float:
    """Return how long Cancel takes while SAM3 reads another picture, in milliseconds."""
    from benchmarks.opened import rest

    controller, state = opened.widget.controller, opened.state
    layer = opened.viewer.layers["scene"]
    layer.data = layer.data + np.uint16(1)  # to be encoded again
    row, col = scene.places[0]
    opened.points.add([[row + k, col]])
    _until(lambda: state.run.background_works or opened.idle())
    rest(0.1 * k)
    start = time.perf_counter()
    controller.cancel()
    _until(lambda: not controller.standby.session.busy)
    taken = (time.perf_counter() - start) * 1e3
    controller.standby.allow()
    opened.settle()
    return taken


def _unloaded(opened: Opened) -> Row:
    """Return what this process has kept, in MB, once SAM3's has ended."""
    controller, state = opened.widget.controller, opened.state
    _until(lambda: not controller.standby.session.busy)
    before = _resident()
    controller.model.unload()
    _until(lambda: not state.model.loaded)
    return Row("given back here by Unload; the model's process is gone", before - _resident(), "MB")


def _until(condition: Callable[[], bool]) -> None:
    from benchmarks.opened import rest

    end = time.perf_counter() + LOAD_S
    while not condition():
        if time.perf_counter() > end:
            raise TimeoutError(f"SAM3 was not done in {LOAD_S:.0f} s.")
        rest(0.003)


def _resident() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(arguments: list[str]) -> int:
    """Print the tables; return 1 where packages are missing or a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks reading", description=__doc__)
    parser.add_argument("--model", type=Path, help="a model folder")
    asked = parser.parse_args(arguments)
    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if missing:
        print(f"SAM3 needs {' and '.join(missing)}: pip install 'napari-sam3-assistant[sam3]'", file=sys.stderr)
        return 1
    missed = 0
    with tempfile.TemporaryDirectory() as made:
        os.environ["XDG_CONFIG_HOME"] = made
        folder = asked.model or Path(made) / "tiny"
        if asked.model is None:  # by another process: beside software OpenGL, torch would crash
            subprocess.run([sys.executable, "-c", MAKE, str(folder)], check=True)
        for title, rows in measure(folder):
            show(title, rows)
            print(flush=True)
            missed += sum(row.held is False for row in rows)
    print("Every target is held." if not missed else f"{missed} target(s) are missed; see NO above.")
    return 0 if not missed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
