"""Mask Operations have what users of the plugin's predecessor look for: tabs, labels, options, defaults, columns."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit, QTableView, QWidget

from napari_sam3_assistant.widgets.mask_operations_widget import MaskOperationsWidget
from tests.widgets.test_inventory import control, plain, texts

REVIEW, ACCEPTED, CLEANUP = "Object Review", "Accepted Objects", "Mask Cleanup"
ISOLATION, MERGE, FINAL = "Mask Isolation", "Class Merge", "Final Merge / Export"
SCOPES = ["Current slice", "Z range", "Whole volume"]

LABELS = {
    REVIEW: (
        "Status filter", "Class filter", "Text filter", "include final/output masks", "Class", "Value", "Assign Class",
        "Accept", "Reject", "Needs Edit", "Unreview", "Locate", "Delete Layer", "Show Only Selected", "Hide Rejected",
        "Show All Masks", "Refresh", "auto-hide rejected",
    ),
    ACCEPTED: (
        "Source preview layer", "Object name", "Class name", "Class value", "Dimensional scope", "Class conversion",
        "Source values", "Save mode", "Target layer", "Save Accepted Object", "Refresh Accepted Layers",
    ),
    CLEANUP: (
        "Target labels layer", "Refresh", "Analyze Layer", "Delete Selected Components", "Undo Last Edit",
        "Right-click Delete", "Minimum size", "Remove Small Objects", "Hole size", "Fill Holes", "Smoothing radius",
        "Smooth Mask", "Keep Largest Object", "Values to replace", "New class/value", "Apply Relabel",
        "Assign Selected To", "Delete Selected Values", "Keep Selected Only", "Convert Non-zero To Class",
        "Operation scope", "Assignment value", "1", "2", "3", "4", "5", "6", "Assign Selected Components",
        "Enable canvas assign tools", "Components", "Values", "Work on", "Source image layer",
    ),
    ISOLATION: (
        "Use all visible Labels layers", "Labels layers", "Refresh Layers", "Harvest Masks", "Minimum area",
        "Duplicate IoU", "Nested containment", "Fragment IoU minimum", "Area ratio threshold", "Sort rule",
        "Output overlap rule", "Parent handling", "Classify Candidates", "Keep", "Reject", "Mark Duplicate",
        "Mark Parent", "Mark Child", "Mark Fragment", "Locate Candidate", "Isolate Selected",
        "Enable table right-click actions", "Output layer name", "Create Isolated Objects Layer",
        "Create Parent Layer", "Create Child Layer",
    ),
    MERGE: (
        "Class filter", "Accepted-object layers", "Merge conversion", "Target class value", "Overlap rule",
        "Output layer name", "Merge Accepted Objects", "Reject Selected", "Refresh",
    ),
    FINAL: (
        "Cleaned class masks", "Merge mode", "Overlap rule", "Output layer name", "Export format", "Export path",
        "Browse", "Merge Saved Objects", "Show Overlap Map", "Merge and Export", "Export Output", "Refresh",
    ),
}  # fmt: skip
LISTS = {
    (REVIEW, "Status filter"): ["All statuses", "Unreviewed", "Accepted", "Needs edit", "Rejected"],
    (ACCEPTED, "Dimensional scope"): SCOPES,
    (ACCEPTED, "Class conversion"): [
        "Convert all non-zero to class value", "Preserve source labels", "Keep only listed source values",
        "Delete listed source values",
    ],
    (ACCEPTED, "Save mode"): [
        "Save as new layer", "Append to existing accepted layer", "Replace existing accepted layer",
    ],
    (CLEANUP, "Operation scope"): SCOPES,
    (CLEANUP, "Work on"): ["Full mask", "Drawn ROI"],
    (ISOLATION, "Sort rule"): ["Area small → large", "Area large → small"],
    (ISOLATION, "Output overlap rule"): ["Small objects win", "Later candidates win", "Set conflict to background"],
    (ISOLATION, "Parent handling"): [
        "Trim parent where child exists", "Keep parent full in separate parent layer", "Parent overwrites children",
    ],
    (MERGE, "Merge conversion"): [
        "Convert each layer non-zero to target class value", "Preserve source label values", "Binary output",
    ],
    (MERGE, "Overlap rule"): [
        "Earlier selected object wins", "Later selected object wins", "Larger component wins",
        "Smaller component wins", "Set overlap to background",
    ],
    (FINAL, "Merge mode"): ["Semantic", "Instance", "Binary"],
    (FINAL, "Overlap rule"): [
        "Class priority order wins", "Earlier selected layer wins", "Later selected layer wins",
        "Larger component wins", "Smaller component wins", "Set overlap to background",
    ],
    (FINAL, "Export format"): [
        "TIFF", "PNG", "NumPy (.npy)", "OME-Zarr", "COCO JSON", "YOLO-seg", "GeoJSON (QuPath)", "CSV",
    ],
}  # fmt: skip
"""Which entries each list has, in this order."""
FIRST = {
    (ACCEPTED, "Class value"): 1, (ACCEPTED, "Save mode"): "Save as new layer", (REVIEW, "auto-hide rejected"): True,
    (REVIEW, "Status filter"): "All statuses", (CLEANUP, "Minimum size"): 64, (CLEANUP, "Hole size"): 256,
    (CLEANUP, "Smoothing radius"): 1, (CLEANUP, "Assignment value"): 1, (CLEANUP, "New class/value"): 1,
    (CLEANUP, "Operation scope"): "Whole volume", (CLEANUP, "Right-click Delete"): False,
    (ISOLATION, "Minimum area"): 64, (ISOLATION, "Duplicate IoU"): 0.85, (ISOLATION, "Nested containment"): 0.9,
    (ISOLATION, "Fragment IoU minimum"): 0.15, (ISOLATION, "Area ratio threshold"): 0.75,
    (ISOLATION, "Sort rule"): "Area small → large", (ISOLATION, "Output overlap rule"): "Small objects win",
    (MERGE, "Target class value"): 1, (MERGE, "Overlap rule"): "Earlier selected object wins",
    (FINAL, "Merge mode"): "Semantic", (FINAL, "Overlap rule"): "Class priority order wins",
    (FINAL, "Export format"): "TIFF",
}  # fmt: skip
"""How each control stands at first."""
HINTS = {
    ACCEPTED: {"object_001", "myelin", "optional: 3,7,12"},
    CLEANUP: {"1,2,3,4"},
    MERGE: {"optional class-name filter", "myelin_final_working"},
}
TYPED = {
    (ISOLATION, "Output layer name"): "isolated_objects",
    (MERGE, "Output layer name"): "class_working_mask",
    (FINAL, "Output layer name"): "final_training_mask",
}
COLUMNS = {
    REVIEW: ["Layer", "Status", "Class", "Value", "Pixels/Voxels", "Dims", "Shape", "Role"],
    CLEANUP: [
        "Component ID", "Label", "Pixels/Voxels", "Z Min", "Z Max", "Centroid Z", "Centroid Y", "Centroid X", "BBox",
    ],
    ISOLATION: [
        "ID", "Status", "Source Layer", "Source Label", "Component", "Area", "Parent", "Children", "Max IoU",
        "Max Containment", "BBox",
    ],
}  # fmt: skip


@pytest.fixture
def widget(make_napari_viewer_proxy, qtbot):
    viewer = make_napari_viewer_proxy()
    data = np.zeros((3, 40, 40), np.uint16)
    data[:, 4:20, 4:20] = 2
    viewer.add_labels(data, name="cells preview")
    made = MaskOperationsWidget(viewer)
    qtbot.addWidget(made)
    return made


def page(widget: MaskOperationsWidget, tab: str, qtbot) -> QWidget:
    """Bring a tab to the front, drawn."""
    widget.pages.buttons[tab].click()
    qtbot.wait(20)
    return widget.pages.pages[tab]


def test_every_label_is_there(widget, qtbot):
    missing = {}

    for tab, labels in LABELS.items():
        shown = page(widget, tab, qtbot)
        hints = {one.placeholderText() for one in shown.findChildren(QLineEdit)}
        missing[tab] = (set(labels) - plain(texts(shown))) | (HINTS.get(tab, set()) - hints)

    assert not any(missing.values()), missing


def test_every_list_has_its_entries_in_their_order(widget, qtbot):
    boxes = {(tab, name): control(page(widget, tab, qtbot), name) for tab, name in LISTS}

    assert all(isinstance(box, QComboBox) for box in boxes.values())
    assert {at: [box.itemText(k) for k in range(box.count())] for at, box in boxes.items()} == LISTS


def value_of(one: QWidget) -> object:
    if isinstance(one, QComboBox):
        return one.currentText()
    if isinstance(one, QLineEdit):
        return one.text()
    return one.value() if isinstance(one, QAbstractSpinBox) else isinstance(one, QAbstractButton) and one.isChecked()


def test_every_control_stands_as_it_should_at_first_and_every_name_of_an_output_is_proposed(widget, qtbot):
    wanted = FIRST | TYPED

    found = {(tab, name): value_of(control(page(widget, tab, qtbot), name)) for tab, name in wanted}

    assert found == wanted


def test_every_table_has_its_columns(widget, qtbot):
    for tab, columns in COLUMNS.items():
        shown = page(widget, tab, qtbot)
        if tab == CLEANUP:
            shown.components.analyze.click()
            qtbot.waitUntil(lambda: not widget.state.busy, timeout=10_000)
            qtbot.wait(20)
        models = [one.model() for one in shown.findChildren(QTableView)]
        headers = [[one.headerData(k, Qt.Orientation.Horizontal) for k in range(one.columnCount())] for one in models]

        assert any([one for one in found if one in columns] == columns for found in headers), (tab, headers)
