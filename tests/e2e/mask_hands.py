"""What users do in Mask Operations that is no plain press: rows, histograms, menus; and where each control is."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtGui import QContextMenuEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractItemView, QApplication, QListWidget, QMenu, QPushButton, QWidget

from tests.e2e.controls import named
from tests.e2e.mask_scene import TARGET, Masks


def click_row(at: int) -> Callable[[Masks, QAbstractItemView], None]:
    """Return what clicks on a row."""

    def act(hand: Masks, table: QAbstractItemView) -> None:
        hand.pump(0.02)
        column = 0 if isinstance(table, QListWidget) else 1
        place = table.visualRect(table.model().index(at, column)).center()
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)

    return act


def move_down(hand: Masks, rows: QListWidget) -> None:
    """Move the first row down by its keys."""
    rows.setCurrentRow(0)
    QTest.keyClick(rows, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)


def drag_over(hand: Masks, histogram: QWidget) -> None:
    """Drag over the left half of a histogram."""
    left, at = Qt.MouseButton.LeftButton, histogram.height() // 2
    QTest.mousePress(histogram, left, pos=QPoint(6, at))
    QTest.mouseMove(histogram, QPoint(histogram.width() // 2, at))
    hand.pump(0.02)
    QTest.mouseRelease(histogram, left, pos=QPoint(histogram.width() // 2, at))


def menu_of(hand: Masks, host: QWidget | None) -> QMenu:
    """Open the menu of a button, of a table, or (None) of the target's second object on the canvas."""
    if isinstance(host, QPushButton):
        host.menu().popup(host.mapToGlobal(QPoint(0, 0)))
    elif isinstance(host, QAbstractItemView):
        place = host.visualRect(host.model().index(0, 1)).center()
        view, reason = host.viewport(), QContextMenuEvent.Reason.Mouse
        QApplication.sendEvent(view, QContextMenuEvent(reason, place, view.mapToGlobal(place)))
    else:
        hand.viewer.layers.selection.active = hand.layer(TARGET)
        hand.hand.click(hand.layer(TARGET), 10, 32, "right")
    found = QApplication.activePopupWidget()
    assert isinstance(found, QMenu), "no menu opens"
    return found


def titles(menu: QMenu) -> list[str]:
    """Return the entries of a menu, those of menus below it with their path."""
    found: list[str] = []
    for entry in menu.actions():
        below = entry.menu()
        if below is not None:
            found += [f"{entry.text()} > {title}" for title in titles(below)]
        elif not entry.isSeparator():
            found.append(entry.text())
    return found


def take(title: str) -> Callable[[Masks, QWidget | None], None]:
    """Return what opens a menu and takes an entry."""

    def act(hand: Masks, host: QWidget | None) -> None:
        menu = menu_of(hand, host)
        take_from(menu, title)
        menu.close()

    return act


def take_from(menu: QMenu, title: str) -> None:
    """Take an entry of a menu: ``Assign clicked object to > 3``."""
    first, _, rest = title.partition(" > ")
    (entry,) = [one for one in menu.actions() if one.text() == first]
    assert entry.isEnabled(), title
    if rest:
        take_from(entry.menu(), rest)
    else:
        entry.trigger()


def press_and_take(title: str) -> Callable[[Masks, QPushButton], None]:
    """Return what presses a button that opens its menu, and takes an entry."""

    def act(hand: Masks, button: QPushButton) -> None:
        assert button.isEnabled(), button.toolTip()
        menu = button.menu()

        waiting = QTimer()
        waiting.setInterval(10)

        def choose() -> None:
            if menu.isVisible():
                waiting.stop()
                take_from(menu, title)
                menu.close()

        waiting.timeout.connect(choose)
        waiting.start()
        button.click()  # comes back when the menu is closed

    return act


def controls(hand: Masks) -> dict[str, QWidget]:
    """Return every control by the attributes that lead to it."""
    return {path.removeprefix("masks."): control for path, control in named(hand.widget, "masks")}
