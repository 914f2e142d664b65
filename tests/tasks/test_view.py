"""Views: the level that is read, and the way of prompts there and of masks back."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts, Query
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.core.window_rule import WindowRule
from napari_sam3_assistant.core.windows import Window, whole
from napari_sam3_assistant.tasks.find import cut_query
from napari_sam3_assistant.tasks.view import LOCAL, View, view_of

PLANE = Plane(0, 1)


def pyramid(*sides: tuple[int, int]) -> Source:
    return Source("a", tuple(np.broadcast_to(np.uint8(0), side) for side in sides))


LARGE = pyramid((60_000, 60_001), (30_000, 30_001), (15_000, 15_001), (7_500, 7_501), (3_750, 3_751), (1_875, 1_876))


def test_a_window_of_the_usual_size_is_read_at_full_resolution():
    assert view_of(LARGE, PLANE, Window(0, 0, 1024, 1024)).level == 0


def test_the_level_is_the_coarsest_that_is_twice_the_models_input():
    assert view_of(LARGE, PLANE, Window(0, 0, 8192, 8192)).level == 2
    assert view_of(LARGE, PLANE, whole((60_000, 60_001))).level == 4


def test_what_has_no_smaller_copy_is_refused_and_a_window_offered():
    with pytest.raises(ImageError) as refused:
        view_of(pyramid((60_000, 60_000)), PLANE, whole((60_000, 60_000)))

    assert LOCAL in refused.value.hint


def test_with_a_fixed_size_chosen_it_is_not_offered_again():
    with pytest.raises(ImageError) as refused:
        view_of(pyramid((60_000, 60_000)), PLANE, Window(0, 0, 20_000, 20_000), WindowRule(1024))

    assert LOCAL not in refused.value.hint


@pytest.mark.parametrize("shape", [(500, 500), (499, 501), (333, 250)])
@pytest.mark.parametrize("at", [(700, 900), (701, 903)])
def test_a_mask_comes_back_where_its_prompts_went(shape, at):
    source = pyramid((1000, 1001), shape)
    window = Window(*at, at[0] + 90, at[1] + 80)
    view = View(source, PLANE, window, level=1)
    box = Box(at[0] + 20, at[1] + 12, at[0] + 60, at[1] + 52)
    drawn = PlacedMask(np.ones((40, 40), bool), (int(box.top), int(box.left)))
    step = max(source.factors(PLANE, 1))

    seen = view.seen(Prompts((PointPrompt(*box.center),), BoxPrompt(box), MaskPrompt(drawn)))
    (placed,) = view.placed([Segmentation(seen.mask.mask, 1.0)])

    assert view.read().shape == view.read_window.shape
    assert seen.mask.mask.value_at(seen.points[0].row, seen.points[0].col)
    assert seen.box.box.size == pytest.approx(np.divide(box.size, source.factors(PLANE, 1)))
    found = placed.mask.box
    assert (found.top, found.left, found.bottom, found.right) == pytest.approx(
        (box.top, box.left, box.bottom, box.right), abs=step
    )
    assert (placed.mask.within(box)).all()


def test_all_of_what_was_read_is_all_of_the_window():
    view = View(pyramid((1000, 1001), (333, 250)), PLANE, Window(100, 7, 901, 1001), level=1)

    (placed,) = view.placed([Segmentation(PlacedMask(np.ones(view.read_window.shape, bool)), 1.0)])

    assert placed.mask.box == view.window.box


def test_nothing_found_stays_nothing():
    view = View(pyramid((1000, 1000), (500, 500)), PLANE, Window(0, 0, 900, 900), level=1)

    (placed,) = view.placed([Segmentation(PlacedMask(np.zeros((0, 0), bool)), 0.0)])

    assert placed.mask.area == 0


def test_examples_go_to_the_level_too():
    view = View(pyramid((1000, 1000), (250, 250)), PLANE, Window(400, 400, 800, 800), level=1)

    query = cut_query(Query(exemplars=(BoxPrompt(Box(440, 480, 480, 520)),)), view)

    assert query.exemplars[0].box == Box(10, 20, 20, 30)


def test_a_mask_that_would_not_fit_in_memory_is_refused():
    view = view_of(LARGE, PLANE, whole((60_000, 60_001)))

    with pytest.raises(ImageError, match="too large") as refused:
        view.placed([Segmentation(PlacedMask(np.ones((3_750, 3_751), bool)), 1.0)])

    assert LOCAL in refused.value.hint and "window=" in refused.value.hint and "--window" in refused.value.in_shell


def test_a_point_on_a_pixel_of_full_resolution_lies_on_the_pixel_of_the_level_that_shows_it():
    view = View(pyramid((1000, 1000), (250, 250)), PLANE, Window(400, 400, 800, 800), level=1)

    (point,) = view.seen(Prompts((PointPrompt(401.5, 405.5),))).points

    assert (point.row, point.col) == (0, 1)
