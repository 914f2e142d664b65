"""How far an operation reaches, in a real viewer: stacks, series of stacks, turned axes, drawn regions."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.layers.scopes import region_of, scope_of, slices_of
from napari_sam3_assistant.masks.scopes import Reach


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


def bounds(scope) -> list[tuple[int, int]]:
    return [(part.start, part.stop) for part in scope.slices]


def test_the_slice_the_range_and_the_whole_of_a_stack_and_of_a_series_of_stacks(viewer):
    layer = viewer.add_labels(np.zeros((3, 7, 8, 9), int), scale=(1, 2, 0.5, 0.5), translate=(0, 100, 0, 0))
    stack = viewer.add_labels(np.zeros((7, 8, 9), int), scale=(2, 0.5, 0.5), translate=(100, 0, 0))
    viewer.dims.set_point(0, 2)
    viewer.dims.set_point(1, 108)

    assert bounds(scope_of(viewer, layer, Reach.SLICE)) == [(2, 3), (4, 5), (0, 8), (0, 9)]
    assert bounds(scope_of(viewer, layer, Reach.RANGE, 1, 3)) == [(2, 3), (1, 4), (0, 8), (0, 9)]
    assert bounds(scope_of(viewer, layer)) == [(0, 3), (0, 7), (0, 8), (0, 9)]
    assert bounds(scope_of(viewer, stack, Reach.SLICE)) == [(4, 5), (0, 8), (0, 9)]
    assert bounds(scope_of(viewer, stack, Reach.RANGE, 9, 5)) == [(5, 7), (0, 8), (0, 9)]
    assert (slices_of(viewer, layer), slices_of(viewer, stack), slices_of(viewer, None)) == (7, 7, 0)


def test_a_volume_on_screen_keeps_the_slice_it_had_and_turned_axes_are_followed(viewer):
    layer = viewer.add_labels(np.zeros((5, 6, 7), int))
    viewer.dims.set_point(0, 3)
    viewer.dims.ndisplay = 3
    assert bounds(scope_of(viewer, layer, Reach.SLICE)) == [(3, 4), (0, 6), (0, 7)]

    viewer.dims.ndisplay = 2
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_point(1, 4)

    assert bounds(scope_of(viewer, layer, Reach.SLICE)) == [(0, 5), (4, 5), (0, 7)]
    assert slices_of(viewer, layer) == 6


def test_a_plane_has_no_slices_and_is_taken_whole(viewer):
    viewer.add_image(np.zeros((4, 5, 6)))
    layer = viewer.add_labels(np.zeros((5, 6), int))

    assert slices_of(viewer, layer) == 0
    assert bounds(scope_of(viewer, layer, Reach.SLICE)) == [(0, 5), (0, 6)]


def test_beside_the_layer_it_is_said_what_to_do(viewer):
    viewer.add_image(np.zeros((20, 5, 6)))
    layer = viewer.add_labels(np.zeros((4, 5, 6), int), name="cells")
    viewer.dims.set_point(0, 15)

    with pytest.raises(PromptError, match=r"cells is not seen here: its axis 0 goes from 0 to 3, and the slider .* 15"):
        scope_of(viewer, layer, Reach.SLICE)
    with pytest.raises(PromptError, match="cells has slices 0 to 3; the range begins at 4"):
        scope_of(viewer, layer, Reach.RANGE, 4, 9)


def test_shapes_cover_the_pixels_of_a_scaled_layer(viewer):
    layer = viewer.add_labels(np.zeros((3, 40, 60), int), scale=(1, 0.5, 0.5), translate=(0, 10, 0))
    shapes = viewer.add_shapes(
        [[[11, 1], [11, 3], [13, 3], [13, 1]], [[9, 0], [9, 2], [10.9, 2], [10.9, 0]]], name="roi"
    )
    shapes.add(np.array([[11.0, 20.0], [14.0, 20.0], [14.0, 24.0]]), shape_type="polygon")

    region = region_of(viewer, shapes, layer)

    covered = np.zeros((40, 60), bool)
    row, col = region.offset
    covered[row : row + region.mask.shape[0], col : col + region.mask.shape[1]] = region.mask
    expected = np.zeros((40, 60), bool)
    expected[2:6, 2:6] = True
    expected[0:2, 0:4] = True
    np.testing.assert_array_equal(covered[:, :20], expected[:, :20])
    assert 15 < covered[:, 30:].sum() < 30


@pytest.mark.parametrize(
    ("data", "kind", "why"),
    [
        ([], "rectangle", "There is no shape in roi"),
        ([[[1, 1], [5, 5]]], "line", "No shape in roi encloses any pixels of cells"),
        ([[[90, 90], [90, 95], [95, 95], [95, 90]]], "rectangle", "The shapes in roi lie beside cells"),
    ],
)
def test_shapes_that_cover_nothing_are_said(viewer, data, kind, why):
    layer = viewer.add_labels(np.zeros((40, 60), int), name="cells")
    shapes = viewer.add_shapes(data or None, shape_type=kind, name="roi", ndim=2)

    with pytest.raises(PromptError, match=why):
        region_of(viewer, shapes, layer)
