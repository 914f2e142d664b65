"""The dock widget ``SAM3 Assistant``."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from napari_sam3_assistant.app import assistants
from napari_sam3_assistant.app.availability import availability
from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.widgets import store
from napari_sam3_assistant.widgets.bind import Bindings, Redraw, on_main
from napari_sam3_assistant.widgets.simple.panel import SimplePanel
from napari_sam3_assistant.widgets.start_page import StartPage
from napari_sam3_assistant.widgets.top_strip import TopStrip


class MainWidget(QWidget):
    """Prompts in, masks out.

    Parameters
    ----------
    napari_viewer : napari viewer
        As napari gives it to plugins.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        on_main(lambda: None)  # from now on other threads may call
        assistant = assistants.acquire(napari_viewer, on_main, store.load(AppState()))
        self.state, self.controller = assistant.state, assistant.controller
        self._bindings = Bindings()
        self._bindings.on_close(lambda: assistants.release(napari_viewer))
        self.top = TopStrip(self.controller, self._bindings)
        self.start = StartPage(self.controller)
        self.simple = SimplePanel(self.controller, self._bindings)
        self._pages = QStackedWidget()
        for page in (self.start, self.simple):
            self._pages.addWidget(_scrolled(page))
        layout = QVBoxLayout(self)
        layout.addWidget(self.top)
        layout.addWidget(self._pages, stretch=1)
        store.remember(self.state, self._bindings)
        Redraw(self.state.parts, self._draw, self._bindings, self)
        # napari may delete a dock's widget without closing it.
        self.destroyed.connect(self._bindings.close)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Stop work and let go of the viewer; layers stay as they are."""
        self._bindings.close()
        super().closeEvent(event)

    def _draw(self) -> None:
        can = availability(self.state)
        self.top.draw(can)
        page = self.start if can.start else self.simple
        page.draw(can)
        self._pages.setCurrentIndex(0 if can.start else 1)


def _scrolled(page: QWidget) -> QScrollArea:
    """Return ``page`` in an area that scrolls down, never sideways."""
    area = QScrollArea()
    area.setWidget(page)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
    bar = area.verticalScrollBar()
    area.setMinimumWidth(page.minimumSizeHint().width() + (bar.sizeHint().width() if bar is not None else 0))
    return area
