"""A process that follows an object through a film until it is killed."""

from __future__ import annotations

import sys
import time

import numpy as np

from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.jobs import Task
from tests.e2e.journal_hands import Headless

FRAMES, SIDE = 40, 96


def film() -> np.ndarray:
    """A bright square that drifts by 1 px a frame."""
    made = np.random.default_rng(0).integers(18, 23, (FRAMES, SIDE, SIDE)).astype(np.uint8)
    for frame in range(FRAMES):
        made[frame, 10 + frame : 30 + frame, 10:30] = 200
    return made


def truth(frame: int) -> np.ndarray:
    """Where it lies."""
    out = np.zeros((SIDE, SIDE), bool)
    out[10 + frame : 30 + frame, 10:30] = True
    return out


def begin(one: Headless, *, direction: Direction = Direction.FORWARD) -> None:
    """Click on the square of the first frame, and start."""
    one.app.choose_task(Task.LIVE_POINTS)
    one.app.arm()
    one.viewer.dims.set_current_step(0, 0)
    one.turn()
    one.app.live.layer.add([0, 20, 20])
    one.wait(lambda: len(one.state.results.objects) == 1 and not one.app.busy)
    one.app.choose_task(Task.VIDEO)
    one.state.task.direction = direction
    one.app.run()
    one.wait(lambda: one.state.video.running)


def run_until_killed(pause_s: float) -> None:
    """Follow the square, and say how many frames are done, until killed."""
    one = Headless((film(), {"name": "film"}))
    begin(one)
    said = -1
    while True:
        one.turn()
        if one.state.video.done != said and one.app.records.path is not None:
            said = one.state.video.done
            print(said, flush=True)
            time.sleep(pause_s)


if __name__ == "__main__":
    run_until_killed(float(sys.argv[1]))
