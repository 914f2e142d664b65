"""Make the picture of the how-to about depth and time: a stack, followed in the real widget.

Run it where a window can be shown: ``python scripts/propagation_pictures.py``.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import napari
import numpy as np
from howto_pictures import HOME

from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.samples.nuclei_stack import nuclei_stack
from napari_sam3_assistant.tasks.jobs import Task

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
FRAME, SEEN = 12, 14


def main() -> None:
    """Follow three nuclei of the sample, and save the window."""
    os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp()  # the widget as it is at first
    viewer = napari.Viewer()
    viewer.window.resize(1150, 900)
    driver = Driver(viewer)
    controller = driver.widget.controller
    controller.open_sample("nuclei_stack")
    driver.pump(0.5)
    viewer.dims.set_current_step(0, FRAME)
    truth = nuclei_stack().truth[FRAME]
    sizes = np.bincount(truth.ravel())[1:]
    for label in np.argsort(-sizes)[:3] + 1:
        row, col = np.argwhere(truth == label).mean(axis=0)
        controller.board.begin_object()
        driver.click(viewer.layers[0], row, col)
    controller.choose_task(Task.VIDEO)
    controller.run()
    driver.wait_until_idle()
    driver.wait(lambda: not driver.state.video.running, "The end")
    viewer.dims.set_current_step(0, SEEN)
    driver.state.results.table = True
    driver.state.output.default_folder = HOME
    driver.pump(0.5)
    driver.screenshot(str(IMAGES / "propagation.png"))
    viewer.close()


if __name__ == "__main__":
    main()
