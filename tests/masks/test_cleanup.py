import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.masks.cleanup import delete_components, fill_holes, remove_small
from napari_sam3_assistant.masks.components import analyze
from tests.masks.arrays import TYPES, cell_with_nucleus, label_arrays, slow_components, slow_filled, written

CROSSED_RINGS = np.array(
    [
        [1, 1, 1, 1, 1, 0, 0],
        [1, 0, 0, 0, 1, 2, 2],
        [1, 0, 0, 0, 2, 1, 2],
        [1, 0, 0, 2, 0, 1, 2],
        [1, 1, 2, 0, 0, 1, 2],
        [0, 2, 1, 1, 1, 1, 2],
        [0, 2, 2, 2, 2, 2, 2],
    ],
    np.uint8,
)
SMALLEST_RING = np.array([[1, 1, 1, 1], [1, 0, 2, 1], [1, 1, 1, 1]], np.uint8)
RING_IN_A_RING = np.pad(np.pad(SMALLEST_RING + (SMALLEST_RING > 0), 1), 1, constant_values=1)


def shell(dims):
    """Return a shell (1) that holds together by corners only, a core (2), and background between the two."""
    away = np.abs(np.indices((5,) * dims) - 2).sum(axis=0)
    return np.select([away == 2, away == 0], [1, 2]).astype(np.uint8)


@settings(max_examples=200, deadline=None)
@given(labels=label_arrays(), size=st.integers(0, 8))
def test_exactly_the_components_below_the_size_are_removed(labels, size):
    after = written(labels, remove_small(labels, size))

    expected = labels.copy()
    for _, component in slow_components(labels):
        if len(component) < size:
            expected[tuple(np.transpose(list(component)))] = 0
    np.testing.assert_array_equal(after, expected)


@settings(max_examples=400, deadline=None)
@given(labels=label_arrays(), size=st.integers(0, 4))
@example(CROSSED_RINGS, 0)
@example(SMALLEST_RING, 0)
@example(RING_IN_A_RING, 0)
@example(shell(2), 0)
@example(shell(3), 0)
@example(np.stack([shell(3), shell(3).T]), 0)
@example(cell_with_nucleus(), 0)
@example(cell_with_nucleus()[None], 0)
@example(np.pad(cell_with_nucleus()[None], ((1, 1), (0, 0), (0, 0))), 0)
def test_holes_are_filled_as_filling_each_label_by_itself_would(labels, size):
    before = labels.copy()

    after = written(labels, fill_holes(labels, size))

    np.testing.assert_array_equal(after, slow_filled(labels, size))
    np.testing.assert_array_equal(labels, before)


@settings(max_examples=100, deadline=None)
@given(labels=label_arrays(max_dims=3))
def test_filling_never_writes_over_a_label_and_is_done_at_once(labels):
    after = written(labels, fill_holes(labels))

    np.testing.assert_array_equal(after[labels != 0], labels[labels != 0])
    assert fill_holes(after) is None


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), dims=st.integers(2, 3))
def test_filling_one_label_equals_what_scipy_fills(seed, dims):
    side = 24 if dims == 2 else 8
    noise = np.random.default_rng(seed).standard_normal((side,) * dims)
    mask = ndi.gaussian_filter(noise, 1.2) > -0.05

    np.testing.assert_array_equal(written(mask, fill_holes(mask)), ndi.binary_fill_holes(mask))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 6))
def test_smooth_neighbours_are_filled_as_each_by_itself(seed, count):
    rng = np.random.default_rng(seed)
    fields = ndi.gaussian_filter(rng.standard_normal((count + 1, 22, 22)), (0, 1.3, 1.3))
    labels = fields.argmax(axis=0).astype(np.uint16)

    np.testing.assert_array_equal(written(labels, fill_holes(labels)), slow_filled(labels))


def test_a_nucleus_in_a_cell_stays_and_what_lies_between_becomes_cell():
    labels = cell_with_nucleus()

    after = written(labels, fill_holes(labels))

    assert (after[4:9, 4:9] == 2).all()
    assert (after[3, 3:10] == 1).all()
    assert not after[0].any()


def test_ground_that_two_labels_enclose_only_together_stays():
    labels = np.array([[1, 1, 2], [1, 0, 2], [1, 2, 2]], np.uint8)

    assert fill_holes(labels) is None


def test_of_two_labels_around_a_hole_the_inner_one_gets_it():
    after = written(RING_IN_A_RING, fill_holes(RING_IN_A_RING))

    assert after[3, 3] == 2
    assert (after[1, 1:-1] == 1).all()


@pytest.mark.parametrize("dims", [2, 3])
def test_a_shell_that_holds_together_by_corners_is_closed(dims):
    after = written(shell(dims), fill_holes(shell(dims)))

    np.testing.assert_array_equal(after == 0, np.abs(np.indices((5,) * dims) - 2).sum(axis=0) > 2)


