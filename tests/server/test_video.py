"""Objects followed over the socket are those that the engine's own session follows, pixel for pixel."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from tests.server.conftest import running
from tests.server.film import COUNT, FIRST, SECOND, Own, at, drawn, following, masks_of, whole

SQUARE = PlacedMask(np.ones((14, 14), bool), (38, 50))


@pytest.fixture(scope="module")
def server():
    with running(BuiltinEngine()) as server:
        yield server


def assert_same(result: dict, expected) -> None:
    """Assert that a ``frame_result`` is what a session of this process has found."""
    there = masks_of(result)
    assert result["index"] == expected.frame
    assert set(there) == set(expected.objects)
    for object_id, one in expected.objects.items():
        np.testing.assert_array_equal(there[object_id], whole(one.mask))
    assert result["lost"] == sorted(expected.lost)
    scores = {one["object_id"]: one["score"] for one in result["objects"]}
    assert scores == pytest.approx({id: one.score if one.mask.area else 0 for id, one in expected.objects.items()})


def assert_all_same(results: list[dict], expected: list) -> None:
    assert len(results) == len(expected)
    for result, one in zip(results, expected, strict=True):
        assert_same(result, one)


def test_forward_and_backward_are_what_the_engine_finds_here(server):
    own = Own(BuiltinEngine())
    first = own.prompt(2, 1, *FIRST)
    forward = own.steps([3, 4])
    own.begin(2, {1: first.mask})
    backward = own.steps([1, 0])

    with following(server) as client:
        prompted = client.tell("video_prompt", index=2, object_id=1, prompts=at(*FIRST), id="a")
        there = client.propagate(3, 4)
        begun = client.tell("video_begin", index=2, objects=[{"object_id": 1, **drawn(first.mask)}])
        back = client.propagate(1, 0)

    assert (prompted["type"], prompted["id"], prompted["index"]) == ("frame_result", "a", 2)
    np.testing.assert_array_equal(masks_of(prompted)[1], whole(first.mask))
    assert begun == {"type": "video_begun", "video_id": client.video_id, "index": 2}
    assert_all_same(there, forward)
    assert_all_same(back, backward)


def test_corrections_masks_removals_and_a_choice_of_objects_are_what_the_engine_finds_here(server):
    own = Own(BuiltinEngine())
    own.prompt(0, 1, *FIRST)
    own.draw(0, 2, SQUARE)
    before = own.steps([1, 2])
    present = before[-1].objects[1].mask
    corrected = own.prompt(2, 1, 60, 70, positive=False, present=present)
    own.session.remove(2)
    after = own.steps([3])
    chosen = own.steps([4], {1})

    with following(server) as client:
        client.tell("video_prompt", index=0, object_id=1, prompts=at(*FIRST))
        client.tell("video_prompt", index=0, object_id=2, prompts={"mask": drawn(SQUARE)})
        first = client.propagate(1, 2)
        answer = client.tell("video_prompt", index=2, object_id=1, prompts=at(60, 70, 0), present=drawn(present))
        removed = client.tell("video_remove", object_id=2)
        second = client.propagate(3, 3)
        third = client.propagate(4, 4, object_ids=[1])

    assert_all_same(first, before)
    np.testing.assert_array_equal(masks_of(answer)[1], whole(corrected.mask))
    assert (removed["type"], removed["object_id"]) == ("video_removed", 2)
    assert_all_same(second, after)
    assert_all_same(third, chosen)


def test_each_frame_is_asked_for_once_and_the_next_one_ahead(server):
    with following(server) as client:
        client.tell("video_prompt", index=0, object_id=1, prompts=at(*SECOND))
        client.propagate(1, COUNT - 1)

    assert client.needed == list(range(COUNT))
