"""Keys in the dock, the list of them, and the menu of a right-click: what they call, and when they do not."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel, QLineEdit, QMenu, QPushButton, QVBoxLayout, QWidget

from napari_sam3_assistant.app.keys import KEYS, MOUSE
from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.widgets.keys import DockKeys
from napari_sam3_assistant.widgets.main_widget import MainWidget
from tests.calls import Calls
from tests.conftest import squares


class DockOfKeys(QWidget):
    """A button, a text field and the keys, which note what they call."""

    def __init__(self) -> None:
        super().__init__()
        self.button, self.field, self.controller = QPushButton("a button"), QLineEdit(), Calls()
        self.controller.state = self.state = AppState()
        layout = QVBoxLayout(self)
        layout.addWidget(self.button)
        layout.addWidget(self.field)
        self.keys = DockKeys(self.controller, self)


@pytest.fixture
def dock(qtbot):
    made = DockOfKeys()
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


@pytest.fixture
def widget(make_napari_viewer_proxy, qtbot):
    viewer = make_napari_viewer_proxy()
    viewer.add_image(squares(), name="cells")
    made = MainWidget(viewer)
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


def press(widget: QWidget, keys: str) -> None:
    """Press keys as Qt writes them, over a widget."""
    one = QKeySequence(keys)[0]
    QTest.keyClick(widget, one.key(), one.keyboardModifiers())


def calls_of(verb) -> list:
    calls = Calls()
    verb(calls)
    return calls.calls


def test_each_key_does_in_the_dock_what_it_does_in_the_canvas(dock):
    dock.button.setFocus()

    for key in KEYS:
        dock.controller.calls.clear()
        press(dock.button, key.shortcut)

        assert dock.controller.calls == calls_of(key.verb) and dock.controller.calls, key.keys


def test_no_key_works_while_one_types(dock):
    dock.field.setFocus()

    for key in KEYS:
        press(dock.field, key.shortcut)
    press(dock.field, "?")

    assert not dock.controller.calls and not dock.state.task.sheet
    assert dock.field.text().endswith("?")


def test_keys_work_in_a_text_that_is_only_read(dock):
    dock.field.setReadOnly(True)
    dock.field.setFocus()

    press(dock.field, "T")

    assert dock.controller.calls


def test_keys_rest_while_there_is_nothing_they_could_be_about(dock):
    dock.button.setFocus()
    dock.keys.enable(False)

    press(dock.button, "N")
    press(dock.button, "?")

    assert not dock.controller.calls and dock.state.task.sheet, "the list of keys opens always"


def test_a_key_that_is_held_down_does_its_work_once(dock):
    assert not [one for one in dock.keys.shortcuts if one.autoRepeat()]


def test_the_list_names_every_key_and_opens_and_closes_by_its_key_and_button(widget, qtbot):
    texts = " ".join(label.text() for label in widget.sheet.findChildren(QLabel))
    assert all(key.shortcut in texts and key.title in texts for key in KEYS)
    assert all(keys in texts and title in texts for keys, title in MOUSE)

    press(widget, "?")
    assert widget.sheet.isVisible() and not widget.sheet.isModal()
    qtbot.waitUntil(widget.sheet.isActiveWindow)
    press(widget.sheet, "?")
    assert not widget.sheet.isVisible() and not widget.state.task.sheet
    widget.top.keys.click()
    assert widget.sheet.isVisible() and widget.state.task.sheet
    press(widget.sheet, "Esc")
    assert not widget.sheet.isVisible() and not widget.state.task.sheet


def test_the_list_closes_with_the_dock(widget):
    widget.state.task.sheet = True
    assert widget.sheet.isVisible()

    widget.close()

    assert not widget.sheet.isVisible()


def test_tips_name_the_key_that_does_the_same(widget, qtbot):
    widget.controller.viewer.layers[names.POINTS].add([35, 35])
    qtbot.waitUntil(widget.simple.results.accepting.accept_only.isEnabled, timeout=10_000)
    simple = widget.simple
    objects = simple.prompt.objects

    for control, keys in (
        (simple.prompt.polarity, "T"), (simple.prompt.box_polarity, "J"), (objects.begin, "N"), (objects.delete, "Q"),
        (simple.run.run, "U"), (simple.results.accepting.accept_clear, "K"),
        (simple.results.accepting.accept_only, "Shift+K"),
        (objects.undo, "Ctrl+Z"),
    ):  # fmt: skip
        assert keys in {key.shortcut for key in KEYS}
        qtbot.waitUntil(lambda control=control, keys=keys: f"({keys}" in control.toolTip())


def test_a_right_click_opens_a_menu_that_nothing_waits_for(widget, qtbot):
    viewer = widget.controller.viewer
    viewer.layers[names.POINTS].add([35, 35])
    qtbot.waitUntil(lambda: len(widget.state.results.objects) == 1, timeout=10_000)

    widget.controller.menu_asked.emit(1)

    assert isinstance(widget.menu, QMenu) and widget.menu.isVisible()
    by_text = {action.text(): action for action in widget.menu.actions() if action.text()}
    assert [text for text, action in by_text.items() if action.isEnabled()] == [
        "Accept + Clear (object 1)", "Accept Only (object 1)", "New Object", "Delete Object (object 1)", "Clear Prompt",
    ]  # fmt: skip
    by_text["Accept + Clear (object 1)"].trigger()
    assert widget.state.results.accepted == 1 and not len(widget.state.results.objects)
    widget.menu.close()

    widget.controller.menu_asked.emit(None)
    texts = [action.text() for action in widget.menu.actions() if action.isEnabled() and action.text()]
    assert texts == ["Undo Last Accept"]
    widget.menu.close()


def test_the_keys_in_the_menu_are_written_only(widget, qtbot):
    widget.controller.menu_asked.emit(None)
    widget.menu.close()
    before = widget.state.run.message
    widget.simple.setup.refresh.setFocus()

    press(widget.simple.setup.refresh, "K")  # twice bound, it would do nothing

    assert widget.state.run.message != before
    assert [one.shortcut().toString() for one in widget.menu.actions() if one.text().startswith("Accept +")] == ["K"]
    assert Qt.ShortcutContext.WidgetShortcut in {one.shortcutContext() for one in widget.menu.actions()}
