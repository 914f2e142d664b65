"""The widget for hands and eyes: by keys alone, beside the canvas, in any width, to those who see fewer colours."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QRadioButton,
    QScrollArea,
)
from superqt import QElidingLabel

from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.layers import names, prompts, shapes
from napari_sam3_assistant.layers.blocks import colormap
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.widgets import letters
from napari_sam3_assistant.widgets.canvas import canvas_of
from napari_sam3_assistant.widgets.controls import Paragraph
from napari_sam3_assistant.widgets.whole import Combo, Field
from tests.conftest import squares

ROOT = Path(__file__).resolve().parents[2]
LONG = "a picture with quite a long name, of which the file knows more than anybody wants to read"
TASKS = (Task.IMAGE, Task.LIVE_POINTS, Task.EXEMPLAR, Task.TEXT, Task.VIDEO)


@pytest.fixture
def opened(make_napari_viewer, qtbot):
    """The widget in its dock, in a window of a small laptop, with a picture."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    viewer.add_image(squares(), name="cells")
    dock, widget = viewer.window.add_plugin_dock_widget("napari-sam3-assistant", "SAM3 Assistant")

    def is_active() -> bool:
        widget.window().activateWindow()  # again and again: a window of another process may have taken the keys
        return QApplication.activeWindow() is not None

    qtbot.waitUntil(lambda: dock.width() > 380 and is_active(), timeout=20_000)
    qtbot.wait(150)  # the window is laid out
    widget.viewer, widget.dock = viewer, dock
    return widget


def show_all(widget, qtbot, *, advanced: bool, everything: bool = True) -> None:
    """Show a mode, with all that can be opened in it."""
    widget.state.task.advanced = advanced
    widget.state.panel.opened = frozenset(Section) if everything else frozenset()
    widget.state.results.table = widget.state.activity.shown = everything
    heights: list[int] = []
    while len(heights) < 5 or len(set(heights[-4:])) > 1:  # until it is laid out
        qtbot.wait(30)
        heights.append(page_of(widget).height())


def page_of(widget):
    return widget.advanced if widget.state.task.advanced else widget.simple


def controls_of(widget) -> list:
    """Every control that can be used now."""
    kinds = (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit, QAbstractScrollArea)
    found = [one for kind in kinds for one in widget.findChildren(kind)]
    inner = (QComboBox, QAbstractSpinBox, QLineEdit)
    return [
        one
        for one in found
        if one.isVisible()
        and one.isEnabled()
        and not isinstance(one, QScrollArea)
        and not any(isinstance(around, inner) for around in _around(one))
        and one.focusPolicy() != Qt.FocusPolicy.NoFocus
        and (one.focusPolicy() & Qt.FocusPolicy.TabFocus or not _in_group(one))
    ]


def _around(one):
    while (one := one.parent()) is not None:
        yield one


def _in_group(one) -> bool:
    """Whether it is one of several of which one is pressed: Tab leads to that one, arrows to the others."""
    return (isinstance(one, QAbstractButton) and one.group() is not None) or isinstance(one, QRadioButton)


def walked(widget) -> list:
    """The controls that the Tab key leads to, until it leaves the widget or comes back."""
    first = widget.nextInFocusChain()
    while first is not widget and not (first.isVisible() and first.focusPolicy() & Qt.FocusPolicy.TabFocus):
        first = first.nextInFocusChain()
    first.setFocus(Qt.FocusReason.TabFocusReason)
    found: list = []
    while (one := QApplication.focusWidget()) is not None and widget.isAncestorOf(one) and one not in found:
        found.append(one)
        QTest.keyClick(one, Qt.Key.Key_Tab)
    return found


def place(widget, one) -> tuple[int, int]:
    at = one.mapTo(widget, one.rect().center())
    return at.y(), at.x()


