"""Go through docs/how-to/find-all-like-this.md in a real napari, and make its pictures.

    scripts/on-screen .venv/bin/python scripts/exemplar_pictures.py [FOLDER]

What was found is compared with the truth of the sample, and printed.
"""

from pathlib import Path

import numpy as np
from pictures import Tour, run

from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.demo.fit import box_round, matched
from napari_sam3_assistant.samples import nuclei

MARGIN = 6


class Examples(Tour):
    """A viewer on the sample, in the mode Advanced."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.target, self.other = nuclei(0), nuclei(1)
        self.layer = self.add(self.target.image, name="Nuclei")
        self.advanced(Section.TASK, Section.RUN)
        self.pick(self.driver.widget.advanced.task.task, "Exemplar segmentation")

    def find(self, what: str) -> None:
        driver = self.driver
        driver.pump(0.05)
        said = driver.widget.advanced.prompts.uses.text()
        run_preview = driver.widget.advanced.run.run.run
        if not run_preview.isEnabled():
            print(f"{what}: {said} {run_preview.toolTip()}", flush=True)
            return
        run_preview.click()
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


def box_on_target(tour: Examples) -> None:
    """A box round an example, then a counter-example."""
    driver = tour.driver
    driver.drag(tour.layer, *box_round(tour.target.truth == 3, 2))
    tour.find("a box on the target")
    tour.picture("like-this-box.png", whole=True)
    worst = min(driver.state.results.objects, key=lambda one: one.score).mask.box
    driver.key("J")
    driver.drag(tour.layer, worst.top - 2, worst.left - 2, worst.bottom + 2, worst.right + 2)
    tour.find("and a counter-example")
    driver.key("J")
    driver.widget.advanced.prompts.clear.click()
    driver.wait_until_idle()


def crop_image(tour: Examples) -> None:
    """A crop of one nucleus of another picture; then a box on that picture."""
    driver = tour.driver
    top, left, bottom, right = lone(tour.other.truth)
    crop = tour.add(tour.other.image[top:bottom, left:right], name="One nucleus", translate=(0, 530))
    driver.widget.controller.choose_image(str(tour.layer.unique_id))
    tour.pick(driver.widget.advanced.task.exemplar.source, "Use separate crop image")
    driver.viewer.reset_view()
    tour.find("a crop image, whole")
    tour.picture("like-this-crop.png", whole=True)
    driver.viewer.layers.remove(crop)
    driver.viewer.add_image(tour.other.image, name="Other nuclei", translate=(0, 530))
    driver.widget.controller.choose_image(str(tour.layer.unique_id))
    tour.pick(driver.widget.advanced.task.exemplar.region, "Box from Shapes layer")
    driver.widget.controller.arm()
    driver.viewer.reset_view()
    driver.pump(0.1)
    driver.drag(driver.viewer.layers["Other nuclei"], top + 4, left + 4, bottom - 3, right - 3)
    tour.find("a box on a crop image")


def lone(truth: np.ndarray) -> tuple[int, int, int, int]:
    """Return what holds one object of middling size, some ground, and nothing else."""
    found = []
    for label in range(1, truth.max() + 1):
        top, left, bottom, right = map(int, box_round(truth == label, MARGIN))
        if min(top, left) > 0 and set(np.unique(truth[top:bottom, left:right])) == {0, label}:
            found.append(((truth == label).sum(), (top, left, bottom, right)))
    return sorted(found)[len(found) // 2][1]


def main(folder: Path) -> None:
    tour = Examples(folder)
    box_on_target(tour)
    crop_image(tour)
    tour.close()


if __name__ == "__main__":
    run(main)
