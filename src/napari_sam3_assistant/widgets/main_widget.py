"""The dock widget ``SAM3 Assistant``."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QCloseEvent, QResizeEvent, QShowEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from napari_sam3_assistant.app import runtime
from napari_sam3_assistant.app.assistants import MAIN
from napari_sam3_assistant.app.availability import availability
from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.widgets import store
from napari_sam3_assistant.widgets.advanced.panel import AdvancedPanel
from napari_sam3_assistant.widgets.bind import Redraw, after, on_main
from napari_sam3_assistant.widgets.canvas import canvas_of
from napari_sam3_assistant.widgets.canvas_menu import CanvasMenu
from napari_sam3_assistant.widgets.dock import Dock
from napari_sam3_assistant.widgets.focus import give_focus_back
from napari_sam3_assistant.widgets.get_sam3 import GetSam3
from napari_sam3_assistant.widgets.keys import DockKeys, KeySheet
from napari_sam3_assistant.widgets.letters import Letters
from napari_sam3_assistant.widgets.meta_dialog import MetaDialog
from napari_sam3_assistant.widgets.napari_bridge import follow_preferences, preferences
from napari_sam3_assistant.widgets.own_letters import of_main
from napari_sam3_assistant.widgets.server_dialog import ServerDialog
from napari_sam3_assistant.widgets.shared.journal import JournalRow
from napari_sam3_assistant.widgets.simple.panel import SimplePanel
from napari_sam3_assistant.widgets.sound import Chime
from napari_sam3_assistant.widgets.start_page import StartPage
from napari_sam3_assistant.widgets.top_strip import TopStrip

SIDE_PX = 6
WANTED_LETTERS = 67
"""How wide a page is at first: lines of hints, and entries of lists beside their names, are whole."""


class MainWidget(Dock):
    """Prompts in, masks out.

    Parameters
    ----------
    napari_viewer : napari viewer
        As napari gives it to plugins.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        start = preferences()
        self.controller = MAIN.acquire(
            napari_viewer,
            lambda engines: AppController(
                napari_viewer, store.load(AppState(), start.default_engine), engines, on_main, after
            ),
        )
        runtime.prefer(start)
        self.state = self.controller.state
        self._bindings.on_close(lambda: MAIN.release(napari_viewer))
        self.top = TopStrip(self.controller, self._bindings)
        kept, left = self.controller.accepting.offers, self.controller.offers
        self.journal = JournalRow("Restore", kept.restore, kept.discard)
        self.resume = JournalRow("Resume", left.resume, left.discard)
        self.start = StartPage(self.controller)
        self.simple = SimplePanel(self.controller, self._bindings)
        self.advanced = AdvancedPanel(self.controller, self._bindings)
        self._pages = QStackedWidget()
        for page in (self.start, self.simple, self.advanced):
            self._pages.addWidget(Column(page))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SIDE_PX, 2, SIDE_PX, 0)
        layout.setSpacing(2)
        layout.addWidget(self.top)
        layout.addWidget(self.journal)
        layout.addWidget(self.resume)
        layout.addWidget(self._pages, stretch=1)
        self.menu = CanvasMenu(self.controller, self)
        self._bindings.connect(self.controller.menu_asked, self.menu.ask)
        self._keys = DockKeys(self.controller, self)
        self.letters = Letters(self, of_main(self.top, self.simple, self.advanced))
        give_focus_back(self, lambda: canvas_of(self))
        task = self.state.task
        self.sheet = KeySheet(self, lambda: setattr(task, "sheet", False))
        self._bindings.connect(task.events.sheet, self._show_sheet)
        self.get_sam3 = GetSam3(self.controller, self)
        self._bindings.connect(self.state.model.events.asking, lambda shown: self.get_sam3.show_or_hide(shown))
        self.server = ServerDialog(self.controller, self)
        self._bindings.connect(self.state.server.events.asking, lambda shown: self.server.show_or_hide(shown))
        self.meta = MetaDialog(self.controller, self)
        self._bindings.connect(self.state.meta.events.asking, lambda shown: self.meta.show_or_hide(shown))
        store.remember(self.state, self._bindings, lambda: preferences().default_engine)
        Chime(self.state, self._bindings, self)
        follow_preferences(self._prefer, self._bindings)
        can = availability(self.state)
        for page in (self.simple, self.advanced):  # one that is not seen yet has its texts, and so its width, too
            page.draw(can)
        Redraw(self.state.parts, self._draw, self._bindings, self)

    def wanted_width(self) -> int:
        """Return a width at which no line of a hint and no entry of a list is broken or cut."""
        margins, column = self.contentsMargins(), self._pages.currentWidget()
        hint = 0 if column is None else column.sizeHint().width()
        return hint + margins.left() + margins.right() + 2 * SIDE_PX

    def _draw(self) -> None:
        can = availability(self.state)
        self._keys.enable(not can.start)
        self.top.draw(can)
        self.journal.draw(can.journal)
        self.resume.draw(can.resume)
        self.start.draw(can)
        page = 0 if can.start else 2 if self.state.task.advanced else 1
        if page:
            (self.simple if page == 1 else self.advanced).draw(can)
        self._pages.setCurrentIndex(page)
        if self.state.model.asking:
            self.get_sam3.draw()
        if self.state.server.asking:
            self.server.draw()
        if self.state.meta.asking:
            self.meta.draw()

    def _prefer(self) -> None:
        wanted = preferences()
        runtime.prefer(wanted)
        if not store.chosen_engine() and self.state.model.engine != wanted.default_engine:
            self.controller.model.choose_engine(wanted.default_engine)

    def _show_sheet(self, shown: bool) -> None:
        self.sheet.setVisible(shown)
        if shown:  # Escape then closes it
            self.sheet.activateWindow()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Close the list of keys, the panel Get SAM3 and the dialogs too."""
        self.state.task.sheet = False
        self.controller.model.server.ask(False)
        self.controller.model.meta.ask(False)
        self.controller.model.ask(False)
        super().closeEvent(event)


class Column(QScrollArea):
    """A page that scrolls down and never sideways: it asks for all the width that its controls need."""

    def __init__(self, page: QWidget) -> None:
        super().__init__()
        self._shown = False
        self.setWidget(page)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def minimumSizeHint(self) -> QSize:
        """Return the width of the page and of a scroll bar; a theme or font may change it at any time."""
        page, bar = self.widget(), self.verticalScrollBar()
        if not self._shown:  # it has not been given the theme yet, and thinks that it is wider
            return QSize(0, 0)
        if page is None or bar is None:
            return super().minimumSizeHint()
        width = page.minimumSizeHint().width() + bar.sizeHint().width() + 2 * self.frameWidth()
        return QSize(width, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        """Return a width at which hints are not broken, no more: the canvas needs the room."""
        width = WANTED_LETTERS * self.fontMetrics().averageCharWidth()
        return QSize(max(width, self.minimumSizeHint().width()), super().sizeHint().height())

    def showEvent(self, event: QShowEvent | None) -> None:
        """Ask for the width needed, now that the theme is known."""
        super().showEvent(event)
        pages = self.parent()
        for one in pages.findChildren(Column) if pages is not None and not self._shown else ():
            one.take_theme()  # all at once: the dock is as wide as the widest needs it, whichever is shown

    def take_theme(self) -> None:
        """Ask for the width needed with napari's theme, which Qt applies to what is shown alone."""
        inside = self.findChildren(QWidget)
        for one in inside:
            one.ensurePolished()
        for one in reversed(inside):  # what was hidden before it was ever shown is still counted in a row
            layout = one.layout()
            if layout is not None:
                layout.invalidate()
                layout.activate()
        self._shown = True
        self.updateGeometry()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Show the scroll bar where it is needed now."""
        super().resizeEvent(event)
        self._show_bar_if_needed()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Tell the dock when the page needs another width, and show the scroll bar where it needs more height."""
        seen = super().eventFilter(watched, event)
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
            self._show_bar_if_needed()
        return seen

    def _show_bar_if_needed(self) -> None:
        """Qt measures the page beside a bar that is there, where lines break and need more height: it would stay."""
        page, room = self.widget(), self.maximumViewportSize()
        if page is None or not self._shown:
            return
        fits = page.heightForWidth(room.width()) <= room.height()
        policy = Qt.ScrollBarPolicy.ScrollBarAlwaysOff if fits else Qt.ScrollBarPolicy.ScrollBarAsNeeded
        if self.verticalScrollBarPolicy() != policy:
            self.setVerticalScrollBarPolicy(policy)
