"""Go through docs/how-to/find-all-like-this.md in a real napari, and make its pictures.

    scripts/on-screen .venv/bin/python scripts/exemplar_pictures.py [FOLDER]

What was found is compared with the truth of the sample, and printed.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.app.task_state import CropRegion, ExemplarSource
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.demo.fit import box_round, matched
from napari_sam3_assistant.samples import nuclei
from napari_sam3_assistant.tasks.jobs import Task

DOCS = Path(__file__).resolve().parent.parent / "docs" / "images"
MARGIN = 6


class Tour:
    """A viewer on the sample, in the mode Advanced."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.target, self.other = folder, nuclei(0), nuclei(1)
        self.driver = driver = Driver()
        driver.viewer.window.resize(1366, 768)
        driver.pump(0.3)
        self.image = driver.viewer.add_image(self.target.image, name="Nuclei")
        driver.wait_until_idle()
        driver.viewer.reset_view()
        driver.state.task.advanced = True
        driver.state.panel.opened = frozenset({Section.TASK, Section.RUN})
        driver.widget.controller.choose_task(Task.EXEMPLAR)
        driver.wait_until_idle()

    def run(self, what: str) -> None:
        driver = self.driver
        driver.pump(0.05)
        said = driver.widget.advanced.prompts.uses.text()
        driver.widget.advanced.run.run.run.click()
        driver.wait_until_idle()
        found = driver.state.results.objects
        whole = Box(0, 0, *self.target.truth.shape)
        fits = [matched(one.mask.within(whole), self.target.truth) for one in found]
        good = len({label for label, fit in fits if fit >= 0.5})
        print(
            f"{what}: {said} {len(found)} found, {good} of {self.target.truth.max()} nuclei: "
            f"precision {good / len(found):.2f}, recall {good / self.target.truth.max():.2f}",
            flush=True,
        )

    def picture(self, name: str) -> None:
        path = self.folder / name
        self.driver.state.output.default_folder = "/home/you/SAM3 masks"
        self.driver.screenshot(str(path))
        with Image.open(path) as seen:
            seen.convert("RGB").quantize(256, kmeans=2, dither=Image.Dither.NONE).save(path, optimize=True)
        print(f"  > {name}: {path.stat().st_size:,} bytes", flush=True)


def box_on_target(tour: Tour) -> None:
    """A box round an example, then a counter-example."""
    driver = tour.driver
    driver.drag(tour.image, *box_round(tour.target.truth == 3, 2))
    tour.run("a box on the target")
    tour.picture("like-this-box.png")
    worst = min(driver.state.results.objects, key=lambda one: one.score).mask.box
    driver.key("J")
    driver.drag(tour.image, worst.top - 2, worst.left - 2, worst.bottom + 2, worst.right + 2)
    tour.run("and a counter-example")
    driver.key("J")
    driver.widget.advanced.prompts.clear.click()
    driver.wait_until_idle()


def crop_image(tour: Tour) -> None:
    """A crop of one nucleus of another picture; then a box on that picture."""
    driver, task = tour.driver, tour.driver.state.task
    top, left, bottom, right = lone(tour.other.truth)
    crop = driver.viewer.add_image(tour.other.image[top:bottom, left:right], name="One nucleus", translate=(0, 530))
    driver.widget.controller.choose_image(str(tour.image.unique_id))
    task.exemplar_source = ExemplarSource.CROP
    driver.pump(0.1)
    driver.viewer.reset_view()
    tour.run("a crop image, whole")
    tour.picture("like-this-crop.png")
    driver.viewer.layers.remove(crop)
    driver.viewer.add_image(tour.other.image, name="Other nuclei", translate=(0, 530))
    driver.widget.controller.choose_image(str(tour.image.unique_id))
    task.crop_region = CropRegion.BOX
    driver.widget.controller.arm()
    driver.viewer.reset_view()
    driver.pump(0.1)
    driver.drag(driver.viewer.layers["Other nuclei"], top + 4, left + 4, bottom - 3, right - 3)
    tour.run("a box on a crop image")


def lone(truth: np.ndarray) -> tuple[int, int, int, int]:
    """Return what holds one object of middling size, some ground, and nothing else."""
    found = []
    for label in range(1, truth.max() + 1):
        top, left, bottom, right = map(int, box_round(truth == label, MARGIN))
        if min(top, left) > 0 and set(np.unique(truth[top:bottom, left:right])) == {0, label}:
            found.append(((truth == label).sum(), (top, left, bottom, right)))
    return sorted(found)[len(found) // 2][1]


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    folder.mkdir(parents=True, exist_ok=True)
    tour = Tour(folder)
    box_on_target(tour)
    crop_image(tour)
    tour.driver.viewer.close()


if __name__ == "__main__":
    main()
