"""Go through docs/how-to/very-large-images.md in a real napari, on a slide of 60,000 x 60,000, and make its picture.

    PYTHONPATH=. scripts/on-screen .venv/bin/python scripts/large_pictures.py [FOLDER]

What the page says of windows, messages and pixels read is printed.
"""

import tempfile
from pathlib import Path

import numpy as np
from pictures import Tour, run

from benchmarks.scenes import CHUNK, Scene, on_disk
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.world import camera_of

SIDE = 60_000


class Slide(Tour):
    """A viewer with the slide."""

    def __init__(self, folder: Path, scene: Scene) -> None:
        super().__init__(folder)
        self.scene, self.layer = scene, self.add(scene.data, name="Slide", **scene.options)
        self.driver.wait(lambda: self.driver.state.task.armed, "The layer of the prompts")
        self.rows = self.driver.widget.simple.setup.window

    def look(self, row: float, col: float, zoom: float) -> None:
        """Bring a pixel into the middle; ``zoom`` is pixels of the screen for one of the slide."""
        camera = camera_of(self.driver.viewer)
        camera.center, camera.zoom = (row, col), zoom
        self.driver.wait_until_idle()

    def ask(self, row: int, col: int) -> None:
        self.scene.store.chunks = 0
        answer = self.driver.click(self.layer, row, col)
        said = self.rows.text.text()
        print(f"click {row}, {col}: {said}; level {answer.view.level}, {answer.segmentation.mask.area:,} px")
        print(f"  chunks of {CHUNK}² at full resolution: {self.scene.store.chunks}, napari's own included")

    def said(self, what: str) -> None:
        self.driver.pump(0.1)
        print(f"{what}: {self.driver.state.run.message} {self.driver.state.run.hint}")


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as kept:
        tour = Slide(folder, on_disk(Path(kept) / "slide", SIDE, 8 * CHUNK))
        driver, rows = tour.driver, tour.rows
        row, col = min(tour.scene.places, key=lambda place: np.hypot(place[0] - SIDE / 2, place[1] - SIDE / 2))
        tour.look(row, col, 0.62)
        tour.ask(row, col)
        tour.ask(row + 3, col + 2)
        driver.viewer.layers[names.POINTS].add([[100.0, 100.0]])
        driver.wait_until_idle()
        tour.said("a point far away")
        driver.key("z", ctrl=True)
        driver.wait_until_idle()
        driver.key("n")
        other = next(place for place in tour.scene.places if 300 < np.hypot(place[0] - row, place[1] - col) < 400)
        rows.local.click()
        driver.wait_until_idle()
        tour.said("the box is ticked")
        tour.ask(*other)
        tour.look(*other, 0.47)
        tour.picture("large-frame.png", whole=True)
        rows.whole.click()
        driver.wait_until_idle()
        tour.said("all of it")
        driver.key("n")
        tour.scene.store.chunks = 0
        driver.viewer.layers[names.POINTS].add([[float(row), float(col)]])
        driver.wait_until_idle()
        view = driver.state.results.current.view
        print(
            f"whole plane: level {view.level}, {view.read_window.shape}; at full resolution {tour.scene.store.chunks}"
        )
        tour.close()


if __name__ == "__main__":
    run(main)
