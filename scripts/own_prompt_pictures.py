"""Show points of a user's own, with their numbers, and the ten objects that they gave: the picture of the how-to page.

PYTHONPATH=. scripts/on-screen .venv/bin/python scripts/own_prompt_pictures.py FOLDER
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.samples.nuclei import nuclei
from napari_sam3_assistant.tasks.jobs import Task


def few_colours(path: Path) -> None:
    """Write a picture anew in 256 colours: a third of the bytes, and nothing that one would miss."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def main(folder: Path) -> None:
    driver = Driver()
    driver.viewer.window.resize(1366, 768)
    driver.widget.controller.open_sample()
    driver.wait_until_idle()
    image, truth = driver.viewer.layers[0], nuclei().truth
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
    geometry = {"scale": image.scale, "units": image.units}
    mine = driver.viewer.add_points(rows, name="counted nuclei", features=table, size=8, text=text, **geometry)
    state = driver.state
    state.task.advanced, state.panel.opened = True, frozenset({Section.PROMPTS, Section.LAYERS})
    driver.widget.controller.choose_task(Task.IMAGE)
    driver.widget.controller.choice.choose(PromptKind.POINTS, str(mine.unique_id))
    driver.widget.controller.run()
    driver.wait_until_idle()
    found = {one.id: one.mask for one in state.results.objects}
    for number, value in enumerate(chosen, start=1):
        mask, own = np.zeros(truth.shape, bool), truth == value
        top, left = found[number].offset
        height, width = found[number].mask.shape
        mask[top : top + height, left : left + width] = found[number].mask
        print(number, round((mask & own).sum() / (mask | own).sum(), 2))
    path = folder / "prompts-of-your-own.png"
    driver.screenshot(str(path))
    few_colours(path)
    driver.viewer.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as settings:
        os.environ["XDG_CONFIG_HOME"] = settings
        main(Path(sys.argv[1]))
