"""Windows of large planes that go with the objects in them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, mask_iou
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.tasks.drift import MARGIN, drifted, holding
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.video import Video
from tests.tasks.doubles import Seeing, Shifting, bar, moving_square, numbered, view_at

PLANE = (600, 2400)
WINDOW = Window(0, 0, 512, 512)


def prompts(mask: PlacedMask) -> Prompts:
    return Prompts(mask=MaskPrompt(mask))


def test_an_object_that_crosses_a_plane_is_followed_to_the_end_in_a_window_that_goes_with_it():
    stack, truth = moving_square(40, PLANE, 60, (5, 57))
    video, engine = Video(view_at(stack, window=WINDOW), 0), Seeing()
    video.give(0, {1: prompts(truth(0))})
    with ThreadPoolExecutor(1) as other:
        steps = list(video.run(ahead=other.submit).steps(engine, EmbeddingCache(2 * 2**20)))
    windows = [step.window for step in steps if step.window is not None]

    assert video.tracks.frames == list(range(40))
    assert all(mask_iou(video.tracks.on(frame)[0].mask, truth(frame)) == 1 for frame in range(40))
    assert 5 <= len(windows) <= 12
    assert all(window.shape == (512, 512) for window in windows)
    assert video.view.window == windows[-1]
    assert engine.most <= 5  # two in the cache, the last one, the next one
    assert len(stack.read) <= 40 + 3 * len(windows)


def test_the_built_in_engine_follows_through_a_window_that_moves():
    stack, truth = moving_square(7, (100, 300), 24, (0, 8), start=(40, 46))
    video = Video(view_at(stack, window=Window(0, 0, 100, 100)), 0)
    video.give(0, {1: prompts(truth(0))})

    steps = list(video.run().steps(BuiltinEngine(), EmbeddingCache()))

    assert [step.window for step in steps if step.window is not None] != []
    assert min(mask_iou(video.tracks.on(frame)[0].mask, truth(frame)) for frame in range(7)) > 0.9


def test_the_way_back_begins_where_the_object_was_prompted():
    stack, truth = moving_square(21, PLANE, 60, (0, 100))
    video, engine = Video(view_at(stack, 10, window=Window(0, 800, 512, 1312)), 0), Seeing()
    video.give(10, {1: prompts(truth(10))})

    steps = list(video.run().steps(engine, EmbeddingCache()))

    assert video.tracks.frames == list(range(21))
    back = next(step for step in steps if step.found.frame == 9)
    assert back.window is not None
    assert back.window.left <= truth(9).box.left
    assert min(mask_iou(video.tracks.on(frame)[0].mask, truth(frame)) for frame in range(21)) > 0.9


def test_an_object_may_be_prompted_wherever_it_lies_on_the_plane():
    video, engine = Video(view_at(numbered(6, 100), window=Window(0, 0, 40, 40)), 0), Shifting()
    video.give(2, {1: Prompts(box=BoxPrompt(Box(80, 60, 82, 64)))})

    steps = list(video.run().steps(engine, EmbeddingCache()))

    assert steps[0].window == Window(60, 42, 100, 82)
    assert [video.tracks.on(frame)[0].mask.offset for frame in range(6)] == [(80, 58 + frame) for frame in range(6)]
    with pytest.raises(PromptError):
        video.give(2, {1: Prompts((PointPrompt(100, 3),))})


def test_objects_that_part_stay_in_the_window_as_long_as_they_can_and_are_named():
    class Parting(Shifting):
        def start(self, query=None):
            session = super().start(query)
            session.masks, step = {}, session.step

            def parting(frame, embedding, ids=None, cancel=None):
                session.masks = {
                    id: (m.shifted(0, -2 * (frame - at) if id == 2 else 0), at) for id, (m, at) in session.masks.items()
                }
                return step(frame, embedding, ids)

            session.step = parting
            return session

    video, engine = Video(view_at(numbered(14, 100), window=Window(30, 30, 70, 70)), 0), Parting()
    video.give(0, {1: prompts(bar(50, 56)), 2: prompts(bar(50, 40))})

    steps = list(video.run().steps(engine, EmbeddingCache()))

    assert steps[1].leaving == frozenset()
    assert {2} in [step.leaving for step in steps]
    assert 1 in video.tracks.seen(video.plane_at(13))


def test_what_was_read_ahead_in_the_old_window_is_not_used_in_the_new_one():
    stack, truth = moving_square(12, PLANE, 60, (0, 60), start=(200, 300))
    video = Video(view_at(stack, window=Window(0, 0, 512, 512)), 0)
    video.give(0, {1: prompts(truth(0))})

    with ThreadPoolExecutor(1) as other:
        found = {
            step.found.frame: step.found.objects[1].mask
            for step in video.run(Direction.FORWARD, ahead=other.submit).steps(Seeing(), EmbeddingCache())
        }

    assert list(found) == list(range(12))
    assert all(mask_iou(mask, truth(frame)) == 1 for frame, mask in found.items())


def test_a_step_in_a_moved_window_can_be_done_again():
    stack, truth = moving_square(12, PLANE, 60, (0, 60), start=(200, 300))
    video, engine, cache = Video(view_at(stack, window=Window(0, 0, 512, 512)), 0), Seeing(), EmbeddingCache()
    video.give(0, {1: prompts(truth(0))})
    run = video.run(Direction.FORWARD)
    while run.next_frame is not None:
        run.step(engine, cache)
        run.take(run.step(engine, cache))

    assert min(mask_iou(video.tracks.on(frame)[0].mask, truth(frame)) for frame in range(12)) > 0.9


def test_a_window_that_is_the_plane_stays():
    window = Window(0, 0, 40, 50)

    assert drifted(window, {1: Box(0, 0, 4, 4)}, (40, 50)) == (window, frozenset())
    assert holding(window, [Box(0, 0, 4, 4)], (40, 50)) == window


def test_a_window_moves_along_one_axis_where_the_other_has_no_room():
    tall = {1: Box(10, 85, 99, 98)}

    moved, leaving = drifted(Window(0, 0, 100, 100), tall, (300, 300))

    assert moved == Window(0, 42, 100, 142)
    assert leaving == {1}


LOW = st.integers(0, 280)


@given(st.lists(st.tuples(LOW, LOW, st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=3), LOW, LOW)
def test_a_window_keeps_its_size_stays_on_the_plane_and_has_room_or_says_who_leaves(boxes, top, left):
    shape, window = (340, 340), Window(min(top, 240), min(left, 240), min(top, 240) + 100, min(left, 240) + 100)
    where = {id: Box(r, c, r + h, c + w) for id, (r, c, h, w) in enumerate(boxes, 1)}

    moved, leaving = drifted(window, where, shape)
    held = holding(window, list(where.values()), shape)

    for one in (moved, held):
        assert one.shape == (100, 100)
        assert one.top >= 0 and one.left >= 0 and one.bottom <= 340 and one.right <= 340
    room = 100 * MARGIN
    for id, box in where.items():
        roomy = (moved.top <= 0 or box.top >= moved.top + room) and (moved.left <= 0 or box.left >= moved.left + room)
        roomy &= moved.bottom >= 340 or box.bottom <= moved.bottom - room
        roomy &= moved.right >= 340 or box.right <= moved.right - room
        assert (id in leaving) == (not roomy)
    tops, bottoms = [b.top for b in where.values()], [b.bottom for b in where.values()]
    if max(bottoms) - min(tops) < 74:
        assert not leaving or max(b.right for b in where.values()) - min(b.left for b in where.values()) >= 74
    if len(where) == 1 and where[1].size[0] <= 100 and where[1].size[1] <= 100:
        assert held.box.top <= where[1].top and held.box.right >= where[1].right
    assert np.isfinite(held.box.area)
