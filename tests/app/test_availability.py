"""What is shown, enabled and written follows from the state alone."""

from pathlib import Path

import numpy as np
import pytest

from napari_sam3_assistant.app.availability import availability
from napari_sam3_assistant.app.canvas_menu import canvas_menu
from napari_sam3_assistant.app.state import AppState, EditAccepted, Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.app.views import Action
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.intensity import Limits
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.core.results import ObjectRow, Segmentation
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.masks.registry import Objects
from napari_sam3_assistant.tasks.image import PlaneResult
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.tasks.view import View
from tests.calls import Calls


@pytest.fixture
def state():
    made = AppState()
    made.task.image, made.task.prompt_layer, made.task.armed = "an id", True, True
    return made


def result(mask):
    view = View(array_source(np.zeros((9, 9)), identity="a"), Plane(0, 1), whole((9, 9)))
    return PlaneResult(Segmentation(PlacedMask(mask), 0.876), view, Prompts(), Limits((0,), (1,)), "builtin", 0, 0)


def objects(count: int, *, first: int = 1) -> Objects:
    made = Objects(next_id=first)
    for _ in range(count):
        made = made.add(PlacedMask(np.ones((3, 4), bool)), score=0.876)
    return made


def rows(count: int) -> tuple[ObjectRow, ...]:
    return tuple(ObjectRow("cells", "points", "i", Plane(0, 1), id, 0.5, 12) for id in range(1, count + 1))


def in_task(state: AppState, task: Task, prompt: PromptKind = PromptKind.POINTS) -> AppState:
    state.task.task, state.task.prompt = task, prompt
    return state


KINDS = [
    (Task.LIVE_POINTS, PromptKind.POINTS),
    (Task.LIVE_POINTS, PromptKind.LABELS),
    *((Task.IMAGE, kind) for kind in PromptKind),
    (Task.EXEMPLAR, PromptKind.POINTS),
]


# -- the page --------------------------------------------------------------------------------------


def test_without_an_image_the_start_page_is_shown():
    can = availability(AppState())

    assert can.start and not can.use_image.enabled and not can.run.run.enabled and not can.results.save.enabled
    assert can.summary == "No image layer selected." and can.results.text == "No preview result yet."


def test_the_image_that_is_selected_can_be_used():
    state = AppState()
    state.task.active_image = "an id"

    assert availability(state).use_image.enabled and availability(state).start


@pytest.mark.parametrize(("task", "prompt"), KINDS)
def test_whatever_cannot_be_done_says_what_is_missing(state, task, prompt):
    can = availability(in_task(state, task, prompt))

    views = (can.prompt, can.objects, can.run, can.results)
    actions = {
        name: value
        for view in views
        for name in type(view).__dataclass_fields__
        if isinstance(value := getattr(view, name), Action)
    }
    assert {name for name, action in actions.items() if action.enabled} == {"create"}
    assert all(action.tip.endswith(".") for action in actions.values())


# -- prompts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "prompt", "shown"),
    [
        (Task.LIVE_POINTS, PromptKind.POINTS, {"next_point"}),
        (Task.LIVE_POINTS, PromptKind.BOX, {"next_point"}),
        (Task.IMAGE, PromptKind.POINTS, {"kinds", "next_point", "layer"}),
        (Task.IMAGE, PromptKind.BOX, {"kinds", "layer"}),
        (Task.IMAGE, PromptKind.LABELS, {"kinds", "layer"}),
        (Task.EXEMPLAR, PromptKind.LABELS, {"next_box"}),
    ],
)
def test_only_the_controls_of_the_prompts_in_use_are_shown(state, task, prompt, shown):
    view = availability(in_task(state, task, prompt)).prompt

    assert {name for name in ("kinds", "next_point", "next_box", "layer") if getattr(view, name)} == shown


