"""Make the picture of docs/how-to/channels-time-and-depth.md: the row Channels, and what it says.

scripts/on-screen .venv/bin/python scripts/channel_pictures.py [FOLDER]
"""

from pathlib import Path

import numpy as np
from pictures import Tour, run

from napari_sam3_assistant.samples.multichannel import multichannel


def main(folder: Path) -> None:
    sample, tour = multichannel(), Tour(folder)
    image = tour.add(sample.image, name="Cells", axis_labels=("c", "y", "x"), scale=(1, 0.325, 0.325))
    image.contrast_limits = (0, 2500)
    tour.layer = image
    tour.driver.viewer.dims.set_current_step(0, 1)
    tour.driver.wait_until_idle()
    tour.driver.viewer.reset_view()
    tour.click(*(int(value) for value in np.argwhere(sample.truth == 3).mean(axis=0)))
    tour.pick(tour.driver.widget.simple.setup.channels.mode, "RGB")
    tour.picture("channels-rgb.png", whole=True)
    tour.close()


if __name__ == "__main__":
    run(main)