@pytest.mark.parametrize("advanced", [False, True], ids=["simple", "advanced"])
def test_tab_leads_through_every_control_as_the_eye_reads(opened, qtbot, advanced):
    opened.viewer.layers[names.POINTS].add([35, 35])
    qtbot.waitUntil(lambda: len(opened.state.results.objects) == 1, timeout=10_000)
    opened.state.task.channel_axis = -1
    show_all(opened, qtbot, advanced=advanced)

    path = walked(opened)

    missed = [one for one in controls_of(opened) if one not in path]
    assert not [(type(one).__name__, getattr(one, "text", str)(), one.accessibleName()) for one in missed]
    assert len(path) > 15
    opened.findChild(QScrollArea)  # the walk has scrolled: places are those of the page, not of the screen
    top = [one for one in path if opened.top.isAncestorOf(one)]
    rest = [one for one in path if one not in top]
    assert path == top + rest
    for around, ones in ((opened.top, top), (page_of(opened), rest)):
        for before, after in pairwise(ones):
            (y0, x0), (y1, x1) = place(around, before), place(around, after)
            lower = after.mapTo(around, after.rect().topLeft()).y() >= before.mapTo(around, before.rect().center()).y()
            assert lower or (abs(y1 - y0) < before.height() and x1 > x0), (before.toolTip(), after.toolTip())


@pytest.mark.parametrize("advanced", [False, True], ids=["simple", "advanced"])
def test_every_letter_is_of_one_control_and_none_of_naparis(opened, qtbot, advanced):
    show_all(opened, qtbot, advanced=advanced)
    menus = {one.text().split("&")[1][0].upper() for one in opened.window().menuBar().actions() if "&" in one.text()}

    seen = {
        letter: [one for one in controls if one.isVisible()] for letter, controls in opened.letters.controls.items()
    }

    assert menus <= letters.TAKEN and not letters.TAKEN & set(seen)
    assert all(len(ones) <= 1 for ones in seen.values())
    marked = [one for ones in seen.values() for one in ones if isinstance(one, (letters.Push, letters.Opener))]
    for one in marked:
        assert one.letter.lower() in one.text().lower(), one.text()
    assert len(marked) > 8


def test_letters_press_open_and_lead(opened, qtbot):
    window, state = opened.window(), opened.state
    opened.viewer.layers[names.POINTS].add([35, 35])
    qtbot.waitUntil(lambda: len(state.results.objects) == 1, timeout=10_000)
    qtbot.wait(60)

    QTest.keyClick(window, Qt.Key.Key_D, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: state.task.advanced and opened.advanced.isVisible())
    state.panel.opened = frozenset()
    qtbot.wait(60)
    QTest.keyClick(window, Qt.Key.Key_4, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: Section.RUN in state.panel.opened)
    assert opened.advanced.sections[Section.RUN].opener.hasFocus()
    qtbot.wait(60)
    QTest.keyClick(window, Qt.Key.Key_T, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: state.results.accepted == 1, timeout=5000)
    QTest.keyClick(window, Qt.Key.Key_I, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: opened.simple.isVisible())
    QTest.keyClick(window, Qt.Key.Key_U, Qt.KeyboardModifier.AltModifier)
    assert opened.simple.setup.image.hasFocus()


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_Return])
def test_sections_open_and_buttons_press_by_space_and_enter(opened, qtbot, key):
    show_all(opened, qtbot, advanced=True)
    opener, limits = opened.advanced.sections[Section.LOG].opener, opened.advanced.prompts.create
    opener.setFocus()
    limits_pressed = []
    limits.clicked.connect(lambda: limits_pressed.append(1))

    QTest.keyClick(opener, key)
    qtbot.waitUntil(lambda: Section.LOG not in opened.state.panel.opened)
    limits.setFocus()
    QTest.keyClick(limits, key)

    assert limits_pressed == [1]


