"""What was decided about layers and objects is written where others read it, beside what they have there."""

import numpy as np
from napari.layers import Labels

from napari_sam3_assistant.layers.marks import (
    ACCEPTED,
    NEEDS_EDIT,
    REJECTED,
    Hidden,
    Mark,
    layer_mark,
    mark_layer,
    mark_objects,
    object_marks,
    role_of,
)


def test_a_layer_has_its_status_role_and_class_at_the_top_of_its_metadata():
    layer = Labels(np.zeros((4, 4), int), name="cell 1", metadata={"own": 1})

    mark_layer(layer, Mark(REJECTED, "myelin", 3))

    assert layer.metadata == {
        "own": 1,
        "review_status": "rejected",
        "sam3_role": "rejected_object",
        "class_name": "myelin",
        "class_value": 3,
        "object_name": "cell 1",
        "instance_kind": "object",
        "created_from": "Mask Review",
    }
    assert layer_mark(layer) == Mark(REJECTED, "myelin", 3)


def test_a_layer_of_the_public_plugin_is_read_by_its_role_and_a_merged_one_keeps_its_own():
    old = Labels(np.zeros((4, 4), int), metadata={"sam3_role": "accepted_object", "class_value": "x"})
    merged = Labels(np.zeros((4, 4), int), metadata={"sam3_role": "class_working_mask", "review_status": "odd"})

    assert (layer_mark(old).status, layer_mark(old).class_value) == (ACCEPTED, 0)
    assert layer_mark(merged).status == "unreviewed"
    mark_layer(merged, Mark(NEEDS_EDIT))

    assert role_of(merged) == "class_working_mask"
    assert layer_mark(merged).status == NEEDS_EDIT


def test_objects_are_marked_in_the_row_of_their_value_and_the_table_keeps_what_it_had():
    layer = Labels(np.array([[0, 2, 7, 9]]))
    layer.features = {"index": [2, 7], "size": [1.5, 2.5], "note": ["a", "b"]}

    mark_objects(layer, {7: Mark(REJECTED), 9: Mark(ACCEPTED, "cell", 4)}, (2, 7, 9))
    mark_objects(layer, {2: Mark(NEEDS_EDIT)}, (2, 7, 9))

    assert object_marks(layer) == {2: Mark(NEEDS_EDIT), 7: Mark(REJECTED), 9: Mark(ACCEPTED, "cell", 4)}
    assert layer.features["size"].tolist()[:2] == [1.5, 2.5]
    assert layer.features["note"].tolist() == ["a", "b", ""]
    assert layer.features["index"].tolist() == [2, 7, 9]


def test_a_table_without_an_index_keeps_its_rows_at_their_values():
    layer = Labels(np.array([[0, 1, 2]]))
    layer.features = {"size": [0, 10, 20]}

    mark_objects(layer, {2: Mark(ACCEPTED)}, (1, 2))

    assert layer.features["index"].tolist() == [0, 1, 2]
    assert layer.features["size"].tolist() == [0, 10, 20]
    assert object_marks(layer)[2] == Mark(ACCEPTED)


def test_hidden_values_are_transparent_the_others_keep_their_colours_and_all_comes_back():
    layer = Labels(np.array([[0, 1, 2, 3]], np.uint16))
    colors = [layer.get_color(value) for value in (1, 2, 3)]
    former = layer.colormap

    hidden = Hidden(layer)
    hidden.hide({3}, (1, 2, 3))
    hidden.hide({2}, (1, 2, 3))

    assert layer.get_color(2)[3] == 0
    np.testing.assert_allclose([layer.get_color(1), layer.get_color(3)], [colors[0], colors[2]], atol=1e-6)
    hidden.show_all()
    assert layer.colormap == former
