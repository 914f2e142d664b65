"""Objects followed through frames by an engine, one frame a step; samples have the truth."""

from __future__ import annotations

import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import Cancelled, EngineError, ImageError, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import PlacedMask, mask_iou
from napari_sam3_assistant.core.labels import to_masks
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.core.windows import Window, whole
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.samples.dividing_cells import dividing_cells
from napari_sam3_assistant.samples.nuclei_stack import nuclei_stack
from napari_sam3_assistant.tasks.frames import Direction, frame_axis, ways
from napari_sam3_assistant.tasks.video import Propagation
from napari_sam3_assistant.tasks.view import View

LEAST = 24
"""Of an object with fewer pixels on a frame there is nothing to see."""


def view_at(data, frame, axis=0, window=None, index=()) -> View:
    source = array_source(data, identity="stack", rgb=False)
    free = [one for one in range(len(source.shape)) if one not in (axis, *dict(index))]
    plane = Plane(free[0], free[1], tuple(sorted([(axis, frame), *index])))
    return View(source, plane, window or whole(source.plane_shape(plane)))


def moving(frames=6, step=2) -> np.ndarray:
    """A bright square that moves."""
    made = np.full((frames, 64, 64), 20, np.uint8)
    for frame in range(frames):
        made[frame, 20:36, 10 + step * frame : 26 + step * frame] = 200
    return made


def square(frame=0, step=2) -> PlacedMask:
    return PlacedMask(np.ones((16, 16), bool), (20, 10 + step * frame))


def frames_of(run, engine=None) -> dict[int, dict[int, PlacedMask]]:
    steps = run.steps(engine or BuiltinEngine(), EmbeddingCache())
    return {step.found.frame: {id: one.mask for id, one in step.found.objects.items()} for step in steps}


class Carried(BuiltinEngine):
    """An engine that takes masks and follows nothing by itself."""

    name = "carried"
    capabilities = replace(BuiltinEngine.capabilities, video=False)


def quality(sample, start, direction, engine) -> tuple[float, float, int, int]:
    """Mean IoU of what is followed, and of the first masks copied; frames where an object is missed, or gone."""
    masks = {id: mask for id, mask in to_masks(sample.truth[start]).items() if mask.area >= 80}
    found = frames_of(Propagation(view_at(sample.image, start), 0, masks, direction), engine)
    ious, copied, missed, ghosts = [], [], 0, 0
    for frame in (frame for way in ways(start, len(sample.truth), direction) for frame in way):
        truth, seen = to_masks(sample.truth[frame]), found.get(frame, {})
        for id, first in masks.items():
            if id in truth and truth[id].area >= LEAST:
                ious.append(mask_iou(seen[id], truth[id]) if id in seen else 0.0)
                copied.append(mask_iou(first, truth[id]))
                missed += id not in seen
            else:
                ghosts += id in seen
    return float(np.mean(ious)), float(np.mean(copied)), missed, ghosts


def test_cells_that_move_and_divide_are_followed_through_a_film():
    iou, copied, missed, _ = quality(dividing_cells(), 0, Direction.FORWARD, BuiltinEngine())

    assert iou > 0.87  # 0.89 where it was measured
    assert iou > copied + 0.6
    assert missed == 0


@pytest.mark.parametrize(("start", "least"), [(12, 0.79), (5, 0.76)])  # 0.82 and 0.79 where it was measured
def test_nuclei_are_followed_through_depth_and_end_where_they_end(start, least):
    iou, copied, missed, ghosts = quality(nuclei_stack(), start, Direction.BOTH, BuiltinEngine())

    assert iou > least
    assert iou > copied + 0.1
    assert missed <= 4
    assert ghosts < 40  # of 9 and 18 objects on 23 frames: without an end there are 93 and 153


def test_an_engine_that_takes_masks_alone_carries_them():
    iou, copied, _, _ = quality(dividing_cells(), 0, Direction.FORWARD, Carried())

    assert iou > 0.86
    assert iou > copied + 0.6


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        (Direction.BOTH, [3, 4, 5, 1, 0]),
        (Direction.FORWARD, [3, 4, 5]),
        (Direction.BACKWARD, [1, 0]),
    ],
)
def test_frames_are_visited_one_way_after_the_other(direction, expected):
    run = Propagation(view_at(moving(), 2), 0, {7: square(2)}, direction)

    found = frames_of(run)

    assert list(found) == expected
    assert all(mask_iou(found[frame][7], square(frame)) > 0.9 for frame in expected)
    assert (run.done, run.total, run.next_frame) == (len(expected), len(expected), None)


def test_any_axis_counts_the_frames_and_others_stay():
    stack = np.stack([np.zeros_like(moving()), moving()], axis=3)

    run = Propagation(view_at(stack, 0, axis=0, index=((3, 1),)), 0, {1: square()})

    assert all(mask_iou(masks[1], square(frame)) > 0.9 for frame, masks in frames_of(run).items())


def test_a_window_stays_where_it_is_and_masks_are_placed_on_the_plane():
    run = Propagation(view_at(moving(), 0, window=Window(10, 4, 50, 60)), 0, {1: square()})

    assert all(mask_iou(masks[1], square(frame)) > 0.9 for frame, masks in frames_of(run).items())