def test_the_focus_goes_to_the_canvas_from_what_the_mouse_presses_and_stays_where_keys_have_led_it(opened, qtbot):
    canvas = canvas_of(opened)
    clear, folder = opened.simple.setup.refresh, opened.simple.results.saving.folder
    folder.setFocus()
    assert folder.hasFocus()

    QTest.mouseClick(clear, Qt.MouseButton.LeftButton)
    assert canvas.hasFocus()
    folder.setFocus()
    QTest.mousePress(opened.simple.prompt.polarity, Qt.MouseButton.LeftButton)
    qtbot.wait(30)
    opened.simple.prompt.polarity.hidePopup()
    qtbot.wait(30)
    assert canvas.hasFocus()

    clear.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(clear, Qt.Key.Key_Space)
    assert clear.hasFocus()


def test_a_wheel_scrolls_past_controls(opened, qtbot):
    show_all(opened, qtbot, advanced=True)
    task = opened.advanced.task.task
    before = opened.state.task.task

    event = _wheel(task)
    QApplication.sendEvent(task, event)

    assert opened.state.task.task is before and not event.isAccepted()


def _wheel(widget):
    from qtpy.QtCore import QPoint, QPointF
    from qtpy.QtGui import QWheelEvent

    at = QPointF(widget.rect().center())
    none, phase = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
    held = Qt.KeyboardModifier.NoModifier
    return QWheelEvent(
        at, QPointF(widget.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, -120), none, held, phase, False
    )


def test_rows_of_the_table_are_sorted_by_keys(opened, qtbot):
    opened.viewer.layers[names.POINTS].add([35, 35])
    qtbot.waitUntil(lambda: len(opened.state.results.objects) == 1, timeout=10_000)
    show_all(opened, qtbot, advanced=True)
    table = opened.advanced.results.table.table

    QTest.keyClick(table, Qt.Key.Key_6)
    header = table.horizontalHeader()
    assert (header.sortIndicatorSection(), header.sortIndicatorOrder()) == (5, Qt.SortOrder.AscendingOrder)
    QTest.keyClick(table, Qt.Key.Key_6)
    assert header.sortIndicatorOrder() == Qt.SortOrder.DescendingOrder


# -- width and texts -----------------------------------------------------------------------------------


def cut_off(widget) -> list[str]:
    """What is seen of which a part is missing that no tip tells."""
    found = []
    for one in [*widget.findChildren(QLabel), *widget.findChildren(QAbstractButton), *widget.findChildren(QComboBox),
                *widget.findChildren(QLineEdit)]:  # fmt: skip
        if not one.isVisible() or isinstance(one.parent(), (QComboBox, QAbstractSpinBox, QLineEdit)):
            continue
        text, room = _seen(one)
        if one.fontMetrics().horizontalAdvance(text) > room and text not in one.toolTip():
            found.append(f"{type(one).__name__}: {text}")
    return found


def cut_off_still(widget, qtbot) -> list[str]:
    """The same, once all is laid out."""
    for _ in range(20):
        found = cut_off(widget)
        if not found:
            return found
        qtbot.wait(30)
    return found


def _seen(one) -> tuple[str, int]:
    if isinstance(one, Paragraph):  # breaks its lines
        return "", 0
    if isinstance(one, QElidingLabel):
        return one.text(), one.contentsRect().width()
    if isinstance(one, QLabel) and one.wordWrap():
        fits = one.fontMetrics().horizontalAdvance(one.text()) <= one.width()
        return ("", 0) if fits or one.heightForWidth(one.width()) <= one.height() else (one.text(), 0)
    if isinstance(one, Combo):
        return one.currentText(), one.room()
    if isinstance(one, Field):
        return one.text() or one.placeholderText(), one.room()
    if isinstance(one, (QLineEdit, QComboBox)):
        return getattr(one, "text", getattr(one, "currentText", str))(), one.width()
    return one.text().replace("&&", "&"), one.width()


