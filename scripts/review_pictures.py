"""Review the nuclei of a sample with keys alone: the pictures of the how-to page, and of the tab dark and light.

scripts/on-screen .venv/bin/python scripts/review_pictures.py [FOLDER]
"""

import sys
from pathlib import Path

import napari
import numpy as np
from pictures import SIZE, run, small
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_sam3_assistant.app.masking.review import REVIEW
from napari_sam3_assistant.app.masking.review_state import OBJECTS
from napari_sam3_assistant.samples.nuclei import nuclei
from napari_sam3_assistant.widgets.canvas import canvas_of
from napari_sam3_assistant.widgets.mask_operations_widget import MaskOperationsWidget
from napari_sam3_assistant.widgets.napari_bridge import PLUGIN

KEYS = (Qt.Key.Key_K, Qt.Key.Key_K, Qt.Key.Key_Q, Qt.Key.Key_K, Qt.Key.Key_J)


def main(folder: Path) -> None:
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    viewer.open_sample(PLUGIN, "nuclei")
    picture = viewer.layers[0]
    viewer.add_labels(nuclei().truth.astype(np.uint16), name="nuclei", scale=picture.scale, units=picture.units)
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "SAM3 Mask Operations")
    assert_docked(widget)
    pump(0.5)
    widget.state.tab = REVIEW
    rest(widget)
    review = widget.controller.review
    save(viewer, folder / "review-layers.png")
    review.choose(OBJECTS, widget.state.layers[-1].identity)
    rest(widget)
    review.walk(1)
    for k in range(12):
        QTest.keyClick(canvas_of(widget), KEYS[k % len(KEYS)])
        pump(0.1)
    print(widget.state.message, review.state.summary)
    for theme in ("light", "dark"):
        viewer.theme = theme
        pump(0.5)
        save(viewer, folder / ("review-objects.png" if theme == "dark" else "review-objects-light.png"))
    viewer.close()
    pump(0.1)


def assert_docked(widget: object) -> None:
    if not isinstance(widget, MaskOperationsWidget):
        sys.exit(f"napari opened {type(widget).__name__}")


def save(viewer: napari.Viewer, path: Path) -> None:
    pump(0.4)
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    small(path)


def rest(widget: MaskOperationsWidget) -> None:
    pump(0.2)
    while widget.state.busy:
        pump(0.05)
    pump(0.2)


def pump(seconds: float) -> None:
    QTest.qWait(round(1000 * seconds))
    QApplication.processEvents()


if __name__ == "__main__":
    run(main)