def test_a_way_ends_where_the_object_is_gone_and_the_other_way_goes_on():
    data = moving(8)
    data[5:] = 20

    run = Propagation(view_at(data, 3), 0, {1: square(3)})
    steps = list(run.steps(BuiltinEngine(), EmbeddingCache()))

    assert [(step.found.frame, step.lost) for step in steps] == [(4, ()), (5, (1,)), (2, ()), (1, ()), (0, ())]
    assert list(steps[1].rest) == [6, 7]


def test_a_frame_that_cannot_be_read_ends_its_way_and_is_named():
    class Damaged:
        shape, dtype = (6, 64, 64), np.dtype("uint8")

        def __getitem__(self, key):
            if key[0] == 4:
                raise OSError("a block is damaged")
            return moving()[key]

    run = Propagation(view_at(Damaged(), 2), 0, {1: square(2)})
    steps = list(run.steps(BuiltinEngine(), EmbeddingCache()))

    assert [step.found.frame for step in steps] == [3, 4, 1, 0]
    assert isinstance(steps[1].problem, ImageError)
    assert "Frame 4: " in steps[1].problem.message


def test_one_frame_is_read_ahead_on_another_thread_and_no_more():
    read: list[int] = []

    class Watched:
        shape, dtype = (6, 64, 64), np.dtype("uint8")

        def __getitem__(self, key):
            read.append(key[0])
            return moving()[key]

    engine, cache = BuiltinEngine(), EmbeddingCache()
    with ThreadPoolExecutor(1) as other:
        run = Propagation(view_at(Watched(), 0), 0, {1: square()}, ahead=other.submit)
        run.step(engine, cache)
        other.submit(int).result()
        assert read == [0, 1, 2]
        list(run.steps(engine, cache))

    assert read == [0, 1, 2, 3, 4, 5]


def test_memory_does_not_depend_on_the_number_of_frames():
    alive: list[weakref.ref] = []

    class Watched(BuiltinEngine):
        def encode(self, image, *, progress, cancel):
            made = super().encode(image, progress=progress, cancel=cancel)
            alive.append(weakref.ref(made.levels[0].planes))
            return made

    run, cache = Propagation(view_at(moving(12, 1), 0), 0, {1: square()}), EmbeddingCache()
    most = max(sum(one() is not None for one in alive) for _ in run.steps(Watched(), cache))

    assert len(alive) == 12
    assert most <= 3  # the frame of the prompts, the last one, and the one before until it is let go


def test_cancel_takes_effect_within_a_step_which_can_be_done_again():
    run, token = Propagation(view_at(moving(), 0), 0, {1: square()}), CancelToken()
    token.cancel()

    with pytest.raises(Cancelled):
        run.step(BuiltinEngine(), EmbeddingCache(), cancel=token)

    assert run.next_frame == 1
    assert len(frames_of(run)) == 5


def test_a_foreign_error_is_ours_and_the_step_can_be_done_again():
    engine, broken = BuiltinEngine(), BuiltinEngine()
    broken.encode = lambda *_, **__: 1 / 0
    run = Propagation(view_at(moving(), 0), 0, {1: square()})

    with pytest.raises(EngineError):
        run.step(broken, EmbeddingCache())

    assert len(frames_of(run, engine)) == 5


def test_what_cannot_be_followed_is_refused():
    with pytest.raises(PromptError):
        Propagation(view_at(moving(), 0), 0, {})
    with pytest.raises(PromptError):
        Propagation(view_at(moving(), 0), 0, {1: PlacedMask(np.zeros((2, 2), bool))})
    with pytest.raises(PromptError):
        Propagation(view_at(moving(), 0), 0, {0: square()})
    with pytest.raises(PromptError):
        Propagation(view_at(moving(), 0, window=Window(0, 40, 64, 64)), 0, {1: square()})
    with pytest.raises(PromptError, match="no") as first:
        Propagation(view_at(moving(), 0), 0, {1: square()}, Direction.BACKWARD)
    assert first.value.hint
    with pytest.raises(ImageError):
        Propagation(view_at(moving(), 0), 1, {1: square()})
    blind = BuiltinEngine()
    blind.capabilities = replace(blind.capabilities, masks=False)
    with pytest.raises(Unsupported):
        Propagation(view_at(moving(), 0), 0, {1: square()}).step(blind, EmbeddingCache())


@pytest.mark.parametrize(
    ("shape", "names", "channel", "moved", "axis"),
    [
        ((64, 64), (), None, None, None),
        ((5, 64, 64), (), None, None, 0),
        ((1, 64, 64), (), None, None, None),
        ((3, 9, 64, 64), (), None, None, 1),
        ((9, 3, 64, 64), ("t", "z", "y", "x"), None, None, 0),
        ((9, 3, 64, 64), ("p", "z", "y", "x"), None, None, 1),
        ((9, 3, 64, 64), ("t", "z", "y", "x"), None, 1, 1),
        ((9, 3, 64, 64), (), 0, None, 1),
        ((9, 3, 64, 64), (), 0, 0, 1),
    ],
)
def test_the_axis_of_the_frames_is_found(shape, names, channel, moved, axis):
    source = array_source(np.zeros(shape, np.uint8), identity="a", rgb=False, channel_axis=channel)
    count = len(shape)
    plane = Plane(count - 2, count - 1, tuple((one, 0) for one in range(count - 2)))

    assert frame_axis(source, plane, names, moved) == axis