@pytest.mark.parametrize("missing", ["prompt_layer", "armed"])
def test_exemplar_offers_a_layer_where_the_next_box_would_not_be_an_example(state, missing):
    in_task(state, Task.EXEMPLAR)
    setattr(state.task, missing, False)

    view = availability(state).prompt

    assert view.layer and view.create.enabled and "SAM3 boxes" in view.create.tip
    assert "Create Prompt Layer" in view.hint


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (PromptKind.POINTS, ("Click points", "Run Preview")),
        (PromptKind.BOX, ("Draw a box", "Run Preview", "inside")),
        (PromptKind.LABELS, ("non-zero labels", "Run Preview")),
    ],
)
def test_the_hint_of_2d_follows_the_kind_of_prompt(state, prompt, words):
    hint = availability(in_task(state, Task.IMAGE, prompt)).prompt.hint

    assert all(word in hint for word in words)


def test_the_hint_of_live_points_goes_on_from_the_first_click_to_corrections(state):
    assert "Click one point to start" in availability(state).prompt.hint
    state.results.objects = objects(1)
    assert "Click where the mask is wrong" in availability(state).prompt.hint


def test_the_hint_of_exemplar_tells_of_counter_examples_and_then_how_to_correct(state):
    in_task(state, Task.EXEMPLAR)
    assert "example" in availability(state).prompt.hint and "J:" in availability(state).prompt.hint
    state.task.usable, state.results.objects = 1, objects(4)
    assert "press Live Points and click on it" in availability(state).prompt.hint


def test_the_hint_says_what_is_missing(state):
    state.task.armed = False
    assert "SAM3 points" in availability(state).prompt.hint
    state.task.prompt_layer = False
    assert "removed" in availability(state).prompt.hint and "Live Points" in availability(state).prompt.hint
    in_task(state, Task.IMAGE, PromptKind.LABELS)
    assert "Create Prompt Layer" in availability(state).prompt.hint


def test_what_a_run_would_use_and_leave_out_is_said_before_it(state):
    assert availability(state).prompt.uses == ""
    state.task.usable, state.task.in_use = 2, "2 points"
    assert availability(state).prompt.uses == "In use: 2 points."
    state.task.left_out = "1 point on other slices left out."
    assert availability(state).prompt.uses == "In use: 2 points. 1 point on other slices left out."
    state.task.usable, state.task.in_use = 0, ""
    assert availability(state).prompt.uses == "No prompt in use on this plane. 1 point on other slices left out."


@pytest.mark.parametrize(
    "there", [{"usable": 1}, {"in_use": "0 examples, 1 counter-example"}, {"left_out": "1 point outside left out."}]
)
def test_prompts_of_any_sort_can_be_reset(state, there):
    assert not availability(state).prompt.reset.enabled
    for name, value in there.items():
        setattr(state.task, name, value)
    assert availability(state).prompt.reset.enabled


# -- objects ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "first", "selected", "reading", "line"),
    [
        (0, 1, None, (0, 1), "Next click: a new object"),
        (3, 1, None, (0, 1), "Next click: a new object (3 so far)"),
        (12, 1, 3, (0, 1), "Object 3 of 12"),
        (12, 1, 3, (1, 3), "Object 3 of 12, reading 2 of 3"),
        (2, 7, 8, (0, 1), "Object 8 (2 of 2)"),
        (2, 1, 3, (0, 1), "Object 3: no mask yet"),
    ],
)
def test_the_line_of_the_objects_says_which_one_the_next_click_is_about(state, count, first, selected, reading, line):
    state.results.objects, state.results.selected = objects(count, first=first), selected
    state.results.reading = reading

    assert availability(state).objects.text == line


def test_after_new_object_the_line_says_that_the_next_click_begins_one_anywhere(state):
    state.results.objects, state.task.begun = objects(3), True

    can = availability(state).objects

    assert can.text == "Next click anywhere: a new object (3 so far)" and not can.begin.enabled
    state.results.selected = 2
    assert availability(state).objects.begin.enabled


