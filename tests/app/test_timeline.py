"""Steps back and forth."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napari_sam3_assistant.app.timeline import Timeline


def test_undo_brings_back_what_was_and_redo_what_came_after():
    steps: Timeline[str] = Timeline()
    steps.push("first", "a")
    steps.push("second", "b")

    assert steps.undo_title == "second" and steps.undo("c") == "b"
    assert steps.redo_title == "second" and steps.undo("b") == "a"
    assert steps.redo("a") == "b" and steps.redo("b") == "c"


def test_the_beginning_and_the_end_answer_none():
    steps: Timeline[str] = Timeline()

    assert steps.undo("a") is None and steps.redo("a") is None
    assert steps.undo_title == "" and steps.redo_title == ""


def test_an_action_after_an_undo_forgets_what_was_undone():
    steps: Timeline[str] = Timeline()
    steps.push("first", "a")
    steps.undo("b")
    steps.push("other", "a")

    assert steps.redo("c") is None and steps.undo("c") == "a"


def test_the_oldest_step_is_forgotten_first():
    steps: Timeline[int] = Timeline(most=3)
    for value in range(5):
        steps.push("step", value)

    assert [steps.undo(9), steps.undo(9), steps.undo(9), steps.undo(9)] == [4, 3, 2, None]


@given(st.lists(st.sampled_from(["act", "undo", "redo"]), max_size=60))
def test_any_walk_agrees_with_a_list_of_states(walk):
    steps: Timeline[int] = Timeline()
    states, at, present, fresh = [0], 0, 0, 1
    for move in walk:
        if move == "act":
            steps.push("step", present)
            states, at, present, fresh = [*states[: at + 1], fresh], at + 1, fresh, fresh + 1
        else:
            moved = steps.undo(present) if move == "undo" else steps.redo(present)
            expected = at - 1 if move == "undo" else at + 1
            if 0 <= expected < len(states):
                at = expected
                present = states[at]
                assert moved == present
            else:
                assert moved is None
