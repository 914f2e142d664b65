"""Objects followed through depth at each time, seeded by the time before."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import Cancelled, ImageError, PromptError
from napari_sam3_assistant.core.geometry import PlacedMask, mask_iou
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.core.windows import Window, whole
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.view import View
from napari_sam3_assistant.tasks.volumes import Volumes

TIMES, DEPTH, SIDE = 4, 5, 64


def square(time: int, frame: int) -> PlacedMask | None:
    """Where the object is: it moves with time, and lies on the planes 1 to 3."""
    return PlacedMask(np.ones((14, 14), bool), (16 + 2 * time, 12 + 2 * frame)) if 1 <= frame <= 3 else None


def film(times=TIMES, order=(0, 1, 2, 3)) -> np.ndarray:
    made = np.full((times, DEPTH, SIDE, SIDE), 20, np.uint8)
    for time in range(times):
        for frame in range(DEPTH):
            if (mask := square(time, frame)) is not None:
                row, col = mask.offset
                made[time, frame, row : row + 14, col : col + 14] = 200
    return made.transpose(order)


def volumes_of(data, time=1, frame=2, window=None, axes=(0, 1, 2, 3)) -> Volumes:
    outer, inner, row, col = axes
    source = array_source(data, identity="film", rgb=False)
    plane = Plane(row, col, tuple(sorted([(outer, time), (inner, frame)])))
    return Volumes(View(source, plane, window or whole(source.plane_shape(plane))), inner, outer)


def begun(time=1, frame=2, **how) -> Volumes:
    volumes = volumes_of(how.pop("data", film()), time, frame, **how)
    volumes.give(time, frame, {1: Prompts(mask=MaskPrompt(square(time, frame)))})
    return volumes


def ious(volumes, id=1) -> dict[tuple[int, int], float]:
    """By time and plane, the overlap with the truth."""
    found = {}
    for plane in volumes.tracks.planes:
        where = plane.position(volumes.outer), plane.position(volumes.inner)
        item = volumes.tracks.seen(plane).get(id)
        if item is not None:
            truth = square(*where)
            found[where] = mask_iou(item.mask, truth) if truth is not None else 0.0
    return found


def went(run, engine=None, cache=None) -> list[tuple[int, int]]:
    steps = run.steps(engine or BuiltinEngine(), cache or EmbeddingCache())
    return [(step.plane.position(run.volumes.outer), step.plane.position(run.volumes.inner)) for step in steps]


EVERYWHERE = {(time, frame) for time in range(TIMES) for frame in (1, 2, 3)}


def test_an_object_is_followed_through_depth_at_each_time_both_ways():
    volumes = begun()
    run = volumes.run()

    order = went(run)

    found = ious(volumes)
    assert set(found) == EVERYWHERE
    assert min(found.values()) > 0.9
    assert list(dict.fromkeys(time for time, _ in order)) == [1, 2, 3, 0]
    assert run.next_plane is None
    assert run.done == run.total == len(order)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 0, 2, 3), (2, 3, 0, 1), (1, 2, 3, 0)])
def test_axes_lie_in_any_order(order):
    axes = tuple(order.index(k) for k in range(4))
    volumes = begun(data=film(order=order), axes=axes)

    went(volumes.run())

    assert set(ious(volumes)) == EVERYWHERE
    assert min(ious(volumes).values()) > 0.9


def test_through_time_one_way_and_in_a_range():
    volumes = begun()

    went(volumes.run(Direction.FORWARD, frames=range(2, 4)))
    assert {time for time, _ in ious(volumes)} == {1, 2, 3}
    assert {frame for _, frame in ious(volumes)} == {2, 3}
    went(volumes.run(Direction.BOTH, times=range(0, 2)))

    assert set(ious(volumes)) >= {(0, frame) for frame in (1, 2, 3)}


def test_where_the_prompted_plane_does_not_show_it_the_largest_section_goes_on():
    data = film()
    data[2:, 2] = 20  # from time 2 on, nothing of it is on the plane where it was prompted
    volumes = begun(data=data)

    went(volumes.run())

    assert volumes.seeded_on(1, 1) == 2
    assert (0, 2) in ious(volumes)
    assert (1, 1) in ious(volumes)


def test_a_time_where_nothing_is_left_ends_that_way_and_is_named():
    data = film()
    data[2] = 20
    volumes = begun(data=data)
    run = volumes.run()

    went(run)

    assert {time for time, _ in ious(volumes)} == {0, 1}
    assert run.ended == [(1, 1)]
    with pytest.raises(PromptError):
        volumes.run()


def test_cancel_takes_effect_within_a_step_and_a_run_goes_on_where_it_was():
    volumes, engine, cache = begun(), BuiltinEngine(), EmbeddingCache()
    run, token, seen = volumes.run(), CancelToken(), []
    for _ in range(9):
        step = run.step(engine, cache)
        run.take(step)
        seen.append(step.plane)
    token.cancel()
    with pytest.raises(Cancelled):
        run.step(engine, cache, cancel=token)
    before = ious(volumes)
    volumes.close()

    went(volumes.run(), engine, cache)

    assert set(ious(volumes)) == EVERYWHERE
    assert {where: value for where, value in ious(volumes).items() if where in before} == before


def test_a_correction_on_any_plane_goes_to_the_times_after_it():
    volumes, engine, cache = begun(time=0), BuiltinEngine(), EmbeddingCache()
    went(volumes.run(), engine, cache)

    volumes.give(2, 3, {1: Prompts(mask=MaskPrompt(square(2, 3)))})
    order = went(volumes.run(), engine, cache)

    assert {time for time, _ in order} >= {1, 2, 3}
    assert all(time >= 1 for time, _ in order)  # up to where it was prompted first
    assert set(ious(volumes)) == EVERYWHERE
    plane = volumes.at(2).plane_at(3)
    assert volumes.tracks.seen(plane)[1].said
    assert not volumes.tracks.seen(volumes.at(1).plane_at(3))[1].said
    with pytest.raises(PromptError):
        volumes.run()


def test_points_are_answered_and_another_object_is_added_at_another_time():
    volumes, engine = volumes_of(film()), BuiltinEngine()
    volumes.give(1, 2, {1: Prompts((PointPrompt(24, 22),))})
    went(volumes.run(), engine)

    volumes.give(3, 1, {2: Prompts((PointPrompt(28, 20),))})
    went(volumes.run(), engine)

    assert set(ious(volumes, 1)) == set(ious(volumes, 2)) == EVERYWHERE


def test_an_object_that_is_removed_while_the_run_goes_on_leaves_nothing():
    volumes, engine, cache = begun(), BuiltinEngine(), EmbeddingCache()
    volumes.give(1, 2, {2: Prompts((PointPrompt(24, 22),))})
    run = volumes.run()
    for _ in range(7):
        run.take(run.step(engine, cache))
    step = run.step(engine, cache)

    volumes.remove(1)
    run.take(step)
    went(run, engine, cache)

    assert volumes.tracks.ids == {2}
    assert set(ious(volumes, 2)) == EVERYWHERE


def test_a_plane_that_cannot_be_read_is_left_out_and_named():
    class Damaged:
        def __init__(self) -> None:
            self.data = film()
            self.shape, self.dtype = self.data.shape, self.data.dtype

        def __getitem__(self, key):
            if key[:2] == (2, 2):
                raise OSError("a block is damaged")
            return self.data[key]

    volumes = begun(data=Damaged())
    run = volumes.run()
    went(run)

    assert [plane.index for plane in volumes.tracks.problems] == [((0, 2), (1, 2))]
    assert {time for time, _ in ious(volumes)} == {0, 1}
    assert run.ended == [(1, 1)]


def test_what_cannot_be_followed_is_refused():
    with pytest.raises(ImageError):
        Volumes(volumes_of(film()).view, 1, 2)
    with pytest.raises(PromptError):
        volumes_of(film()).run()
    with pytest.raises(PromptError):
        volumes_of(film()).give(TIMES, 0, {1: Prompts((PointPrompt(24, 22),))})


def test_sessions_of_times_that_are_done_are_given_back():
    opened: list = []

    class Watched(BuiltinEngine):
        def start(self, query=None):
            session = super().start(query)
            opened.append(session)
            return session

    volumes, cache = begun(window=Window(0, 0, SIDE, SIDE)), EmbeddingCache()
    for _ in volumes.run().steps(Watched(), cache):
        assert sum(session._last is not None for session in opened) <= 2
    volumes.close()

    assert not any(session._last is not None for session in opened)
