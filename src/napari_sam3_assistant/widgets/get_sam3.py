"""The panel ``Get SAM3``: packages, licence, download; or the files one has. One goes on working beside it."""

from __future__ import annotations

import os
from pathlib import Path

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices, QHideEvent, QTextOption
from qtpy.QtWidgets import (
    QApplication,
    QDialog,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.get_view import LICENCE, default_folder, get_view
from napari_sam3_assistant.engines.weights import download
from napari_sam3_assistant.engines.weights.places import own_folder
from napari_sam3_assistant.engines.weights.refusals import TOKENS
from napari_sam3_assistant.widgets.controls import button, draw, make_taller, open_wide, paragraph, row
from napari_sam3_assistant.widgets.model_row import choose_folder

PAGE = "https://huggingface.co/facebook/sam3"
WIDTH_LETTERS, COMMAND_LINES, TEXT_LINES = 72, 4, 4


class GetSam3(QDialog):
    """What SAM3 needs, and how to get it.

    Parameters
    ----------
    controller : AppController
    parent : QWidget
        It closes with this one.
    """

    def __init__(self, controller: AppController, parent: QWidget) -> None:
        super().__init__(parent)
        self._controller, self._model = controller, controller.state.model
        self.setWindowTitle("SAM3 Assistant: Get SAM3")
        self.finished.connect(lambda _result: controller.model.ask(False))
        self.about = paragraph()
        self.packages, self.download_page = self._make_packages(), self._make_download()
        self.have = button("I have the files", self._have, "Choose the folder that holds SAM3.")
        self.close_button = button("Close", self.close, "Close this panel. A download stops; what has come is kept.")
        for one in (self.have, self.close_button):
            one.setAutoDefault(False)
        self._layout = QVBoxLayout(self)
        for widget in (self.about, self.packages, self.download_page):
            self._layout.addWidget(widget)
        self._layout.addStretch()
        self._layout.addLayout(row(self.have, self.close_button))
        self.draw()

    def show_or_hide(self, shown: bool) -> None:
        """Open the panel, or close it."""
        if not shown:
            self.close()
            return
        self.folder.setText(default_folder(self._model, own_folder()))
        self.copy.setText("Copy")
        self.draw()
        open_wide(self, self._layout, WIDTH_LETTERS)

    def draw(self) -> None:
        """Show what is missing, and how far a download is."""
        verbs = self._controller.model
        can = get_view(
            self._model, verbs.install_command, verbs.install_size, token_set=bool(os.environ.get(download.TOKEN))
        )
        self.about.setText(can.about)
        self.packages.setVisible(bool(can.command))
        self.download_page.setVisible(not can.command)
        if self.command.toPlainText() != can.command:
            self.command.setPlainText(can.command)
        self.after.setText(can.after)
        self.token.setPlaceholderText(can.token_hint)
        for field in (self.token, self.folder, self.choose):
            field.setEnabled(not can.busy)
        self.bar.setVisible(can.busy)
        self.bar.setRange(0, 0 if can.fraction is None else 1000)
        self.bar.setValue(int((can.fraction or 0) * 1000))
        self.text.setText(f"\N{WARNING SIGN} {can.text}" if can.problem else can.text)
        draw(self.download, can.download)
        draw(self.cancel, can.cancel)
        make_taller(self, self._layout)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Forget the token."""
        self.token.clear()
        super().hideEvent(event)

    def _make_packages(self) -> QWidget:
        """Return the page with the command."""
        self.command = QPlainTextEdit()
        self.command.setReadOnly(True)
        self.command.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.command.setFixedHeight((COMMAND_LINES + 1) * self.fontMetrics().lineSpacing())
        self.command.setAccessibleName("Command")
        self.copy = button("Copy", self._copy, "Copy the line, to paste it in a terminal.")
        self.after = paragraph()
        page, layout = _page()
        for widget in (self.command, self.copy, self.after):
            layout.addWidget(widget)
        return page

    def _make_download(self) -> QWidget:
        """Return the page with the licence and the download."""
        page, layout = _page()
        layout.addWidget(paragraph(LICENCE))
        layout.addLayout(
            row(
                button("Open Model Page", lambda: _browse(PAGE), PAGE),
                button("Open Token Page", lambda: _browse(TOKENS), TOKENS),
            )
        )
        self.token, self.folder = QLineEdit(), QLineEdit()
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setToolTip("Shows the hub who asks. Sent to the hub only, and forgotten when this panel is closed.")
        self.folder.setToolTip("Where the files go.")
        self.folder.textChanged.connect(lambda _folder: self._controller.model.getting.forget())
        self.choose = button("Choose", self._choose, "Choose where the files go.")
        form = QFormLayout()
        form.addRow("Token", self.token)
        where = row(self.folder, self.choose)
        where.setStretch(0, 3)
        where.setStretch(1, 1)
        form.addRow("Folder", where)
        layout.addLayout(form)
        self.download = button("Download", self._start)
        self.cancel = button("Cancel", self._controller.model.getting.cancel)
        layout.addLayout(row(self.download, self.cancel))
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(8)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.text = paragraph(lines=TEXT_LINES)
        layout.addWidget(self.bar)
        layout.addWidget(self.text)
        return page

    def _start(self) -> None:
        self._controller.model.getting.start(Path(self.folder.text() or own_folder()), self.token.text())

    def _copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.command.toPlainText())
            self.copy.setText("Copied")

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Select where SAM3 goes", self.folder.text())
        if folder:
            self.folder.setText(folder)

    def _have(self) -> None:
        folder = choose_folder(self, self._controller)
        if folder is not None:
            self._controller.model.choose_folder(folder)


def _page() -> tuple[QWidget, QVBoxLayout]:
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    return page, layout


def _browse(address: str) -> None:
    QDesktopServices.openUrl(QUrl(address))