def test_a_gap_between_two_nuclei_inside_a_cell_becomes_cell():
    labels = np.full((7, 7), 9, np.uint8)
    labels[2:5, 2:5] = [[1, 1, 2], [1, 0, 2], [1, 2, 2]]

    assert written(labels, fill_holes(labels))[3, 3] == 9


def test_a_bay_at_the_border_of_the_image_is_no_hole():
    labels = np.ones((5, 5), np.uint8)
    labels[0, 2] = 0
    labels[4, 4] = 0

    assert fill_holes(labels) is None


def test_holes_beyond_the_size_stay():
    labels = np.ones((5, 12), np.uint8)
    labels[2, 2:4] = 0
    labels[2, 6:9] = 0

    after = written(labels, fill_holes(labels, 2))

    assert after[2, 2:4].all()
    assert not after[2, 6:9].any()


def test_each_plane_of_a_volume_of_one_plane_is_a_plane():
    labels = cell_with_nucleus()

    volume = written(labels[None], fill_holes(labels[None]))

    np.testing.assert_array_equal(volume[0], written(labels, fill_holes(labels)))


def test_a_ring_in_one_plane_of_a_volume_is_open():
    labels = np.zeros((3, 5, 5), np.uint8)
    labels[1, 1:4, 1:4] = 1
    labels[1, 2, 2] = 0

    assert fill_holes(labels) is None


@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_is_tidied(dtype):
    top = 1 if dtype == "bool" else int(np.iinfo(dtype).max)
    labels = np.zeros((9, 9), dtype)
    labels[1:6, 1:6] = top
    labels[3, 3] = 0
    labels[7, 7] = 1

    filled = written(labels, fill_holes(labels))
    tidy = written(filled, remove_small(filled, 2))

    assert tidy[3, 3] == top
    assert tidy[7, 7] == 0
    assert tidy.dtype == dtype


@pytest.mark.parametrize("shape", [(0, 0), (4, 0), (0, 3, 3), (5, 5), (1, 1)])
def test_nothing_to_tidy_is_no_edit(shape):
    empty = np.zeros(shape, np.uint16)

    assert remove_small(empty, 5) is None
    assert fill_holes(empty) is None
    assert delete_components(empty, ()) is None


def test_an_array_full_of_one_label_needs_no_filling_and_goes_when_small():
    full = np.ones((3, 4), np.uint8)

    assert fill_holes(full) is None
    assert remove_small(full, 12) is None
    assert not written(full, remove_small(full, 13)).any()


def test_a_line_of_pixels_is_filled_too():
    np.testing.assert_array_equal(
        written(np.array([0, 1, 0, 1, 0]), fill_holes(np.array([0, 1, 0, 1, 0]))), [0, 1, 1, 1, 0]
    )


def test_a_negative_size_of_holes_is_refused():
    with pytest.raises(PromptError):
        fill_holes(np.ones((3, 3), int), -1)


@settings(max_examples=100, deadline=None)
@given(labels=label_arrays(), picks=st.sets(st.integers(0, 30)))
def test_exactly_the_chosen_components_are_deleted(labels, picks):
    found = analyze(labels)
    chosen = [found[pick] for pick in sorted(picks) if pick < len(found)]

    after = written(labels, delete_components(labels, chosen))

    kept = {(one.label, one.start) for one in found if one not in chosen}
    assert {(one.label, one.start) for one in analyze(after)} == kept
    np.testing.assert_array_equal(after[after != 0], labels[after != 0])


def test_deleting_from_an_array_that_has_changed_changes_nothing():
    labels = np.zeros((6, 6), np.uint8)
    labels[1:3, 1:3] = 1
    found = analyze(labels)
    labels[1, 1] = 0

    with pytest.raises(PromptError, match="changed"):
        delete_components(labels, found)


def test_an_edit_is_as_small_as_what_it_changes():
    labels = np.zeros((4000, 4000), np.uint8)
    labels[100:110, 200:220] = 1
    labels[105, 210] = 0

    edit = fill_holes(labels)

    assert edit.slices == (slice(105, 106), slice(210, 211))


def many_cells(side, count):
    """Return ``count`` touching discs of a plane, each with a hole, on a grid."""
    line = int(np.ceil(count**0.5))
    pitch = side // line
    rows, cols = np.mgrid[:pitch, :pitch] - pitch / 2
    disc = (np.hypot(rows, cols) < pitch * 0.56) & (np.hypot(rows, cols - 2) > 1.5)
    number = np.arange(line * line).reshape(line, line) + 1
    number[number > count] = 0
    return np.kron(number, disc).astype(np.uint16)


@pytest.mark.parametrize(("side", "count"), [(256, 64), (1024, 500)])
def test_many_labels_are_filled(side, count):
    labels = many_cells(side, count)

    edit = fill_holes(labels)

    assert len(np.unique(edit.after[edit.before == 0])) >= count
