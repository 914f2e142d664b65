"""Controls that several widgets share. None of them asks for more width than a narrow dock has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_sam3_assistant.app.views import Action
from napari_sam3_assistant.widgets.letters import Push
from napari_sam3_assistant.widgets.whole import Combo

V = TypeVar("V")
MARGIN_PX, SPACING_PX = 6, 4
NAME_MARGIN_PX = 10
LONGEST_NAME = "Next point mode"
"""The longest name of a field that is always there: all names beside fields take its room."""


def button(text: str, clicked: Callable[[], object], tip: str = "") -> QPushButton:
    """Return a push button that can become as narrow as its text. Enter presses it too, as Space does."""
    made = Push(text)
    made.setToolTip(tip)
    made.setAutoDefault(True)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    made.clicked.connect(lambda _checked=False: clicked())
    return made


def toggle(text: str, tip: str = "") -> QPushButton:
    """Return a button that stays pressed; used in exclusive groups."""
    made = Push(text)
    made.setCheckable(True)
    made.setAutoDefault(True)
    made.setToolTip(tip)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return made


def combo(tip: str = "") -> QComboBox:
    """Return a combo box whose width does not follow its longest entry."""
    return Combo(tip)


class Paragraph(QLabel):
    """A label that wraps, never widens the dock, and keeps the room of ``lines`` lines: what is below stays there."""

    def __init__(self, text: str = "", lines: int = 1) -> None:
        super().__init__(text)
        self._lines = lines
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.setIndent(0)  # Qt would indent the first line from above too
        self.setContentsMargins(4, 0, 0, 0)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def keep(self, lines: int) -> None:
        """Keep the room of another number of lines."""
        if lines != self._lines:
            self._lines = lines
            self.updateGeometry()

    def heightForWidth(self, width: int) -> int:
        """Return the height of the text, or of the lines kept for it."""
        return max(super().heightForWidth(width), self._kept())

    def sizeHint(self) -> QSize:
        """Return a size with the height of the lines kept."""
        return super().sizeHint().expandedTo(QSize(0, self._kept()))

    def minimumSizeHint(self) -> QSize:
        """Return a size with the height of the lines kept."""
        return super().minimumSizeHint().expandedTo(QSize(0, self._kept()))

    def _kept(self) -> int:
        return self._lines * (self.fontMetrics().lineSpacing() + 1) + 2 * self.frameWidth()


def paragraph(text: str = "", lines: int = 1) -> Paragraph:
    """Return a label that wraps, and that never widens the dock."""
    return Paragraph(text, lines)


def waiting_bar() -> QProgressBar:
    """Return a thin bar that says that something goes on, for how long is not known; its room is kept."""
    made = QProgressBar()
    made.setRange(0, 0)
    made.setTextVisible(False)
    made.setMaximumHeight(8)
    policy = made.sizePolicy()
    policy.setRetainSizeWhenHidden(True)
    made.setSizePolicy(policy)
    return made


class Toggles(QWidget, Generic[V]):
    """Buttons of which one is pressed.

    Parameters
    ----------
    entries : sequence of tuple
        Value, text and tip of each.
    chosen : callable
        Called with the value of the button that a user presses, the pressed one included.
    """

    def __init__(self, entries: Sequence[tuple[V, str, str]], chosen: Callable[[V], object]) -> None:
        super().__init__()
        self.buttons = {value: toggle(text, tip) for value, text, tip in entries}
        group = QButtonGroup(self)
        for value, made in self.buttons.items():
            group.addButton(made)
            made.clicked.connect(lambda _checked=False, value=value: chosen(value))
        layout = row(*self.buttons.values())
        layout.setContentsMargins(0, 0, 0, 0)
        self.setLayout(layout)

    def show_value(self, value: V) -> None:
        """Press the button of ``value``, without telling anyone."""
        self.buttons[value].setChecked(True)


def draw(control: QWidget, action: Action) -> None:
    """Enable a control or not, and say what it does or what is missing.

    One that has the focus gives it to the panel first: Qt would pass it on, to a text field perhaps,
    and the next key would be text.
    """
    if not action.enabled and control.hasFocus():
        leave(control)
    control.setEnabled(action.enabled)
    control.setToolTip(action.tip)


def show(control: QWidget, shown: bool) -> None:
    """Show a control or not; where the focus is in it, the panel gets it."""
    focus = control.focusWidget()
    if not shown and focus is not None and focus.hasFocus():
        leave(control)
    control.setVisible(shown)


def leave(control: QWidget) -> None:
    """Give the focus to the page that the control lies in, or to what it lies in where there is none."""
    page = control.parentWidget()
    while page is not None and not isinstance(page.parentWidget(), QScrollArea) and not _is_page(page):
        page = page.parentWidget()
    page = page or control.parentWidget()
    if page is not None:
        page.setFocus()


def _is_page(widget: QWidget) -> bool:
    """Return whether a widget is what an area scrolls: its parent is the area's viewport, and that one's the area."""
    around = widget.parentWidget()
    return around is not None and isinstance(around.parentWidget(), QScrollArea)


def column(group: QGroupBox) -> QVBoxLayout:
    """Return the layout of a group: rows close to each other."""
    layout = QVBoxLayout(group)
    layout.setContentsMargins(MARGIN_PX, 1, MARGIN_PX, 1)
    layout.setSpacing(2)
    return layout


def row(*widgets: QWidget) -> QHBoxLayout:
    """Return the widgets side by side."""
    layout = QHBoxLayout()
    layout.setSpacing(SPACING_PX)
    for widget in widgets:
        layout.addWidget(widget)
    return layout


def labelled(text: str, field: QWidget) -> QWidget:
    """Return a field with its name beside it."""
    made = QWidget()
    layout = row(label(text, field), field)
    layout.setContentsMargins(0, 0, 0, 0)
    made.setLayout(layout)
    return made


def label(text: str, field: QWidget) -> QLabel:
    """Return the name of a field."""
    made = QLabel(text)
    made.setBuddy(field)
    return made


class Name(QLabel):
    """The name of a field in a form; all names are equally wide, and a longer one has two lines."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setWordWrap(True)

    def sizeHint(self) -> QSize:
        """Return the width of all names."""
        width = self.fontMetrics().horizontalAdvance(LONGEST_NAME) + NAME_MARGIN_PX
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        """Return the width of all names."""
        return self.sizeHint()


