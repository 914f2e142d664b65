"""The dialog that chooses the Python with Meta's package, and looks into it. One goes on working beside it."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.meta_hints import ABOUT, INSTALL, meta_view
from napari_sam3_assistant.widgets.controls import button, draw, make_taller, open_wide, paragraph, row, waiting_bar

WIDTH_LETTERS, TEXT_LINES, COMMAND_LINES = 78, 5, 3
EXAMPLE = "Folder of the environment"
TIPS = {
    QDialogButtonBox.StandardButton.Ok: "Have this Python run SAM3 from now on.",
    QDialogButtonBox.StandardButton.Cancel: "Close, and change nothing.",
}


class MetaDialog(QDialog):
    """Which Python, and what it has.

    Parameters
    ----------
    controller : AppController
    parent : QWidget
        It closes with this one.
    """

    def __init__(self, controller: AppController, parent: QWidget) -> None:
        super().__init__(parent)
        self._meta, self._verbs = controller.state.meta, controller.model.meta
        self.setWindowTitle("SAM3 Assistant: Meta's package")
        self.finished.connect(lambda _result: self._verbs.ask(False))
        self.python = QLineEdit()
        self.python.setAccessibleName("Python")
        self.python.setPlaceholderText(EXAMPLE)
        self.python.setToolTip("The Python of the environment with Meta's package, or the environment's folder.")
        self.python.textEdited.connect(lambda _text: self._verbs.forget())
        self.browse = button("Browse", self._browse, "Choose the environment's folder.")
        self.check = button("Check", lambda: self._verbs.check(self.python.text()))
        self.copy = button("Copy", self._copy, "Copy the lines, to paste them in a terminal.")
        for one in (self.browse, self.check, self.copy):
            one.setAutoDefault(False)
        self.bar = waiting_bar()
        self.text = paragraph(lines=TEXT_LINES)
        self.text.setAccessibleName("Result of the check")
        self.command = QPlainTextEdit()
        self.command.setReadOnly(True)
        self.command.setAccessibleName("Command")
        self.command.setToolTip("It takes about 5 GB with CUDA. A folder sam3-env is made where the terminal is.")
        self.command.setFixedHeight((COMMAND_LINES + 1) * self.fontMetrics().lineSpacing())
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, Qt.Orientation.Horizontal
        )
        self.ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        for name, tip in TIPS.items():
            if (one := self.buttons.button(name)) is not None:
                one.setToolTip(tip)
        self.buttons.accepted.connect(lambda: self._verbs.accept(self.python.text()))
        self.buttons.rejected.connect(self.reject)
        self._lay_out()
        self.draw()

    def show_or_hide(self, shown: bool) -> None:
        """Open the dialog, or close it."""
        if not shown:
            self.close()
            return
        self.python.setText(self._meta.python)
        self.copy.setText("Copy")
        self.draw()
        open_wide(self, self._layout, WIDTH_LETTERS)
        self.python.setFocus()

    def draw(self) -> None:
        """Show what a check does, and what it has shown."""
        can = meta_view(self._meta)
        draw(self.check, can.check)
        self.bar.setVisible(can.busy)
        self.text.setText(f"\N{WARNING SIGN} {can.text}" if can.problem else can.text)
        if self.command.toPlainText() != can.command:
            self.command.setPlainText(can.command)
        make_taller(self, self._layout)

    def _lay_out(self) -> None:
        name = QLabel("Python")
        name.setBuddy(self.python)
        field = QHBoxLayout()
        field.addWidget(name)
        field.addWidget(self.python, stretch=1)
        field.addLayout(row(self.browse, self.check))
        last = row(self.copy)
        last.addStretch()
        self._layout = QVBoxLayout(self)
        self._layout.addWidget(paragraph(ABOUT))
        self._layout.addLayout(field)
        self._layout.addWidget(self.bar)
        self._layout.addWidget(self.text)
        self._layout.addWidget(paragraph(INSTALL))
        self._layout.addWidget(self.command)
        self._layout.addLayout(last)
        self._layout.addStretch()
        self._layout.addWidget(self.buttons)

    def _browse(self) -> None:
        start = self.python.text().strip() or str(Path.home())
        folder = QFileDialog.getExistingDirectory(self, "Select the environment with Meta's package", start)
        if folder:
            self.python.setText(folder)
            self._verbs.forget()

    def _copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.command.toPlainText())
            self.copy.setText("Copied")
