"""Show the row Channels and Use contrast limits, in both themes: the pictures of the how-to page.

PYTHONPATH=. scripts/on-screen .venv/bin/python scripts/channel_pictures.py FOLDER
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.samples.multichannel import multichannel

HOME = "/home/you/SAM3 masks"


def both(driver: Driver, folder: Path, name: str) -> None:
    """Save the window as it is now, dark and light."""
    for theme in ("dark", "light"):
        driver.viewer.theme = theme
        driver.pump(0.4)
        path = folder / f"{name}-{theme}.png"
        driver.screenshot(str(path))
        few_colours(path)


def few_colours(path: Path) -> None:
    """Write a picture anew in 256 colours: a third of the bytes, and nothing that one would miss."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def main(folder: Path) -> None:
    sample = multichannel()
    driver = Driver()
    driver.viewer.window.resize(1366, 768)
    labels = ("c", "y", "x")
    image = driver.viewer.add_image(sample.image, name="Cells", axis_labels=labels, scale=(1, 0.325, 0.325))
    image.contrast_limits = (0, 2500)
    driver.viewer.dims.set_current_step(0, 1)
    driver.wait_until_idle()
    driver.viewer.reset_view()
    setup = driver.widget.simple.setup
    row, col = (int(value) for value in np.argwhere(sample.truth == 3).mean(axis=0))
    driver.click(image, row, col)
    driver.state.output.default_folder = HOME
    both(driver, folder, "channels-grey")
    setup.channels.mode.setCurrentIndex(1)
    setup.channels.mode.activated.emit(1)
    driver.wait_until_idle()
    both(driver, folder, "channels-rgb")
    setup.limits.click()
    driver.wait_until_idle()
    image.contrast_limits = (0, 4000)
    both(driver, folder, "channels-limits-moved")
    driver.state.task.channel_axis = 2
    both(driver, folder, "channels-wrong-axis")
    driver.state.task.channel_axis = 0
    driver.state.task.mix = (0, 1, None)
    both(driver, folder, "channels-axis-told")
    driver.viewer.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as settings:
        os.environ["XDG_CONFIG_HOME"] = settings
        main(Path(sys.argv[1]))