def test_where_no_click_makes_an_object_the_line_counts_them(state):
    in_task(state, Task.EXEMPLAR)
    assert availability(state).objects.text == "No objects yet"
    state.results.objects = objects(1)
    assert availability(state).objects.text == "1 object, none selected"


@pytest.mark.parametrize(
    ("count", "selected", "walk", "delete"),
    [
        (0, None, False, False),
        (1, None, True, False),
        (1, 1, False, True),
        (2, 1, True, True),
        (1, 2, True, True),
    ],
)
def test_one_walks_where_there_is_another_object_and_deletes_the_selected_one(state, count, selected, walk, delete):
    state.results.objects, state.results.selected = objects(count), selected

    can = availability(state).objects

    assert can.previous.enabled == can.next.enabled == walk
    assert can.delete.enabled == delete


def test_an_object_can_be_begun_once_there_is_anything(state):
    assert not availability(state).objects.begin.enabled
    state.task.usable = 1
    assert availability(state).objects.begin.enabled
    in_task(state, Task.IMAGE, PromptKind.BOX)
    assert not availability(state).objects.begin.enabled, "each box is an object anyway"
    state.results.objects = objects(1)
    assert availability(state).objects.begin.enabled


def test_other_readings_are_offered_of_the_selected_object_only(state):
    state.results.objects, state.results.reading = objects(1), (0, 3)
    assert not availability(state).objects.reading.enabled
    state.results.selected = 1
    assert availability(state).objects.reading.enabled
    state.results.reading = (0, 1)
    assert not availability(state).objects.reading.enabled


def test_undo_and_redo_say_what_they_would_do(state):
    state.results.undo = "Add point"

    can = availability(state).objects

    assert can.undo.enabled and "Add point" in can.undo.tip
    assert not can.redo.enabled and "nothing" in can.redo.tip


# -- runs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "prompt", "first"),
    [
        (Task.LIVE_POINTS, PromptKind.BOX, "Click a point"),
        (Task.IMAGE, PromptKind.POINTS, "Click a point"),
        (Task.IMAGE, PromptKind.BOX, "Draw a box"),
        (Task.IMAGE, PromptKind.LABELS, "Paint"),
        (Task.EXEMPLAR, PromptKind.POINTS, "Draw a box round an example"),
    ],
)
def test_run_waits_for_prompts_and_says_so(state, task, prompt, first):
    in_task(state, task, prompt)
    assert not availability(state).run.run.enabled and first in availability(state).run.run.tip
    state.task.usable = 2
    assert availability(state).run.run.enabled and first not in availability(state).run.run.tip


@pytest.mark.parametrize("phase", [Phase.LOADING, Phase.RUNNING, Phase.CANCELLING])
def test_while_something_runs_it_can_be_cancelled_once(state, phase):
    state.task.usable, state.run.phase = 1, phase

    can = availability(state).run

    assert can.busy and not can.run.enabled
    assert can.cancel.enabled == (phase is not Phase.CANCELLING)


def test_a_failure_is_a_problem_with_its_hint(state):
    state.run.phase, state.run.message, state.run.hint = Phase.FAILED, "It failed.", "Do this."

    assert availability(state).run.problem and availability(state).run.status == "It failed. Do this."


def test_a_preview_and_a_list_of_results_can_be_cleared(state):
    state.results.objects = objects(2)
    state.results.rows = rows(2)

    assert availability(state).run.clear_preview.enabled and availability(state).run.clear_results.enabled


def test_the_table_counts_its_rows_and_goes_out_only_where_there_are_some(state):
    empty = availability(state).table
    state.results.objects = objects(2)
    cleared = availability(state).table
    state.results.rows, state.results.table = rows(2000), True
    full = availability(state).table

    assert (empty.title, full.title) == ("Table", "Table (2,000)") and not empty.shown and full.shown
    assert empty.empty == "No objects yet." and cleared.empty.startswith("Cleared.")
    assert not empty.copy.enabled and not empty.export.enabled and "2,000 rows" in full.export.tip
    assert full.copy.enabled and full.export.enabled