class Form(QFormLayout):
    """Fields below each other, each with its name on the left; the names of all forms are equally wide."""

    def addRow(self, *parts: str | QWidget | QLayout) -> None:
        """Add a row: a name and a field, or something as wide as both."""
        if len(parts) == 1:
            super().addRow(*parts)
            return
        first, field = parts
        if isinstance(first, str):
            first = Name(first)
            first.setBuddy(field if isinstance(field, QWidget) else _first_of(field))
        super().addRow(first, field)


def _first_of(layout: QLayout | str) -> QWidget | None:
    item = layout.itemAt(0) if isinstance(layout, QLayout) else None
    return item.widget() if item is not None else None


def form(group: QGroupBox | QWidget) -> Form:
    """Return the layout of a group: fields below each other, each with its name on the left."""
    layout = Form(group)
    layout.setContentsMargins(MARGIN_PX, 1, MARGIN_PX, 1)
    layout.setHorizontalSpacing(6)
    layout.setVerticalSpacing(3)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return layout


def fill(box: QComboBox, entries: Iterable[tuple[str, str]], current: str | None) -> None:
    """Make the entries of a combo box ``(text, value)`` and select ``current``, without telling anyone.

    Nothing is touched where all is as it should be: a list that is open stays open.
    """
    wanted = list(entries)
    have = [(box.itemText(k), str(box.itemData(k))) for k in range(box.count())]
    index = next((k for k, (_, value) in enumerate(wanted) if value == current), -1)
    if have == wanted and box.currentIndex() == index:
        return
    if have != wanted:
        box.clear()
        for text, value in wanted:
            box.addItem(text, value)
    box.setCurrentIndex(index)


def open_wide(window: QWidget, layout: QLayout, letters: int) -> None:
    """Show a window as wide as so many letters and as high as its layout then wants, in front of the others."""
    layout.activate()  # what is in it may have changed since the last time
    width = letters * window.fontMetrics().averageCharWidth()
    window.resize(width, layout.totalHeightForWidth(width))
    window.show()
    window.raise_()
    window.activateWindow()


def make_taller(window: QWidget, layout: QLayout) -> None:
    """Make a window that is shown as high as its layout wants, where a text has become longer."""
    if window.isVisible():
        layout.activate()
        window.resize(window.width(), max(window.height(), layout.totalHeightForWidth(window.width())))
