"""The dock widget, drawn from the state: nothing cut off, nothing asked of the dock but its own width."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QComboBox, QGroupBox, QScrollArea

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.widgets import store
from napari_sam3_assistant.widgets.main_widget import MainWidget
from tests.conftest import squares


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def widget(viewer, qtbot):
    viewer.add_image(squares(), name="cells")
    made = MainWidget(viewer)
    qtbot.addWidget(made)
    return made


def labels_of(widget) -> list[str]:
    return [group.title() for group in widget.simple.findChildren(QGroupBox)]


def test_the_four_groups_and_their_controls_are_those_users_know(widget):
    texts = {button.text() for button in widget.simple.findChildren(QAbstractButton)}

    assert labels_of(widget) == ["Setup", "Prompt", "Run", "Results"]
    assert {
        "Refresh", "2D", "Live Points", "Exemplar", "Points", "Box", "Labels", "Create Prompt Layer", "Reset Prompt",
        "New Object", "Delete Object", "Next Reading", "Undo", "Redo", "Run Preview", "Cancel", "Clear Preview",
        "Clear Results", "Mask Ops", "Accept + Clear", "Accept Only", "Undo Last Accept", "Save", "Choose",
        "Open Folder",
    } <= texts  # fmt: skip


def test_every_control_says_what_it_is_for(widget):
    controls = [*widget.findChildren(QAbstractButton), *widget.findChildren(QComboBox)]
    named = [one for one in controls if getattr(one, "text", lambda: "x")()]

    assert named and not [one for one in named if not one.toolTip()]


def test_only_the_prompts_of_the_task_have_controls(widget, viewer, qtbot):
    prompt = widget.simple.prompt

    def shown() -> list[bool]:
        controls = (prompt.kinds[PromptKind.BOX], prompt.polarity, prompt.box_polarity, prompt.create)
        return [control.isVisibleTo(prompt) for control in controls]

    assert shown() == [False, True, False, False]
    widget.simple.setup.tasks[Task.IMAGE].click()
    qtbot.waitUntil(lambda: shown() == [True, True, False, True])
    prompt.kinds[PromptKind.BOX].click()
    qtbot.waitUntil(lambda: shown() == [True, False, False, True])
    widget.simple.setup.tasks[Task.EXEMPLAR].click()
    qtbot.waitUntil(lambda: shown() == [False, False, True, False])
    assert viewer.layers.selection.active.name == names.BOXES
    viewer.layers.selection.active = viewer.layers["cells"]
    qtbot.waitUntil(lambda: shown() == [False, False, True, True])
    prompt.create.click()
    assert viewer.layers.selection.active.name == names.BOXES


def test_the_next_point_and_box_follow_the_state_both_ways(widget):
    prompt, task = widget.simple.prompt, widget.state.task

    prompt.polarity.setCurrentText("Negative")
    prompt.box_polarity.setCurrentText("Counter-example")

    assert not task.positive and not task.positive_box
    task.positive = task.positive_box = True
    assert prompt.polarity.currentText() == "Positive" and prompt.box_polarity.currentText() == "Example"


def test_the_widget_says_before_a_run_which_prompts_it_would_use(widget, viewer, qtbot):
    widget.simple.setup.tasks[Task.IMAGE].click()
    assert not widget.simple.run.run.isEnabled()

    viewer.layers[names.POINTS].add([35, 35])

    qtbot.waitUntil(lambda: widget.simple.run.run.isEnabled())
    assert widget.simple.prompt.uses.text() == "In use: 1 point."
    widget.simple.prompt.kinds[PromptKind.LABELS].click()
    qtbot.waitUntil(lambda: not widget.simple.run.run.isEnabled())
    assert "Paint" in widget.simple.run.run.toolTip()
    assert widget.simple.prompt.uses.text().endswith("1 point is not used by Labels.")


def test_objects_are_begun_walked_deleted_and_brought_back_by_buttons(widget, viewer, qtbot):
    objects, points = widget.simple.prompt.objects, viewer.layers[names.POINTS]
    text = objects.text.text
    assert text() == "Next click: a new object"

    points.add([35, 35])
    qtbot.waitUntil(lambda: text().startswith("Object 1 of 1"), timeout=10_000)
    qtbot.waitUntil(lambda: len(widget.state.results.objects) == 1, timeout=10_000)
    objects.begin.click()
    qtbot.waitUntil(lambda: text() == "Next click anywhere: a new object (1 so far)")
    points.add([95, 95])
    qtbot.waitUntil(lambda: text().startswith("Object 2 of 2"), timeout=10_000)
    objects.previous.click()
    qtbot.waitUntil(lambda: text().startswith("Object 1 of 2"))
    objects.delete.click()
    qtbot.waitUntil(lambda: text() == "Next click: a new object (1 so far)")
    assert "Delete object" in objects.undo.toolTip()
    objects.undo.click()
    qtbot.waitUntil(lambda: len(widget.state.results.objects) == 2)
    qtbot.waitUntil(lambda: objects.redo.isEnabled() and "Delete object" in objects.redo.toolTip())


def test_accepted_objects_are_counted_and_can_be_taken_back(widget, viewer, qtbot):
    results = widget.simple.results
    viewer.layers[names.POINTS].add([35, 35])
    qtbot.waitUntil(results.accepting.accept_clear.isEnabled, timeout=10_000)

    results.accepting.accept_clear.click()
    qtbot.waitUntil(lambda: "Accepted: 1 object." in results.summary.text())
    assert names.ACCEPTED in [layer.name for layer in viewer.layers]

    results.accepting.undo_accept.click()
    qtbot.waitUntil(lambda: "Accepted" not in results.summary.text())


def test_the_engine_row_says_what_is_used_and_why(widget):
    assert widget.top.engine.currentText() == "Automatic"
    assert widget.top.engine.itemText(1) == "Built-in (no model)"
    assert widget.top.model.reason.text() == "Built-in: no model folder chosen"


def test_choosing_an_engine_is_remembered(widget, viewer, qtbot):
    widget.top.engine.setCurrentIndex(1)
    widget.top.engine.activated.emit(1)

    assert widget.state.model.engine == "builtin"
    assert store.settings().value(store.ENGINE) == "builtin"


def test_an_engine_that_is_gone_gives_way_to_automatic_and_says_so(viewer, qtbot):
    store.settings().setValue(store.ENGINE, "gone")
    made = MainWidget(viewer)
    qtbot.addWidget(made)

    assert made.state.model.engine == "auto" and made.state.model.in_use == "builtin"
    assert "gone" in made.state.run.message and made.state.run.hint


def test_the_output_folder_and_format_are_remembered(widget, viewer, qtbot, tmp_path):
    widget.state.output.folder = str(tmp_path)
    widget.simple.results.saving.format.setCurrentIndex(2)
    widget.close()

    again = MainWidget(viewer)
    qtbot.addWidget(again)

    assert again.simple.results.saving.folder.text() == str(tmp_path)
    assert again.state.output.format == "png" and again.simple.results.saving.format.currentText() == "PNG"


def test_the_image_list_follows_layers_and_their_names(widget, viewer, qtbot):
    other = viewer.add_image(np.zeros((20, 30)), name="other")
    qtbot.waitUntil(lambda: widget.simple.setup.image.count() == 2)

    viewer.layers.selection.active = other
    qtbot.waitUntil(lambda: widget.simple.setup.image.currentText() == "other")
    assert "20 x 30" in widget.simple.setup.summary.text()
    other.name = "renamed"
    qtbot.waitUntil(lambda: widget.simple.setup.image.currentText() == "renamed")
    viewer.layers.remove("renamed")
    qtbot.waitUntil(lambda: widget.simple.setup.image.currentText() == "cells")


def test_choosing_an_image_in_the_list_arms_it(widget, viewer, qtbot):
    viewer.add_image(squares()[::-1], name="other")
    qtbot.waitUntil(lambda: widget.simple.setup.image.count() == 2)
    viewer.layers.selection.active = viewer.layers["cells"]

    widget.simple.setup.image.activated.emit(widget.simple.setup.image.findText("other"))

    assert viewer.layers.selection.active.name == "SAM3 points"
    assert viewer.layers["SAM3 points"].mode == "add"
    assert widget.state.task.image == str(viewer.layers["other"].unique_id)


def test_a_problem_is_marked_and_says_what_to_do(widget, qtbot):
    widget.controller.status.fail(AssistantError("It failed.", hint="Do this."))

    qtbot.waitUntil(lambda: "It failed. Do this." in widget.simple.run.status.text())
    assert widget.simple.run.status.text().startswith("\N{WARNING SIGN}")


def test_progress_shows_a_bar_and_cancel_and_takes_no_room_when_idle(widget, qtbot):
    widget.show()
    qtbot.wait(50)
    height = widget.simple.run.height()
    assert not widget.simple.run.bar.isVisible() and not widget.simple.run.cancel.isEnabled()

    widget.controller.status.begin("Reading...")
    widget.controller.status.reporter()(0.4, "Encoding")
    qtbot.waitUntil(lambda: widget.simple.run.bar.value() == 400)

    assert widget.simple.run.cancel.isEnabled() and widget.simple.run.status.text() == "Encoding"
    assert widget.simple.run.height() == height, "the buttons stay where they are"
    assert widget.state.run.phase is Phase.RUNNING


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_is_cut_off_and_nothing_scrolls_sideways(make_napari_viewer, theme, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.theme = theme
    viewer.window.resize(1366, 768)
    viewer.add_image(squares(), name="a picture with quite a long name that does not fit")
    dock, widget = viewer.window.add_plugin_dock_widget("napari-sam3-assistant", "SAM3 Assistant")
    qtbot.waitUntil(lambda: dock.width() < 420)  # the window is laid out
    areas = [area for area in widget.findChildren(QScrollArea) if area.isVisible()]

    # The dock claims the width that it needs once the theme is applied.
    qtbot.waitUntil(lambda: all(area.widget().width() <= area.viewport().width() for area in areas))
    assert areas
    for area in areas:
        assert area.horizontalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAlwaysOff
    for control in widget.findChildren(QAbstractButton):
        if control.isVisible() and control.text():
            assert control.width() >= control.fontMetrics().horizontalAdvance(control.text()), control.text()
    assert dock.width() < 420


def test_the_dock_keeps_the_width_the_user_gives_it(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    viewer.add_image(squares())
    dock, widget = viewer.window.add_plugin_dock_widget("napari-sam3-assistant", "SAM3 Assistant")
    window = dock.parent()
    qtbot.wait(300)  # it has claimed the width that it needs
    window.resizeDocks([dock], [460], Qt.Orientation.Horizontal)
    qtbot.wait(100)
    width = dock.width()

    viewer.layers["SAM3 points"].add([35, 35])
    qtbot.waitUntil(lambda: widget.state.results.current is not None, timeout=10_000)
    widget.controller.status.fail(AssistantError("A long message " * 20, hint="and a hint " * 20))
    qtbot.wait(100)

    assert dock.width() == width == 460


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_live_points_need_no_scroll_bar_on_a_small_laptop(make_napari_viewer, theme, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.theme = theme
    viewer.window.resize(1366, 768)
    viewer.add_image(squares(), name="cells")
    _, widget = viewer.window.add_plugin_dock_widget("napari-sam3-assistant", "SAM3 Assistant")
    viewer.layers[names.POINTS].add([35, 35])
    qtbot.waitUntil(lambda: len(widget.state.results.objects) == 1, timeout=10_000)
    qtbot.wait(300)  # the dock has claimed the width that it needs

    (area,) = [area for area in widget.findChildren(QScrollArea) if area.isVisible()]

    assert not area.verticalScrollBar().isVisible()
    assert area.widget().heightForWidth(area.viewport().width()) <= area.viewport().height()


@pytest.mark.parametrize("state", ["words", "channels", "large", "fixed window"])
def test_save_is_in_view_on_a_small_laptop(make_napari_viewer, state, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sam3-assistant", "SAM3 Assistant")
    data = {"channels": np.zeros((3, 64, 64), np.uint8), "words": squares()}.get(
        state, np.zeros((3000, 3000), np.uint8)
    )
    viewer.add_image(data, name="cells")
    if state == "words":
        widget.simple.setup.tasks[Task.TEXT].click()
    if state == "channels":
        widget.state.task.channel_axis = 0
    widget.state.task.local = state == "fixed window"
    save = widget.simple.results.saving.save

    qtbot.waitUntil(lambda: save.visibleRegion().boundingRect().height() == save.height() > 0, timeout=5000)

    assert widget.simple.setup.channels.isVisible() == (state == "channels")
    assert widget.simple.setup.window.side.isVisible() == (state == "fixed window")
    assert widget.simple.prompt.text.isVisible() == (state == "words")


def test_the_tab_key_goes_through_the_controls_as_they_are_read(widget):
    simple = widget.simple
    wanted = [
        widget.top.engine, widget.top.keys, simple.setup.image, simple.setup.refresh, *simple.setup.tasks.values(),
        simple.prompt.polarity, simple.prompt.reset, simple.prompt.objects.previous, simple.prompt.objects.next,
        simple.prompt.objects.undo, simple.prompt.objects.redo, simple.prompt.objects.begin, simple.run.run,
        simple.run.cancel, simple.run.mask_ops, simple.results.accepting.accept_clear,
        simple.results.accepting.undo_accept,
        simple.results.saving.folder, simple.results.saving.choose, simple.results.saving.format,
        simple.results.saving.save,
    ]  # fmt: skip

    chain, one = [], widget.nextInFocusChain()
    while one is not widget:
        chain.append(one)
        one = one.nextInFocusChain()

    assert [one for one in chain if one in wanted] == wanted


def test_a_button_that_goes_off_does_not_hand_the_keyboard_to_a_text_field(widget, viewer, qtbot):
    widget.show()
    widget.activateWindow()
    viewer.layers[names.POINTS].add([35, 35])
    qtbot.waitUntil(widget.simple.results.accepting.accept_clear.isEnabled, timeout=10_000)
    widget.simple.results.accepting.accept_clear.setFocus()
    qtbot.waitUntil(widget.simple.results.accepting.accept_clear.hasFocus)

    widget.simple.results.accepting.accept_clear.click()
    qtbot.waitUntil(lambda: not widget.simple.results.accepting.accept_clear.isEnabled())

    assert widget.focusWidget() is widget.simple


def test_the_letter_t_in_a_text_field_is_a_letter(widget, qtbot):
    widget.show()
    qtbot.wait(50)
    widget.simple.results.saving.folder.setFocus()
    qtbot.keyClicks(widget.simple.results.saving.folder, "to")

    assert widget.simple.results.saving.folder.text() == "to" == widget.state.output.folder
    assert widget.state.task.positive
