import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks.cleanup import fill_holes, remove_small
from napari_sam3_assistant.masks.edits import edit_of
from napari_sam3_assistant.masks.history import History
from tests.masks.arrays import TYPES


def paint(labels, history, rows, cols, value, key="layer", title=""):
    """Paint a rectangle, as a user would, and record it."""
    edit = edit_of(labels, (rows, cols), np.full_like(labels[rows, cols], value))
    if edit is not None:
        history.record(key, edit, title)
        edit.write(labels)


@settings(max_examples=100, deadline=None)
@given(
    dtype=st.sampled_from(TYPES),
    strokes=st.lists(st.tuples(*[st.integers(0, 7)] * 2, st.integers(0, 1)), min_size=1, max_size=8),
    walk=st.lists(st.booleans(), max_size=20),
)
def test_any_way_back_and_forth_shows_the_array_of_that_time(dtype, strokes, walk):
    labels, history = np.zeros((10, 10), dtype), History()
    states = [labels.copy()]
    for row, col, value in strokes:
        before = labels.copy()
        paint(labels, history, slice(row, row + 3), slice(col, col + 3), value)
        if (labels != before).any():
            states.append(labels.copy())

    at = len(states) - 1
    for back in walk:
        edit = history.undo("layer", labels) if back else history.redo("layer", labels)
        reached = at + (-1 if back else 1)
        assert (edit is not None) == (0 <= reached < len(states))
        if edit is not None:
            edit.write(labels)
            at = reached
        np.testing.assert_array_equal(labels, states[at])


def test_a_new_edit_ends_what_could_be_redone():
    labels, history = np.zeros((4, 4), np.uint8), History()
    paint(labels, history, slice(0, 1), slice(0, 1), 1)
    history.undo("layer", labels).write(labels)

    paint(labels, history, slice(2, 3), slice(2, 3), 2)

    assert history.redo("layer", labels) is None
    history.undo("layer", labels).write(labels)
    assert not labels.any()
    assert history.undo("layer", labels) is None


def test_layers_do_not_know_each_others_edits():
    first, second, history = np.zeros((4, 4), int), np.zeros((4, 4), int), History()
    paint(first, history, slice(0, 2), slice(0, 2), 1, key="first")
    paint(second, history, slice(2, 4), slice(2, 4), 2, key="second")

    history.undo("first", first).write(first)

    assert not first.any()
    assert second.any()
    assert history.undo("third", first) is None
    assert history.redo("third", first) is None


def test_a_forgotten_layer_has_nothing_to_undo_and_takes_no_room():
    labels, history = np.zeros((4, 4), int), History()
    paint(labels, history, slice(0, 2), slice(0, 2), 1)

    history.forget("layer")
    history.forget("never seen")

    assert history.undo("layer", labels) is None
    assert history.nbytes == 0


@pytest.mark.parametrize(
    "other", [np.zeros((5, 4), np.uint8), np.zeros((4, 4), np.int8), np.zeros((1, 4, 4), np.uint8)]
)
def test_a_block_never_lands_in_another_array(other):
    labels, history = np.zeros((4, 4), np.uint8), History()
    paint(labels, history, slice(0, 2), slice(0, 2), 1)

    with pytest.raises(PromptError) as caught:
        history.undo("layer", other)

    assert caught.value.hint
    assert not other.any()
    assert history.undo("layer", labels) is not None


def test_an_edit_is_not_written_into_another_array():
    labels = np.zeros((4, 4), np.uint8)
    edit = edit_of(labels, (slice(0, 2), slice(0, 2)), np.ones((2, 2), np.uint8))

    with pytest.raises(PromptError):
        edit.write(np.zeros((8, 8), np.uint8))


def test_what_happened_to_the_array_meanwhile_stays():
    labels, history = np.zeros((6, 6), np.uint8), History()
    labels[1:5, 1:5] = 1
    labels[2:4, 2:4] = 0
    edit = fill_holes(labels)
    history.record("layer", edit)
    edit.write(labels)
    labels[0, 0] = labels[1, 1] = 7

    history.undo("layer", labels).write(labels)

    assert labels[0, 0] == labels[1, 1] == 7
    assert not labels[2:4, 2:4].any()


def test_an_edit_turned_round_takes_itself_back():
    labels = np.zeros((4, 4), np.uint8)
    edit = edit_of(labels, (slice(0, 3), slice(0, 3)), np.ones((3, 3), np.uint8))

    edit.write(labels)
    edit.inverse().write(labels)

    assert not labels.any()