@pytest.mark.parametrize("advanced", [False, True], ids=["simple", "advanced"])
def test_what_is_cut_off_is_told_whole_by_its_tip(opened, qtbot, advanced):
    viewer, state = opened.viewer, opened.state
    viewer.add_image(np.zeros((3, 3000, 3000), np.uint8), name=LONG)
    show_all(opened, qtbot, advanced=advanced)
    seen, states = [], 0
    for image in ("cells", LONG):
        opened.controller.choose_image(str(viewer.layers[image].unique_id), arm=True)
        for task in TASKS:
            opened.controller.choose_task(task)
            for prompt in PromptKind if task is Task.IMAGE else [state.task.prompt]:
                opened.controller.choose_prompt(prompt)
                qtbot.wait(30)
                states += 1
                seen += [f"{task} {prompt} {image[:5]}: {one}" for one in cut_off_still(opened, qtbot)]
    state.task.local = True
    state.task.channel_axis = 0
    opened.controller.channels.show((0, 1, 2))
    qtbot.wait(60)
    seen += cut_off_still(opened, qtbot)

    assert states == 16 and not seen


def test_lists_show_whole_entries_at_the_usual_width(opened, qtbot):
    show_all(opened, qtbot, advanced=True)
    task = opened.advanced.task.task

    for box in (task, opened.advanced.prompts.kind):
        widest = max(box.fontMetrics().horizontalAdvance(box.itemText(at)) for at in range(box.count()))
        assert widest <= box.room()
    assert opened.dock.width() < 420


def test_names_of_fields_stand_in_one_column(opened, qtbot):
    show_all(opened, qtbot, advanced=True)
    panel = opened.advanced

    fields = (panel.task.task, panel.prompts.kind, panel.prompts.polarity, panel.run.saving.format)

    lefts = {one.mapTo(panel, one.rect().topLeft()).x() for one in fields}
    assert max(lefts) - min(lefts) <= 1


@pytest.mark.parametrize("width", [360, 520])
def test_the_dock_keeps_its_width_whatever_is_shown(opened, qtbot, width):
    window, state = opened.window(), opened.state
    opened.viewer.add_image(np.zeros((3, 3000, 3000), np.uint8), name=LONG)
    window.resizeDocks([opened.dock], [width], Qt.Orientation.Horizontal)
    qtbot.wait(100)
    width = opened.dock.width()
    widths = set()

    for advanced in (True, False):
        for everything in (False, True):
            show_all(opened, qtbot, advanced=advanced, everything=everything)
            widths.add(opened.dock.width())
            for task in TASKS:
                opened.controller.choose_task(task)
                for prompt in PromptKind if task is Task.IMAGE else [state.task.prompt]:
                    opened.controller.choose_prompt(prompt)
                    qtbot.wait(20)
                    widths.add(opened.dock.width())
    opened.controller.status.fail(AssistantError("A long message " * 20, hint="and a hint " * 20))
    qtbot.wait(60)

    assert widths | {opened.dock.width()} == {width}


SCALED = """
import napari
from qtpy.QtWidgets import QScrollArea
from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.demo.driver import Driver
from tests.widgets.test_comfort import cut_off
viewer = napari.Viewer()
driver = Driver(viewer)
driver.widget.controller.open_sample()
for advanced in (False, True):
    driver.state.task.advanced, driver.state.panel.opened = advanced, frozenset(Section)
    viewer.window.resize(1100, 700)
    for _ in range(80):  # Qt lays out in several rounds, between which a name may still lack its second line
        driver.pump(0.05)
        (area,) = [one for one in driver.widget.findChildren(QScrollArea) if one.isVisible()]
        fits = area.widget().width() <= area.viewport().width() and not area.horizontalScrollBar().isVisible()
        scrolls, cut = area.verticalScrollBar().isVisible(), cut_off(driver.widget)
        if fits and scrolls and not cut:
            break
    assert driver.widget.devicePixelRatio() == 2
    assert fits and scrolls
    assert not cut, cut
viewer.close()
print("clear")
"""


