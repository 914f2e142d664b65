"""What mouse and keys do on the canvas of Mask Operations: tools, menu, lasso, and one order of undo."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import zarr
from qtpy.QtCore import Qt

from napari_sam3_assistant.masks.scopes import Reach
from tests.widgets.mask_canvas import MaskHand

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
Z = Qt.Key.Key_Z


def cells() -> np.ndarray:
    """Return four squares of labels 1, 2, 7 and 7 on 80 x 80 pixels."""
    labels = np.zeros((80, 80), np.uint8)
    labels[10:25, 10:25], labels[10:25, 50:65], labels[50:65, 10:25], labels[50:65, 50:65] = 1, 2, 7, 7
    return labels


@pytest.fixture
def open_hand(make_napari_viewer_proxy):
    """Return a function that shows labels in a viewer, with Mask Operations docked."""

    def open_hand(data=None, **options) -> tuple[MaskHand, object]:
        viewer = make_napari_viewer_proxy(show=True)
        layer = viewer.add_labels(cells() if data is None else data, name="cells", **options)
        return MaskHand(viewer), layer

    return open_hand


def bound(layer) -> tuple[set[str], int]:
    """Return what is bound on a layer itself: its keys, and how many callbacks of ours follow the mouse."""
    ours = [one for one in layer.mouse_drag_callbacks if one.__module__.startswith("napari_sam3_assistant")]
    return {str(key) for key in layer.keymap}, len(ours)


def test_strokes_and_edits_are_taken_back_in_the_order_they_were_made(open_hand):
    hand, layer = open_hand()
    layer.mode, layer.brush_size, layer.selected_label = "paint", 4, 3
    hand.stroke(layer, [(40, 20), (40, 30), (40, 40)])
    painted = layer.data.copy()
    hand.masks.cleanup.state.minimum_size = 200
    hand.masks.cleanup.remove_small()
    hand.done()
    hand.stroke(layer, [(70, 20), (70, 40)])
    final = layer.data.copy()
    assert (painted == 3).any() and not (layer.data == 3)[40].any()

    assert hand.key(Z, CTRL) == "Undid last Mask Cleanup edit on cells. It was: Painting."
    assert hand.key(Z, CTRL) == "Undid last Mask Cleanup edit on cells. It was: Remove Small Objects."
    np.testing.assert_array_equal(layer.data, painted)
    hand.key(Z, CTRL)
    np.testing.assert_array_equal(layer.data, cells())
    assert hand.key(Z, CTRL) == "No Mask Cleanup undo history for cells."
    for _ in range(3):
        hand.key(Z, CTRL | SHIFT)

    np.testing.assert_array_equal(layer.data, final)


def test_a_layer_keeps_its_strokes_while_another_is_the_target_and_a_deleted_one_leaves_none(open_hand):
    hand, layer = open_hand()
    layer.mode = "paint"
    hand.stroke(layer, [(40, 20), (40, 40)])
    other = hand.viewer.add_labels(cells(), name="other")
    hand.masks.choose(str(other.unique_id))

    hand.viewer.layers.selection.active = layer
    hand.stroke(layer, [(70, 20), (70, 40)])
    hand.key(Z, CTRL)
    hand.key(Z, CTRL)

    np.testing.assert_array_equal(layer.data, cells())
    hand.viewer.layers.remove(layer)
    assert not hand.masks.desk.edited.knows(str(layer.unique_id))
    assert bound(layer) == (set(), 0)
    hand.viewer.add_labels(cells(), name="cells")
    assert hand.masks.state.undo is None


def test_a_layer_made_wider_keeps_what_can_be_undone_and_one_with_other_pixels_does_not(open_hand):
    hand, layer = open_hand()
    layer.mode = "paint"
    hand.stroke(layer, [(40, 20), (40, 40)])

    layer.data = layer.data.astype(np.uint16)
    assert hand.masks.state.undo == "Painting"
    hand.key(Z, CTRL)
    np.testing.assert_array_equal(layer.data, cells())
    layer.data = np.ones((80, 80), np.uint32)

    assert (hand.masks.state.undo, hand.masks.state.redo) == (None, None)


def test_keys_of_a_layer_that_has_an_undo_of_its_own_stay_its_own(open_hand):
    hand, _ = open_hand()
    pressed = []
    other = hand.viewer.add_labels(cells(), name="other")
    other.bind_key("Control-Z", lambda _layer: pressed.append(1))

    hand.masks.choose(str(other.unique_id))
    hand.key(Z, CTRL)
    hand.masks.choose(None)
    hand.key(Z, CTRL)

    assert pressed == [1, 1]


def test_right_click_delete_takes_the_object_under_the_pointer(open_hand):
    hand, layer = open_hand()
    layer.mode = "paint"
    hand.row.checks["right_click_delete"].click()
    assert hand.done() == "Right-click delete armed for 'cells'."
    assert layer.mode == "pick"

    assert hand.click(layer, 57, 57, "right") == "Removed label value 7 from 'cells' (225 pixel(s))."
    assert (layer.data[57, 57], layer.data[57, 15]) == (0, 7)
    assert hand.click(layer, 40, 40, "right") == "Right-clicked background; no label removed."
    hand.row.checks["right_click_delete"].click()

    assert layer.mode == "paint"
    hand.masks.undo()
    hand.done()
    np.testing.assert_array_equal(layer.data, cells())


def test_a_right_click_opens_the_menu_and_its_entries_do_what_they_say(open_hand):
    hand, layer = open_hand()
    hand.viewer.layers.selection.active = layer
    hand.masks.cleanup.state.assignment = 9

    def titles(menu):
        return [one.text() for one in menu.actions() if not one.isSeparator()]

    def press(title):
        hand.click(layer, 57, 57, "right")
        assert hand.row.menu.isVisible()
        found = next(one for one in hand.row.menu.actions() if one.text() == title)
        found.trigger()
        hand.row.menu.close()
        return hand.done()

    hand.click(layer, 40, 40, "right")
    assert not hand.row.menu.isVisible()
    press("Select table row only")
    assert titles(hand.row.menu) == [
        "Relabel clicked value 7 to 9",
        "Delete clicked value 7",
        "Keep value 7 only",
        "Select value row only",
        "Assign indexed component to 9",
        "Assign clicked object to",
        "Delete indexed component",
        "Select table row only",
    ]
    assert [one.component.box for one in hand.tools.state.selected] == [((50, 65), (50, 65))]
    press("Select value row only")
    assert (hand.masks.cleanup.state.page, hand.masks.cleanup.values.state.selected) == ("Values", (7,))
    assert press("Keep value 7 only") == "Kept value 7 only in cells. 450 pixel(s) changed."
    hand.masks.undo()
    assert press("Relabel clicked value 7 to 9") == "Relabeled value 7 to 9 in cells. 450 pixel(s) changed."
    hand.masks.undo()
    assert press("Delete clicked value 7") == "Deleted value 7 from cells. 450 pixel(s) changed."
    hand.masks.undo()
    press("Assign indexed component to 9")
    assert (layer.data[57, 57], layer.data[57, 15]) == (9, 7)
    hand.masks.undo()
    hand.click(layer, 57, 57, "right")
    below = next(one.menu() for one in hand.row.menu.actions() if one.text() == "Assign clicked object to")
    assert titles(below) == ["1", "2", "3", "4", "5", "6"]
    below.actions()[3].trigger()
    hand.row.menu.close()
    assert layer.data[57, 57] == 4
    hand.masks.undo()
    press("Delete indexed component")
    assert (layer.data[57, 57], layer.data[57, 15]) == (0, 7)


def test_assign_tools_give_a_click_and_a_number_key_their_value(open_hand):
    hand, layer = open_hand()
    before = bound(layer)
    hand.masks.cleanup.state.assignment = 12
    hand.row.checks["assign"].click()

    assert hand.click(layer, 15, 15) == "Assigned value 12 to an object of 'cells' (225 pixel(s))."
    hand.move(layer, 15, 55)
    hand.key(Qt.Key.Key_5)
    assert (layer.data[15, 15], layer.data[15, 55]) == (12, 5)
    assert hand.click(layer, 40, 40) == "There is no object under the pointer; nothing was assigned."
    hand.masks.cleanup.state.assignment = 300
    assert hand.click(layer, 15, 15).endswith("Its values are uint16 now.")
    assert (layer.data.dtype, layer.data[15, 15], layer.data[57, 57]) == (np.uint16, 300, 7)
    hand.row.checks["assign"].click()

    assert bound(layer) == before
    assert layer.mode == "pan_zoom"
    hand.key(Qt.Key.Key_2)
    assert layer.mode == "paint"  # napari's own again


def test_the_tools_work_in_a_zarr_array_and_say_where_they_cannot(open_hand):
    hand, layer = open_hand(zarr.array(cells(), chunks=(32, 32)))
    hand.row.checks["right_click_delete"].click()
    assert hand.click(layer, 57, 57, "right") == "Removed label value 7 from 'cells' (225 pixel(s))."
    hand.masks.undo()
    hand.done()
    np.testing.assert_array_equal(layer.data[:], cells())
    hand.row.checks["lasso"].click()
    hand.stroke(layer, [(5, 5), (5, 70), (40, 70), (40, 5)])
    assert hand.masks.state.message == "2 object(s) of 'cells' lie inside."
    hand.row.checks["lasso"].click()

    layer.data = da.from_array(cells())
    said = "cells is not in memory and cannot be cleaned."
    assert hand.click(layer, 57, 57, "right").startswith(said)
    hand.row.checks["assign"].click()
    assert hand.click(layer, 57, 57).startswith(said)


def test_in_a_view_of_three_axes_the_tools_say_that_they_need_slices(open_hand):
    hand, layer = open_hand(np.stack([cells()] * 2))
    hand.row.checks["assign"].click()
    hand.viewer.dims.ndisplay = 3
    hand.done()

    assert hand.click(layer, 57, 57) == "Objects cannot be pointed at in 3-D. Turn to the view of slices first."


def test_a_click_selects_the_object_in_pan_mode_and_paints_in_paint_mode(open_hand):
    hand, layer = open_hand()
    hand.viewer.layers.selection.active = layer
    hand.masks.cleanup.analyze()
    hand.done()

    hand.click(layer, 15, 55)
    assert [one.component.label for one in hand.tools.state.selected] == [2]
    assert [one.label for one in hand.masks.cleanup.state.selected] == [2]
    hand.click(layer, 40, 40)
    assert (hand.tools.state.selected, hand.masks.cleanup.state.selected) == ((), ())
    layer.mode = "paint"
    hand.click(layer, 57, 57)

    assert hand.tools.state.selected == ()


def test_a_line_drawn_round_objects_selects_them_and_delete_deletes_them(open_hand):
    hand, layer = open_hand()
    hand.row.checks["lasso"].click()
    line = [(5, 5), (5, 58), (40, 58), (70, 20), (70, 5), (20, 5)]

    hand.stroke(layer, line, release=False)
    assert hand.row.line.isVisible()
    hand.key(Qt.Key.Key_Escape)
    assert not hand.row.line.isVisible()
    hand.stroke(layer, line[-1:])  # let go
    assert hand.tools.state.lasso
    assert hand.tools.state.selected == ()
    hand.stroke(layer, line)

    assert hand.masks.state.message == "3 object(s) of 'cells' lie inside."
    assert not hand.row.line.isVisible()
    assert hand.key(Qt.Key.Key_Delete) == "Deleted 3 object(s) from 'cells'. 675 pixel(s) changed."
    assert set(np.unique(layer.data)) == {0, 7}
    hand.key(Qt.Key.Key_Escape)

    assert not hand.row.checks["lasso"].isChecked()
    hand.key(Z, CTRL)
    np.testing.assert_array_equal(layer.data, cells())


def test_a_line_that_comes_back_to_where_it_began_is_a_line_and_no_click(open_hand):
    hand, layer = open_hand()
    hand.row.checks["lasso"].click()

    hand.stroke(layer, [(5, 45), (5, 70), (30, 70), (30, 45), (5, 45)])

    assert [one.component.label for one in hand.tools.state.selected] == [2]


def test_in_a_stack_only_the_slice_in_scope_is_touched(open_hand):
    hand, layer = open_hand(np.stack([cells()] * 3), scale=(2.0, 0.5, 0.5))
    hand.viewer.dims.set_current_step(0, 1)
    hand.masks.cleanup.scope.reach = Reach.SLICE
    hand.tools.state.right_click_delete = True

    hand.click(layer, 15, 15, "right")
    hand.masks.cleanup.scope.reach = Reach.WHOLE
    hand.click(layer, 57, 57, "right")

    assert layer.data[:, 15, 15].tolist() == [1, 0, 1]
    assert layer.data[:, 57, 57].tolist() == [0, 0, 0]


def test_nothing_stays_bound_when_the_target_changes_or_the_dock_closes(open_hand):
    hand, layer = open_hand()
    other = hand.viewer.add_labels(cells(), name="other")
    free = bound(other)
    for one in hand.row.checks.values():
        one.click()

    hand.masks.choose(str(other.unique_id))
    assert bound(layer) == free
    assert layer.mode == "pan_zoom"
    assert bound(other) != free
    hand.widget.close()

    assert bound(other) == free
    assert other.mode == "pan_zoom"
    other.events.paint(value=[])
