"""The tab Object Review: layers and objects gone through, with buttons and with keys on the canvas."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QSpinBox

from napari_sam3_assistant.app.masking.review import REVIEW
from napari_sam3_assistant.app.masking.review_keys import REVIEW_KEYS
from napari_sam3_assistant.app.masking.review_state import OBJECTS
from napari_sam3_assistant.layers.marks import ACCEPTED, NEEDS_EDIT, REJECTED, UNREVIEWED
from napari_sam3_assistant.layers.thirds import USUAL_CANVAS_PX
from napari_sam3_assistant.layers.world import camera_of
from tests.widgets.mask_canvas import MaskHand
from tests.widgets.test_masks_canvas import cells, open_hand  # noqa: F401

SHIFT = Qt.KeyboardModifier.ShiftModifier
K, Q, J, W = Qt.Key.Key_K, Qt.Key.Key_Q, Qt.Key.Key_J, Qt.Key.Key_W


@pytest.fixture
def review(open_hand):  # noqa: F811
    """Return a function that opens the tab on layers."""

    def review(data=None, **options):
        hand, layer = open_hand(data, **options)
        hand.widget.pages.buttons[REVIEW].click()
        hand.done()
        return hand, layer, hand.widget.review

    return review


@pytest.fixture
def objects(review):
    """Return a function that opens the tab on the objects of a layer."""

    def objects(data=None, **options):
        hand, layer, tab = review(data, **options)
        tab.kind.setCurrentText(OBJECTS)
        tab.kind.activated.emit(tab.kind.currentIndex())
        hand.done()
        return hand, layer, tab

    return objects


def shown(tab) -> list[list[str]]:
    model = tab.table.model()
    return [
        [model.data(model.index(row, column)) for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


def column(tab, name: str) -> list[str]:
    titles = [one.title for one in tab.table.model().columns]
    return [row[titles.index(name)] for row in shown(tab)]


def press(hand: MaskHand, button) -> str:
    assert button.isEnabled(), button.toolTip()
    button.click()
    return hand.done()


def pick(hand: MaskHand, box: QComboBox, text: str) -> None:
    box.setCurrentText(text)
    box.activated.emit(box.currentIndex())
    hand.done()


def select(hand: MaskHand, tab, *rows: int) -> None:
    tab.table.clearSelection()
    mode = tab.table.selectionModel().SelectionFlag
    for row in rows:
        tab.table.selectionModel().select(tab.table.model().index(row, 0), mode.Select | mode.Rows)
    hand.pump(2)


def test_layers_are_listed_with_their_pixels_and_marked(review):
    hand, layer, tab = review(metadata={"sam3_role": "accepted_object", "class_name": "axon", "class_value": 4})
    merged = hand.viewer.add_labels(cells(), name="all", metadata={"sam3_role": "final_training_mask"})
    hand.done()

    assert shown(tab) == [["cells", "Accepted", "axon", "4", "900", "2D", "80 x 80", "accepted_object"]]
    assert tab.summary.text() == "Review summary: accepted=1, needs_edit=0, rejected=0, unreviewed=1"
    tab.include.click()
    hand.pump(2)
    assert column(tab, "Layer") == ["cells", "all"]
    select(hand, tab, 0)
    for button, status, role in (
        (tab.unreview, "unreviewed", "review_object"),
        (tab.needs_edit, "needs_edit", "review_object"),
        (tab.accept, "accepted", "accepted_object"),
        (tab.reject, "rejected", "rejected_object"),
    ):
        press(hand, button)
        assert (layer.metadata["review_status"], layer.metadata["sam3_role"]) == (status, role)
    assert not layer.visible
    press(hand, tab.show_all)
    assert layer.visible
    press(hand, tab.hide_rejected)
    assert (layer.visible, merged.visible) == (False, True)
    tab.auto_hide.click()
    assert layer.visible
    select(hand, tab, 1)
    press(hand, tab.only)
    assert (layer.visible, merged.visible) == (False, True)
    tab.class_name.setText("cell")
    tab.class_value.setValue(7)
    press(hand, tab.assign)
    assert (merged.metadata["class_name"], merged.metadata["class_value"]) == ("cell", 7)
    assert column(tab, "Value") == ["4", "7"]
    press(hand, tab.delete_layer)

    assert [one.name for one in hand.viewer.layers] == ["cells"]


def test_filters_leave_out_what_is_not_asked_for(review):
    hand, _, tab = review()
    for name, status, of in (("a", "accepted", "axon"), ("b", "rejected", "Myelin"), ("c", "needs_edit", "axon")):
        hand.viewer.add_labels(cells(), name=name, metadata={"review_status": status, "class_name": of})
    hand.done()
    press(hand, tab.refresh)

    found = {}
    for text in ("All statuses", "Unreviewed", "Accepted", "Needs edit", "Rejected"):
        pick(hand, tab.status, text)
        found[text] = column(tab, "Layer")
    pick(hand, tab.status, "All statuses")
    tab.class_filter.setText("mye")
    hand.pump(2)
    assert column(tab, "Layer") == ["b"]
    tab.class_filter.setText("")
    tab.text_filter.setText("axon")
    hand.pump(2)

    assert column(tab, "Layer") == ["a", "c"]
    assert found == {
        "All statuses": ["cells", "a", "b", "c"],
        "Unreviewed": ["cells"],
        "Accepted": ["a"],
        "Needs edit": ["c"],
        "Rejected": ["b"],
    }


def test_a_double_click_shows_a_layer(review):
    hand, layer, tab = review()
    layer.visible = False
    hand.viewer.add_labels(cells(), name="other", translate=(500, 500))
    hand.done()

    tab.table.doubleClicked.emit(tab.table.model().index(0, 0))

    assert layer.visible
    assert hand.viewer.layers.selection.active == layer
    np.testing.assert_allclose(camera_of(hand.viewer).center[-2:], (39.5, 39.5))


def test_objects_are_reviewed_with_keys_on_the_canvas_each_a_third_of_the_view(objects):
    hand, layer, tab = objects()
    assert shown(tab)[2] == ["cells", "Unreviewed", "", "7", "450", "2D", "15 x 55", "object"]
    press(hand, tab.next)
    assert hand.viewer.layers.selection.active == layer
    np.testing.assert_allclose(camera_of(hand.viewer).center[-2:], (17, 17))
    tells = getattr(hand.viewer, "canvas", None) is not None  # napari 0.7 does not tell how large the canvas is
    side = min(hand.canvas.height(), hand.canvas.width()) if tells else USUAL_CANVAS_PX
    assert 15 * camera_of(hand.viewer).zoom == pytest.approx(side / 3, abs=2)
    assert layer.selected_label == 1

    hand.key(K)
    assert (tab.table.selected(), layer.selected_label) == (("2",), 2)
    hand.key(J)
    hand.key(Q)
    assert hand.masks.state.message == "All rows are reviewed."
    assert column(tab, "Status") == ["Accepted", "Needs edit", "Rejected"]
    assert layer.features["index"].tolist() == [1, 2, 7]
    assert layer.features["review_status"].tolist() == [ACCEPTED, NEEDS_EDIT, REJECTED]
    hand.key(W, SHIFT)
    assert tab.table.selected() == ("2",)
    hand.key(J)  # the same again takes it back, and stays
    assert (tab.table.selected(), layer.features["review_status"][1]) == (("2",), UNREVIEWED)
    hand.key(W, SHIFT)
    hand.key(W)

    assert tab.table.selected() == ("2",)
    assert tab.summary.text() == "Review summary: accepted=1, needs_edit=0, rejected=1, unreviewed=1"
    tab.go_on.click()
    hand.key(K)
    assert tab.table.selected() == ("2",)


def test_rejected_objects_are_hidden_and_deleted_in_one_edit_that_can_be_undone(objects):
    hand, layer, tab = objects()
    color, former = layer.get_color(2), layer.colormap
    select(hand, tab, 0, 2)

    press(hand, tab.reject)
    assert (layer.get_color(1)[3], layer.get_color(7)[3]) == (0, 0)
    np.testing.assert_allclose(layer.get_color(2), color, atol=1e-6)
    assert press(hand, tab.delete_rejected) == "Deleted 2 rejected object(s) from cells. 675 pixel(s) changed."
    assert column(tab, "Value") == ["2"]
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    np.testing.assert_array_equal(layer.data, cells())
    assert column(tab, "Status") == ["Rejected", "Unreviewed", "Rejected"]
    press(hand, tab.show_all)
    assert layer.colormap == former
    select(hand, tab, 1)
    press(hand, tab.only)
    assert layer.get_color(1)[3] == 0
    hand.widget.close()
    assert layer.colormap == former


@pytest.mark.parametrize("high", [70_000, 2**31])
def test_objects_of_high_values_are_rejected_and_deleted_though_they_cannot_be_hidden(objects, high):
    data = cells().astype(np.uint64)
    data[data == 7] = high
    hand, layer, tab = objects(data.copy())
    former = layer.colormap
    select(hand, tab, 2)

    press(hand, tab.reject)
    assert column(tab, "Status") == ["Unreviewed", "Unreviewed", "Rejected"]
    assert press(hand, tab.hide_rejected).startswith("cells has label values above 65,536: its objects cannot")
    assert layer.colormap == former
    assert press(hand, tab.delete_rejected) == "Deleted 1 rejected object(s) from cells. 450 pixel(s) changed."
    assert not (layer.data == high).any()
    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    np.testing.assert_array_equal(layer.data, data)


def test_a_value_that_the_table_of_features_cannot_hold_is_said(objects):
    data = cells().astype(np.uint64)
    data[data == 7] = 2**63 + 5
    hand, _, tab = objects(data)
    select(hand, tab, 2)

    assert press(hand, tab.accept).startswith("cells has label values that its table of features cannot hold.")

    assert column(tab, "Status") == ["Unreviewed"] * 3
    select(hand, tab, 0)
    hand.key(K)
    assert column(tab, "Status") == ["Accepted", "Unreviewed", "Unreviewed"]


def test_an_edit_that_napari_cannot_draw_is_not_left_in_the_layer_without_an_undo(objects, monkeypatch):
    hand, layer, tab = objects()
    select(hand, tab, 1)
    press(hand, tab.reject)
    whole = Labels.data_setitem

    def broken(layer, indices, value, refresh=True):
        whole(layer, indices, value, refresh)
        raise RuntimeError("no colour for this")

    monkeypatch.setattr(Labels, "data_setitem", broken)

    assert "The layer is unchanged." in press(hand, tab.delete_rejected)
    np.testing.assert_array_equal(layer.data, cells())


def test_rows_follow_painting_and_edits(objects):
    hand, layer, tab = objects()
    hand.viewer.layers.selection.active = layer
    layer.mode, layer.selected_label, layer.brush_size = "fill", 30, 3

    hand.click(layer, 15, 15)

    assert column(tab, "Value") == ["2", "7", "30"]
    assert column(tab, "Pixels/Voxels") == ["225", "450", "225"]
    hand.masks.undo()
    hand.done()
    assert column(tab, "Value") == ["1", "2", "7"]


def test_strokes_are_followed_in_the_layer_that_is_reviewed_whatever_was_cleaned_before(review):
    hand, layer, tab = review()
    hand.masks.choose(str(hand.viewer.add_labels(cells(), name="other").unique_id))
    hand.masks.review.choose(OBJECTS, str(layer.unique_id))
    hand.done()
    hand.viewer.layers["other"].visible = False
    hand.viewer.layers.selection.active = layer
    layer.mode, layer.selected_label, layer.brush_size = "paint", 1, 4

    hand.stroke(layer, [(40, 20), (40, 40)])
    area = int((layer.data == 1).sum())
    assert area > 225
    assert column(tab, "Pixels/Voxels")[0] == str(area)
    select(hand, tab, 0)
    press(hand, tab.reject)
    press(hand, tab.delete_rejected)
    assert not (layer.data == 1).any()
    for _ in range(2):
        hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)

    np.testing.assert_array_equal(layer.data, cells())
    assert column(tab, "Pixels/Voxels") == ["225", "225", "450"]


def test_rows_follow_a_layer_that_gets_other_pixels_or_another_name(objects):
    hand, layer, tab = objects()

    layer.data = np.where(cells() == 2, 0, cells()).astype(np.uint16)
    hand.pump(2)
    hand.done()
    assert column(tab, "Value") == ["1", "7"]
    layer.name = "nuclei"
    hand.pump(2)
    hand.done()

    assert column(tab, "Layer") == ["nuclei", "nuclei"]


def test_keys_work_in_the_dock_but_not_while_one_types_and_not_on_other_tabs(objects):
    hand, layer, tab = objects()
    hand.widget.window().activateWindow()
    select(hand, tab, 0)
    tab.table.setFocus()
    QTest.keyClick(tab.table, K)
    hand.done()
    assert layer.features["review_status"][0] == ACCEPTED
    tab.text_filter.setFocus()
    QTest.keyClick(tab.text_filter, K)
    assert tab.text_filter.text() == "k"
    tab.text_filter.clear()
    bound = {str(key) for key in layer.keymap}
    assert {"K", "Q", "J", "W", "Shift+W"} <= bound

    hand.widget.pages.buttons["Mask Cleanup"].click()

    assert not {"K", "Q", "J", "W", "Shift+W"} & {str(key) for key in layer.keymap}


def test_keys_that_the_layer_had_come_back(objects):
    hand, layer, tab = objects()
    other = hand.viewer.add_labels(cells(), name="other")
    pressed = []
    other.bind_key("K", lambda _layer: pressed.append(1))
    hand.done()

    pick(hand, tab.layer, "other")
    hand.key(K)
    assert pressed == []
    hand.widget.close()
    hand.key(K)

    assert pressed == [1]
    assert not {str(key) for key in layer.keymap}


def test_no_key_of_the_review_is_one_of_naparis_in_a_labels_layer(open_hand):  # noqa: F811
    taken = {str(key) for key in Labels.class_keymap}

    assert taken >= {"P", "Ctrl+Z"}
    assert not taken & {key.keys.replace("-", "+") for key in REVIEW_KEYS}


def test_in_a_stack_the_sliders_go_to_the_object(objects):
    data = np.zeros((9, 60, 60), np.uint16)
    data[1:4, 5:15, 5:15], data[6, 40:50, 40:50] = 1, 500
    hand, _, tab = objects(data, scale=(2, 1, 1))

    hand.masks.review.walk(1)
    first = hand.viewer.dims.current_step[0]
    hand.key(K)

    assert (first, hand.viewer.dims.current_step[0]) == (2, 6)
    assert column(tab, "Shape") == ["3 x 10 x 10", "1 x 10 x 10"]


def test_sixty_objects_are_reviewed_without_leaving_the_canvas(objects):
    data = np.zeros((200, 200), np.uint16)
    for k in range(60):
        row, col = divmod(k, 8)
        data[row * 24 + 4 : row * 24 + 20, col * 24 + 4 : col * 24 + 20] = k + 1
    hand, layer, tab = objects(data)
    hand.masks.review.walk(1)

    for k in range(60):
        QTest.keyClick(hand.canvas, (K, Q, J)[k % 3])

    hand.done()
    last = tab.table.visualRect(tab.table.model().index(59, 1))
    assert tab.table.viewport().rect().intersects(last)  # the table has followed
    assert tab.summary.text() == "Review summary: accepted=20, needs_edit=20, rejected=20, unreviewed=0"
    assert layer.features["review_status"].tolist() == [(ACCEPTED, REJECTED, NEEDS_EDIT)[k % 3] for k in range(60)]
    assert hand.masks.state.message == "All rows are reviewed."


def test_what_is_chosen_while_something_runs_is_counted_when_that_is_done(review):
    hand, layer, tab = review()
    hand.masks.cleanup.analyze()
    assert hand.masks.state.busy

    hand.masks.review.choose(OBJECTS, str(layer.unique_id))
    hand.done()
    hand.done()

    assert column(tab, "Value") == ["1", "2", "7"]


def test_the_reviewed_layer_goes_and_the_tab_lists_layers_again(objects):
    hand, layer, tab = objects()

    hand.viewer.layers.remove(layer)
    hand.done()

    assert tab.kind.currentText() == "Layers"
    assert tab.table.hint.text().startswith("There is no Labels layer.")
    assert not any(one.isEnabled() for one in (tab.accept, tab.next, tab.assign, tab.delete_layer))


def test_every_control_has_a_tip_and_a_name_and_fits_a_narrow_dock(review):
    hand, _, tab = review()

    controls = tab.findChildren((QAbstractButton, QComboBox, QLineEdit, QSpinBox)[0])
    for kind in (QComboBox, QSpinBox):
        controls += tab.findChildren(kind)

    named = [one for one in controls if getattr(one, "text", lambda: "x")()]
    assert not [one for one in named if not one.toolTip()]
    assert tab.minimumSizeHint().width() <= 360
    assert hand.widget.minimumSizeHint().width() <= 360


def test_accepted_objects_of_a_large_plane_are_reviewed_too(review, monkeypatch):
    from napari_sam3_assistant.core.geometry import PlacedMask
    from napari_sam3_assistant.core.planes import Plane
    from napari_sam3_assistant.layers import accepted
    from napari_sam3_assistant.layers.images import Sources

    monkeypatch.setattr(accepted, "MOST_SIDE", 60)
    hand, _, tab = review()
    image = hand.viewer.add_image(np.zeros((80, 80), np.uint8))
    objects = [PlacedMask(np.ones((10, 12), bool), (top, top)) for top in (5, 40)]
    accepted.accept(hand.viewer, image, Sources().of(image), Plane(0, 1), objects)
    layer = accepted.accepted_layer(hand.viewer, image)
    assert layer.multiscale

    hand.masks.review.choose(OBJECTS, str(layer.unique_id))
    hand.done()
    press(hand, tab.next)
    hand.key(K)
    hand.key(Q)

    assert column(tab, "Status") == ["Accepted", "Rejected"]
    assert column(tab, "Pixels/Voxels") == ["120", "120"]
    press(hand, tab.hide_rejected)
    assert layer.get_color(2)[3] == 0
    assert "multiscale" in press(hand, tab.delete_rejected)
