"""Go through docs/how-to/isolate-objects.md in a real napari, and make its picture.

    scripts/on-screen .venv/bin/python scripts/isolation_pictures.py [FOLDER]

Each step is done with the buttons that the page names; what the widget says is printed.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import napari
import numpy as np
from pictures import SIZE, run, small
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication
from scipy import ndimage as ndi

from napari_sam3_assistant.samples.multichannel import multichannel
from napari_sam3_assistant.widgets.mask_operations_widget import MaskOperationsWidget
from napari_sam3_assistant.widgets.napari_bridge import open_mask_operations

DOCK_PX = 420
SHRUNK_PX = 1
RATIO = 0.4
"""Halves of cells have a greater share of the cell than nuclei have."""
ROWS_SEEN = 5


def found_again(cells: np.ndarray) -> np.ndarray:
    """Return cells as another model might find them: a little smaller, and of every fourth one a part alone."""
    out = np.zeros_like(cells)
    for label in np.unique(cells[cells > 0]):
        mask = ndi.binary_erosion(cells == label, iterations=SHRUNK_PX)
        if label % 4 == 0:
            mask[: int(ndi.center_of_mass(mask)[0])] = False
        out[mask] = label
    return out


class Window:
    """A window with the tab in it."""

    def __init__(self) -> None:
        self.viewer = napari.Viewer()
        self.viewer.window.resize(*SIZE)
        sample = multichannel()
        geometry: dict[str, Any] = {"scale": sample.scale, "units": sample.units}
        self.viewer.add_image(sample.image[1], name="cytoplasm", **geometry)
        for name, labels in (
            ("cells by words", sample.truth),
            ("cells by boxes", found_again(sample.truth)),
            ("nuclei by words", sample.parts["nuclei"]),
        ):
            self.viewer.add_labels(labels, name=name, **geometry)
        open_mask_operations(self.viewer)
        docks = self.viewer.window.dock_widgets.values()
        self.masks = next(one for one in docks if isinstance(one, MaskOperationsWidget))
        self.masks.pages.buttons["Mask Isolation"].click()
        self.window = self.masks.window()
        self.window.resizeDocks([self.masks.parent()], [DOCK_PX], Qt.Orientation.Horizontal)
        self.wait()

    def wait(self, seconds: float = 0.3) -> None:
        """Let the window work until nothing goes on, and a little longer."""
        end = time.monotonic() + seconds
        while self.masks.state.busy or time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.01)
        QApplication.processEvents()  # what was done last is drawn too

    def press(self, button: Any) -> None:
        """Press a button, and print what comes of it."""
        button.click()
        self.wait()
        print(f"{button.text():30s} | {self.masks.status.text()} | {self.masks.isolation.summary.text()}", flush=True)


def main(folder: Path) -> None:
    """Harvest, classify, reject one candidate, and make the layer."""
    window = Window()
    tab = window.masks.isolation
    window.press(tab.harvest)
    window.press(tab.classify)
    tab.rules.shares["area_ratio"].setValue(RATIO)
    window.press(tab.classify)
    tab.table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    tab.table.selectRow(ROWS_SEEN - 1)
    window.press(tab.marks["Locate Candidate"])
    window.viewer.reset_view()
    window.viewer.layers[0].contrast_limits = np.percentile(window.viewer.layers[0].data, (1, 99.8))
    window.press(tab.creators["Create Isolated Objects Layer"])
    for layer in list(window.viewer.layers)[1:-1]:
        layer.visible = False
    window.wait(0.6)
    path = folder / "mask-isolation.png"
    window.viewer.screenshot(path=str(path), canvas_only=False, flash=False)
    small(path)
    window.viewer.close()


if __name__ == "__main__":
    run(main)
