"""What is asked when masks are exported and imported: where to, which files, what becomes of one that is there."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_sam3_assistant.export.exports import EXPORTS

TITLE = "Export mask"
_IMPORT = "Import masks"


class Answer(Enum):
    """What becomes of a file that is there already."""

    REPLACE = "Replace"
    NUMBER = "Keep both"
    CANCEL = "Cancel"


def filters() -> str:
    """Return the filters of the dialogs: all masks first, then each format."""
    patterns = [" ".join(f"*{suffix}" for suffix in one.suffixes) for one in EXPORTS.values()]
    each = [f"{one.title} ({pattern})" for one, pattern in zip(EXPORTS.values(), patterns, strict=True)]
    return ";;".join([f"Masks ({' '.join(patterns)})", *each, "All files (*)"])


def ask_path(parent: QWidget, start: str) -> str:
    """Return the path that the user chooses, empty where none; what is there is asked about when it is written."""
    options = QFileDialog.Option.DontConfirmOverwrite
    return str(QFileDialog.getSaveFileName(parent, TITLE, start, filters(), options=options)[0])


def ask_files(parent: QWidget, start: str) -> list[Path]:
    """Return the files that the user chooses."""
    return [Path(str(one)) for one in QFileDialog.getOpenFileNames(parent, _IMPORT, start, filters())[0]]


def ask_folder(parent: QWidget, start: str) -> list[Path]:
    """Return the folder that the user chooses, if any."""
    chosen = QFileDialog.getExistingDirectory(parent, f"{_IMPORT}: a folder of OME-Zarr", start)
    return [Path(str(chosen))] if chosen else []


def ask_replace(parent: QWidget, path: Path) -> Answer:
    """Return what the user wants done with a file that is there."""
    box = QMessageBox(QMessageBox.Icon.Question, TITLE, f"{path.name} is there already.", parent=parent)
    box.setInformativeText(f"In {path.parent}. Keep both gives the new file a number.")
    replace = box.addButton(Answer.REPLACE.value, QMessageBox.ButtonRole.DestructiveRole)
    number = box.addButton(Answer.NUMBER.value, QMessageBox.ButtonRole.AcceptRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(number)
    box.exec()
    pressed = box.clickedButton()
    box.deleteLater()
    return Answer.REPLACE if pressed == replace else Answer.NUMBER if pressed == number else Answer.CANCEL
