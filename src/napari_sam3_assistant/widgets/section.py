"""Sections: parts of a panel that can be folded away."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import QAbstractButton, QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_sam3_assistant.app import panel_state
from napari_sam3_assistant.app.panel_state import PanelState
from napari_sam3_assistant.widgets.controls import show
from napari_sam3_assistant.widgets.letters import Opener

SHOWN_MS = 50
"""What was opened is looked at so much later: has it been laid out?"""


class Section(QWidget):
    """A title that opens and folds what lies below it.

    Parameters
    ----------
    panel : PanelState
        Holds what is open.
    name : panel_state.Section
    title, tip : str
        Of the button.
    content : QWidget
    """

    def __init__(self, panel: PanelState, name: panel_state.Section, title: str, content: QWidget, tip: str) -> None:
        super().__init__()
        self._panel, self._name = panel, name
        self.opener = fold(title, tip)
        self.content = content
        self.opener.clicked.connect(self._set)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.opener)
        layout.addWidget(content)
        self._timer = into_view_later(content)

    def minimumSizeHint(self) -> QSize:
        """Return a size that is no narrower while it is folded: opening it leaves the dock its width."""
        return wide_enough(super().minimumSizeHint(), self.content)

    def draw(self) -> None:
        """Show whether it is open."""
        opened = self._name in self._panel.opened
        show_fold(self.opener, self.content, opened=opened)

    def _set(self, opened: bool) -> None:
        chosen = {self._name}
        self._panel.opened = self._panel.opened | chosen if opened else self._panel.opened - chosen
        if opened:
            self._timer.start()


def wide_enough(size: QSize, *folded: QWidget) -> QSize:
    """Return ``size``, as wide as what can be opened in it."""
    return size.expandedTo(QSize(max(one.minimumSizeHint().width() for one in folded), 0))


def fold(text: str, tip: str) -> Opener:
    """Return a button that opens and folds something."""
    made = Opener()
    made.setText(text)
    made.setToolTip(tip)
    made.setCheckable(True)
    made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made


def show_fold(opener: QToolButton, content: QWidget, *, opened: bool) -> None:
    """Open or fold ``content``."""
    lettered = content.findChild(QAbstractButton)  # napari gives the size of its letters to buttons, not to such titles
    if lettered is not None:
        opener.setFont(lettered.font())
    opener.setChecked(opened)
    opener.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
    show(content, opened)


def into_view_later(part: QWidget) -> QTimer:
    """Return what brings a part into view once it is started; it goes with the part."""
    made = QTimer(part)
    made.setSingleShot(True)
    made.setInterval(SHOWN_MS)
    made.timeout.connect(lambda: _into_view(part, made))
    return made


def _into_view(part: QWidget, again: QTimer) -> None:
    """Scroll down to a part that was opened, once it has been given its height."""
    around = part.parentWidget()
    while around is not None and not isinstance(around, QScrollArea):
        around = around.parentWidget()
    if around is None or not part.isVisible():
        return
    if part.height() < part.minimumSizeHint().height():
        again.start()
    else:
        around.ensureWidgetVisible(part, 0, 0)
