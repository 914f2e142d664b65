"""The dock widget ``SAM3 Assistant``."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from napari_sam3_assistant.app.assistants import MAIN
from napari_sam3_assistant.app.availability import availability
from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.widgets import store
from napari_sam3_assistant.widgets.bind import Redraw, on_main
from napari_sam3_assistant.widgets.dock import Dock
from napari_sam3_assistant.widgets.simple.panel import SimplePanel
from napari_sam3_assistant.widgets.start_page import StartPage
from napari_sam3_assistant.widgets.top_strip import TopStrip


class MainWidget(Dock):
    """Prompts in, masks out.

    Parameters
    ----------
    napari_viewer : napari viewer
        As napari gives it to plugins.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.controller = MAIN.acquire(
            napari_viewer, lambda runtime: AppController(napari_viewer, store.load(AppState()), runtime, on_main)
        )
        self.state = self.controller.state
        self._bindings.on_close(lambda: MAIN.release(napari_viewer))
        self.top = TopStrip(self.controller, self._bindings)
        self.start = StartPage(self.controller)
        self.simple = SimplePanel(self.controller, self._bindings)
        self._pages = QStackedWidget()
        for page in (self.start, self.simple):
            self._pages.addWidget(Column(page))
        layout = QVBoxLayout(self)
        layout.addWidget(self.top)
        layout.addWidget(self._pages, stretch=1)
        store.remember(self.state, self._bindings)
        Redraw(self.state.parts, self._draw, self._bindings, self)

    def _draw(self) -> None:
        can = availability(self.state)
        self.top.draw(can)
        page = self.start if can.start else self.simple
        page.draw(can)
        self._pages.setCurrentIndex(0 if can.start else 1)


class Column(QScrollArea):
    """A page that scrolls down and never sideways: it asks for all the width that its controls need."""

    def __init__(self, page: QWidget) -> None:
        super().__init__()
        self.setWidget(page)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def minimumSizeHint(self) -> QSize:
        """Return the width of the page and of a scroll bar; a theme or font may change it at any time."""
        page, bar = self.widget(), self.verticalScrollBar()
        if page is None or bar is None:
            return super().minimumSizeHint()
        width = page.minimumSizeHint().width() + bar.sizeHint().width() + 2 * self.frameWidth()
        return QSize(width, super().minimumSizeHint().height())

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Tell the dock when the page needs another width."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)
