"""The tab Mask Isolation as a user has it: one test for each control, which fails if the control does nothing."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QContextMenuEvent, QShortcut
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
)

from napari_sam3_assistant.layers.world import camera_of
from napari_sam3_assistant.masks.isolated import OverlapRule, ParentRule
from napari_sam3_assistant.masks.isolation import SortRule
from napari_sam3_assistant.widgets.mask_operations_widget import MaskOperationsWidget
from tests.app.test_isolation import square

LEFT = Qt.MouseButton.LeftButton
COLUMNS = [
    "ID",
    "Status",
    "Source Layer",
    "Source Label",
    "Component",
    "Area",
    "Parent",
    "Children",
    "Max IoU",
    "Max Containment",
    "BBox",
]


class Hands:
    """What a user does in the tab."""

    def __init__(self, viewer, qtbot) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        self.widget = MaskOperationsWidget(viewer)
        viewer.window.add_dock_widget(self.widget, name="masks")
        self.tab = self.widget.isolation
        self.widget.pages.buttons["Mask Isolation"].click()
        qtbot.wait(1)

    def press(self, button) -> str:
        """Press a button, wait until nothing goes on, and return the line of status."""
        assert button.isEnabled(), button.toolTip()
        self.qtbot.mouseClick(button, LEFT)
        return self.settle()

    def settle(self) -> str:
        """Wait until nothing goes on and all is drawn, and return the line of status."""
        self.qtbot.waitUntil(lambda: not self.widget.state.busy, timeout=10_000)
        self.qtbot.wait(2)
        return self.widget.status.text()

    def sort_out(self) -> None:
        """Harvest and classify."""
        self.press(self.tab.harvest)
        self.press(self.tab.classify)

    def column(self, title: str) -> list[str]:
        """Return what stands in a column, row by row."""
        model = self.tab.table.model()
        return [model.data(model.index(at, COLUMNS.index(title))) for at in range(model.rowCount())]

    def select(self, *rows: int) -> None:
        """Select rows of the table."""
        table = self.tab.table
        table.clearSelection()
        mode = table.selectionModel().SelectionFlag.Select | table.selectionModel().SelectionFlag.Rows
        for at in rows:
            table.selectionModel().setCurrentIndex(table.model().index(at, 0), mode)
        self.qtbot.wait(1)

    def choose(self, box: QComboBox, text: str) -> None:
        """Choose an entry, as a user does."""
        box.setCurrentIndex(box.findText(text))
        box.activated.emit(box.currentIndex())
        self.qtbot.wait(1)


@pytest.fixture
def hands(make_napari_viewer_proxy, qtbot):
    viewer = make_napari_viewer_proxy()
    viewer.add_labels(square(10, 10, 30), name="cells")
    viewer.add_labels(square(15, 15, 12, 7), name="nuclei")
    return Hands(viewer, qtbot)


def test_the_tab_has_the_controls_users_know_each_with_a_tip_and_a_name(hands):
    tab = hands.tab
    hands.sort_out()
    texts = {one.text() for one in tab.findChildren(QAbstractButton)} | {one.text() for one in tab.findChildren(QLabel)}
    rules = tab.rules

    assert {
        "Use all visible Labels layers",
        "Labels layers",
        "Refresh Layers",
        "Harvest Masks",
        "Minimum area",
        "Duplicate IoU",
        "Nested containment",
        "Fragment IoU minimum",
        "Area ratio threshold",
        "Sort rule",
        "Output overlap rule",
        "Parent handling",
        "Classify Candidates",
        "Keep",
        "Reject",
        "Mark Duplicate",
        "Mark Parent",
        "Mark Child",
        "Mark Fragment",
        "Locate Candidate",
        "Isolate Selected",
        "Enable table right-click actions",
        "Output layer name",
        "Create Isolated Objects Layer",
        "Create Parent Layer",
        "Create Child Layer",
    } <= texts
    model = tab.table.model()
    titles = [model.headerData(at, Qt.Orientation.Horizontal) for at in range(model.columnCount())]
    assert titles == COLUMNS
    assert [rules.area.value(), *(one.value() for one in rules.shares.values())] == [64, 0.85, 0.9, 0.15, 0.75]
    assert [rules.sort.itemText(at) for at in range(2)] == ["Area small → large", "Area large → small"]
    entries = [[box.itemText(at) for at in range(3)] for box in (rules.overlap, rules.parents)]
    assert entries == [
        ["Small objects win", "Later candidates win", "Set conflict to background"],
        [
            "Trim parent where child exists",
            "Keep parent full in separate parent layer",
            "Parent overwrites children",
        ],
    ]
    assert tab.name.text() == "isolated_objects"
    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QListWidget)
    controls = [one for kind in kinds for one in tab.findChildren(kind) if type(one) is not QAbstractButton]
    for control in [*controls, tab.name, tab.progress, tab.table]:
        named = control.accessibleName() or getattr(control, "text", lambda: "")()
        if type(control).__name__ != "QToolButton" or control.text():
            assert control.toolTip(), named
            assert named, control


def test_harvest_masks_fills_the_table_the_summary_and_the_bar(hands):
    assert hands.tab.progress.value() == 0
    assert hands.tab.table.hint.text().startswith("No candidate is listed.")

    said = hands.press(hands.tab.harvest)

    assert said == "Harvested 2 candidate(s) from 2 layer(s)."
    assert hands.column("Source Layer") == ["cells", "nuclei"]
    assert hands.column("Source Label") == ["1", "7"]
    assert hands.column("BBox") == ["10:40, 10:40", "15:27, 15:27"]
    assert hands.tab.progress.value() == 100
    assert hands.tab.summary.text() == "Summary: 2 candidate(s) of 2 layer(s). Not classified yet."


def test_classify_candidates_writes_status_parent_and_children(hands):
    assert not hands.tab.classify.isEnabled()
    assert hands.tab.classify.toolTip() == "Press Harvest Masks first."

    hands.sort_out()

    assert hands.column("Status") == ["parent", "nested_child"]
    assert (hands.column("Parent"), hands.column("Children")) == (["", "1"], ["1", "0"])
    assert (hands.column("Max IoU"), hands.column("Max Containment")) == (["0.16"] * 2, ["0.16", "1.00"])


def test_use_all_visible_and_the_list_say_which_layers(hands):
    tab = hands.tab
    assert tab.layers.isHidden() or not tab.layers.isVisibleTo(tab)

    hands.qtbot.mouseClick(tab.all_visible, LEFT, pos=QPoint(8, tab.all_visible.height() // 2))
    hands.qtbot.wait(1)
    assert tab.layers.isVisibleTo(tab)
    assert [tab.layers.item(at).text() for at in range(tab.layers.count())] == ["cells", "nuclei"]
    assert hands.press(tab.harvest).endswith("Choose layers in the list first.")
    tab.layers.item(1).setSelected(True)
    hands.press(tab.harvest)

    assert hands.column("Source Layer") == ["nuclei"]
    hands.viewer.layers["nuclei"].name = "dots"
    hands.qtbot.wait(1)
    assert tab.layers.item(1).text() == "dots"
    assert tab.layers.item(1).isSelected()


def test_refresh_layers_lists_them_anew(hands):
    verbs = hands.tab._verbs
    verbs.state.items = ()

    hands.press(hands.tab.refresh)

    assert [item.name for item in verbs.state.items] == ["cells", "nuclei"]


def test_minimum_area_leaves_small_objects_out(hands):
    hands.tab.rules.area.setValue(200)

    hands.press(hands.tab.harvest)

    assert hands.column("Area") == ["900"]


def test_each_share_decides(hands):
    hands.viewer.layers["nuclei"].data = square(30, 15, 20)
    hands.press(hands.tab.harvest)

    for name, value, expected in (
        ("containment", 0.5, ["parent", "nested_child"]),
        ("containment", 0.9, ["keep", "fragment"]),
        ("fragment_iou", 0.5, ["keep", "keep"]),
        ("fragment_iou", 0.15, ["keep", "fragment"]),
        ("area_ratio", 0.4, ["keep", "keep"]),
        ("duplicate_iou", 0.16, ["duplicate", "keep"]),
    ):
        hands.tab.rules.shares[name].setValue(value)
        hands.press(hands.tab.classify)
        assert hands.column("Status") == expected


def test_sort_rule_says_which_duplicate_stays(hands):
    hands.viewer.layers["nuclei"].data = square(10, 10, 29)
    hands.sort_out()
    assert hands.column("Status") == ["duplicate", "keep"]

    hands.choose(hands.tab.rules.sort, SortRule.LARGE_FIRST)
    hands.press(hands.tab.classify)

    assert hands.column("Status") == ["keep", "duplicate"]


def test_output_overlap_rule_says_who_gets_shared_pixels(hands):
    hands.viewer.layers["nuclei"].data = square(30, 30, 28)
    hands.sort_out()

    for rule, value in ((OverlapRule.SMALL, 2), (OverlapRule.BACKGROUND, 0)):
        hands.choose(hands.tab.rules.overlap, rule)
        hands.press(hands.tab.creators["Create Isolated Objects Layer"])
        assert hands.viewer.layers[-1].data[35, 35] == value


def test_parent_handling_says_what_becomes_of_a_parent(hands):
    hands.sort_out()

    for rule, value in ((ParentRule.TRIM, 2), (ParentRule.OVERWRITE, 1)):
        hands.choose(hands.tab.rules.parents, rule)
        hands.press(hands.tab.creators["Create Isolated Objects Layer"])
        assert hands.viewer.layers[-1].data[16, 16] == value
    hands.choose(hands.tab.rules.parents, ParentRule.SEPARATE)
    hands.press(hands.tab.creators["Create Isolated Objects Layer"])
    assert hands.viewer.layers[-1].name == "isolated_parent_candidates"


def test_each_mark_is_shown_as_made_by_hand_and_leaves_the_selection(hands):
    hands.press(hands.tab.harvest)
    assert not hands.tab.marks["Keep"].isEnabled()
    assert hands.tab.marks["Keep"].toolTip() == "Select rows of the table first."

    hands.select(0, 1)
    for text, status in (
        ("Reject", "reject *"),
        ("Keep", "keep *"),
        ("Mark Duplicate", "duplicate *"),
        ("Mark Parent", "parent *"),
        ("Mark Child", "nested_child *"),
        ("Mark Fragment", "fragment *"),
    ):
        hands.press(hands.tab.marks[text])
        assert hands.column("Status") == [status, status]
    hands.press(hands.tab.classify)

    assert hands.column("Status") == ["fragment *", "fragment *"]
    assert sorted(hands.tab.table.selected()) == [1, 2]


def test_locate_candidate_double_click_and_enter_move_the_view(hands):
    hands.press(hands.tab.harvest)
    table = hands.tab.table

    hands.select(1)
    hands.press(hands.tab.marks["Locate Candidate"])
    assert tuple(camera_of(hands.viewer).center[-2:]) == (20.5, 20.5)
    table.doubleClicked.emit(table.model().index(0, 0))
    assert hands.widget.state.message == "Located candidate 1: label 1 of cells."
    assert tuple(camera_of(hands.viewer).center[-2:]) == (24.5, 24.5)
    (enter,) = [one for one in table.findChildren(QShortcut) if one.key().toString() == "Return"]
    enter.activated.emit()
    assert hands.widget.state.message == "Located candidate 2: label 7 of nuclei."


def test_isolate_selected_makes_a_layer_of_the_selected_rows(hands):
    hands.press(hands.tab.harvest)
    hands.select(1)

    hands.press(hands.tab.marks["Isolate Selected"])

    assert set(np.unique(hands.viewer.layers["isolated_objects"].data)) == {0, 2}


def test_right_click_offers_the_same_once_it_is_enabled(hands):
    tab, table = hands.tab, hands.tab.table
    hands.press(tab.harvest)
    hands.select(1)
    place = QPoint(5, 5)

    def right_click() -> None:
        view = table.viewport()
        QApplication.sendEvent(view, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, view.mapToGlobal(place)))

    right_click()
    assert not tab.menu.isVisible()
    tab.right_click.click()
    right_click()

    assert [one.text() for one in tab.menu.actions()] == list(tab.marks)
    tab.menu.actions()[1].trigger()
    tab.menu.close()
    hands.settle()
    assert hands.column("Status") == ["keep", "reject *"]


def test_output_layer_name_and_the_three_layers(hands):
    hands.sort_out()
    tab = hands.tab
    tab.name.clear()
    hands.qtbot.keyClicks(tab.name, "mine")

    for made in tab.creators.values():
        hands.press(made)

    names = [layer.name for layer in hands.viewer.layers]
    assert names[2:] == ["mine", "isolated_parent_candidates", "isolated_child_candidates"]
    assert hands.widget.status.text() == "Created isolated_child_candidates (1 candidate(s))."


def test_numbers_and_rules_open_and_fold(hands):
    tab = hands.tab
    assert not tab.rules.isVisibleTo(tab)

    tab.opener.click()
    hands.qtbot.wait(1)
    assert tab.rules.isVisibleTo(tab)
    tab.opener.click()
    hands.qtbot.wait(1)

    assert not tab.rules.isVisibleTo(tab)


def test_rows_are_sorted_by_value_and_stay_in_place_when_marked(hands):
    labels = np.zeros((60, 400), np.uint8)
    for at, side in enumerate((9, 30, 12, 11), start=1):
        labels[:side, at * 60 : at * 60 + side] = at
    hands.viewer.layers.clear()
    hands.viewer.add_labels(labels, name="many")
    hands.press(hands.tab.harvest)

    hands.tab.table.sortByColumn(COLUMNS.index("Area"), Qt.SortOrder.DescendingOrder)
    assert hands.column("Area") == ["900", "144", "121", "81"]
    hands.select(3)
    hands.press(hands.tab.marks["Reject"])
    assert hands.column("Status") == ["keep", "keep", "keep", "reject *"]
    hands.tab.table.sortByColumn(COLUMNS.index("Status"), Qt.SortOrder.DescendingOrder)
    hands.press(hands.tab.classify)

    assert hands.column("Status") == ["reject *", "keep", "keep", "keep"]
    assert hands.tab.table.selected() == (1,)
    tip = hands.tab.table.model().data(hands.tab.table.model().index(0, 0), Qt.ItemDataRole.ToolTipRole)
    assert tip == "Candidate 1: reject, marked by hand.\nBBox 0:9, 60:69"


def test_two_widgets_show_the_same(hands, qtbot):
    second = MaskOperationsWidget(hands.viewer)
    qtbot.addWidget(second)

    hands.press(hands.tab.harvest)
    hands.tab.rules.shares["duplicate_iou"].setValue(0.4)
    qtbot.wait(2)

    assert second.isolation.table.model().rowCount() == 2
    assert second.isolation.rules.shares["duplicate_iou"].value() == 0.4
    assert second.isolation.summary.text() == hands.tab.summary.text()


def test_the_tab_fits_a_narrow_dock(hands):
    hands.sort_out()
    hands.tab.opener.click()
    hands.tab.all_visible.click()
    hands.qtbot.wait(1)
    hands.widget.setMinimumWidth(380)

    assert hands.widget.minimumSizeHint().width() <= 360
    for kind in (QPushButton, QComboBox, QLineEdit):
        for control in hands.tab.findChildren(kind):
            assert control.width() >= control.minimumSizeHint().width()


def test_while_something_runs_nothing_else_begins(hands):
    hands.press(hands.tab.harvest)
    hands.select(0)

    hands.widget.state.busy = "Working..."
    hands.qtbot.wait(2)

    able = [one for one in hands.tab.findChildren(QPushButton) if one.isEnabled()]
    assert able == [hands.tab.refresh]
    assert hands.tab.harvest.toolTip() == "Wait until what runs is done, or press Cancel."
    hands.widget.state.busy = ""
