"""Accepted Objects, Class Merge and Final Merge in their dock: what each control does, as a user has it."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QAbstractItemView, QColorDialog, QComboBox, QLineEdit, QListWidget, QSpinBox

from napari_sam3_assistant.widgets.mask_operations_widget import MaskOperationsWidget
from napari_sam3_assistant.widgets.masks.ordered_list import Entry, OrderedList
from tests.app.test_mask_merging import accepted, block

LEFT, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier


class Hands:
    """A dock in a viewer, and what a user does there."""

    def __init__(self, viewer, qtbot) -> None:
        self.viewer, self._qtbot = viewer, qtbot
        self.widget = MaskOperationsWidget(viewer)
        viewer.window.add_dock_widget(self.widget, name="masks", area="right")

    def open(self, title):
        """Press the button of a tab and return the tab."""
        QTest.mouseClick(self.widget.pages.buttons[title], LEFT)
        self.rest()
        return self.widget.pages.pages[title]

    def press(self, button) -> str:
        """Press a button, wait until nothing goes on, and return the line of status."""
        assert button.isEnabled(), button.toolTip()
        QTest.mouseClick(button, LEFT)
        self._qtbot.waitUntil(lambda: not self.widget.state.busy, timeout=10_000)
        self.rest()
        return self.widget.status.text()

    def choose(self, box: QComboBox, text: str) -> None:
        """Choose an entry of a list, as the mouse does."""
        index = box.findText(text)
        assert box.isEnabled() and index >= 0, (text, box.toolTip())
        box.setCurrentIndex(index)
        box.activated.emit(index)
        self.rest()

    def type(self, field: QLineEdit, text: str) -> None:
        """Write into a field, in place of what is there."""
        assert field.isEnabled(), field.toolTip()
        field.selectAll()
        QTest.keyClick(field, Qt.Key.Key_Delete)
        QTest.keyClicks(field, text)
        self.rest()

    def select(self, rows: OrderedList, *names: str) -> None:
        """Click rows, all but the first with Ctrl."""
        for at, name in enumerate(names):
            item = next(rows.item(row) for row in range(rows.count()) if name in rows.item(row).text())
            held = CONTROL if at else Qt.KeyboardModifier.NoModifier
            QTest.mouseClick(rows.viewport(), LEFT, held, rows.visualItemRect(item).center())
            self.rest()

    def rest(self) -> None:
        """Let the next drawing come."""
        self._qtbot.wait(5)


@pytest.fixture
def hands(make_napari_viewer_proxy, qtbot):
    viewer = make_napari_viewer_proxy()
    viewer.add_labels(block(0, 0, 4, 4, value=7), name="preview")
    return Hands(viewer, qtbot)


def texts(rows: OrderedList) -> list[str]:
    return [rows.item(row).text() for row in range(rows.count())]


# -- Accepted Objects -------------------------------------------------------------------------------


def test_accepted_objects_every_field_is_in_the_layer_that_is_saved(hands):
    tab = hands.open("Accepted Objects")
    assert (tab.object_name.placeholderText(), tab.class_name.name.placeholderText()) == ("object_001", "myelin")
    assert (tab.values.placeholderText(), tab.value.minimum(), tab.value.maximum()) == (
        "optional: 3,7,12",
        1,
        2**31 - 1,
    )

    hands.type(tab.object_name, "first")
    hands.type(tab.class_name.name, "axon")
    tab.value.setValue(4)

    assert hands.press(tab.save) == "Saved accepted object layer: axon_first"
    layer = hands.viewer.layers["axon_first"]
    np.testing.assert_array_equal(layer.data, block(0, 0, 4, 4, value=4))
    facts = layer.metadata
    assert (facts["object_name"], facts["class_name"], facts["class_value"]) == ("first", "axon", 4)


def test_accepted_objects_the_choices_are_those_of_the_labels(hands):
    tab = hands.open("Accepted Objects")

    def entries(box):
        return [box.itemText(k) for k in range(box.count())]

    assert entries(tab.conversion) == [
        "Convert all non-zero to class value",
        "Preserve source labels",
        "Keep only listed source values",
        "Delete listed source values",
    ]
    assert entries(tab.mode) == [
        "Save as new layer",
        "Append to existing accepted layer",
        "Replace existing accepted layer",
    ]
    assert entries(tab.scope.reach) == ["Current slice", "Z range", "Whole volume"]
    assert (tab.save.text(), tab.refresh.text()) == ("Save Accepted Object", "Refresh Accepted Layers")


def test_accepted_objects_conversion_and_source_values(hands):
    tab = hands.open("Accepted Objects")
    assert not tab.values.isEnabled()

    hands.choose(tab.conversion, "Keep only listed source values")
    assert not tab.save.isEnabled()
    assert tab.save.toolTip().startswith("Enter source label values for this conversion mode")
    hands.type(tab.values, "7, 9")
    hands.press(tab.save)

    assert set(np.unique(hands.viewer.layers["class_preview"].data)) == {0, 7}


def test_accepted_objects_source_mode_and_target(hands):
    hands.viewer.add_labels(block(8, 8, 10, 10, value=3), name="second preview")
    accepted(hands.viewer, block(0, 8, 2, 10, value=2), "kept")
    tab = hands.open("Accepted Objects")
    assert not tab.target.isEnabled()
    assert "save mode" in tab.target.toolTip()

    hands.choose(tab.source, "second preview")
    hands.choose(tab.mode, "Append to existing accepted layer")
    hands.choose(tab.target, "kept")
    assert hands.press(tab.save) == "Updated accepted object layer: kept"
    assert hands.viewer.layers["kept"].data[9, 9] == 1
    hands.choose(tab.mode, "Replace existing accepted layer")
    hands.choose(tab.source, "preview")
    hands.press(tab.save)

    np.testing.assert_array_equal(hands.viewer.layers["kept"].data, block(0, 0, 4, 4))


def test_accepted_objects_refresh_lists_layers_that_became_accepted_objects(hands):
    layer = hands.viewer.add_labels(block(0, 0, 1, 1), name="plain")
    tab = hands.open("Accepted Objects")
    assert tab.target.count() == 0

    layer.metadata = {"sam3_role": "accepted_object"}
    hands.press(tab.refresh)

    assert tab.target.itemText(0) == "plain"


def test_accepted_objects_the_slice_on_screen_alone(hands):
    hands.viewer.layers.clear()
    hands.viewer.add_labels(block(0, 0, 4, 4, shape=(3, 8, 8)), name="preview")
    hands.viewer.dims.set_current_step(0, 1)
    tab = hands.open("Accepted Objects")

    hands.choose(tab.scope.reach, "Current slice")
    hands.press(tab.save)
    hands.choose(tab.scope.reach, "Z range")
    tab.scope.first.setValue(1)
    tab.scope.last.setValue(2)
    hands.press(tab.save)

    kept = [hands.viewer.layers[name].data.any(axis=(1, 2)) for name in ("class_preview", "class_preview 2")]
    assert [np.flatnonzero(one).tolist() for one in kept] == [[1], [1, 2]]


@pytest.mark.parametrize("title", ["Accepted Objects", "Class Merge"])
def test_the_colour_of_a_class_is_chosen_beside_its_name(hands, monkeypatch, title):
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor(51, 102, 153))
    layer = accepted(hands.viewer, block(0, 0, 4, 4), "kept", "axon", 1)
    tab = hands.open(title)
    hands.type(tab.class_name.name, "axon")

    hands.press(tab.class_name.color)

    assert layer.metadata["class_color"] == pytest.approx((0.2, 0.4, 0.6), abs=0.01)
    assert hands.widget.controller.classes.find("axon").color == pytest.approx((0.2, 0.4, 0.6), abs=0.01)


def test_classes_are_remembered_with_value_colour_and_priority(hands, make_napari_viewer_proxy, qtbot):
    classes = hands.widget.controller.classes
    classes.paint("axon", 3, (0.2, 0.4, 0.6))
    classes.put("myelin", 4)
    classes.rank(("myelin", "axon"))

    again = Hands(make_napari_viewer_proxy(), qtbot).widget.controller.classes

    assert [(one.name, one.value) for one in again.state.classes] == [("myelin", 4), ("axon", 3)]
    assert again.find("axon").color == (0.2, 0.4, 0.6)


# -- Class Merge ------------------------------------------------------------------------------------


@pytest.fixture
def merging(hands):
    accepted(hands.viewer, block(0, 0, 4, 4, value=5), "one", "axon", 1)
    accepted(hands.viewer, block(2, 2, 9, 9, value=6), "two", "myelin", 2)
    return hands, hands.open("Class Merge")


def test_class_merge_the_defaults_and_choices_are_those_of_the_labels(merging):
    _, tab = merging
    assert tab.class_filter.placeholderText() == "optional class-name filter"
    assert (tab.output.text(), tab.output.placeholderText()) == ("class_working_mask", "myelin_final_working")
    assert (tab.value.value(), tab.rule.currentText()) == (1, "Earlier selected object wins")
    assert tab.become.currentText() == "Convert each layer non-zero to target class value"
    assert [tab.become.itemText(k) for k in (1, 2)] == ["Preserve source label values", "Binary output"]
    assert {tab.rule.itemText(k) for k in range(tab.rule.count())} == {
        "Later selected object wins",
        "Earlier selected object wins",
        "Larger component wins",
        "Smaller component wins",
        "Set overlap to background",
    }
    assert [one.text() for one in (tab.merge, tab.reject, tab.refresh)] == [
        "Merge Accepted Objects",
        "Reject Selected",
        "Refresh",
    ]


def test_class_merge_filters_and_the_choice_of_lists(merging):
    hands, tab = merging
    assert texts(tab.layers) == ["one   axon (1)", "two   myelin (2)"]

    hands.type(tab.class_filter, "myelin")
    assert texts(tab.layers) == ["two   myelin (2)"]
    hands.type(tab.class_filter, "x")
    assert (texts(tab.layers), tab.layers.hint.text()) == ([], "No layer passes the filters.")
    hands.type(tab.class_filter, "")
    hands.type(tab.layer_filter, "ONE")
    assert texts(tab.layers) == ["one   axon (1)"]
    hands.type(tab.layer_filter, "")
    hands.press(tab.every.buttons[True])
    assert texts(tab.layers)[0] == "preview"
    hands.press(tab.every.buttons[False])
    assert len(texts(tab.layers)) == 2


def test_class_merge_selected_layers_are_numbered_and_merged_by_the_fields(merging):
    hands, tab = merging
    assert not tab.merge.isEnabled()
    assert tab.merge.toolTip().startswith("Select at least one accepted-object layer.")

    hands.select(tab.layers, "two", "one")
    assert texts(tab.layers) == ["1.  one   axon (1)", "2.  two   myelin (2)"]
    hands.type(tab.class_name.name, "fibre")
    tab.value.setValue(9)
    hands.type(tab.output, "fibres")

    assert hands.press(tab.merge) == "Merged 2 accepted object layer(s) into class mask: fibres"
    layer = hands.viewer.layers["fibres"]
    assert set(np.unique(layer.data)) == {0, 9}
    assert layer.metadata["class_name"] == "fibre"


def test_class_merge_conversion_and_rule(merging):
    hands, tab = merging
    hands.select(tab.layers, "one", "two")
    hands.choose(tab.become, "Preserve source label values")
    assert not tab.value.isEnabled()
    hands.choose(tab.rule, "Larger component wins")

    hands.press(tab.merge)

    assert hands.viewer.layers["class_working_mask"].data[3, 3] == 6


@pytest.mark.parametrize("way", ["keys", "mouse"])
def test_class_merge_rows_are_moved_and_the_earlier_one_is_another(merging, way):
    hands, tab = merging
    hands.select(tab.layers, "one", "two")
    hands.choose(tab.become, "Preserve source label values")

    if way == "keys":
        QTest.keyClick(tab.layers, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    else:
        drop(tab.layers, 0)
    hands.rest()
    assert texts(tab.layers) == ["1.  two   myelin (2)", "2.  one   axon (1)"]
    hands.press(tab.merge)

    assert hands.viewer.layers["class_working_mask"].data[3, 3] == 6


def test_class_merge_reject_takes_layers_out_and_refresh_brings_back_what_is_accepted_again(merging):
    hands, tab = merging
    hands.select(tab.layers, "one")
    assert hands.press(tab.reject).startswith("Rejected 1 accepted object layer(s)")
    assert texts(tab.layers) == ["two   myelin (2)"]

    layer = hands.viewer.layers["one"]
    layer.metadata = {**layer.metadata, "sam3_role": "accepted_object", "review_status": "accepted"}
    hands.press(tab.refresh)

    assert len(texts(tab.layers)) == 2


# -- Final Merge ------------------------------------------------------------------------------------


@pytest.fixture
def final(hands):
    hands.viewer.layers.clear()
    accepted(hands.viewer, block(0, 0, 4, 4), "one", "axon", 1)
    accepted(hands.viewer, block(2, 2, 9, 9, value=2), "two", "myelin", 2)
    return hands, hands.open("Final Merge / Export")


def test_final_merge_the_defaults_and_choices_are_those_of_the_labels(final):
    _, tab = final
    assert (tab.mode.currentText(), tab.rule.currentText()) == ("Semantic", "Class priority order wins")
    assert [tab.mode.itemText(k) for k in range(3)] == ["Semantic", "Instance", "Binary"]
    assert [tab.rule.itemText(k) for k in range(tab.rule.count())] == [
        "Class priority order wins",
        "Earlier selected layer wins",
        "Later selected layer wins",
        "Larger component wins",
        "Smaller component wins",
        "Set overlap to background",
    ]
    assert tab.output.text() == "final_training_mask"
    assert [one.text() for one in (tab.merge, tab.map, tab.refresh)] == [
        "Merge Saved Objects",
        "Show Overlap Map",
        "Refresh",
    ]


@pytest.mark.parametrize("way", ["keys", "mouse"])
def test_final_merge_the_class_that_is_moved_up_wins(final, way):
    hands, tab = final
    hands.select(tab.layers, "one", "two")
    assert texts(tab.priority) == ["1.  axon (1)", "2.  myelin (2)"]

    if way == "keys":
        hands.select(tab.priority, "myelin")
        QTest.keyClick(tab.priority, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    else:
        hands.select(tab.priority, "myelin")
        drop(tab.priority, 0)
    hands.rest()
    assert texts(tab.priority) == ["1.  myelin (2)", "2.  axon (1)"]
    hands.press(tab.merge)

    assert hands.viewer.layers["final_training_mask"].data[3, 3] == 2


def test_final_merge_mode_rule_and_name(final):
    hands, tab = final
    hands.select(tab.layers, "one", "two")
    hands.choose(tab.mode, "Binary")
    hands.choose(tab.rule, "Set overlap to background")
    hands.type(tab.output, "mine")
    assert not tab.priority.isEnabled()
    assert "Class priority order wins" in tab.priority.toolTip()

    hands.press(tab.merge)

    data = hands.viewer.layers["mine"].data
    assert (data.max(), data[3, 3], data[8, 8]) == (1, 0, 1)


def test_final_merge_overlap_map_needs_two_layers(final):
    hands, tab = final
    assert not tab.map.isEnabled() and tab.map.toolTip().startswith("Select at least two label layers")
    hands.select(tab.layers, "one", "two")

    assert hands.press(tab.map) == "Created overlap map 'SAM3 overlap map' from 2 layer(s)."
    assert hands.viewer.layers["SAM3 overlap map"].data[3, 3] == 2


def test_final_merge_refresh_reads_classes_anew(final):
    hands, tab = final
    layer = hands.viewer.layers["one"]
    layer.metadata = {**layer.metadata, "class_name": "soma"}

    hands.press(tab.refresh)

    assert texts(tab.layers)[0] == "one   soma (1)"


# -- all --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("title", ["Accepted Objects", "Class Merge", "Final Merge / Export"])
def test_every_control_has_a_tip_and_a_name_and_none_is_cut_off(hands, title):
    hands.widget.setMinimumWidth(360)
    tab = hands.open(title)

    controls = [
        one
        for kind in (QAbstractButton, QComboBox, QSpinBox, QLineEdit, QListWidget)
        for one in tab.findChildren(kind)
        if one.objectName() != "qt_spinbox_lineedit"
    ]
    assert not [one for one in controls if not one.toolTip()]
    assert not [one for one in controls if not (one.accessibleName() or getattr(one, "text", str)())]
    assert hands.widget.minimumSizeHint().width() <= 360
    assert tab.minimumSizeHint().width() <= 350


def test_a_list_keeps_its_selection_and_tells_only_what_a_user_does(qtbot):
    rows = OrderedList("name", "tip", 3)
    qtbot.addWidget(rows)
    told = []
    rows.chosen.connect(told.append)
    rows.ordered.connect(told.append)

    rows.show_entries([Entry("a", "A"), Entry("b", "B"), Entry("c", "C")], ("b",))
    rows.show_entries([Entry("c", "C"), Entry("b", "B")], ("b",))

    assert (rows.keys(), rows.selected(), told) == (["c", "b"], ["b"], [])
    rows.item(1).setSelected(True)
    rows.setCurrentRow(1)
    told.clear()
    rows.move(0)
    rows.move(2)
    rows.move(-1)
    assert told == [("b", "c")]


def drop(rows: QAbstractItemView, before: int) -> None:
    """Drop the current row before another one."""
    place = QPointF(rows.visualItemRect(rows.item(before)).topLeft() + QPoint(5, 1))
    event = QDropEvent(place, Qt.DropAction.MoveAction, QMimeData(), LEFT, Qt.KeyboardModifier.NoModifier)
    rows.dropEvent(event)
    assert event.dropAction() == Qt.DropAction.IgnoreAction  # or Qt would take the row away