def test_at_twice_the_size_nothing_is_cut_off_and_the_dock_scrolls(tmp_path):
    environment = {**os.environ, "QT_SCALE_FACTOR": "2", "XDG_CONFIG_HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])

    done = subprocess.run(
        [sys.executable, "-c", SCALED], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )

    assert "clear" in done.stdout, done.stderr


@pytest.mark.parametrize("theme", ["dark", "light", "system"])
def test_letters_of_16_points_are_readable_in_every_theme(opened, qtbot, theme):
    from napari.settings import get_settings

    get_settings().appearance.font_size = 16
    opened.viewer.theme = theme
    qtbot.wait(200)

    for advanced in (False, True):
        show_all(opened, qtbot, advanced=advanced)
        (area,) = [one for one in opened.findChildren(QScrollArea) if one.isVisible()]
        qtbot.waitUntil(lambda area=area: area.widget().width() <= area.viewport().width(), timeout=5000)
        assert not cut_off_still(opened, qtbot)


# -- colours -------------------------------------------------------------------------------------------

DICHROMATS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}
"""Matrices on linear RGB: Machado, Oliveira, Fernandes, IEEE Trans. Vis. Comput. Graph. 15(6), 2009, severity 1.0."""
TELLS_APART = 20.0
"""Euclidean distance in CIE L*a*b* (CIE 1976); 2.3 is just noticeable, side by side."""


def lab(color, kind: str) -> np.ndarray:
    """A colour, as a dichromat sees it, in CIE L*a*b* under D65."""
    rgb = np.array(QColor(color).getRgbF()[:3]) if isinstance(color, str) else np.asarray(color, float)[:3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    if kind in DICHROMATS:
        linear = np.clip(np.array(DICHROMATS[kind]) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    f = xyz / (0.9505, 1.0, 1.089)
    f = np.where(f > 0.008856, np.cbrt(f), 7.787 * f + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(a, b, kind: str) -> float:
    return float(np.linalg.norm(lab(a, kind) - lab(b, kind)))


@pytest.mark.parametrize("kind", ["usual", *DICHROMATS])
def test_colours_that_mean_the_opposite_are_told_apart(kind):
    pairs = {
        "points": (prompts.POSITIVE_COLOR, prompts.NEGATIVE_COLOR),
        "boxes": (shapes.POSITIVE_COLOR, shapes.NEGATIVE_COLOR),
    }

    apart = {name: distance(*pair, kind) for name, pair in pairs.items()}

    assert min(apart.values()) > TELLS_APART, apart


@pytest.mark.parametrize("kind", ["usual", *DICHROMATS])
def test_an_object_is_told_apart_from_the_ones_made_before_and_after_it(kind):
    colors = [colormap().map(np.array([label]))[0] for label in range(1, 13)]

    apart = [distance(a, b, kind) for a, b in pairwise(colors)]

    assert min(apart) > TELLS_APART, [round(one) for one in apart]


def test_positive_and_negative_differ_by_more_than_colour(opened, qtbot):
    layer = opened.viewer.layers[names.POINTS]
    layer.add([35, 35])
    opened.state.task.positive = False
    layer.add([60, 60])
    qtbot.wait(30)
    assert len(set(map(str, layer.symbol))) == 2

    opened.simple.setup.tasks[Task.EXEMPLAR].click()
    boxes = opened.viewer.layers[names.BOXES]
    for positive in (True, False):
        opened.state.task.positive_box = positive
        qtbot.wait(30)
        boxes.add([[20, 20], [20, 50], [50, 50], [50, 20]], shape_type="rectangle")
    qtbot.wait(30)
    assert boxes.edge_width[1] > 1.5 * boxes.edge_width[0]
    assert boxes.face_color[0][3] > 0 == boxes.face_color[1][3]
