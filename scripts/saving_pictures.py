"""Go through docs/how-to/save-a-mask.md in a real napari, and make its pictures.

    scripts/on-screen .venv/bin/python scripts/saving_pictures.py [FOLDER]

Each step is done with the mouse, as the page tells it; what it says of names, sizes and messages is printed.
"""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from pictures import HOME, Tour, run

from napari_sam3_assistant.export.images import FORMATS, read_labels
from napari_sam3_assistant.samples.nuclei_stack import nuclei_stack
from napari_sam3_assistant.tasks.jobs import Task

SLICES = (8, 12, 16)


def largest(truth: np.ndarray) -> list[tuple[int, int]]:
    """Return a pixel in the middle of each of the two largest nuclei of a slice that are not cut off by its edge."""
    labels, areas = np.unique(truth[truth > 0], return_counts=True)
    pixels = [np.argwhere(truth == label) for label in labels[np.argsort(-areas)]]
    inner = [one.mean(axis=0) for one in pixels if one.min() > 0 and one.max() < truth.shape[0] - 1]
    return [(int(row), int(col)) for row, col in inner[:2]]


def save_by(tour: Tour, name: str) -> None:
    """Press a button of the group Results and wait for the files."""
    getattr(tour.driver.widget.simple.results.saving, name).click()
    tour.driver.wait(lambda: not tour.driver.state.output.saving, "The end of saving")
    tour.driver.wait_until_idle()
    tour.say(name)


def correct_slices(tour: Tour) -> None:
    """Two nuclei on each of three slices of a stack."""
    truth = nuclei_stack().truth
    tour.choose(Task.LIVE_POINTS)
    for at in SLICES:
        tour.driver.viewer.dims.set_current_step(0, at)
        tour.driver.wait_until_idle()
        for place in largest(truth[at]):
            tour.key("N")
            tour.click(*place)


def whole_stack(tour: Tour) -> None:
    """Accept the objects of each slice and save them as one file."""
    tour.driver.widget.controller.board.undo()
    tour.driver.wait_until_idle()
    for at in SLICES:
        tour.driver.viewer.dims.set_current_step(0, at)
        tour.driver.wait_until_idle()
        tour.key("K")
    save_by(tour, "save")
    labels = tifffile.imread(tour.driver.state.output.saved)
    print(f"           {labels.shape}, slices {np.unique(np.nonzero(labels)[0])}, objects {np.unique(labels)[1:]}")


def each_format(tour: Tour, folder: Path) -> None:
    """Save the slice on screen in each format, and look into the files."""
    output, results = tour.driver.state.output, tour.driver.widget.simple.results
    output.everywhere = False
    for index, title in enumerate(kind.title for kind in FORMATS.values()):
        results.saving.format.setCurrentIndex(index)
        save_by(tour, "save")
        path = output.saved
        found = read_labels(path)
        size = sum(one.stat().st_size for one in [path, *path.rglob("*")] if one.is_file())
        print(f"           {title}: {path.name}, {size:,} bytes, {found.labels.shape}, {found.place}", flush=True)
        if path.suffix == ".tif":
            with tifffile.TiffFile(path) as file:
                print(f"           {json.loads(file.pages[0].description)}")


def main(pictures: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tour = Tour(pictures)
        tour.open("nuclei_stack", "Nuclei stack")
        output, results = tour.driver.state.output, tour.driver.widget.simple.results
        correct_slices(tour)
        output.default_folder = HOME
        results.saving.everywhere.click()
        tour.driver.pump(0.3)
        saving = results.saving
        print(f"           {saving.everywhere.text()} | {saving.filename.placeholderText()}", flush=True)
        tour.picture("save-all-slices.png")
        output.folder = folder
        each_format(tour, Path(folder))
        results.saving.format.setCurrentIndex(0)
        results.saving.everywhere.click()
        save_by(tour, "save_clean")
        print("           " + ", ".join(sorted(os.listdir(folder))), flush=True)
        print("           layers: " + ", ".join(layer.name for layer in tour.driver.viewer.layers), flush=True)
        whole_stack(tour)
        tour.close()


if __name__ == "__main__":
    run(main)
