"""What came of a run: accepting it, and saving it."""

from __future__ import annotations

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QCheckBox, QFileDialog, QGroupBox, QLineEdit

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.views import ResultsView
from napari_sam3_assistant.export.images import FORMATS
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import button, column, combo, draw, fill, paragraph, row, show

EVERYWHERE = """Save, Save & Clean and Save Labels take all that has a preview, one file each:
every slice, and every picture of this viewer. Off: what is on screen."""
FILENAME = "Filename for the current preview mask. The extension is added from the selected format."


class ResultsGroup(QGroupBox):
    """The latest result, and where it is saved."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__("Results")
        self._controller, self._output = controller, controller.state.output
        self.summary = paragraph(lines=2)
        self.accept_clear = button("Accept + Clear", lambda: controller.accepting.accept(clear=True))
        self.accept_only = button("Accept Only", lambda: controller.accepting.accept(clear=False))
        self.undo_accept = button("Undo Last Accept", lambda: controller.accepting.undo_last())
        self.edit = button("Edit Accepted", lambda: controller.editing.press())
        self.folder = QLineEdit()
        self.folder.setToolTip("Where masks are saved. Empty: the folder shown.")
        bindings.field(self._output, "folder", self.folder.textEdited, self._write_folder)
        self.choose = button("Choose", self._choose, "Choose where masks are saved.")
        self.format = combo("TIFF, PNG and OME-Zarr keep the pixel size; NumPy keeps the numbers alone.")
        fill(self.format, [(kind.title, name) for name, kind in FORMATS.items()], self._output.format)
        self.format.currentTextChanged.connect(self._format_chosen)
        self.filename = QLineEdit()
        bindings.field(self._output, "filename", self.filename.textEdited, self._write_filename)
        self.everywhere = QCheckBox()
        self.everywhere.setToolTip(EVERYWHERE)
        bindings.field(self._output, "everywhere", self.everywhere.toggled, self.everywhere.setChecked)
        self.save = button("Save", lambda: controller.saving.save())
        self.save_clean = button("Save && Clean", lambda: controller.saving.save_and_clean())
        self.save_labels = button("Save Labels", lambda: controller.saving.save_labels())
        self.unload = QCheckBox("Unload after saving")
        self.unload.setToolTip("After Save & Clean, give SAM3's memory back; the next question loads it again.")
        bindings.field(self._output, "unload", self.unload.toggled, self.unload.setChecked)
        self.open_folder = button("Open Folder", self._open)
        layout = column(self)
        layout.addWidget(self.summary)
        layout.addLayout(row(self.accept_clear, self.accept_only, self.undo_accept))
        layout.addWidget(self.edit)
        first = row(self.folder, self.choose, self.open_folder)
        first.setStretch(0, 3)
        first.setStretch(1, 1)
        first.setStretch(2, 1)
        layout.addLayout(first)
        second = row(self.format, self.filename, self.everywhere)
        second.setStretch(1, 1)
        layout.addLayout(second)
        layout.addLayout(row(self.save, self.save_clean, self.save_labels))
        layout.addWidget(self.unload)

    def draw(self, can: ResultsView) -> None:
        """Show the result and what can be done with it."""
        self.summary.setText(can.text)
        self.summary.setToolTip(can.saved)
        show(self.open_folder, bool(can.saved))
        show(self.unload, can.unload)
        self.everywhere.setText(can.everywhere)
        show(self.everywhere, bool(can.everywhere))
        show(self.edit, bool(can.edit_text))
        self.edit.setText(can.edit_text)
        self.filename.setPlaceholderText(can.name)
        self.filename.setToolTip(f"{FILENAME}\nThe next file: {can.name}" if can.name else FILENAME)
        for control, action in (
            (self.accept_clear, can.accept_clear),
            (self.accept_only, can.accept_only),
            (self.undo_accept, can.undo_accept),
            (self.edit, can.edit),
            (self.save, can.save),
            (self.save_clean, can.save_clean),
            (self.save_labels, can.save_labels),
            (self.open_folder, can.open_folder),
        ):
            draw(control, action)
        self.folder.setPlaceholderText(self._output.default_folder)

    def _write_folder(self, folder: str) -> None:
        if self.folder.text() != folder:  # the cursor of one who types stays where it is
            self.folder.setText(folder)

    def _write_filename(self, name: str) -> None:
        if self.filename.text() != name:
            self.filename.setText(name)

    def _format_chosen(self, _text: str) -> None:
        self._output.format = str(self.format.currentData())

    def _choose(self) -> None:
        start = self._output.folder or self._output.default_folder
        folder = QFileDialog.getExistingDirectory(self, "Select preview mask output folder", start)
        if folder:
            self._output.folder = folder

    def _open(self) -> None:
        self._controller.saving.open_folder(lambda folder: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))))
