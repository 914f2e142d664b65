"""Go through docs/how-to/merge-classes.md in a real napari, and make its pictures.

    scripts/on-screen .venv/bin/python scripts/merging_pictures.py [FOLDER]

Each step is done with the controls, as the page tells it; what the line of status says is printed.
"""

from pathlib import Path

import numpy as np
from pictures import Tour, run
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_sam3_assistant.masks.components import analyze
from napari_sam3_assistant.samples.nuclei import nuclei
from napari_sam3_assistant.widgets.mask_operations_widget import MaskOperationsWidget
from napari_sam3_assistant.widgets.napari_bridge import open_mask_operations

CLASSES = (("large", 2, (0.90, 0.62, 0.00)), ("small", 1, (0.34, 0.71, 0.91)), ("halo", 3, (0.80, 0.47, 0.65)))


class MaskTour(Tour):
    """A tour of Mask Operations."""

    def masks(self) -> MaskOperationsWidget:
        """Open the dock, and return its widget."""
        open_mask_operations(self.driver.viewer)
        self.driver.pump(0.3)
        docks = self.driver.viewer.window.dock_widgets.values()
        return next(one for one in docks if isinstance(one, MaskOperationsWidget))

    def do(self, widget: MaskOperationsWidget, button) -> None:
        """Press a button of the dock, wait, and print what is said."""
        self.driver.pump(0.1)
        if not button.isEnabled():
            raise LookupError(f"{button.text()}: {button.toolTip()}")
        button.click()
        self.driver.wait(lambda: not widget.state.busy, "The end of the operation")
        self.driver.pump(0.2)
        print(f"           {button.text()}: {widget.status.text()}", flush=True)


def parts(truth: np.ndarray) -> dict[str, np.ndarray]:
    """Return the larger and the smaller half of the nuclei, and what lies round the largest ones."""
    from scipy import ndimage as ndi

    found = sorted(analyze(truth), key=lambda one: one.area)
    middle = len(found) // 2
    small = np.isin(truth, [one.label for one in found[:middle]]) * truth
    large = np.isin(truth, [one.label for one in found[middle:]]) * truth
    halo = ndi.binary_dilation(np.isin(truth, [one.label for one in found[-8:]]), iterations=9)
    return {"large": large, "small": small, "halo": halo.astype(np.uint16)}


def accept(tour: MaskTour, widget: MaskOperationsWidget, halves: dict[str, np.ndarray]) -> None:
    """Keep three previews as accepted objects of three classes."""
    viewer, tab = tour.driver.viewer, widget.accepted
    tour.do(widget, widget.pages.buttons["Accepted Objects"])
    for name, value, color in CLASSES:
        preview = viewer.add_labels(halves[name], name="preview")
        widget.controller.classes.paint(name, value, color)
        tour.driver.pump(0.2)
        at = tab.source.findText("preview")
        tab.source.setCurrentIndex(at)
        tab.source.activated.emit(at)
        for field, text in ((tab.class_name.name, name), (tab.object_name, "objects")):
            field.selectAll()
            QTest.keyClicks(field, text)
        tour.driver.pump(0.1)
        if name == CLASSES[-1][0]:
            tour.picture("accepted-objects.png")
        tour.do(widget, tab.save)
        viewer.layers.remove(preview)


def select(tour: MaskTour, rows, names: tuple[str, ...]) -> None:
    """Click rows of a list, all but the first with Ctrl."""
    for at, name in enumerate(names):
        item = next(rows.item(row) for row in range(rows.count()) if name in rows.item(row).text())
        held = Qt.KeyboardModifier.ControlModifier if at else Qt.KeyboardModifier.NoModifier
        QTest.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, held, rows.visualItemRect(item).center())
        tour.driver.pump(0.1)


def go(folder: Path) -> None:
    tour = MaskTour(folder)
    sample = nuclei()
    tour.layer = tour.add(sample.image, name="nuclei")
    widget = tour.masks()
    accept(tour, widget, parts(sample.truth))

    tour.do(widget, widget.pages.buttons["Class Merge"])
    for name, _, _ in CLASSES:
        select(tour, widget.merging.layers, (f"{name}_objects",))
        field = widget.merging.output
        field.selectAll()
        QTest.keyClicks(field, f"{name} mask")
        tour.driver.pump(0.1)
        if name == "small":
            select(tour, widget.merging.layers, ("large_objects", "small_objects"))
            tour.picture("class-merge.png")
            select(tour, widget.merging.layers, ("small_objects",))
        tour.do(widget, widget.merging.merge)

    tour.do(widget, widget.pages.buttons["Final Merge / Export"])
    select(tour, widget.final.layers, tuple(f"{name} mask" for name, _, _ in CLASSES))
    for layer in tour.driver.viewer.layers[1:]:
        layer.visible = False
    tour.do(widget, widget.final.merge)
    tour.picture("final-merge.png")
    tour.close()


if __name__ == "__main__":
    run(go)