# -- results ---------------------------------------------------------------------------------------


def test_a_mask_can_be_saved_and_accepted_and_is_described(state):
    state.results.objects, state.results.selected = objects(1), 1
    state.results.current = result(np.ones((3, 4), bool))

    can = availability(state).results

    assert can.save.enabled and can.accept_clear.enabled and can.accept_only.enabled
    assert can.text == "Latest labels: 1 object.\nObject 1: 12 px, score 0.88 (Built-in)."


def test_several_objects_are_counted_and_the_selected_one_described(state):
    state.results.objects = objects(3)
    assert availability(state).results.text == "Latest labels: 3 objects."
    state.results.selected = 2
    assert availability(state).results.text == "Latest labels: 3 objects.\nObject 2: 12 px, score 0.88."
    assert "all 3 objects" in availability(state).results.accept_clear.tip


def test_an_empty_answer_is_called_so_and_cannot_be_saved(state):
    state.results.current, state.results.selected = result(np.zeros((3, 4), bool)), 1

    can = availability(state).results

    assert can.text == "No object found here." and not can.save.enabled and not can.accept_clear.enabled


def test_accepted_objects_are_counted_and_the_last_can_be_taken_back(state):
    state.results.accepted, state.results.kept = 4, 3

    can = availability(state).results

    assert can.undo_accept.enabled and can.text == "No preview result yet. Accepted: 3 objects."


def test_objects_accepted_on_other_pictures_are_not_counted(state):
    state.results.accepted = 4

    assert availability(state).results.text == "No preview result yet."


@pytest.mark.parametrize("advanced", [False, True])
def test_prompts_of_a_users_layer_are_named_in_both_modes_and_a_button_leads_back(state, advanced):
    state.task.advanced, state.task.task = advanced, Task.LIVE_POINTS
    assert not availability(state).prompt.layer

    state.task.prompts_from, state.task.in_use, state.task.usable = "mine", "2 points", 2

    can = availability(state).prompt
    assert can.uses == "From your layer mine. In use: 2 points." and can.layer


@pytest.mark.parametrize(
    ("task", "kind", "on"),
    [
        (Task.IMAGE, PromptKind.POINTS, {"kind", "next_point", "words"}),
        (Task.IMAGE, PromptKind.TEXT, {"kind", "words"}),
        (Task.IMAGE, PromptKind.BOX, {"kind", "words"}),
        (Task.TEXT, PromptKind.POINTS, {"words"}),
        (Task.EXEMPLAR, PromptKind.POINTS, {"next_box"}),
        (Task.LIVE_POINTS, PromptKind.BOX, {"next_point"}),
    ],
)
def test_step_3_enables_what_is_of_use_and_says_of_the_rest_what_to_choose(state, task, kind, on):
    state.task.task, state.task.prompt = task, kind

    can = availability(state).guide

    for name in ("kind", "next_point", "next_box", "words"):
        action = getattr(can, name)
        assert action.enabled == (name in on), name
        assert action.enabled or action.tip.startswith("Choose the task")


def test_what_is_accepted_already_can_be_cleared_but_not_accepted_again(state):
    state.results.objects = objects(1).replace(1, status="accepted")

    can = availability(state).results

    assert can.accept_clear.enabled and not can.accept_only.enabled and "already" in can.accept_only.tip


def test_accepted_labels_can_be_saved_where_nothing_else_is(state):
    assert not availability(state).results.save.enabled
    state.results.kept = 2
    assert availability(state).results.save == Action(True, "Write the accepted labels to a file.")


def test_while_a_mask_is_saved_it_is_not_saved_again(state):
    state.results.objects, state.output.saving = objects(1), True

    assert not availability(state).results.save.enabled


