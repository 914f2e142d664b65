"""Objects followed through frames by an engine, one frame a step; samples have the truth."""

from __future__ import annotations

import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import Cancelled, EngineError, ImageError, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask, mask_iou
from napari_sam3_assistant.core.labels import to_masks
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.core.windows import Window, whole
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.samples.dividing_cells import dividing_cells
from napari_sam3_assistant.samples.nuclei_stack import nuclei_stack
from napari_sam3_assistant.tasks.frames import Direction, frame_axis, ways
from napari_sam3_assistant.tasks.video import Propagation, Video
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


def following(view, axis, objects, direction=Direction.BOTH, ahead=None, frame=None) -> Propagation:
    """A run that follows masks of one frame."""
    video = Video(view, axis)
    frame = view.plane.position(axis) if frame is None else frame
    video.give(frame, {id: Prompts(mask=MaskPrompt(mask)) for id, mask in objects.items()})
    return video.run(direction, ahead=ahead)


def frames_of(run, engine=None) -> dict[int, dict[int, PlacedMask]]:
    steps = run.steps(engine or BuiltinEngine(), EmbeddingCache())
    return {step.found.frame: {id: one.mask for id, one in step.found.objects.items()} for step in steps}


class Carried(BuiltinEngine):
    """An engine that takes masks and follows nothing by itself."""

    name = "carried"
    capabilities = replace(BuiltinEngine.capabilities, video=None)


def quality(sample, start, direction, engine) -> tuple[float, float, int, int]:
    """Mean IoU of what is followed, and of the first masks copied; frames where an object is missed, or gone."""
    masks = {id: mask for id, mask in to_masks(sample.truth[start]).items() if mask.area >= 80}
    found = frames_of(following(view_at(sample.image, start), 0, masks, direction), engine)
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
        (Direction.BOTH, [2, 3, 4, 5, 1, 0]),
        (Direction.FORWARD, [2, 3, 4, 5]),
        (Direction.BACKWARD, [2, 1, 0]),
    ],
)
def test_frames_are_visited_one_way_after_the_other(direction, expected):
    run = following(view_at(moving(), 2), 0, {7: square(2)}, direction)

    found = frames_of(run)

    assert list(found) == expected
    assert all(mask_iou(found[frame][7], square(frame)) > 0.9 for frame in expected)
    assert (run.done, run.total, run.next_frame) == (len(expected), len(expected), None)


def test_any_axis_counts_the_frames_and_others_stay():
    stack = np.stack([np.zeros_like(moving()), moving()], axis=3)

    run = following(view_at(stack, 0, axis=0, index=((3, 1),)), 0, {1: square()})

    assert all(mask_iou(masks[1], square(frame)) > 0.9 for frame, masks in frames_of(run).items())


def test_a_window_stays_where_it_is_and_masks_are_placed_on_the_plane():
    run = following(view_at(moving(), 0, window=Window(10, 4, 50, 60)), 0, {1: square()})

    assert all(mask_iou(masks[1], square(frame)) > 0.9 for frame, masks in frames_of(run).items())


def test_a_way_ends_where_the_object_is_gone_and_the_other_way_goes_on():
    data = moving(8)
    data[5:] = 20

    run = following(view_at(data, 3), 0, {1: square(3)})
    steps = list(run.steps(BuiltinEngine(), EmbeddingCache()))

    assert [(step.found.frame, sorted(step.lost)) for step in steps] == [
        (3, []),
        (4, []),
        (5, [1]),
        (2, []),
        (1, []),
        (0, []),
    ]
    assert run.video.tracks.frames == [0, 1, 2, 3, 4]


def test_a_frame_that_cannot_be_read_is_left_out_and_named():
    class Damaged:
        shape, dtype = (6, 64, 64), np.dtype("uint8")

        def __getitem__(self, key):
            if key[0] == 4:
                raise OSError("a block is damaged")
            return moving()[key]

    run = following(view_at(Damaged(), 2), 0, {1: square(2)})
    steps = list(run.steps(BuiltinEngine(), EmbeddingCache()))

    assert [step.found.frame for step in steps] == [2, 3, 4, 5, 1, 0]
    assert isinstance(steps[2].problem, ImageError)
    assert "Frame 4: " in steps[2].problem.message
    assert list(run.video.tracks.problems) == [run.video.plane_at(4)]
    assert run.video.tracks.frames == [0, 1, 2, 3, 5]
    assert mask_iou(run.video.tracks.on(5)[0].mask, square(5)) > 0.9


def test_one_frame_is_read_ahead_on_another_thread_and_no_more():
    read: list[int] = []

    class Watched:
        shape, dtype = (6, 64, 64), np.dtype("uint8")

        def __getitem__(self, key):
            read.append(key[0])
            return moving()[key]

    engine, cache = BuiltinEngine(), EmbeddingCache()
    with ThreadPoolExecutor(1) as other:
        run = following(view_at(Watched(), 0), 0, {1: square()}, ahead=other.submit)
        for _ in range(2):
            run.take(run.step(engine, cache))
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

    run, cache = following(view_at(moving(12, 1), 0), 0, {1: square()}), EmbeddingCache()
    most = max(sum(one() is not None for one in alive) for _ in run.steps(Watched(), cache))

    assert len(alive) == 12
    assert most <= 3  # the frame of the prompts, the last one, and the one before until it is let go


