"""Go through docs/how-to/prompts-of-your-own.md in a real napari, and make its picture.

    scripts/on-screen .venv/bin/python scripts/prompts_pictures.py [FOLDER]

A table of points becomes a layer, as another program would leave it: ten objects, two points each and one that is
not part of any. What comes of it is compared with the truth of the sample, and printed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pictures import Tour, run

from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.demo.fit import deepest, matched
from napari_sam3_assistant.samples import nuclei

OBJECTS = (3, 8, 14, 20, 25, 31, 37, 44, 50, 58)


def table(truth: np.ndarray) -> tuple[np.ndarray, dict[str, list]]:
    """Return points of ten objects, and which object and kind each one is."""
    places, numbers, kinds = [], [], []
    for number, label in enumerate(OBJECTS, 1):
        row, col, _ = deepest(truth == label)
        places += [(row, col), (row + 2, col + 2)]
        numbers += [number] * 2
        kinds += ["FG"] * 2
    return np.array(places, float), {"object": numbers, "class": kinds}


def main(folder: Path) -> None:
    tour, truth = Tour(folder, (1366, 860)), nuclei().truth
    tour.open("nuclei", "Nuclei")
    places, features = table(truth)
    where = {"scale": tour.layer.scale, "units": tour.layer.units}
    tour.driver.viewer.add_points(places, features=features, name="from my table", size=9, face_color="orange", **where)
    tour.driver.wait_until_idle()
    tour.advanced(Section.PROMPTS, Section.LAYERS)
    step = tour.driver.widget.advanced
    tour.pick(step.task.task, "2D segmentation")
    tour.pick(step.prompts.layers.points, "from my table")
    print(step.prompts.uses.text())
    tour.press(step.run.run.run)
    whole = Box(0, 0, *truth.shape)
    fits = [matched(one.mask.within(whole), truth) for one in tour.driver.state.results.objects]
    print(len(fits), "objects", [f"{fit:.2f}" for _, fit in fits])
    tour.picture("own-points.png", whole=True)
    tour.close()


if __name__ == "__main__":
    run(main)
