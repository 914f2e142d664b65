"""Go through docs/how-to/from-clicks-to-accepted-objects.md in a real napari, and make its pictures and first-mask.png.

    scripts/on-screen .venv/bin/python scripts/howto_pictures.py [FOLDER]

Each step is done with the mouse and the keys, as the page tells it; what it says of sizes and numbers is printed.
"""

import tempfile
from pathlib import Path

import numpy as np
from pictures import Tour, run

from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.demo.fit import box_round, deepest, iou, matched, next_click, zigzag
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.world import camera_of
from napari_sam3_assistant.samples import nuclei, phase_contrast
from napari_sam3_assistant.tasks.jobs import Task


def clicks(tour: Tour) -> None:
    """The first mask; then click and correct, several objects, readings, accept, undo."""
    tour.open("nuclei", "Nuclei")
    tour.click(194, 109)
    tour.picture("first-mask.png", whole=True)
    tour.driver.widget.simple.prompt.reset.click()
    tour.driver.wait_until_idle()
    tour.click(147, 212)
    tour.key("T")
    tour.click(181, 209)
    tour.key("T")
    tour.picture("objects-corrected.png", whole=True)
    tour.key("N")
    for place in ((181, 209), (200, 152), (309, 264)):
        tour.click(*place)
        if place != (309, 264):
            tour.key("N")
    tour.key("G")
    tour.picture("objects-several.png")
    tour.key("G")
    tour.key("G")
    tour.key("K")
    tour.key("Z", ctrl=True)
    tour.key("Z", ctrl=True, shift=True)


def boxes_and_paint(tour: Tour) -> None:
    """Two boxes, and one painted hint."""
    tour.choose(Task.IMAGE, PromptKind.BOX)
    tour.driver.drag(tour.layer, 324, 313, 363, 351)
    tour.driver.drag(tour.layer, 305, 119, 346, 156)
    tour.key("U")
    tour.choose(Task.IMAGE, PromptKind.LABELS)
    truth = nuclei().truth
    one = truth == truth[456, 136]
    tour.driver.stroke(tour.layer, zigzag(one, 10, 0.8))
    paint = np.asarray(tour.driver.viewer.layers[names.MASK_PROMPT].data) > 0
    print(f"           painted {np.count_nonzero(paint):,} of {np.count_nonzero(one):,} px")
    tour.key("U")
    camera = camera_of(tour.driver.viewer)
    camera.zoom, camera.center = 1.7 * camera.zoom, (0, *tour.layer.data_to_world((390, 230)))
    tour.picture("objects-boxes-and-paint.png")
    tour.key("K")


def examples(tour: Tour) -> None:
    """An example, one of those found corrected, and all accepted and saved."""
    tour.open("phase_contrast", "Phase contrast")
    tour.choose(Task.EXEMPLAR)
    tour.driver.drag(tour.layer, *box_round(phase_contrast().truth == 24, 3))
    tour.key("U")
    tour.theme("light")
    tour.picture("objects-like-an-example.png")
    tour.theme("dark")
    tour.choose(Task.LIVE_POINTS)
    correct_the_worst(tour)
    tour.key("K")
    tour.picture("objects-accepted.png")
    with tempfile.TemporaryDirectory() as folder:
        output = tour.driver.state.output
        output.folder = folder
        tour.driver.widget.simple.results.saving.save.click()
        tour.driver.wait(lambda: not output.saving, "The end of saving")
        tour.driver.wait_until_idle()
        tour.say("Save")


def correct_the_worst(tour: Tour) -> None:
    """Select the object that fits worst of those found, and click where it is wrong until it fits."""
    truth, box = phase_contrast().truth, Box(0, 0, 512, 512)
    masks = [item.mask.within(box) for item in tour.driver.state.results.objects]
    found = [(fit, label, mask) for mask in masks for label, fit in [matched(mask, truth)] if fit > 0.5]
    fit, label, mask = min(found, key=lambda one: one[:2])
    fits, task = [fit], tour.driver.state.task
    tour.click(*deepest(mask)[:2], selects=True)
    while fits[-1] < 0.85 and len(fits) < 6:
        row, col, positive = next_click(truth == label, mask)
        if positive != task.positive:
            tour.key("T")
        tour.click(row, col)
        mask = tour.driver.state.results.current.segmentation.mask.within(box)
        fits.append(iou(mask, truth == label))
    print("           fits " + ", ".join(f"{fit:.2f}" for fit in fits))


def main(folder: Path) -> None:
    tour = Tour(folder)
    clicks(tour)
    boxes_and_paint(tour)
    examples(tour)
    tour.close()


if __name__ == "__main__":
    run(main)
