"""What users of the plugin's predecessor look for is here, by the same names: labels, options, defaults, hints."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QGroupBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTableView,
    QWidget,
)

from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.widgets.main_widget import MainWidget
from tests.conftest import squares

TOP = ("Simple", "Advanced", "Sound", "Engine", "Model type", "Model Folder", "Device")
SIMPLE = (
    "Setup", "Refresh", "2D", "Text", "Live Points", "Exemplar", "3D/Video",
    "Prompt", "Points", "Box", "Labels", "Next point", "Create Prompt Layer", "Reset Prompt",
    "Run", "Run Preview", "Propagate", "Clear Preview", "Clear Results", "Mask Ops",
    "Results",
)  # fmt: skip
ADVANCED = (
    "Step 1. Model Actions", "Validate, load, or unload the selected model", "Validate", "Load 2D Model",
    "Load 3D/Video Model", "Unload", "Load model when running",
    "Step 2. Task Setup", "Choose the SAM3 task and target image", "Task", "Target image", "Batch all image layers",
    "Enable large-image local inference", "ROI size", "Exemplar source", "Exemplar crop image", "Crop region",
    "Advanced", "Channel axis", "Detection threshold", "3D direction", "Log SAM3.1 diagnostics",
    "Only change these if your image layout or detection behavior needs manual tuning.",
    "Leave -1 unless your image has an explicit channel dimension.",
    "Step 3. Prompt Tools", "Guide SAM3 with prompts", "Prompt type", "Next point mode", "Create Prompt Layer",
    "Apply mode to selected points", "Text prompt", "Batch text prompts", "Prompt Layers", "Points", "Shapes",
    "Labels", "Refresh Layers", "Clear Text / Prompt State",
    "Step 4. Run and Save", "Run preview or propagation", "Run Preview", "Propagate Existing Session",
    "Clear Preview", "Cancel", "Preview output", "Choose", "Format", "Filename", "Save && Clean", "Open Folder",
    "Step 5. Results", "Review and save results", "Clear Results", "Copy Clipboard", "Export CSV",
    "Log. Activity",
)  # fmt: skip
HINTS = (
    "Type text prompt, then press Enter to run...",
    "Optional batch prompts: one prompt per line, then Press Ctrl+Enter to run batch text prompts.",
    "Activity log",
)
TIPS = (
    "Run the current prompt setup on every napari Image layer. Each image gets its own SAM3 preview output layers.",
    "Which data axis is color/channel.",
    "Examples: C,H,W -> 0; Z,C,H,W or T,C,H,W -> 1.",
    "Choose where quick-acquired preview masks are saved.",
    "Filename for the current preview mask. The extension is added from the selected format.",
)
LISTS = {
    "Task": [
        "2D segmentation", "3D/video propagation", "Exemplar segmentation", "Text segmentation",
        "Live Points (positive/negative)",
    ],
    "ROI size": ["512 x 512", "1024 x 1024", "2048 x 2048", "4096 x 4096", "8192 x 8192"],
    "Exemplar source": ["Use box from target image", "Use separate crop image"],
    "Crop region": ["Whole crop image", "Box from Shapes layer"],
    "3D direction": ["both", "forward", "backward"],
    "Prompt type": ["Points (positive/negative)", "Box", "Labels mask", "Text only"],
    "Next point mode": ["Positive", "Negative"],
    "Points": ["(none)"],
    "Shapes": ["(none)"],
    "Labels": ["(none)"],
    "Format": ["TIFF", "NumPy (.npy)", "PNG", "OME-Zarr"],
    "Model type": ["SAM3.0", "SAM3.1"],
    "Device": ["Automatic", "CPU"],
    "Engine": ["Automatic", "Built-in (no model)", "SAM3", "Meta's sam3", "Server..."],
}  # fmt: skip
"""Which entries each list of the mode Advanced has, at least, in this order."""
FIRST = {
    "Batch all image layers": False, "Enable large-image local inference": False, "ROI size": "1024 x 1024",
    "Exemplar source": "Use box from target image", "Crop region": "Whole crop image", "Channel axis": -1,
    "3D direction": "both", "Log SAM3.1 diagnostics": False,
    "Next point mode": "Positive", "Load model when running": True, "Format": "TIFF",
    "Model type": "SAM3.0", "Device": "Automatic", "Engine": "Automatic", "Sound": False,
}  # fmt: skip
"""How each control of the mode Advanced stands at first."""
COLUMNS = ["Layer", "Prompt", "Frame", "Object ID", "Score", "Area"]


@pytest.fixture
def widget(make_napari_viewer_proxy, qtbot):
    viewer = make_napari_viewer_proxy()
    viewer.add_image(squares(), name="cells")
    made = MainWidget(viewer)
    qtbot.addWidget(made)
    made.state.task.advanced, made.state.panel.opened = True, frozenset(Section)
    made.controller.choose_task(Task.IMAGE)
    qtbot.wait(50)
    return made


def texts(part: QWidget) -> set[str]:
    """Return all that is written on a part of the widget, and what its controls are called."""
    written = {one.text() for kind in (QLabel, QAbstractButton) for one in part.findChildren(kind)}
    written |= {one.title() for one in part.findChildren(QGroupBox)}
    return written | {one.accessibleName() for one in part.findChildren(QWidget)}


def control(part: QWidget, name: str) -> QWidget:
    """Return the control that has a name: beside it, on it, or told to screen readers."""
    for one in part.findChildren(QLabel):
        if one.text().replace("&", "") == name and one.buddy() is not None:
            return one.buddy()
    for one in part.findChildren(QAbstractButton):
        if one.text().replace("&", "") == name:
            return one
    return next(one for one in part.findChildren(QWidget) if one.accessibleName() == name)


def plain(written: set[str]) -> set[str]:
    """Return texts without the marks of their mnemonics."""
    return {text.replace("&&", "\0").replace("&", "").replace("\0", "&&") for text in written}


def test_every_label_hint_and_tip_is_there(widget):
    wanted = {"top": TOP, "simple": SIMPLE, "advanced": ADVANCED}
    missing = {part: set(names) - plain(texts(getattr(widget, part))) for part, names in wanted.items()}
    kinds = QLineEdit, QPlainTextEdit
    fields = [one for kind in kinds for one in widget.advanced.findChildren(kind)]
    tips = "\n".join(one.toolTip() for one in widget.findChildren(QWidget))

    assert missing == {"top": set(), "simple": set(), "advanced": set()}
    assert set(HINTS) - {one.placeholderText() for one in fields} == set()
    assert [tip for tip in TIPS if tip not in tips] == []


def test_every_list_has_its_entries_in_their_order(widget):
    found = {}
    for name, entries in LISTS.items():
        box = control(widget.top if name in TOP else widget.advanced, name)
        assert isinstance(box, QComboBox), name
        found[name] = [text for text in (box.itemText(k) for k in range(box.count())) if text in entries]

    assert found == LISTS


def test_every_control_stands_where_it_did_at_first(widget):
    found = {}
    for name in FIRST:
        one = control(widget.top if name in TOP else widget.advanced, name)
        if isinstance(one, QComboBox):
            found[name] = one.currentText()
        else:
            found[name] = one.value() if isinstance(one, QAbstractSpinBox) else one.isChecked()

    assert found == FIRST


def test_the_table_has_its_columns(widget):
    model = widget.advanced.findChildren(QTableView)[0].model()

    titles = [model.headerData(k, Qt.Orientation.Horizontal) for k in range(model.columnCount())]
    assert titles[: len(COLUMNS)] == COLUMNS


def test_simple_is_the_mode_at_first(make_napari_viewer_proxy, qtbot):
    made = MainWidget(make_napari_viewer_proxy())
    qtbot.addWidget(made)

    assert made.top.modes[False].isChecked() and not made.state.task.advanced
