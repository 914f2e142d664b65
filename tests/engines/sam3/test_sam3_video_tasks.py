"""SAM3 through :class:`~napari_sam3_assistant.tasks.video.Video`: prompts, both directions, a correction, removal."""

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import Box, mask_iou
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import BoxPrompt, PointPrompt, Prompts
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.video import Video
from napari_sam3_assistant.tasks.view import View
from tests.engines.sam3.conftest import WHY

torch = pytest.importorskip("torch", reason=WHY)
pytest.importorskip("transformers", reason=WHY)

POINT = Prompts((PointPrompt(20, 40),))
BOX = Prompts(box=BoxPrompt(Box(30, 60, 60, 100)))


@pytest.fixture(scope="module")
def stack(frames):
    return np.ascontiguousarray(frames[:9, ..., 0])


def video_of(stack, frame):
    source = array_source(stack, identity="film", rgb=False)
    return Video(View(source, Plane(1, 2, ((0, frame),)), whole(stack.shape[1:])), 0)


def went(video, engine, direction=Direction.BOTH):
    steps = video.run(direction).steps(engine, EmbeddingCache())
    return [step.found.frame for step in steps]


def seen(video, id):
    planes = {frame: video.tracks.seen(video.plane_at(frame)) for frame in range(video.count)}
    return {frame: items[id].mask for frame, items in planes.items() if id in items}


def test_what_was_said_is_followed_both_ways_and_a_correction_goes_on_from_its_frame(exact, stack):
    video = video_of(stack, 4)
    video.give(4, {1: POINT})
    went(video, exact)
    before = seen(video, 1)

    video.give(6, {1: BOX})
    again = went(video, exact)
    after = seen(video, 1)

    assert sorted(before) == sorted(after) == list(range(9))
    assert {6, 7, 8} <= set(again)
    assert mask_iou(before[6], after[6]) < 0.9
    assert mask_iou(before[4], after[4]) == 1
    video.close()


def test_objects_join_and_leave(exact, stack):
    video = video_of(stack, 0)
    video.give(0, {1: POINT})
    went(video, exact, Direction.FORWARD)
    video.give(3, {2: BOX})
    went(video, exact, Direction.FORWARD)
    one, two = seen(video, 1), seen(video, 2)

    video.remove(1)

    assert sorted(one) == list(range(9)) and sorted(two) == list(range(3, 9))
    assert not seen(video, 1) and sorted(seen(video, 2)) == sorted(two)
    video.close()


def test_a_run_goes_on_after_close_and_after_another_engine(exact, stack):
    from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine

    video = video_of(stack, 0)
    video.give(0, {1: POINT})
    run = video.run(Direction.FORWARD)
    cache = EmbeddingCache()
    for index, engine in enumerate([exact] * 4 + [BuiltinEngine()] + [exact] * 4):
        if index == 2:
            video.close()
        run.take(run.step(engine, cache))

    assert sorted(seen(video, 1)) == list(range(9))
