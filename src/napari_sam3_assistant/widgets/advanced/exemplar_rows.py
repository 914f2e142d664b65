"""Where the example of the task ``Exemplar`` lies: on the target image, or on a crop image."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_sam3_assistant.app.task_state import CropRegion, ExemplarSource, TaskState
from napari_sam3_assistant.app.views import ExemplarView
from napari_sam3_assistant.widgets.controls import combo, draw, fill, form

SOURCES = (
    (ExemplarSource.TARGET, "Use box from target image"),
    (ExemplarSource.CROP, "Use separate crop image"),
)
REGIONS = ((CropRegion.WHOLE, "Whole crop image"), (CropRegion.BOX, "Box from Shapes layer"))


class ExemplarRows(QWidget):
    """The rows ``Exemplar source``, ``Exemplar crop image`` and ``Crop region``."""

    def __init__(self, task: TaskState) -> None:
        super().__init__()
        self._task = task
        self.source, self.image, self.region = combo(), combo(), combo()
        self.source.activated.connect(self._source_chosen)
        self.image.activated.connect(self._image_chosen)
        self.region.activated.connect(self._region_chosen)
        layout = form(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow("Exemplar source", self.source)
        layout.addRow("Exemplar crop image", self.image)
        layout.addRow("Crop region", self.region)

    def draw(self, can: ExemplarView) -> None:
        """Show where the example lies."""
        fill(self.source, [(title, source.value) for source, title in SOURCES], self._task.exemplar_source.value)
        fill(self.image, can.choices, can.chosen)
        fill(self.region, [(title, region.value) for region, title in REGIONS], self._task.crop_region.value)
        for box, action in ((self.source, can.source), (self.image, can.image), (self.region, can.region)):
            draw(box, action)
        if can.chosen is not None and can.image.enabled:
            self.image.setToolTip(f"{can.image.tip} Now: {self.image.currentText()}")

    def _source_chosen(self, index: int) -> None:
        self._task.exemplar_source = ExemplarSource(str(self.source.itemData(index)))

    def _image_chosen(self, index: int) -> None:
        self._task.crop_image = str(self.image.itemData(index))

    def _region_chosen(self, index: int) -> None:
        self._task.crop_region = CropRegion(str(self.region.itemData(index)))
