"""Pages of which one is seen, with a button for each above: all names are read, in a narrow dock too."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QButtonGroup, QFrame, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from napari_sam3_assistant.widgets.controls import SPACING_PX, row, toggle

IN_A_ROW = 3


class Pages(QWidget):
    """A strip of buttons, and the page of the one that is pressed; each page scrolls where it is too high.

    Parameters
    ----------
    pages : mapping of str to (QWidget, str)
        By the text of its button: the page, and the button's tip.
    chosen : callable
        Called with the text of the button that a user presses.
    """

    def __init__(self, pages: Mapping[str, tuple[QWidget, str]], chosen: Callable[[str], object]) -> None:
        super().__init__()
        self.buttons = {title: toggle(title, tip) for title, (_, tip) in pages.items()}
        self.pages = {title: page for title, (page, _) in pages.items()}
        group = QButtonGroup(self)
        self._stack = QStackedWidget()
        for title, made in self.buttons.items():
            group.addButton(made)
            made.clicked.connect(lambda _checked=False, title=title: chosen(title))
            self._stack.addWidget(_scrolled(self.pages[title]))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACING_PX)
        strip = list(self.buttons.values())
        for at in range(0, len(strip), IN_A_ROW):
            layout.addLayout(row(*strip[at : at + IN_A_ROW]))
        layout.addWidget(self._stack, stretch=1)

    def show_page(self, title: str) -> QWidget:
        """Press the button of a page, without telling anyone, and return the page."""
        self.buttons[title].setChecked(True)
        self._stack.setCurrentIndex(list(self.buttons).index(title))
        return self.pages[title]


def _scrolled(page: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(page)
    return area
