import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco
from shapely.geometry import MultiPolygon, Polygon

from napari_sam3_assistant.core.errors import Cancelled
from napari_sam3_assistant.core.filling import fill
from napari_sam3_assistant.core.polygons import trace
from napari_sam3_assistant.core.progress import CancelToken, Watch

few_labels = hnp.arrays(
    st.sampled_from([np.uint8, np.int16, np.uint64]),
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.integers(0, 3),
)


def as_shapely(outline) -> MultiPolygon:
    return MultiPolygon([Polygon(one.outer[:, ::-1], [hole[:, ::-1] for hole in one.holes]) for one in outline.pieces])


@settings(max_examples=150, deadline=None)
@given(labels=few_labels)
def test_outlines_are_valid_polygons_of_as_many_square_pixels_as_the_label_has(labels):
    found = trace(labels)

    assert [one.label for one in found] == [value for value in np.unique(labels).tolist() if value]
    for one in found:
        shape = as_shapely(one)
        assert shape.is_valid
        assert shape.area == one.area == np.count_nonzero(labels == one.label)
        assert all(polygon.exterior.is_ccw for polygon in shape.geoms)
        assert not any(hole.is_ccw for polygon in shape.geoms for hole in polygon.interiors)


@settings(max_examples=150, deadline=None)
@given(labels=few_labels)
def test_outlines_filled_again_are_the_same_pixels(labels):
    back = np.zeros_like(labels)

    for one in trace(labels):
        placed = one.mask()
        top, left = placed.offset
        block = back[top : top + placed.mask.shape[0], left : left + placed.mask.shape[1]]
        block[placed.mask] = one.label

    np.testing.assert_array_equal(back, labels)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
@settings(max_examples=60, deadline=None)
@given(mask=hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_another_library_fills_outlines_and_holes_with_the_same_pixels(mask):
    drawn = np.zeros(mask.shape, bool)

    for one in trace(mask):
        for ring in one.rings:
            (code,) = coco.frPyObjects([ring[:, ::-1].reshape(-1).tolist()], *mask.shape)
            drawn ^= coco.decode(code).astype(bool)

    np.testing.assert_array_equal(drawn, mask)


def test_a_hole_that_touches_its_outline_by_a_corner_is_a_hole():
    ring = np.ones((4, 4), np.uint8)
    ring[1, 1] = ring[0, 0] = 0

    (outline,) = trace(ring)

    (piece,) = outline.pieces
    assert len(piece.holes) == 1
    assert as_shapely(outline).is_valid


def test_pieces_that_touch_by_a_corner_stay_apart():
    (outline,) = trace(np.eye(3, dtype=np.uint8))

    assert len(outline.pieces) == 3
    assert as_shapely(outline).is_valid


def test_an_island_in_a_hole_is_a_piece_of_its_own():
    labels = np.ones((7, 7), np.uint8)
    labels[1:6, 1:6] = 0
    labels[3, 3] = 1

    (outline,) = trace(labels)

    assert sorted(len(piece.holes) for piece in outline.pieces) == [0, 1]
    assert outline.area == np.count_nonzero(labels)


def test_straight_edges_have_corners_at_their_ends_only():
    (outline,) = trace(np.ones((300, 500), bool))

    assert sorted(outline.rings[0].tolist()) == [[0, 0], [0, 500], [300, 0], [300, 500]]
    assert outline.box == (0, 0, 300, 500)


@pytest.mark.parametrize(
    "labels",
    [
        np.zeros((3, 4), np.uint8),
        np.zeros((0, 4), np.uint8),
        -np.ones((3, 3), np.int8),
    ],
)
def test_nothing_has_no_outline(labels):
    assert trace(labels) == ()


def test_views_and_labels_of_64_bits_are_traced_as_seen():
    labels = np.zeros((20, 20), np.uint64)
    labels[2:9, 4:12] = 2**63
    view = labels[::-2, 1::3].T

    (outline,) = trace(view)

    assert outline.label == 2**63
    assert outline.area == np.count_nonzero(view)


def test_tracing_stops_where_that_is_asked_for():
    token = CancelToken()
    token.cancel()

    with pytest.raises(Cancelled):
        trace(np.ones((5, 5), bool), watch=Watch(cancel=token))


def test_polygons_with_slopes_hold_the_pixels_whose_centres_they_hold():
    triangle = np.array([[0.0, 0.0], [0.0, 10.0], [10.0, 0.0]])

    mask = fill([triangle], (0, 0, 10, 10))

    rows, cols = np.mgrid[:10, :10] + 0.5
    np.testing.assert_array_equal(mask, rows + cols < 10)


def test_polygons_that_reach_out_of_the_box_are_cut():
    large = np.array([[-1e8, -1e8], [-1e8, 1e8], [1e8, 1e8], [1e8, -1e8]])

    assert fill([large], (0, 0, 5, 6)).all()
    assert not fill([large + 1e9], (0, 0, 5, 6)).any()
