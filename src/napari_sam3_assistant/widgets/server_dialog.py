"""The dialog that chooses a server: address, token, a test. One goes on working beside it."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QHideEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.server_hints import ABOUT, server_view
from napari_sam3_assistant.widgets.controls import button, draw, make_taller, open_wide, paragraph, row, waiting_bar

WIDTH_LETTERS, TEXT_LINES = 72, 4
EXAMPLE = "gpu-box:8000, or https://gpu.example.org"
NO_TOKEN, KNOWN = "Empty where the server asks for none", "Known; type here for another one"

TIPS = {
    QDialogButtonBox.StandardButton.Ok: "Have the engine of this server answer from now on.",
    QDialogButtonBox.StandardButton.Cancel: "Close, and change nothing.",
}


class ServerDialog(QDialog):
    """Which server, and what it is.

    Parameters
    ----------
    controller : AppController
    parent : QWidget
        It closes with this one.
    """

    def __init__(self, controller: AppController, parent: QWidget) -> None:
        super().__init__(parent)
        self._server, self._verbs = controller.state.server, controller.model.server
        self.setWindowTitle("SAM3 Assistant: Server")
        self.finished.connect(lambda _result: self._verbs.ask(False))
        self.address, self.token = _address(), _token()
        self.keep = QCheckBox("Remember in the keyring")
        self.test = button("Test", self._test)
        self.stop = button("Stop", self._verbs.stop)
        for one in (self.test, self.stop):
            one.setAutoDefault(False)
        self.bar = waiting_bar()
        self.text = paragraph(lines=TEXT_LINES)
        self.text.setAccessibleName("Result of the test")
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, Qt.Orientation.Horizontal
        )
        self.ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        for name, tip in TIPS.items():
            if (one := self.buttons.button(name)) is not None:
                one.setToolTip(tip)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        self.address.editTextChanged.connect(self._typed)
        edit = self.address.lineEdit()
        if edit is not None:
            edit.editingFinished.connect(self._hide_token)
        self.token.textEdited.connect(lambda _text: self._verbs.forget())
        self._lay_out()
        self.draw()

    def show_or_hide(self, shown: bool) -> None:
        """Open the dialog, or close it."""
        if not shown:
            self.close()
            return
        self.address.clear()
        self.address.addItems(list(self._server.recent))
        self.address.setEditText(self._server.address)
        self.keep.setChecked(server_view(self._server).kept)
        self.draw()
        open_wide(self, self._layout, WIDTH_LETTERS)
        self.address.setFocus()

    def draw(self) -> None:
        """Show what a test does, and what it has shown."""
        can = server_view(self._server)
        draw(self.test, can.test)
        draw(self.stop, can.stop)
        self.bar.setVisible(can.busy)
        self.text.setText(f"\N{WARNING SIGN} {can.text}" if can.problem else can.text)
        if can.keep.enabled != self.keep.isEnabled():  # the keyring was found
            self.keep.setChecked(can.kept)
        draw(self.keep, can.keep)
        known = self._verbs.knows(self.address.currentText())
        self.token.setPlaceholderText(KNOWN if known else NO_TOKEN)
        make_taller(self, self._layout)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Forget the token that was typed."""
        self.token.clear()
        super().hideEvent(event)

    def _lay_out(self) -> None:
        form = QFormLayout()
        for name, field in (("Address", self.address), ("Token", self.token)):
            beside = QLabel(name)
            beside.setBuddy(field)
            form.addRow(beside, field)
        form.addRow("", self.keep)
        self._layout = QVBoxLayout(self)
        self._layout.addWidget(paragraph(ABOUT))
        self._layout.addLayout(form)
        self._layout.addLayout(row(self.test, self.stop))
        self._layout.addWidget(self.bar)
        self._layout.addWidget(self.text)
        self._layout.addStretch()
        self._layout.addWidget(self.buttons)

    def _typed(self, _text: str) -> None:
        self._verbs.forget()
        self.draw()

    def _hide_token(self) -> None:
        """Put the token of an address that was pasted into its own field, where nobody can read it."""
        address, token = self._verbs.parted(self.address.currentText())
        if token:
            self.address.setEditText(address)
            self.token.setText(token)

    def _test(self) -> None:
        self._hide_token()
        self._verbs.test(self.address.currentText(), self.token.text())

    def _accept(self) -> None:
        self._hide_token()
        self._verbs.accept(self.address.currentText(), self.token.text(), keep=self.keep.isChecked())


def _address() -> QComboBox:
    """Return the field of the address, with those used before."""
    made = QComboBox()
    made.setEditable(True)
    made.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    made.setAccessibleName("Address")
    made.setToolTip("Where the server is. The whole address that it has printed will do; the token in it is taken.")
    edit = made.lineEdit()
    if edit is not None:
        edit.setPlaceholderText(EXAMPLE)
    return made


def _token() -> QLineEdit:
    """Return the field of the token."""
    made = QLineEdit()
    made.setEchoMode(QLineEdit.EchoMode.Password)
    made.setAccessibleName("Token")
    made.setToolTip("Shows the server who asks. Sent to this server only, and never written to settings or logs.")
    return made