def test_what_is_in_the_preview_can_be_saved_and_cleaned_and_accepted_labels_only_saved(state):
    state.results.kept = 1
    can = availability(state).results
    assert can.save.enabled and not can.save_clean.enabled and not can.save_labels.enabled

    state.results.objects = objects(2)
    can = availability(state).results
    assert can.save_clean.enabled and can.save_labels.enabled and "SAM3 saved labels" in can.save_labels.tip


def test_unloading_after_saving_is_offered_where_there_is_a_model(state):
    assert not availability(state).results.unload
    state.model.in_use = "sam3"
    assert availability(state).results.unload


def test_a_saved_file_is_named_and_its_folder_opens(state):
    assert not availability(state).results.open_folder.enabled
    state.output.saved = Path("/a/cells_mask_01.tif")

    can = availability(state).results

    assert can.open_folder.enabled and "cells_mask_01.tif" in can.text


def test_accepted_objects_of_large_planes_are_edited_by_a_button_and_an_entry(state):
    assert not availability(state).results.edit_text and "" not in entries_of(state, None)

    for edit, title in zip(list(EditAccepted)[1:], ("Edit Accepted", "Edit Here", "Done Editing"), strict=True):
        state.results.edit = edit
        calls = Calls()
        entries_of(state, None)[title].verb(calls)
        assert availability(state).results.edit_text == title and calls.calls == [("editing.press", (), {})]


# -- the menu in the canvas ------------------------------------------------------------------------


def entries_of(state, id):
    return {entry.title: entry for group in canvas_menu(state, id) for entry in group}


def test_the_menu_on_an_object_is_about_that_object_alone(state):
    state.results.objects, state.results.selected = objects(3), 1
    found, calls = entries_of(state, 2), Calls()

    for title in ("Accept + Clear", "Accept Only", "Delete Object"):
        assert found[title].enabled and found[title].text == f"{title} (object 2)"
        found[title].verb(calls)

    assert calls.calls == [
        ("accepting.accept", (), {"clear": True, "ids": (2,)}),
        ("accepting.accept", (), {"clear": False, "ids": (2,)}),
        ("board.delete_object", (2,), {}),
    ]


def test_the_menu_beside_the_objects_is_about_all_and_the_selected_one(state):
    state.results.objects, state.results.selected = objects(3), 1
    found, calls = entries_of(state, None), Calls()

    assert found["Accept + Clear"].text == "Accept + Clear (all 3 objects)"
    assert found["Delete Object"].text == "Delete Object (object 1)"
    for title in ("Accept + Clear", "New Object", "Clear Prompt", "Undo Last Accept"):
        found[title].verb(calls)

    assert calls.calls == [
        ("accepting.accept", (), {"clear": True, "ids": None}),
        ("board.begin_object", (), {}),
        ("clearing.prompts_here", (), {}),
        ("accepting.undo_last", (), {}),
    ]


def test_the_menu_offers_only_what_can_be_done(state):
    assert not [entry for entry in entries_of(state, None).values() if entry.enabled]
    assert not entries_of(state, 5)["Accept + Clear"].enabled, "an object that has gone meanwhile"
    state.results.objects = objects(2).replace(1, status="accepted")
    assert not entries_of(state, 1)["Accept Only"].enabled and entries_of(state, 1)["Accept + Clear"].enabled
    assert entries_of(state, None)["Accept Only"].enabled


# -- channels --------------------------------------------------------------------------------------


def test_channels_are_shown_where_there_are_several_and_where_an_axis_was_told(state):
    assert not availability(state).channels.row
    state.task.channels = ("0 DAPI", "1 GFP")
    can = availability(state).channels
    assert can.row and not can.axis and can.names == ("0 DAPI", "1 GFP")

    state.task.channels, state.task.channel_axis = (), 7  # one that does not fit

    assert availability(state).channels.row and availability(state).channels.axis


def test_a_channel_axis_can_be_told_where_there_may_be_one_and_nothing_tells_it(state):
    state.task.deep = True
    assert availability(state).channels.row and availability(state).channels.axis
    state.task.channels = ("0", "1")
    assert availability(state).channels.row and not availability(state).channels.axis
    state.task.channels, state.task.color = (), True
    assert not availability(state).channels.row


