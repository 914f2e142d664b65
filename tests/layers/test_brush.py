"""What napari tells of painting, made an edit: with each of its ways to paint, and on a slice of a volume."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_sam3_assistant.layers.brush import painted_edit, watch_paint


@pytest.fixture
def strokes():
    """Return a function that lists the edits of what is painted in a layer."""

    def strokes(layer):
        found = []
        watch_paint(layer, lambda layer, value: found.append(painted_edit(layer.data, value)))
        return found

    return strokes


def paint_thrice(layer):
    with layer.block_history():
        layer.paint((10, 10), 3)
        layer.paint((12, 12), 5)
        layer.paint((14, 14), 3)


WAYS = {
    "brush": paint_thrice,
    "one dab": lambda layer: layer.paint((10, 10), 4),
    "eraser": lambda layer: layer.paint((21, 21), 0),
    "bucket": lambda layer: layer.fill((21, 21), 9),
    "bucket on background": lambda layer: layer.fill((0, 0), 9),
    "polygon": lambda layer: layer.paint_polygon([[2, 2], [2, 12], [12, 12]], 6),
    "indices": lambda layer: layer.data_setitem((np.array([1, 5, 20]), np.array([2, 7, 20])), np.array([3, 4, 5])),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_paint_is_the_edit_from_what_was_to_what_is(strokes, way):
    data = np.zeros((40, 40), np.uint16)
    data[20:30, 20:30] = 2
    layer = Labels(data.copy())
    layer.brush_size = 5
    found = strokes(layer)

    WAYS[way](layer)

    (edit,) = found
    after = data.copy()
    np.testing.assert_array_equal(after[edit.slices], edit.before)
    edit.write(after)
    np.testing.assert_array_equal(after, layer.data)
    assert edit.changed == np.count_nonzero(data != layer.data)


def test_a_stroke_in_a_volume_knows_its_slice(strokes):
    layer = Labels(np.zeros((4, 20, 20), np.uint8))
    layer.brush_size = 3
    found = strokes(layer)

    layer.paint((0, 10, 10), 2)

    (edit,) = found
    assert edit.slices[0] == slice(0, 1)
    assert edit.changed == np.count_nonzero(layer.data)


def test_painting_what_is_there_already_is_no_edit():
    assert painted_edit(np.ones((4, 4), np.uint8), []) is None
    same = (np.array([1]), np.array([1])), np.array([1]), 1
    assert painted_edit(np.ones((4, 4), np.uint8), [same]) is None
