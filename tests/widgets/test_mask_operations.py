"""The dock of Mask Operations as a user has it: buttons, keys, the table, and what is left when it is closed."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QComboBox, QLabel, QPushButton, QSpinBox, QStyle

from napari_sam3_assistant.masks.components import analyze
from napari_sam3_assistant.masks.measures import Sizes
from napari_sam3_assistant.masks.quantities import Known, quantities
from napari_sam3_assistant.widgets.mask_operations_widget import MaskOperationsWidget
from napari_sam3_assistant.widgets.masks.component_table import ComponentTable
from napari_sam3_assistant.widgets.napari_bridge import open_mask_operations
from tests.app.test_mask_controller import rings

PLANE = quantities(Known((40, 40), Sizes((1.0, 1.0))))

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def dock(qtbot):
    """Return a function that docks the widget in a viewer."""

    def dock(viewer) -> MaskOperationsWidget:
        widget = MaskOperationsWidget(viewer)
        viewer.window.add_dock_widget(widget, name="masks")
        return widget

    return dock


@pytest.fixture
def press(qtbot):
    """Return a function that presses a button and waits until nothing goes on."""

    def press(widget, button) -> str:
        qtbot.mouseClick(button, LEFT)
        qtbot.waitUntil(lambda: not widget.state.busy, timeout=10_000)
        qtbot.wait(1)  # the next drawing
        return widget.status.text()

    return press


def our_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("sam3-assistant")]


def callbacks(viewer) -> int:
    events = viewer.layers.events
    return sum(len(events[name].callbacks) for name in ("inserted", "removed", "reordered", "renamed"))


def rows(table: ComponentTable) -> list[list[str]]:
    model = table.model()
    return [
        [model.data(model.index(row, column)) for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


def test_a_mask_is_analyzed_cleaned_and_brought_back_with_buttons_alone(viewer, dock, press):
    layer = viewer.add_labels(rings(), name="cells")
    widget = dock(viewer)
    tab = widget.cleanup

    assert press(widget, tab.components.analyze) == "Analyzed 3 connected component(s) in cells."
    assert rows(tab.components.table)[1] == ["2", "1", "96", "6.5", "6.5", "2:12, 2:12"]
    assert press(widget, tab.components.remove).startswith("Removed components smaller than 64 pixels from cells.")
    assert [row[0] for row in rows(tab.components.table)] == ["2", "3"]
    assert press(widget, tab.components.fill).startswith("Filled holes up to 256 pixels in cells.")
    assert (layer.data[0, 39], layer.data[5, 5]) == (0, 1)
    assert [row[2] for row in rows(tab.components.table)] == ["100", "225"]
    press(widget, tab.undo)
    assert press(widget, tab.undo) == "Undid last Mask Cleanup edit on cells. It was: Remove Small Objects."

    np.testing.assert_array_equal(layer.data, rings())
    assert not tab.undo.isEnabled()
    assert tab.redo.isEnabled()


def test_sizes_are_what_the_spin_boxes_say(viewer, dock, press):
    layer = viewer.add_labels(rings(), name="cells")
    widget = dock(viewer)
    tab = widget.cleanup

    tab.components.minimum.setValue(97)
    tab.components.hole.setValue(3)

    assert press(widget, tab.components.fill) == "Fill Holes made no changes in cells."
    press(widget, tab.components.remove)
    assert set(np.unique(layer.data)) == {0, 3}
    assert (tab.components.minimum.minimum(), tab.components.hole.minimum()) == (1, 0)


def test_controls_have_the_names_users_know_and_say_what_they_are_for(viewer, dock, qtbot):
    viewer.add_labels(rings(), name="cells")
    widget = dock(viewer)
    widget.cleanup.components.table.show_components((), PLANE, "")

    texts = {one.text() for one in widget.findChildren(QAbstractButton)}
    headers = [widget.cleanup.components.table.model().headerData(k, Qt.Orientation.Horizontal) for k in range(6)]

    assert list(widget.pages.buttons) == [
        "Object Review",
        "Accepted Objects",
        "Mask Cleanup",
        "Mask Isolation",
        "Class Merge",
        "Final Merge / Export",
    ]
    assert {"Refresh", "Analyze Layer", "Delete Selected Components", "Undo Last Edit"} <= texts
    assert {"Remove Small Objects", "Fill Holes", "Cancel"} <= texts
    assert headers == ["Component ID", "Label", "Pixels/Voxels", "Centroid Y", "Centroid X", "BBox"]
    controls = [
        *widget.cleanup.findChildren(QAbstractButton),
        *widget.cleanup.findChildren(QComboBox),
        *widget.cleanup.findChildren(QSpinBox),
    ]
    assert not [one for one in controls if not one.toolTip() and getattr(one, "text", lambda: "")()]


def test_without_labels_the_widget_says_so_and_offers_nothing(viewer, dock):
    widget = dock(viewer)
    tab = widget.cleanup

    assert tab.target.count() == 0
    assert tab.components.table.hint.text().startswith("There is no Labels layer.")
    page = tab.components
    buttons = (page.analyze, page.remove, page.fill, page.delete, page.assign, page.more, tab.undo, widget.cancel)
    assert not any(one.isEnabled() for one in buttons)


def test_the_list_of_layers_follows_the_viewer(viewer, dock, qtbot):
    widget = dock(viewer)
    target = widget.cleanup.target

    layer = viewer.add_labels(rings(), name="cells")
    qtbot.waitUntil(lambda: target.currentText() == "cells")
    layer.name = "nuclei"
    qtbot.waitUntil(lambda: target.currentText() == "nuclei")
    viewer.layers.clear()

    qtbot.waitUntil(lambda: target.count() == 0)


def test_columns_sort_by_number_and_keep_what_is_selected(qtbot):
    data = np.zeros((4, 400), int)
    for k, width in enumerate((9, 100, 20)):
        data[1, 150 * k : 150 * k + width] = k + 1
    table = ComponentTable()
    qtbot.addWidget(table)
    table.show_components(analyze(data), PLANE, "")
    table.selectRow(1)

    table.sortByColumn(2, Qt.SortOrder.DescendingOrder)

    assert [row[2] for row in rows(table)] == ["100", "20", "9"]
    assert [one.label for one in table.selected()] == [2]


def test_a_narrow_table_tells_the_box_in_a_tip_and_needs_no_scrolling(qtbot):
    table = ComponentTable()
    qtbot.addWidget(table)
    table.show_components(analyze(rings()), PLANE, "")

    for width, hidden in ((340, True), (520, False)):
        table.resize(width, 200)
        table.show()
        qtbot.waitExposed(table)

        assert table.isColumnHidden(5) == hidden
        assert not table.horizontalScrollBar().isVisible()
    assert table.model().data(table.model().index(0, 0), Qt.ItemDataRole.ToolTipRole) == "BBox 0:1, 39:40"
    table.resize(340, 200)
    table.show_components(analyze(np.stack([rings()])), quantities(Known((1, 40, 40), Sizes((1.0,) * 3))), "")
    assert [table.isColumnHidden(column) for column in range(9)] == [False] * 8 + [True]


@pytest.fixture
def shown(make_napari_viewer_proxy, dock, qtbot):
    """A window on the screen with the widget in it, for what needs the keyboard."""
    viewer = make_napari_viewer_proxy(show=True)
    viewer.add_labels(rings(), name="cells")
    widget = dock(viewer)
    widget.window().activateWindow()
    qtbot.waitUntil(widget.window().isActiveWindow)
    return viewer, widget


def test_keys_delete_locate_and_undo(shown, press, qtbot):
    viewer, widget = shown
    tab = widget.cleanup
    press(widget, tab.components.analyze)

    tab.components.table.setFocus()
    tab.components.table.selectRow(0)
    qtbot.keyClick(tab.components.table, Qt.Key.Key_Return)
    assert widget.state.message.startswith("Located component 1 label 1 at centroid")
    qtbot.keyClick(tab.components.table, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: widget.state.message.startswith("Deleted 1 selected component(s) from cells."))
    qtbot.keyClick(tab.components.table, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    qtbot.waitUntil(lambda: widget.state.message.startswith("Undid last Mask Cleanup edit on cells."))
    np.testing.assert_array_equal(viewer.layers["cells"].data, rings())


def test_undo_by_key_works_right_after_a_button_was_pressed(shown, press, qtbot):
    _, widget = shown

    widget.cleanup.components.fill.setFocus()
    press(widget, widget.cleanup.components.fill)
    qtbot.keyClick(widget.window().focusWidget(), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    qtbot.waitUntil(lambda: widget.state.message.startswith("Undid last Mask Cleanup edit on cells."))


def test_the_dock_is_narrow_enough_and_nothing_is_cut_off(shown, press):
    _, widget = shown
    widget.setMinimumWidth(380)  # a common width of a dock
    press(widget, widget.cleanup.components.analyze)

    assert widget.minimumSizeHint().width() <= 360
    bar = widget.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
    assert widget.cleanup.minimumSizeHint().width() + bar <= 360
    assert not widget.cleanup.components.table.horizontalScrollBar().isVisible()
    for control in widget.findChildren(QPushButton):
        assert control.width() >= control.minimumSizeHint().width()


def test_mask_ops_opens_one_dock_beside_the_others_and_brings_it_to_the_front(viewer, qtbot):
    other = QLabel("other")
    viewer.window.add_dock_widget(other, name="other", area="right")

    open_mask_operations(viewer)
    open_mask_operations(viewer)

    docks = viewer.window.dock_widgets
    found = [one for one in docks.values() if isinstance(one, MaskOperationsWidget)]
    assert len(found) == 1
    dock, window = found[0].parent(), found[0].window()
    assert [one.objectName() for one in window.tabifiedDockWidgets(dock)] == ["other"]
    assert not dock.isHidden()


def test_mask_ops_takes_the_dock_that_the_menu_has_opened(viewer):
    viewer.window.add_plugin_dock_widget("napari-sam3-assistant", "SAM3 Mask Operations")

    open_mask_operations(viewer)

    assert len([one for one in viewer.window.dock_widgets.values() if isinstance(one, MaskOperationsWidget)]) == 1


def test_two_widgets_of_a_viewer_show_the_same(viewer, dock, press, qtbot):
    viewer.add_labels(rings(), name="cells")
    first, second = dock(viewer), MaskOperationsWidget(viewer)
    qtbot.addWidget(second)

    press(first, first.cleanup.components.analyze)
    first.cleanup.components.minimum.setValue(7)

    assert rows(second.cleanup.components.table) == rows(first.cleanup.components.table) != []
    assert second.cleanup.components.minimum.value() == 7
    second.close()
    assert press(first, first.cleanup.components.remove).startswith("Removed components smaller than 7 pixels")


def test_closing_the_widget_ends_its_thread_and_its_callbacks(viewer, dock, press):
    viewer.add_labels(rings(), name="cells")
    before = callbacks(viewer)
    widget = dock(viewer)
    press(widget, widget.cleanup.components.analyze)
    assert our_threads() == ["sam3-assistant-masks"]

    widget.close()

    assert our_threads() == []
    assert callbacks(viewer) == before


def test_taking_the_widget_out_of_its_dock_ends_it_too(viewer, dock, press):
    viewer.add_labels(rings(), name="cells")
    before = callbacks(viewer)
    widget = dock(viewer)
    press(widget, widget.cleanup.components.analyze)

    viewer.window.remove_dock_widget(widget)

    assert our_threads() == []
    assert callbacks(viewer) == before


def test_closing_the_viewer_during_an_operation_ends_the_thread(viewer, dock, qtbot):
    data = np.tile(rings(np.uint8), (40, 40))
    layer = viewer.add_labels(data, name="cells")
    widget = dock(viewer)

    qtbot.mouseClick(widget.cleanup.components.fill, LEFT)
    viewer.close()

    qtbot.waitUntil(lambda: our_threads() == [], timeout=10_000)
    np.testing.assert_array_equal(layer.data, np.tile(rings(np.uint8), (40, 40)))


def test_the_window_goes_on_and_cancel_works_while_a_large_layer_is_cleaned(viewer, dock, qtbot):
    viewer.add_labels(np.tile(rings(np.uint8), (80, 80)), name="cells")
    widget = dock(viewer)
    turns = []

    qtbot.mouseClick(widget.cleanup.components.fill, LEFT)
    qtbot.waitUntil(lambda: widget.cancel.isEnabled() and turns.append(1) is None and len(turns) > 3)
    assert not widget.cleanup.components.fill.isEnabled()
    qtbot.mouseClick(widget.cancel, LEFT)

    assert widget.state.busy == ""
    qtbot.waitUntil(lambda: widget.status.text() == "Cancelled; the layer is unchanged.")
    assert widget.cleanup.components.fill.isEnabled()
