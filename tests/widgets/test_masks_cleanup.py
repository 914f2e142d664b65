"""The page of Mask Cleanup as a user has it: every control does something that is seen."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit

from napari_sam3_assistant.masks.components import analyze
from napari_sam3_assistant.masks.measures import Sizes
from napari_sam3_assistant.masks.quantities import Known, quantities
from napari_sam3_assistant.masks.scopes import Reach
from napari_sam3_assistant.widgets.mask_operations_widget import MaskOperationsWidget
from napari_sam3_assistant.widgets.masks.component_table import ComponentModel, ComponentTable
from napari_sam3_assistant.widgets.masks.histogram import Histogram
from napari_sam3_assistant.widgets.store import settings
from tests.app.test_mask_cleanup import squares

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def open_tab(viewer, qtbot):
    """Return a function that adds labels and returns their layer, the tab, and what waits until it is idle."""

    def open_tab(data, **options):
        layer = viewer.add_labels(data, name="cells", **options)
        widget = MaskOperationsWidget(viewer)
        viewer.window.add_dock_widget(widget, name="masks")

        def settle() -> str:
            qtbot.waitUntil(lambda: not widget.state.busy, timeout=10_000)
            qtbot.wait(10)  # what follows, and the next drawing
            return widget.state.message

        def press(button) -> str:
            qtbot.mouseClick(button, LEFT)
            return settle()

        return layer, widget.cleanup, press, settle

    return open_tab


def choose(box: QComboBox, text: str) -> None:
    at = box.findText(text)
    box.setCurrentIndex(at)
    box.activated.emit(at)


def test_each_button_of_components_does_what_its_name_says(open_tab, qtbot):
    data = squares()
    data[0:2, 0:2], data[6, 6] = 1, 0
    layer, tab, press, settle = open_tab(data)
    page = tab.components
    assert press(page.analyze) == "Analyzed 5 connected component(s) in cells."

    for control, said in (
        (page.remove, "Removed components smaller than 64 pixels"),
        (page.fill, "Filled holes up to 256 pixels"),
        (page.keep_largest, "Kept largest connected component"),
        (page.smooth, "Smoothed mask cells with radius 3"),
        (page.split, "Split Touching Objects made no changes"),
    ):
        page.radius.setValue(3)
        assert press(control).startswith(said)
        if tab.undo.isEnabled():
            press(tab.undo)
        np.testing.assert_array_equal(layer.data, data)
    for action, said in zip(
        page.entries.actions(),
        (
            "Dilated the labels",
            "Eroded the labels",
            "Removed components at the border",
            "Renumber Labels made no changes",
        ),
        strict=True,
    ):
        action.trigger()
        assert settle().startswith(said)
        if tab.undo.isEnabled():
            press(tab.undo)
    assert press(tab.redo).startswith("Made again the last undone")


def test_rows_are_assigned_and_deleted_by_buttons_menu_and_keys(open_tab, qtbot):
    layer, tab, press, settle = open_tab(squares())
    page = tab.components
    press(page.analyze)
    assert not page.assign.isEnabled()

    page.table.selectRow(1)
    qtbot.wait(1)
    qtbot.mouseClick(page.quick[4], LEFT)
    assert page.assignment.value() == 5
    assert press(page.assign) == "Assigned value 5 to 1 selected component(s) in cells. 36 pixel(s) changed."
    assert [one.id for one in page.table.selected()] == [2]
    page.assignment.setValue(6)
    page.fill_menu(page.table.currentIndex().row())
    delete, assign, jump = page.menu.actions()
    assign.trigger()
    settle()
    assert layer.data[5, 31] == 6
    jump.trigger()
    assert settle().startswith("Located component 2 label 6")
    delete.trigger()
    settle()
    assert not layer.data[5, 31]
    page.table.selectRow(0)
    qtbot.wait(1)
    assert press(page.delete).startswith("Deleted 1 selected component(s)")
    assert [one.text() for one in page.menu.actions()] == [
        "Delete Selected Components",
        "Assign Selected To Current Value",
        "Jump to",
    ]
    assert (len(page.table.selected()), page.table.model().rowCount()) == (0, 2)


def test_the_filter_lists_some_rows_lets_go_of_hidden_ones_and_says_what_is_wrong(open_tab, qtbot):
    data = squares()
    data[15:25, 15:25] = 9
    _, tab, press, _ = open_tab(data)
    page = tab.components
    press(page.analyze)
    page.table.selectAll()

    page.rows.filter.setText("pixels > 50")
    qtbot.wait(5)
    assert page.table.model().rowCount() == 1
    assert page.rows.told.text() == "5 component(s), 1 listed, 1 selected"
    page.rows.filter.setText("pixels > many")
    qtbot.wait(5)
    assert page.rows.wrong.text().startswith('"many" is no number.')
    assert page.table.model().rowCount() == 5
    page.rows.filter.clear()
    qtbot.wait(5)

    assert page.rows.wrong.isHidden()


def test_a_range_dragged_in_the_histogram_selects_rows(open_tab, qtbot):
    data = squares()
    data[15:25, 15:25] = 9
    _, tab, press, _ = open_tab(data)
    page = tab.components
    press(page.analyze)
    qtbot.mouseClick(page.rows.opener, LEFT)
    chart = page.rows.histogram
    chart.resize(300, chart.height())

    qtbot.mousePress(chart, LEFT, pos=QPoint(296, 20))
    qtbot.mouseMove(chart, QPoint(150, 20))
    qtbot.mouseRelease(chart, LEFT, pos=QPoint(150, 20))
    qtbot.wait(5)
    assert [one.label for one in page.table.selected()] == [9]
    assert chart.accessibleDescription() == "100 to 100: 1 of 5"
    choose(page.rows.column, "Label")
    qtbot.wait(5)
    for _ in range(6):
        qtbot.keyClick(chart, Qt.Key.Key_Left)
    qtbot.keyClick(chart, Qt.Key.Key_Right)
    qtbot.keyClick(chart, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    qtbot.wait(5)

    assert [one.label for one in page.table.selected()] == [2, 3, 4]
    qtbot.keyClick(chart, Qt.Key.Key_Escape)
    qtbot.wait(5)
    assert page.table.selected() == ()


def test_measures_add_columns_and_the_image_one_more(viewer, open_tab, qtbot):
    viewer.add_image(np.full((40, 40), 7.0), name="grey")
    _, tab, press, _ = open_tab(squares())
    page = tab.components
    press(page.analyze)
    assert page.image.isHidden() or not page.image.isVisible()

    qtbot.mouseClick(page.measures, LEFT, pos=QPoint(6, page.measures.height() // 2))
    choose(page.image, "grey")
    qtbot.waitUntil(lambda: page.table.model().columnCount() == 10)
    qtbot.waitUntil(lambda: page.table.model().data(page.table.model().index(0, 8)) == "7.00")

    titles = [page.table.model().headerData(k, Qt.Orientation.Horizontal) for k in range(10)]
    assert titles[5:9] == ["Area (px²)", "Perimeter (px)", "Circularity", "Mean intensity"]
    page.measures.setChecked(False)
    qtbot.waitUntil(lambda: page.table.model().columnCount() == 6)


def test_the_scope_and_where_to_work_are_chosen_and_greyed_where_there_is_no_choice(viewer, open_tab, qtbot):
    _, tab, press, _ = open_tab(squares())
    qtbot.wait(5)
    assert not tab.scope.reach.isEnabled()
    assert "With a stack" in tab.scope.reach.toolTip()

    viewer.add_labels(squares(planes=4), name="stack")
    qtbot.wait(5)
    choose(tab.target, "stack")
    qtbot.wait(5)
    choose(tab.scope.reach, "Z range")
    tab.scope.first.setValue(1)
    tab.scope.last.setMaximum(3)
    tab.scope.last.setValue(2)
    qtbot.wait(5)
    assert tab.scope.last.maximum() == 3
    press(tab.components.analyze)
    assert tab.components.rows.told.text() == "4 component(s) of slices 1 to 2"
    viewer.add_shapes([[[0, 0], [0, 20], [20, 20], [20, 0]]], name="roi")
    choose(tab.region.work_on, "Drawn ROI")
    qtbot.wait(5)
    choose(tab.region.shapes, "roi")
    press(tab.components.analyze)

    assert tab.components.rows.told.text() == "1 component(s) of slices 1 to 2, inside the shapes"
    choose(tab.region.work_on, "Full mask")
    choose(tab.scope.reach, Reach.WHOLE.value)
    press(tab.components.analyze)
    assert tab.components.rows.told.text() == "4 component(s)"


def test_each_control_of_values_does_what_its_name_says(open_tab, qtbot):
    layer, tab, press, _ = open_tab(squares())
    qtbot.mouseClick(tab.strip.buttons["Values"], LEFT)
    page = tab.values
    model = page.table.model()
    qtbot.waitUntil(lambda: model.rowCount() == 4)
    assert [model.headerData(k, Qt.Orientation.Horizontal) for k in (0, 1)] == ["Value", "Pixels/Voxels"]
    assert not page.relabel.isEnabled()
    assert page.replaced.placeholderText() == "1,2,3,4"

    page.replaced.setText("1; 2")
    page.new.setValue(8)
    qtbot.wait(5)
    press(page.relabel)
    qtbot.waitUntil(lambda: model.rowCount() == 3)
    page.table.selectRow(0)
    qtbot.wait(5)
    assert press(page.assign).startswith("Relabeled value 3 to 8 in cells. 36 pixel(s) changed.")
    qtbot.waitUntil(lambda: model.rowCount() == 2)
    page.table.selectRow(0)
    qtbot.wait(5)
    press(page.delete)
    qtbot.waitUntil(lambda: model.rowCount() == 1)
    assert np.unique(layer.data).tolist() == [0, 8]
    press(tab.undo)
    qtbot.waitUntil(lambda: model.rowCount() == 2)
    page.table.selectRow(0)
    qtbot.wait(5)
    assert press(page.keep).startswith("Kept value 4 only in cells.")
    page.new.setValue(1)
    assert press(page.convert).startswith("Converted all non-zero pixels to 1 in cells.")

    assert np.unique(layer.data).tolist() == [0, 1]


def test_refresh_sees_what_was_written_into_the_array(open_tab, qtbot):
    layer, tab, press, _ = open_tab(squares())
    qtbot.mouseClick(tab.strip.buttons["Values"], LEFT)
    qtbot.waitUntil(lambda: tab.values.table.model().rowCount() == 4)

    layer.data[:] = 5
    press(tab.refresh)

    qtbot.waitUntil(lambda: tab.values.table.model().rowCount() == 1)


def test_every_control_has_a_name_and_a_tip(viewer, open_tab, qtbot):
    viewer.add_shapes(name="roi", ndim=2)
    _, tab, _, _ = open_tab(squares(planes=2))
    tab._verbs.state.measures = tab._verbs.state.roi = True
    tab._verbs.scope.reach = Reach.RANGE
    qtbot.wait(5)
    controls = [
        one
        for kind in (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit)
        for one in tab.findChildren(kind)
        if not isinstance(one.parent(), (QAbstractSpinBox, QComboBox, QLineEdit))
        and one.metaObject().className()[0] != "Q"
    ]

    assert len(controls) > 35
    assert not [one for one in controls if not one.toolTip()]
    assert not [one for one in controls if not (one.accessibleName() or getattr(one, "text", str)())]


def test_sizes_the_value_and_the_scope_are_remembered(viewer, qtbot, open_tab):
    _, tab, _, _ = open_tab(squares(planes=2))
    page = tab.components
    for spin, value in ((page.minimum, 7), (page.hole, 0), (page.radius, 4), (page.distance, 5), (page.assignment, 3)):
        spin.setValue(value)
    qtbot.wait(5)
    choose(tab.scope.reach, "Current slice")
    tab.window().findChild(MaskOperationsWidget).close()
    settings().setValue("mask_hole_size", "many")

    _, tab, _, _ = open_tab(squares(planes=2))

    page = tab.components
    spins = (page.minimum, page.hole, page.radius, page.distance, page.assignment)
    assert [one.value() for one in spins] == [7, 256, 4, 5, 3]
    assert tab.scope.reach.currentText() == "Current slice"


def test_many_rows_are_shown_selected_and_changed_without_being_made(qtbot, monkeypatch):
    labels = np.zeros((1024, 1024), np.uint32)
    labels[::4, ::4] = np.arange(1, 65_537).reshape(256, 256)
    found, shown = analyze(labels), quantities(Known((1024, 1024), Sizes((1.0, 1.0))))
    table = ComponentTable()
    qtbot.addWidget(table)
    asked = []
    data = ComponentModel.data
    monkeypatch.setattr(ComponentModel, "data", lambda *given: asked.append(given[1].row()) or data(*given))

    table.show_components(found, shown, "")
    table.show()
    qtbot.waitExposed(table)
    table.selectAll()
    assert len(table.selected()) == 65_536
    table.select(found[7:9])
    table.show_components(found[5:], shown, "")

    assert [one.id for one in table.selected()] == [8, 9]
    assert len(asked) < 20_000


def test_a_histogram_of_nothing_and_of_one_number_is_drawn(qtbot):
    chart = Histogram()
    qtbot.addWidget(chart)
    chart.resize(200, 92)
    for numbers in ([], [0.5], [3.0, 3.0], [1.0, 1e6]):
        chart.show_numbers(str(numbers), np.array(numbers))

        assert not chart.grab().isNull()
        assert chart.chosen() is None
