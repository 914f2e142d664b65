"""What the task 3D/Video shows and enables, and what a correction means for the objects that were followed: pure."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.app.availability import availability
from napari_sam3_assistant.app.state import AppState, Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.masks.registry import MaskObject
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.tasks.tracks import Tracks, joined


def video(**changes) -> AppState:
    """A stack in the task, with a prompt on screen."""
    state = AppState()
    state.task.task, state.task.image, state.task.usable = Task.VIDEO, "a", 1
    state.video.axis, state.video.frames = "z", 24
    for name, value in changes.items():
        setattr(state.video, name, value)
    return state


def box(top: int, left: int, side: int = 10) -> PlacedMask:
    return PlacedMask(np.ones((side, side), bool), (top, left))


def test_the_run_button_starts_and_says_so_in_both_modes():
    state = video()
    assert availability(state).run.run.enabled
    assert availability(state).run.title == "Start 3D"

    state.task.advanced = True

    assert availability(state).run.title == "Start 3D Propagation"
    assert availability(state).run.go_on_title == "Propagate Existing Session"
    state.task.task = Task.IMAGE
    assert availability(state).run.title == "Run Preview"
    assert not availability(state).run.go_on.enabled


@pytest.mark.parametrize(
    ("changes", "words"), [({"frames": 0}, "one plane"), ({"running": True}, "Cancel"), ({}, "add points or boxes")]
)
def test_a_start_that_is_not_possible_says_why(changes, words):
    state = video(session=True, **changes)
    state.task.usable = 0

    can = availability(state).run

    assert not can.run.enabled
    assert words in can.run.tip
    assert can.go_on.enabled == (not changes)


def test_propagate_needs_a_session_and_cancel_a_run():
    assert not availability(video()).run.go_on.enabled
    assert availability(video(session=True)).run.go_on.enabled
    assert not availability(video()).run.cancel.enabled
    running = availability(video(running=True, progress=0.5, step="Frame 3")).run
    assert running.cancel.enabled
    assert (running.busy, running.progress, running.background) == (True, 0.5, "Frame 3")


def test_a_run_that_goes_on_is_shown_in_other_tasks_too():
    state = video(running=True, progress=0.5)
    state.task.task, state.task.prompt = Task.IMAGE, PromptKind.POINTS

    assert availability(state).run.cancel.enabled
    assert availability(state).run.run.enabled
    state.run.phase = Phase.RUNNING
    assert not availability(state).run.run.enabled


def test_words_are_no_prompt_and_give_way_to_points():
    state = video()
    state.task.prompt = PromptKind.TEXT

    assert state.task.kind is PromptKind.POINTS
    assert not availability(state).video.words.enabled
    state.task.task = Task.IMAGE
    assert state.task.kind is PromptKind.TEXT
    assert availability(state).video.words.enabled


def test_what_was_followed_is_summed_up_and_can_be_saved():
    state = video(done=14, objects=2, session=True)

    can = availability(state).results

    assert can.text == "Latest labels: 2 objects on 14 of 24 frames. Video session ready."
    assert can.save.enabled
    assert can.save_labels.enabled


def test_a_drawn_mask_is_the_object_it_covers_and_else_a_new_one():
    there = {1: box(0, 0), 2: box(20, 20)}
    drawn = [MaskObject(1, box(21, 21)), MaskObject(2, box(40, 40))]

    found = joined(there, drawn, ids={1, 2, 5})

    assert {id: mask.offset for id, mask in found.items()} == {1: (0, 0), 2: (21, 21), 6: (40, 40)}


def test_tracks_replace_what_was_carried_and_keep_the_rest():
    tracks = Tracks("a", Plane(1, 2, ((0, 3),)), 0)
    third, fourth = tracks.plane_at(3), tracks.plane_at(4)
    tracks.put(third, {1: Segmentation(box(0, 0), 1.0), 2: Segmentation(box(20, 20), 0.5)}, ())
    tracks.put(fourth, {1: Segmentation(box(1, 0), 1.0)}, ())

    tracks.put(third, {}, {1})
    gone = tracks.drop({1}, map(tracks.plane_at, range(3, 9)))

    assert gone == [fourth]
    assert tracks.frames == [3]
    assert [item.id for item in tracks.on(3)] == [2]
    assert tracks.frame_of(("a", Plane(1, 2, ((0, 7),)))) == 7
    assert tracks.frame_of(("b", Plane(1, 2, ((0, 7),)))) is None


def test_what_would_keep_a_part_waits_for_the_end_of_a_run():
    state = video(session=True, done=3, objects=1, running=True)

    view = availability(state).results

    for action in (view.accept_only, view.accept_clear, view.save_clean):
        assert not action.enabled and "Cancel" in action.tip
    state.video.running = False
    assert availability(state).results.save_clean.enabled
