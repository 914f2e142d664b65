"""Frames that are empty, constant, no numbers, or cannot be read; many objects, and many frames."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import ImageError, PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, mask_iou
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, Prompts
from napari_sam3_assistant.core.results import FrameResult, Segmentation
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.video import Video
from tests.tasks.doubles import Shifting, bar, numbered, view_at


class Damaged:
    """A stack of which some frames cannot be read."""

    def __init__(self, data: np.ndarray, *bad: int) -> None:
        self.data, self.bad, self.shape, self.dtype = data, set(bad), data.shape, data.dtype

    def __getitem__(self, key):
        if key[0] in self.bad:
            raise OSError("a block is damaged")
        return self.data[key]


def moving(frames=8, dtype=np.float32) -> np.ndarray:
    made = np.full((frames, 64, 64), 20, dtype)
    for frame in range(frames):
        made[frame, 20:36, 10 + frame : 26 + frame] = 200
    return made


def square(frame=0) -> PlacedMask:
    return PlacedMask(np.ones((16, 16), bool), (20, 10 + frame))


def follow(data, frame=0, engine=None, **how) -> tuple[Video, list]:
    video = Video(view_at(data, frame), 0)
    video.give(frame, {1: Prompts(mask=MaskPrompt(square(frame)))})
    return video, list(video.run(**how).steps(engine or BuiltinEngine(), EmbeddingCache()))


@pytest.mark.parametrize("value", [0, 50, np.nan, np.inf, -np.inf])
def test_a_frame_without_a_picture_ends_the_way_or_is_passed_and_nothing_breaks(value):
    data = moving()
    data[4] = value

    video, steps = follow(data)

    assert [step.found.frame for step in steps][:5] == [0, 1, 2, 3, 4]
    assert set(range(4)) <= set(video.tracks.frames)
    assert all(step.problem is None for step in steps)


@pytest.mark.parametrize("value", [0, np.nan])
def test_a_stack_that_is_empty_throughout_ends_at_once_or_copies(value):
    _, steps = follow(np.full((4, 64, 64), value, np.float32))

    assert steps[0].found.objects
    assert all(step.problem is None for step in steps)


@pytest.mark.parametrize(("bad", "start"), [((4,), 2), ((0,), 2), ((7,), 2), ((0, 7), 2), ((3, 4, 5), 1), ((1, 3), 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_frames_that_cannot_be_read_are_passed_wherever_they_lie(bad, start, dtype):
    video, steps = follow(Damaged(moving(dtype=dtype), *bad), start)

    assert {step.found.frame for step in steps if step.problem is not None} == set(bad)
    assert set(video.tracks.frames) == set(range(8)) - set(bad)
    assert min(mask_iou(video.tracks.on(frame)[0].mask, square(frame)) for frame in video.tracks.frames) > 0.9
    assert {plane.position(0) for plane in video.tracks.problems} == set(bad)


def test_a_frame_that_can_be_read_again_is_done_by_the_next_run_and_no_other():
    data = Damaged(moving(dtype=np.uint8), 4)
    video, _ = follow(data)
    data.bad.clear()

    frames = [step.found.frame for step in video.run().steps(BuiltinEngine(), EmbeddingCache())]

    assert frames == [4]
    assert video.tracks.frames == list(range(8))
    assert not video.tracks.problems
    with pytest.raises(PromptError):
        video.run()


def test_an_object_prompted_on_a_frame_that_cannot_be_read_waits_for_it_and_others_go_on():
    data = Damaged(numbered(6), 3)
    video, engine, cache = Video(view_at(data), 0), Shifting(), EmbeddingCache()
    video.give(0, {1: Prompts(mask=MaskPrompt(bar(4)))})
    video.give(3, {2: Prompts(box=BoxPrompt(Box(20, 10, 22, 14)))})

    frames = [step.found.frame for step in video.run().steps(engine, cache)]
    assert frames == [0, 3, 1, 2, 3, 4, 5]
    assert video.tracks.ids == {1}
    data.bad.clear()
    again = [step.found.frame for step in video.run().steps(engine, cache)]

    assert again == [3, 3, 4, 5, 2, 1, 0]
    assert len([frame for frame in range(6) if 2 in video.tracks.seen(video.plane_at(frame))]) == 6


def test_a_stack_of_which_nothing_can_be_read_says_so_and_ends():
    video, steps = follow(Damaged(moving(dtype=np.uint16), *range(8)), 3)

    assert len(steps) == 1
    assert isinstance(steps[0].problem, ImageError)
    assert "Frame 3" in steps[0].problem.message
    assert video.unanswered


def test_a_frame_that_was_read_and_cannot_be_any_more_is_passed_when_one_goes_on():
    data = Damaged(moving(dtype=np.uint8))
    video = Video(view_at(data), 0)
    video.give(0, {1: Prompts(mask=MaskPrompt(square()))})
    run, engine, cache = video.run(), BuiltinEngine(), EmbeddingCache()
    for _ in range(4):
        run.take(run.step(engine, cache))
    video.close()
    cache.clear()
    data.bad.add(3)

    frames = [step.found.frame for step in video.run().steps(engine, cache)]

    assert frames == [4, 5, 6, 7]
    assert video.tracks.frames == list(range(8))


def test_where_even_the_first_frame_is_gone_the_run_stops_with_an_error():
    data = Damaged(moving(dtype=np.uint8))
    video = Video(view_at(data), 0)
    video.give(0, {1: Prompts(mask=MaskPrompt(square()))})
    run, engine, cache = video.run(), BuiltinEngine(), EmbeddingCache()
    run.take(run.step(engine, cache))
    video.close()
    cache.clear()
    data.bad.update(range(8))

    with pytest.raises(ImageError, match="Frame 0"):
        video.run().step(engine, cache)


def test_fifty_objects_are_followed_side_by_side():
    data = numbered(20, 220)
    video, engine = Video(view_at(data, 9), 0), Shifting()
    video.give(9, {id: Prompts(mask=MaskPrompt(bar(4 * id))) for id in range(1, 51)})

    steps = list(video.run().steps(engine, EmbeddingCache()))

    assert len(steps) == 20
    assert engine.asked["encode"] == 20
    assert all(len(video.tracks.seen(video.plane_at(frame))) == 50 for frame in video.tracks.frames)


def test_what_a_frame_costs_does_not_grow_with_the_number_of_frames():
    def spent(frames: int) -> float:
        data = np.broadcast_to(np.zeros((1, 8, 8), np.uint8), (frames, 8, 8))

        class Still(Shifting):
            def start(self, query=None):
                session = super().start(query)
                session.step = lambda frame, embedding, ids=None, cancel=None: steady(session, frame)
                session.prompt = lambda frame, embedding, id, prompts, present=None, cancel=None: first(
                    session, id, prompts
                )
                return session

        def first(session, id, prompts):
            session.masks[id] = prompts.mask.mask
            return Segmentation(prompts.mask.mask, 1.0)

        def steady(session, frame):
            return FrameResult(frame, {id: Segmentation(mask, 1.0) for id, mask in session.masks.items()})

        video = Video(view_at(data), 0)
        video.give(0, {id: Prompts(mask=MaskPrompt(bar(id, 1, 1, 1))) for id in range(1, 6)})
        start = time.process_time()
        for _ in video.run(Direction.FORWARD).steps(Still(), EmbeddingCache()):
            assert video.tracks.ids
            assert len(video.tracks.frames)
        return (time.process_time() - start) / frames

    assert spent(3000) < 3 * spent(300)
