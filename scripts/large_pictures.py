"""Go through docs/how-to/very-large-images.md in a real napari, on a slide of 60,000 x 60,000, and make its picture.

PYTHONPATH=. scripts/on-screen .venv/bin/python scripts/large_pictures.py [FOLDER]

What the page says of windows, messages and pixels read is printed.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.scenes import CHUNK, Scene, on_disk
from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.world import camera_of

DOCS = Path(__file__).resolve().parent.parent / "docs" / "images"
HOME = "/home/you/SAM3 masks"
SIDE = 60_000


class Tour:
    """A viewer with the slide."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.driver = scene, Driver()
        self.driver.viewer.window.resize(1366, 768)
        self.layer = self.driver.viewer.add_image(scene.data, name="Slide", **scene.options)
        self.driver.wait(lambda: self.driver.state.task.armed, "The layer of the prompts")
        self.driver.state.output.default_folder = HOME
        self.rows = self.driver.widget.simple.setup.window

    def look(self, row: float, col: float, zoom: float) -> None:
        """Bring a pixel into the middle; ``zoom`` is pixels of the screen for one of the slide."""
        camera = camera_of(self.driver.viewer)
        camera.center, camera.zoom = (row, col), zoom
        self.driver.wait_until_idle()

    def click(self, row: int, col: int) -> None:
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
        tour = Tour(on_disk(Path(kept) / "slide", SIDE, 8 * CHUNK))
        driver, rows = tour.driver, tour.rows
        row, col = min(tour.scene.places, key=lambda place: np.hypot(place[0] - SIDE / 2, place[1] - SIDE / 2))
        tour.look(row, col, 0.62)
        tour.click(row, col)
        tour.click(row + 3, col + 2)
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
        tour.click(*other)
        tour.look(*other, 0.47)
        picture = folder / "large-frame.png"
        driver.screenshot(str(picture))
        Image.open(picture).convert("P", palette=Image.Palette.ADAPTIVE, colors=192).save(picture, optimize=True)
        print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB")
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


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS)
