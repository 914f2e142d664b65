"""Saving masks: where, as what, and what of them."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLineEdit, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import ResultsView
from napari_sam3_assistant.export.images import FORMATS
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import button, combo, draw, fill, form, row, show
from napari_sam3_assistant.widgets.whole import Field

EVERYWHERE = """Save, Save & Clean and Save Labels take all that has a preview, one file each:
every slice, and every picture of this viewer. Off: what is on screen."""
WHILE_RUNNING = """The next run writes each frame into an OME-Zarr in this folder as it comes, beside a record
with which it can be resumed. Off: Save writes all of it afterwards."""
FILENAME = "Filename for the current preview mask. The extension is added from the selected format."


class SavingRows(QWidget):
    """Folder, format and file name; the buttons that save.

    Parameters
    ----------
    controller : AppController
    bindings : Bindings
    labelled : bool
        Whether each field has a row of its own, with its name, and so has the file that was saved.
    """

    def __init__(self, controller: AppController, bindings: Bindings, *, labelled: bool = False) -> None:
        super().__init__()
        self._controller, self._output, self._labelled = controller, controller.state.output, labelled
        self._make_fields(bindings)
        self.everywhere = QCheckBox()
        self.everywhere.setToolTip(EVERYWHERE)
        bindings.field(self._output, "everywhere", self.everywhere.toggled, self.everywhere.setChecked)
        self.while_running = QCheckBox("Write while it runs")
        self.while_running.setToolTip(WHILE_RUNNING)
        bindings.field(self._output, "while_running", self.while_running.toggled, self.while_running.setChecked)
        self.save = button("Save", lambda: controller.saving.save())
        self.save_clean = button("Save && Clean", lambda: controller.saving.save_and_clean())
        self.save_labels = button("Save Labels", lambda: controller.saving.save_labels())
        self.unload = QCheckBox("Unload after saving")
        self.unload.setToolTip("After Save & Clean, give SAM3's memory back; the next question loads it again.")
        bindings.field(self._output, "unload", self.unload.toggled, self.unload.setChecked)
        self.saved = QElidingLabel()
        self.saved.setElideMode(Qt.TextElideMode.ElideMiddle)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        if labelled:
            self._lay_out_named(layout)
        else:
            self._lay_out_narrow(layout)

    def _lay_out_named(self, layout: QVBoxLayout) -> None:
        """Put each field on a row of its own, with its name, and below the buttons the file that was saved."""
        fields = QWidget()
        named = form(fields)
        named.setContentsMargins(0, 0, 0, 0)
        folder = row(self.folder, self.choose)
        folder.setStretch(0, 1)
        named.addRow("Preview output", folder)
        named.addRow("Format", self.format)
        named.addRow("Filename", self.filename)
        saved = row(self.saved, self.open_folder)
        saved.setStretch(0, 1)
        layout.addWidget(fields)
        layout.addWidget(self.while_running)
        layout.addWidget(self.everywhere)
        layout.addLayout(row(self.save, self.save_clean, self.save_labels))
        layout.addWidget(self.unload)
        layout.addLayout(saved)

    def _lay_out_narrow(self, layout: QVBoxLayout) -> None:
        """Put two fields on a row."""
        self.folder.setAccessibleName("Preview output")
        self.format.setAccessibleName("Format")
        self.filename.setAccessibleName("Filename")
        self.saved.hide()
        first = row(self.folder, self.choose, self.open_folder)
        for place, share in enumerate((3, 1, 1)):
            first.setStretch(place, share)
        second = row(self.format, self.filename)
        second.setStretch(1, 1)
        layout.addLayout(first)
        layout.addLayout(second)
        layout.addWidget(self.while_running)
        layout.addWidget(self.everywhere)
        layout.addLayout(row(self.save, self.save_clean, self.save_labels))
        layout.addWidget(self.unload)

    def draw(self, can: ResultsView) -> None:
        """Show what would be saved, and where."""
        show(self.open_folder, bool(can.saved))
        if self._labelled:
            self.saved.setText(f"Saved: {Path(can.saved).name}")
            self.saved.setToolTip(can.saved)
            show(self.saved, bool(can.saved))
        show(self.unload, can.unload)
        self.everywhere.setText(can.everywhere)
        show(self.everywhere, bool(can.everywhere))
        show(self.while_running, can.while_running)
        self.filename.setPlaceholderText(can.name)
        self.filename.setToolTip(f"{FILENAME}\nThe next file: {can.name}" if can.name else FILENAME)
        for control, action in (
            (self.save, can.save),
            (self.save_clean, can.save_clean),
            (self.save_labels, can.save_labels),
            (self.open_folder, can.open_folder),
        ):
            draw(control, action)
        fill(self.format, [(kind.title, name) for name, kind in FORMATS.items()], self._output.format)
        self.folder.setPlaceholderText(self._output.default_folder)

    def _make_fields(self, bindings: Bindings) -> None:
        self.folder = Field("Where masks are saved. Empty: the folder shown.")
        bindings.field(self._output, "folder", self.folder.textEdited, lambda text: _write(self.folder, text))
        self.choose = button("Choose", self._choose, "Choose where quick-acquired preview masks are saved.")
        self.format = combo("TIFF, PNG and OME-Zarr keep the pixel size; NumPy keeps the numbers alone.")
        fill(self.format, [(kind.title, name) for name, kind in FORMATS.items()], self._output.format)
        self.format.currentTextChanged.connect(self._format_chosen)
        self.filename = Field(FILENAME)
        bindings.field(self._output, "filename", self.filename.textEdited, lambda text: _write(self.filename, text))
        self.open_folder = button("Open Folder", self._open)

    def _format_chosen(self, _text: str) -> None:
        if self.format.currentIndex() >= 0:
            self._output.format = str(self.format.currentData())

    def _choose(self) -> None:
        start = self._output.folder or self._output.default_folder
        folder = QFileDialog.getExistingDirectory(self, "Select preview mask output folder", start)
        if folder:
            self._output.folder = folder

    def _open(self) -> None:
        self._controller.saving.open_folder(lambda folder: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))))


def _write(field: QLineEdit, text: str) -> None:
    if field.text() != text:  # the cursor of one who types stays where it is
        field.setText(text)
