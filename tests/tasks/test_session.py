"""Sessions: the window in use, and requests that return at once."""

from dataclasses import replace

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import ImageError, PromptError
from napari_sam3_assistant.core.intensity import Limits
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import PointPrompt, Prompts
from napari_sam3_assistant.core.sources import Source, array_source
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.tasks.scheduler import Scheduler
from napari_sam3_assistant.tasks.session import EngineHandle, ImageSession
from tests.conftest import squares

PLANE = Plane(0, 1)


@pytest.fixture
def scheduler():
    made = Scheduler()
    yield made
    made.close(timeout=5)


@pytest.fixture
def session(scheduler):
    engine = registry.create("builtin")
    return ImageSession(scheduler, EmbeddingCache(), EngineHandle("builtin", lambda: engine))


def at(*points):
    return Prompts(points=tuple(PointPrompt(*point) for point in points))


def test_without_a_picture_one_is_asked_for(session):
    with pytest.raises(ImageError) as caught:
        session.request(at((1, 1)), PLANE)

    assert caught.value.hint


def test_a_request_is_answered_on_the_worker(session):
    session.set_source(array_source(squares(), identity="a"))

    result = session.request(at((35, 35)), PLANE).result(20)

    assert result.segmentation.mask.value_at(35, 35) and result.engine == "builtin"
    assert session.encode_ms == result.encode_ms > 0


def test_a_prepared_plane_needs_no_encoding(session):
    session.set_source(array_source(squares(), identity="a"))

    session.prepare(PLANE).result(20)

    assert session.encode_ms > 0
    assert session.request(at((35, 35)), PLANE).result(20).encode_ms == 0
    assert session.prepare(PLANE) is None, "there is nothing left to prepare"


def test_a_large_plane_is_not_prepared(session):
    session.set_source(array_source(np.broadcast_to(np.uint8(0), (4096, 4096)), identity="a"))

    assert session.prepare(PLANE) is None


def test_the_window_stays_while_it_serves_and_is_forgotten_with_the_picture(session):
    large = np.broadcast_to(np.uint8(0), (8192, 8192))
    session.set_source(array_source(large, identity="a"))
    session.request(at((4000, 4000)), PLANE).result(20)
    first = session.view.window

    session.request(at((4000, 4000), (4100, 4100)), PLANE).result(20)
    assert session.view.window == first
    session.set_source(array_source(large, identity="b"))
    assert session.view is None


def test_a_new_version_of_the_picture_is_encoded_anew(session):
    source = array_source(squares(), identity="a")
    session.set_source(source)
    session.request(at((35, 35)), PLANE).result(20)

    session.set_source(Source("a", (squares()[::-1].copy(),), version=1))

    assert session.request(at((35, 35)), PLANE).result(20).encode_ms > 0


def test_limits_are_estimated_once_a_picture(session):
    reads = []

    class Counting(np.ndarray):
        def __getitem__(self, key):
            reads.append(key)
            return super().__getitem__(key)

    picture = (squares().astype(np.uint16) * 50).view(Counting)
    session.set_source(Source("a", (picture,)))
    session.request(at((35, 35)), PLANE).result(20)
    first = len(reads)

    session.request(at((95, 95)), PLANE).result(20)

    assert len(reads) - first <= 2, "the checksum alone reads again"


def test_the_newest_of_many_requests_wins_and_it_holds_every_point(session):
    session.set_source(array_source(np.tile(squares(256), (8, 8)), identity="a"))
    futures = [session.request(at(*[(20 + k, 30) for k in range(n)]), PLANE, key="prompt") for n in range(1, 25)]

    assert len(futures[-1].result(30).prompts.points) == 24
    assert all(one.done() for one in futures)
    assert sum(one.cancelled() for one in futures) >= 20


def test_prompts_beside_a_large_plane_are_refused_at_once(session):
    session.set_source(array_source(np.broadcast_to(np.uint8(0), (8192, 8192)), identity="a"))

    with pytest.raises(PromptError):
        session.request(at((-90, -90)), PLANE)


@pytest.mark.parametrize(
    "change",
    [
        {"limits": Limits((0.0,), (100.0,))},
        {"channel_axis": 0, "mix": (0, 1, None)},
        {"channel_axis": 0, "mix": (0, None, 1)},
        {"version": 1},
    ],
    ids=str,
)
def test_what_is_encoded_is_encoded_anew_where_something_else_is_seen_and_found_again(session, change):
    first = Source("a", (np.stack([squares(), squares()[::-1]]).astype(np.uint16),), channel_axis=0)
    plane, prompts = Plane(1, 2, ((0, 0),)), at((35, 35))
    session.set_source(first)
    session.request(prompts, plane).result(20)
    assert session.has(plane, session.view.window)

    session.set_source(replace(first, **change))
    assert not session.has(plane, session.view.window)
    changed = session.request(prompts, plane).result(20)

    assert changed.encode_ms > 0 and session.has(plane, session.view.window)
    session.set_source(first)
    assert session.has(plane, session.view.window) and session.request(prompts, plane).result(20).encode_ms == 0


def test_a_mix_is_the_same_wherever_the_plane_is_cut_on_the_channel_axis(session):
    channels = np.stack([squares(), squares()[::-1]])
    session.set_source(Source("a", (channels,), channel_axis=0, mix=(0, 1, None)))
    session.request(at((35, 35)), Plane(1, 2, ((0, 0),))).result(20)

    other = Plane(1, 2, ((0, 1),))

    assert session.has(other, session.view.window) and session.request(at((35, 35)), other).result(20).encode_ms == 0
