"""SAM3's tracker behind the server, small and of random weights: what it follows is what it follows here."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.prompts import Query, TextPrompt
from tests.engines.sam3.conftest import tiny_folder  # noqa: F401 - a fixture
from tests.server.conftest import running, until
from tests.server.film import FIRST, SECOND, Own, at, drawn, following, whole
from tests.server.test_video import assert_all_same, masks_of

DRAWN = PlacedMask(np.ones((25, 35), bool), (10, 25))


@pytest.fixture(scope="module")
def made(tiny_folder, tmp_path_factory):  # noqa: F811
    """Return a function that makes an engine of the small model."""
    from napari_sam3_assistant.engines.sam3.image import Sam3Engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield lambda: Sam3Engine(tiny_folder, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def own(made):
    engine = made()
    yield lambda query=None: Own(engine, query)
    engine.close()


@pytest.fixture(scope="module")
def server(made):
    with running(made(), ready=False) as it:
        until(lambda: it.app.state.inference.state == "ready", 60)
        yield it


def test_there_and_back_with_a_correction_and_a_removal(server, own):
    here = own()
    first = here.prompt(2, 1, *FIRST)
    here.draw(2, 2, DRAWN)
    forward = here.steps([3, 4])
    present = forward[-1].objects[1].mask if 1 in forward[-1].objects else None
    corrected = here.prompt(4, 1, *SECOND, present=present)
    here.session.remove(2)
    here.begin(2, {1: first.mask} if first.mask.area else {})
    backward = here.steps([1, 0], {1})

    with following(server) as client:
        prompted = client.tell("video_prompt", index=2, object_id=1, prompts=at(*FIRST))
        client.tell("video_prompt", index=2, object_id=2, prompts={"mask": drawn(DRAWN)})
        there = client.propagate(3, 4)
        more = {"present": drawn(present)} if present is not None and present.area else {}
        answer = client.tell("video_prompt", index=4, object_id=1, prompts=at(*SECOND), **more)
        client.tell("video_remove", object_id=2)
        begun = [{"object_id": 1, **drawn(first.mask)}] if first.mask.area else []
        client.tell("video_begin", index=2, objects=begun)
        back = client.propagate(1, 0, object_ids=[1])

    np.testing.assert_array_equal(masks_of(prompted)[1], whole(first.mask))
    assert_all_same(there, forward)
    np.testing.assert_array_equal(masks_of(answer)[1], whole(corrected.mask))
    assert_all_same(back, backward)
    assert any(one.mask.area for step in forward for one in step.objects.values())


def test_objects_that_words_name_on_every_frame(server, own):
    here = own(Query((TextPrompt("square"),)))
    expected = here.steps([0, 1])

    with following(server, text="square") as client:
        results = client.propagate(0, 1)

    assert_all_same(results, expected)
    assert [{one.get("name") for one in result["objects"]} for result in results] == [
        set(step.names.values()) for step in expected
    ]
