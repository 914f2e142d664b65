"""The longest time for which the window does not answer, in a process that has done nothing yet.

``python -m benchmarks.freezes SCENE [--bare]`` prints one JSON object: milliseconds of each phase
(an image opened, its encoding, the first click, a correction). With ``--bare`` napari does the same to its layers
without the plugin: the difference is what the plugin adds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scenes import Scene, on_disk
from napari_sam3_assistant.export.journal_folder import ENVIRONMENT

PHASES = ("image opened", "its encoding", "first click", "correction")
CORRECTIONS = 3
OFFSETS = ((2, 2), (-3, 1), (4, -2))


def phases(viewer: Any, scene: Scene, bare: bool) -> dict[str, float]:
    """Return the longest freeze of each phase, in milliseconds."""
    return _bare(viewer, scene) if bare else _ours(viewer, scene)


def _longest(work: Callable[[], None], wait: Callable[[], None]) -> float:
    from benchmarks.opened import Heartbeat

    with Heartbeat() as heart:
        work()
        wait()
    return heart.longest


def _nothing() -> None:
    pass


def _ours(viewer: Any, scene: Scene) -> dict[str, float]:
    from benchmarks.opened import Opened, rest, until

    opened = Opened(_warm(viewer))
    row, col = scene.places[len(scene.places) // 2]

    def open_image() -> None:
        opened.viewer.add_image(scene.data, name="scene", **scene.options)

    def armed() -> None:
        until(lambda: opened.state.task.armed, "The points layer")
        rest(0.3)

    found = {PHASES[0]: _longest(open_image, armed)}
    found[PHASES[1]] = _longest(_nothing, _answered(opened))
    found[PHASES[2]] = _longest(lambda: opened.points.add([[row, col]]), _answered(opened))
    more = [
        _longest(lambda k=k: opened.points.add([[row + OFFSETS[k][0], col + OFFSETS[k][1]]]), _answered(opened))
        for k in range(CORRECTIONS)
    ]
    found[PHASES[3]] = float(np.median(more))
    opened.close()
    return found


def _answered(opened: Any) -> Callable[[], None]:
    from benchmarks.opened import rest

    def wait() -> None:
        rest(0.1)
        opened.settle()
        rest(0.2)

    return wait


def _warm(viewer: Any) -> Any:
    """Return a viewer, a new one for None, that has shown a layer of each kind: napari imports much with its first."""
    import napari

    from benchmarks.opened import rest

    viewer = viewer if viewer is not None else napari.Viewer()
    viewer.window.resize(1366, 768)
    small = np.zeros((64, 64), np.uint16)
    viewer.add_image(small)
    viewer.add_labels(small)
    viewer.add_points(np.zeros((0, 2)), ndim=2).add([[3, 3]])
    rest(0.4)
    viewer.layers.clear()
    rest(0.3)
    return viewer


def _bare(viewer: Any, scene: Scene) -> dict[str, float]:
    from napari.layers import Labels

    from benchmarks.opened import rest

    viewer = _warm(viewer)
    row, col = scene.places[len(scene.places) // 2]
    block = np.zeros((128, 128), np.uint16)
    block[40:80, 40:80] = 1

    def open_image() -> None:
        viewer.add_image(scene.data, name="scene", **scene.options)
        viewer.add_points(np.zeros((0, 2)), ndim=2, name="points").mode = "add"

    def first() -> None:
        viewer.layers["points"].add([[row, col]])
        rest(0.1)
        viewer.layers.insert(1, Labels(block, name="labels", translate=(row - 64, col - 64)))
        viewer.layers.selection.active = viewer.layers["points"]

    def again(k: int) -> None:
        viewer.layers["points"].add([[row + OFFSETS[k][0], col + OFFSETS[k][1]]])
        rest(0.1)
        layer = viewer.layers["labels"]
        layer.data[...] = np.roll(block, k + 1, axis=0)
        layer.refresh()

    def wait() -> None:
        rest(0.5)

    found = {PHASES[0]: _longest(open_image, lambda: rest(0.3)), PHASES[1]: _longest(_nothing, wait)}
    found[PHASES[2]] = _longest(first, wait)
    found[PHASES[3]] = float(np.median([_longest(lambda k=k: again(k), wait) for k in range(CORRECTIONS)]))
    viewer.close()
    rest(0.05)
    return found


def scene_of(path: Path, side: int) -> Scene:
    """Return the scene of ``side``: a file ``.npz`` of pixels and places, or a folder of pyramids."""
    if path.suffix == ".npz":
        with np.load(path) as kept:
            return Scene(kept["image"], [tuple(map(int, place)) for place in kept["places"]], {})
    return on_disk(path, side)


def keep(scene: Scene, path: Path) -> None:
    """Write a scene of memory to a file, so that another process need not make it."""
    np.savez(path, image=scene.data, places=np.array(scene.places))


def main(arguments: list[str]) -> int:
    """Measure one process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.freezes", description=__doc__)
    parser.add_argument("scene", type=Path, help="a file .npz, or the folder of a pyramid")
    parser.add_argument("--side", type=int, default=2048, help="of the picture, in pixels")
    parser.add_argument("--bare", action="store_true", help="napari alone")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as settings:
        os.environ["XDG_CONFIG_HOME"] = os.environ[ENVIRONMENT] = settings
        print(json.dumps(phases(None, scene_of(asked.scene, asked.side), asked.bare)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
