"""The menu of a right-click in the canvas."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QCursor, QKeySequence
from qtpy.QtWidgets import QMenu, QWidget

from napari_sam3_assistant.app.canvas_menu import Entry, canvas_menu
from napari_sam3_assistant.app.controller import AppController


class CanvasMenu(QMenu):
    """Accept, delete, clear, undo: for the object under the pointer, or for all.

    Parameters
    ----------
    controller : AppController
    parent : QWidget
    """

    def __init__(self, controller: AppController, parent: QWidget) -> None:
        super().__init__(parent)
        self._controller = controller

    def ask(self, id: int | None) -> None:
        """Open at the pointer, for object ``id`` or for all; nothing waits for the answer."""
        self.clear()
        for entries in canvas_menu(self._controller.state, id):
            if self.actions():
                self.addSeparator()
            for entry in entries:
                self._add(entry)
        self.popup(QCursor.pos())

    def _add(self, entry: Entry) -> None:
        action = self.addAction(entry.text)
        action.setEnabled(entry.enabled)
        # The key is written here, and acted on elsewhere.
        action.setShortcut(QKeySequence(entry.keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.setShortcutVisibleInContextMenu(True)
        action.triggered.connect(lambda _checked=False: entry.verb(self._controller))