def test_contrast_limits_say_what_the_engine_sees_and_what_pressing_does(state):
    assert "limits are those of the whole image." in availability(state).channels.limits.tip
    state.results.current = result(np.ones((2, 2), bool))
    assert "(0 as black and 1 as white)" in availability(state).channels.limits.tip

    state.task.limits, state.task.limits_old = "3 as black and 9 as white", True

    can = availability(state).channels
    assert can.taken and can.old and "still sees 3 as black" in can.limits.tip
    state.task.color = True
    assert not availability(state).channels.limits.enabled


@pytest.mark.parametrize(
    ("places", "title"),
    [
        ([("a", 1), ("a", 2), ("a", 7)], "All slices (3)"),
        ([("a", 1), ("b", 1)], "All pictures (2)"),
        ([("a", 1), ("a", 2), ("b", 1)], "All previews (3)"),
        ([("a", 1)], ""),
    ],
)
def test_all_previews_can_be_saved_where_there_are_others_than_that_on_screen(state, places, title):
    state.results.objects = objects(1)
    state.results.previews = tuple((image, Plane(1, 2, ((0, at),))) for image, at in places)

    assert availability(state).results.everywhere == title


def test_a_preview_on_another_slice_can_be_saved_where_all_are(state):
    state.results.previews = (("a", Plane(1, 2, ((0, 1),))),)
    can = availability(state).results
    assert can.everywhere == "All slices (1)" and not can.save.enabled

    state.output.everywhere = True

    can = availability(state).results
    assert can.save.enabled and can.save_clean.enabled and can.save_labels.enabled


def test_saving_of_several_files_is_counted_and_can_be_stopped(state):
    state.output.saving, state.output.step, state.output.progress = True, "Saving 3 of 12.", 2 / 12
    state.output.several = True

    run = availability(state).run

    assert run.busy and run.background == "Saving 3 of 12." and run.progress == 2 / 12 and run.cancel.enabled


def test_saving_one_file_moves_the_bar_and_cannot_be_stopped(state):
    state.output.saving, state.output.step = True, "Saving..."

    run = availability(state).run

    assert run.busy and run.progress is None and run.background == "Saving..." and not run.cancel.enabled
    assert not availability(state).results.save.enabled


# -- batches ---------------------------------------------------------------------------------------


def test_many_pictures_and_phrases_are_of_advanced_alone(state):
    state.task.batch, state.task.phrase_lines, state.task.text = True, "red\n# none\nRed\ngreen, blue", "cell"
    state.task.task = Task.TEXT

    assert not state.task.batches and not state.task.in_steps and [one.text for one in state.task.phrases] == ["cell"]
    state.task.advanced = True
    assert state.task.batches and [one.text for one in state.task.phrases] == ["cell", "red", "green, blue"]
    state.task.task = Task.LIVE_POINTS
    assert not state.task.batches and not availability(state).batch.images.enabled


def test_while_a_batch_runs_it_can_be_cancelled_and_no_other_is_begun(state):
    state.task.usable, state.run.batch, state.run.batch_progress = 1, "Batch: 2 of 4, a / red", 0.25

    can = availability(state).run

    assert can.cancel.enabled and not can.run.enabled and can.busy and can.progress == 0.25
    assert can.background == "Batch: 2 of 4, a / red" and "Wait for the batch" in can.run.tip


def test_each_phrase_of_a_batch_is_a_file(state):
    state.results.objects, state.results.more_here, state.results.more_files = objects(3), 1, 3
    state.results.previews = (("i", Plane(0, 1)), ("j", Plane(0, 1)))

    assert "the masks of 2 results to a file each" in availability(state).results.save.tip
    state.output.everywhere = True
    assert "the masks of 5 results to a file each" in availability(state).results.save.tip