def test_cancel_takes_effect_within_a_step_which_can_be_done_again():
    run, token = following(view_at(moving(), 0), 0, {1: square()}), CancelToken()
    token.cancel()

    with pytest.raises(Cancelled):
        run.step(BuiltinEngine(), EmbeddingCache(), cancel=token)

    assert run.next_frame == 0
    assert len(frames_of(run)) == 6


def test_a_foreign_error_is_ours_and_the_step_can_be_done_again():
    engine, broken = BuiltinEngine(), BuiltinEngine()
    broken.encode = lambda *_, **__: 1 / 0
    run = following(view_at(moving(), 0), 0, {1: square()})

    with pytest.raises(EngineError):
        run.step(broken, EmbeddingCache())

    assert len(frames_of(run, engine)) == 6


def test_what_cannot_be_followed_is_refused():
    with pytest.raises(PromptError):
        following(view_at(moving(), 0), 0, {})
    with pytest.raises(PromptError):
        following(view_at(moving(), 0), 0, {1: PlacedMask(np.zeros((2, 2), bool))})
    with pytest.raises(PromptError):
        following(view_at(moving(), 0), 0, {0: square()})
    with pytest.raises(PromptError):
        following(view_at(moving(), 0), 0, {1: square().shifted(0, 60)})
    with pytest.raises(PromptError, match="no") as first:
        following(view_at(moving(), 0), 0, {1: square()}, Direction.BACKWARD)
    assert first.value.hint
    with pytest.raises(ImageError):
        following(view_at(moving(), 0), 1, {1: square()})
    blind = BuiltinEngine()
    blind.capabilities = replace(blind.capabilities, masks=False, video=None)
    with pytest.raises(Unsupported):
        following(view_at(moving(), 0), 0, {1: square()}).step(blind, EmbeddingCache())


def video_of(data, frame=0, **prompts) -> Video:
    video = Video(view_at(data, 0), 0)
    video.give(frame, {int(id[1:]): one for id, one in prompts.items()})
    return video


def box(frame, step=2) -> Prompts:
    return Prompts(box=BoxPrompt(Box(19, 9 + step * frame, 37, 27 + step * frame)))


def seen(video, id=1) -> dict[int, float]:
    """By frame, the overlap of what was found with the square that moves."""
    return {f: mask_iou(one.mask, square(f)) for f in video.tracks.frames for one in video.tracks.on(f) if one.id == id}


def went(run) -> list[int]:
    return [step.found.frame for step in run.steps(BuiltinEngine(), EmbeddingCache())]


def test_points_and_boxes_on_any_frame_are_answered_before_anything_is_followed():
    video = video_of(moving(), 4, o1=box(4))
    video.give(1, {2: Prompts((PointPrompt(28, 20),))})

    assert went(video.run()) == [1, 4, 2, 3, 4, 5, 3, 2, 1, 0]
    assert all(iou > 0.9 for iou in (*seen(video).values(), *seen(video, 2).values()))
    assert [item.said for item in video.tracks.seen(video.plane_at(4)).values()] == [True, False]


def test_a_correction_goes_up_to_the_frames_that_the_user_has_prompted_and_no_further():
    video = video_of(moving(10, 1), 0, o1=box(0, 1))
    went(video.run())
    video.give(6, {1: box(6, 1)})
    assert went(video.run()) == [6, 7, 8, 9, 5, 4, 3, 2, 1]

    video.give(3, {1: box(3, 1)})

    assert went(video.run()) == [3, 4, 5, 2, 1]
    with pytest.raises(PromptError, match="no frame left"):
        video.run()


def test_a_run_that_was_stopped_goes_on_where_it_was_with_another_direction_too():
    video, engine, cache = video_of(moving(), 2, o1=box(2)), BuiltinEngine(), EmbeddingCache()
    run = video.run(Direction.FORWARD)
    for _ in range(2):
        run.take(run.step(engine, cache))
    video.close()

    assert went(video.run(Direction.FORWARD)) == [4, 5]
    assert went(video.run(Direction.BACKWARD)) == [1, 0]
    assert sorted(seen(video)) == [0, 1, 2, 3, 4, 5]


def test_only_frames_of_the_range_are_visited_and_a_wider_one_does_the_rest():
    video = video_of(moving(8, 1), 3, o1=box(3, 1))

    assert went(video.run(frames=range(2, 5))) == [3, 4, 2]
    assert went(video.run(frames=range(0, 7))) == [5, 6, 1, 0]


def test_an_object_that_is_added_later_is_followed_alone_and_one_that_is_removed_leaves_nothing():
    video = video_of(moving(), 0, o1=box(0))
    went(video.run())
    video.give(5, {2: box(5)})

    assert went(video.run()) == [5, 4, 3, 2, 1, 0]
    assert len(video.remove(1)) == 6
    assert video.tracks.ids == {2}
    assert sorted(seen(video, 2)) == [0, 1, 2, 3, 4, 5]


def test_where_an_object_is_lost_nothing_of_an_older_run_is_left():
    data = moving(8)
    video = video_of(data, 0, o1=box(0))
    went(video.run())
    assert 7 in seen(video)

    video.give(4, {1: Prompts(mask=MaskPrompt(PlacedMask(np.ones((6, 6), bool), (2, 50))))})
    went(video.run())

    assert 7 not in seen(video)


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
