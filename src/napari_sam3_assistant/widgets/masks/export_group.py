"""Export and import of masks, a part of the tab ``Final Merge / Export``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtWidgets import QGroupBox, QVBoxLayout, QWidget

from napari_sam3_assistant.app.masking.exporting import Exporting
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.app.views import action
from napari_sam3_assistant.export.annotated import Meaning
from napari_sam3_assistant.export.exports import EXPORTS
from napari_sam3_assistant.widgets.bind import Bindings, Redraw
from napari_sam3_assistant.widgets.controls import button, combo, draw, fill, form, paragraph, row
from napari_sam3_assistant.widgets.masks.export_dialog import Answer, ask_files, ask_folder, ask_path, ask_replace
from napari_sam3_assistant.widgets.whole import Field

OUTPUT = ""
MEANING = {
    Meaning.OBJECTS: "Each label is one object, in however many pieces.",
    Meaning.CLASSES: "Each label is a class; its connected pieces are the objects.",
}
NO_OBJECTS = "This format holds pixels, not a list of objects: labels are written as they are."


class ExportGroup(QGroupBox):
    """Write a mask to a file, and read masks from files.

    Parameters
    ----------
    verbs : Exporting
    state : MaskState
    bindings : Bindings
    parent : QWidget or None
    """

    def __init__(self, verbs: Exporting, state: MaskState, bindings: Bindings, parent: QWidget | None = None) -> None:
        super().__init__("Export and import", parent)
        self._verbs, self._state = verbs, state
        self.layer = combo("The layer that is written.")
        self.layer.activated.connect(lambda index: verbs.choose_layer(str(self.layer.itemData(index)) or None))
        self.format = combo()
        self.format.activated.connect(lambda index: verbs.choose_kind(str(self.format.itemData(index))))
        self.purpose = paragraph(lines=2)
        self.meaning = combo()
        self.meaning.activated.connect(self._meant)
        self.path = Field("Where the file goes. What it ends in follows the format.")
        bindings.field(verbs.state, "path", self.path.textEdited, self._show_path)
        self.path.editingFinished.connect(verbs.correct)
        self.browse = button("Browse", self._browse, "Choose where the file goes, and its name.")
        self.merge = button("Merge and Export", lambda: self._asked(verbs.merge_and_export))
        self.export = button("Export Output", lambda: self._asked(verbs.export))
        self.read = button("Import...", lambda: verbs.import_files(ask_files(self, self._folder())))
        self.read_folder = button("Import Folder...", lambda: verbs.import_files(ask_folder(self, self._folder())))
        self._lay_out()
        Redraw((verbs.state, verbs.final.state, state), self.draw, bindings, self)

    def draw(self) -> None:
        """Show the state."""
        verbs, own = self._verbs, self._verbs.state
        kind = EXPORTS[own.kind]
        output = f"Output layer: {verbs.output_name() or 'none yet'}"
        fill(
            self.layer,
            [(output, OUTPUT), *((item.name, item.identity) for item in self._state.layers)],
            own.layer or OUTPUT,
        )
        fill(self.format, [(one.title, name) for name, one in EXPORTS.items()], own.kind)
        self.format.setToolTip(kind.purpose)
        self.purpose.setText(kind.purpose)
        fill(self.meaning, [(one.value, one.name) for one in Meaning], verbs.meaning.name)
        draw(self.meaning, action(kind.objects, MEANING[verbs.meaning], NO_OBJECTS))
        draw(self.merge, verbs.can_merge)
        draw(self.export, verbs.can_export)
        draw(self.read, verbs.can_import)
        folder = verbs.can_import
        draw(self.read_folder, action(folder.enabled, "Open a mask from a folder of OME-Zarr.", folder.tip))

    def _meant(self, index: int) -> None:
        self._verbs.state.meaning = Meaning[str(self.meaning.itemData(index))]

    def _show_path(self, path: str) -> None:
        if self.path.text() != path:  # the cursor of one who types stays where it is
            self.path.setText(path)

    def _folder(self) -> str:
        return str(Path(self.path.text()).expanduser().parent) if self.path.text().strip() else ""

    def _browse(self) -> None:
        chosen = ask_path(self, str(Path(self.path.text()).expanduser()) if self.path.text().strip() else "")
        if chosen:
            self._verbs.choose_path(chosen)

    def _asked(self, write: Callable[..., None]) -> None:
        """Write, if a file that is there may be replaced; else beside it, or not at all."""
        self._verbs.correct()
        there = self._verbs.standing()
        answer = None if there is None else ask_replace(self, there)
        if answer is Answer.NUMBER:
            self._verbs.number()
        if answer is not Answer.CANCEL:
            write(overwrite=answer is Answer.REPLACE)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        fields = QWidget()
        named = form(fields)
        named.addRow("Layer to export", self.layer)
        named.addRow("Export format", self.format)
        named.addRow(self.purpose)
        named.addRow("Labels mean", self.meaning)
        path = row(self.path, self.browse)
        path.setStretch(0, 3)
        path.setStretch(1, 1)
        named.addRow("Export path", path)
        for field, name in (
            (self.layer, "Layer to export"),
            (self.format, "Export format"),
            (self.meaning, "Labels mean"),
            (self.path, "Export path"),
        ):
            field.setAccessibleName(name)
        layout.addWidget(fields)
        layout.addLayout(row(self.merge, self.export))
        layout.addLayout(row(self.read, self.read_folder))