def test_titles_tell_what_undo_and_redo_would_do():
    labels, history = np.zeros((4, 4), int), History()
    assert history.undo_title("layer") is None
    paint(labels, history, slice(0, 1), slice(0, 1), 1, title="first")
    paint(labels, history, slice(1, 2), slice(0, 1), 1, title="second")

    history.undo("layer", labels).write(labels)

    assert history.undo_title("layer") == "first"
    assert history.redo_title("layer") == "second"


def noise_edit(labels, seed):
    rng = np.random.default_rng(seed)
    whole = tuple(slice(0, length) for length in labels.shape)
    return edit_of(labels, whole, rng.integers(0, 2**16, labels.shape, dtype=np.uint16))


def test_the_oldest_edits_go_when_there_is_no_more_room():
    labels, history = np.zeros((64, 64), np.uint16), History(limit=60_000)
    states = []
    for seed in range(8):
        states.append(labels.copy())
        edit = noise_edit(labels, seed)
        assert history.record("layer", edit)
        edit.write(labels)

    assert history.nbytes <= 60_000
    undone = 0
    while (edit := history.undo("layer", labels)) is not None:
        edit.write(labels)
        undone += 1
        np.testing.assert_array_equal(labels, states[-undone])
    assert 0 < undone < 8


def test_room_is_shared_by_all_layers_and_the_oldest_edit_of_any_goes_first():
    labels, history = np.zeros((64, 64), np.uint16), History(limit=30_000)
    history.record("old", noise_edit(labels, 0))
    history.record("young", noise_edit(labels, 1))
    history.undo("young", labels)

    history.record("new", noise_edit(labels, 2))
    history.record("newer", noise_edit(labels, 3))

    assert history.undo("old", labels) is None
    assert history.undo("newer", labels) is not None
    assert history.nbytes <= 30_000


def test_an_edit_that_is_larger_than_all_room_says_so_and_leaves_other_layers_alone():
    small, large, history = (
        np.zeros((4, 4), np.uint16),
        np.zeros((128, 128), np.uint16),
        History(limit=10_000),
    )
    paint(small, history, slice(0, 2), slice(0, 2), 1, key="small")
    paint(large, history, slice(0, 2), slice(0, 2), 1, key="large")

    kept = history.record("large", noise_edit(large, 0))

    assert not kept
    assert history.undo("large", large) is None
    assert history.undo("small", small) is not None


def test_undo_of_a_few_pixels_takes_a_few_bytes():
    labels, history = np.zeros((4000, 4000), np.uint32), History()
    labels[10, 10] = labels[3990, 3990] = 1

    history.record("layer", remove_small(labels, 5))

    assert history.nbytes < 20_000


def test_taking_an_edit_back_leaves_what_was_painted_over_since():
    labels = np.array([[1, 1, 0, 2]], np.uint8)
    history = History()
    edit = edit_of(labels, (slice(0, 1), slice(0, 4)), np.zeros((1, 4), np.uint8))
    history.record("layer", edit)
    edit.write(labels)

    labels[0, 0] = 7
    undone = history.undo("layer", labels)
    undone.write(labels)
    assert labels.tolist() == [[7, 1, 0, 2]]
    labels[0, 1] = 9
    history.redo("layer", labels).write(labels)

    assert labels.tolist() == [[7, 9, 0, 0]]


def test_edits_fit_the_same_labels_in_a_wider_type():
    labels, history = np.zeros((6, 6), np.uint8), History()
    paint(labels, history, slice(0, 3), slice(0, 3), 200)
    wide = labels.astype(np.uint16)
    paint(wide, history, slice(2, 5), slice(2, 5), 60_000)

    for _ in range(2):
        history.undo("layer", wide).write(wide)
    assert not wide.any()
    for _ in range(2):
        history.redo("layer", wide).write(wide)

    assert (wide[0, 0], wide[4, 4]) == (200, 60_000)


def test_a_whole_plane_takes_little_room():
    rows, cols = np.mgrid[:1000, :1000]
    labels = ((rows // 40) * 25 + cols // 40 + 1).astype(np.uint16) * ((rows % 40 > 3) & (cols % 40 > 3))
    history = History()

    history.record("layer", edit_of(labels, (slice(0, 1000), slice(0, 1000)), (labels > 0).astype(np.uint16)))

    assert history.nbytes < 2**21 / 16  # 2 MB of a plane of 4,000 pixels a side


def test_room_that_was_taken_comes_back_when_edits_go():
    labels, history = np.zeros((64, 64), np.uint16), History()
    for seed in range(3):
        history.record("layer", noise_edit(labels, seed))
    held = history.nbytes
    history.undo("layer", labels)
    history.undo("layer", labels)

    history.record("layer", noise_edit(labels, 9))

    assert 0 < history.nbytes < held
    history.forget("layer")
    assert history.nbytes == 0
