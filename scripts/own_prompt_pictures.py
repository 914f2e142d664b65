"""Show points of a user's own, with their numbers, and the ten objects that they gave: the picture of the how-to page.

scripts/on-screen .venv/bin/python scripts/own_prompt_pictures.py [FOLDER]
"""

from pathlib import Path

import numpy as np
from pictures import Tour, run

from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.demo.fit import iou
from napari_sam3_assistant.samples.nuclei import nuclei


def main(folder: Path) -> None:
    tour, truth = Tour(folder, (1366, 860)), nuclei().truth
    tour.open("nuclei", "Nuclei")
    inside = np.setdiff1d(truth, np.concatenate([truth[0], truth[-1], truth[:, 0], truth[:, -1]]))
    chosen = inside[np.linspace(0, len(inside) - 1, 10).astype(int)]
    middles = [np.argwhere(truth == value).mean(axis=0) for value in chosen]
    rows = np.concatenate([(middle, middle + 3) for middle in middles])
    table = {
        "object": np.repeat(np.arange(1, 11), 2),
        "class": ["fg"] * 20,
        "shown": [str(k // 2 + 1) if k % 2 else "" for k in range(20)],
    }
    text = {"string": "{shown}", "color": "yellow", "anchor": "upper_left", "size": 14}
    place = {"scale": tour.layer.scale, "units": tour.layer.units}
    tour.driver.viewer.add_points(rows, name="counted nuclei", features=table, size=8, text=text, **place)
    tour.advanced(Section.PROMPTS, Section.LAYERS)
    step = tour.driver.widget.advanced
    tour.pick(step.task.task, "2D segmentation")
    tour.pick(step.prompts.layers.points, "counted nuclei")
    tour.press(step.run.run.run)
    found = {one.id: one.mask.within(Box(0, 0, *truth.shape)) for one in tour.driver.state.results.objects}
    print(
        step.prompts.uses.text(), [round(iou(found[k], truth == value), 2) for k, value in enumerate(chosen, start=1)]
    )
    tour.picture("prompts-of-your-own.png", whole=True)
    tour.close()


if __name__ == "__main__":
    run(main)
