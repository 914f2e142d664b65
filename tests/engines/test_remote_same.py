"""What comes from a server is what the engine there answers, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant import propagate, segment
from napari_sam3_assistant.core.errors import Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import (
    BoxPrompt,
    CropExemplar,
    MaskPrompt,
    PointPrompt,
    Prompts,
    Query,
    TextPrompt,
)
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.proposing import proposing
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.engines.remote.engine import RemoteEngine
from napari_sam3_assistant.samples import nuclei, nuclei_stack
from napari_sam3_assistant.testing import blobs, click
from tests.engines.cutting import Cutter
from tests.engines.test_remote import GENEROUS
from tests.server.conftest import running
from tests.server.follower import Follower
from tests.server.stub import StubEngine

BOX = Box(20, 24, 70.5, 81)
ROUGH = np.random.default_rng(1).random((30, 40)) < 0.8


@pytest.fixture(scope="module")
def server():
    with running(BuiltinEngine(), **GENEROUS) as server:
        yield server


@pytest.fixture
def engine(server):
    engine = loaded(RemoteEngine(f"127.0.0.1:{server.port}"))
    yield engine
    engine.close()


def loaded(engine):
    engine.load(progress=no_progress, cancel=CancelToken())
    return engine


def encoded(engine, image):
    return engine.encode(image, progress=no_progress, cancel=CancelToken())


def assert_alike(here, there):
    """Fail unless two answers have the same pixels, readings and score; empty rims do not count."""
    assert here.score == there.score
    for one, other in zip((here.mask, *here.alternatives), (there.mask, *there.alternatives), strict=True):
        one, other = one.trimmed(), other.trimmed()
        assert one.offset == other.offset
        np.testing.assert_array_equal(one.mask, other.mask)


@pytest.mark.parametrize(
    "prompts",
    [
        click(60, 70),
        click(60.4, 70.6, (30.5, 31.49, False)),
        Prompts(mask=MaskPrompt(PlacedMask(ROUGH, (40, 50)))),
        Prompts((PointPrompt(50, 60), PointPrompt(55, 61, False)), mask=MaskPrompt(PlacedMask(ROUGH, (40, 50)))),
        Prompts(mask=MaskPrompt(PlacedMask(ROUGH, (110, 140)))),
    ],
    ids=["a click", "clicks between pixels", "a mask", "a mask and clicks", "a mask that reaches outside"],
)
def test_every_kind_of_prompt_has_the_answer_that_it_has_here(engine, prompts):
    here, image = loaded(BuiltinEngine()), blobs()

    there = engine.segment(encoded(engine, image), prompts)

    assert_alike(here.segment(encoded(here, image), prompts), there)


def test_a_box_has_the_answer_that_tasks_make_of_it_here(server):
    image = nuclei().image[:140, :140]
    asked = {"boxes": [(20.5, 30, 60, 90)], "threshold": None}

    here, there = (segment(image, **asked, **where) for where in ({"engine": "builtin"}, at(server)))

    assert_same_objects(here, there)


@pytest.mark.parametrize("asked", ["exemplars", "crop", "everything"])
def test_what_is_found_is_what_is_found_here(server, asked):
    image = nuclei().image[:140, :140]
    first = segment(image, points=[(60, 60)], engine="builtin").objects[0].mask.box
    more = {
        "exemplars": {"exemplars": [first.corners]},
        "crop": {"exemplar_image": image[:90, :90], "exemplar_box": first.corners},
        "everything": {"everything": True},
    }[asked]

    here, there = (segment(image, **more, **where) for where in ({"engine": "builtin"}, at(server)))

    assert_same_objects(here, there)
    assert here.objects


def test_candidates_hold_what_another_threshold_wants_and_no_question_is_asked_again(engine):
    here, image = loaded(BuiltinEngine()), blobs()
    query = Query(exemplars=(BoxPrompt(BOX),))

    there = engine.find(encoded(engine, image), query)
    engine.close()

    local = here.find(encoded(here, image), query).kept(0.01)
    for threshold in (0.05, 0.3, 0.6, 0.9):
        for one, other in zip(local.above(threshold), there.above(threshold), strict=True):
            assert_alike(one, other)


def test_an_example_in_a_picture_of_its_own_is_sent_along(engine):
    here, image, other = loaded(BuiltinEngine()), blobs(), blobs(seed=1)
    query = Query(crop=CropExemplar(other[10:90, 20:100], Box(20, 20, 60, 60)))

    there = engine.find(encoded(engine, image), query)

    local = here.find(encoded(here, image), query).kept(0.01)
    np.testing.assert_array_equal(there.scores, local.scores)


def test_proposals_are_those_that_are_made_here(engine):
    here, image = loaded(BuiltinEngine()), blobs()

    there = proposing(engine).propose(encoded(engine, image), np.zeros((0, 2)))

    local = here.propose(encoded(here, image), np.zeros((0, 2)))
    for one, other in zip(local.each(), there.each(), strict=True):
        assert_alike(one, other)


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut on the way"])
def test_a_film_is_followed_as_it_is_here(server, cut):
    image = nuclei_stack().image[8:13, :128, :128]
    asked = {"points": {1: [(1, 60, 60)]}, "masks": {3: disc(image.shape[1:], 40, 40)}}

    with Cutter(server.port) as cutter:

        def breaks(fraction, message=""):
            if cut and fraction and not cutter.cuts:
                cutter.cut()

        there = propagate(image, **asked, server=f"127.0.0.1:{cutter.port}", progress=breaks)
    here = propagate(image, **asked, engine="builtin")

    assert cutter.cuts == cut
    assert there.count == here.count
    for frame in range(len(image)):
        np.testing.assert_array_equal(here.labels(frame), there.labels(frame))


def test_words_are_found_with_their_scores():
    found = ((0.9, (10, 10, 30, 30)), (0.4, (40, 40, 60, 60)), (0.02, (70, 70, 80, 80)))
    with running(StubEngine(capabilities=Capabilities(text=True), found=found), **GENEROUS) as server:
        engine = loaded(RemoteEngine(f"127.0.0.1:{server.port}"))
        there = engine.find(encoded(engine, blobs()), Query((TextPrompt("cell"), TextPrompt("nucleus"))))
        engine.close()

    np.testing.assert_array_equal(there.scores, np.float32([0.9, 0.4, 0.02] * 2))
    assert [one.mask.box.corners for one in there.above(0.3)] == [(10, 10, 30, 30)] * 2 + [(40, 40, 60, 60)] * 2


def test_words_are_asked_of_a_server_that_nobody_has_asked_anything_before():
    film = np.stack([blobs()] * 2)
    with running(Follower(found=((0.9, (10, 10, 30, 30)),)), **GENEROUS) as server:
        one = segment(blobs(), text="cell", **at(server))
        all_frames = propagate(film, text="cell", **at(server))

    assert [found.mask.box.corners for found in one.objects] == [(10, 10, 30, 30)]
    assert len(all_frames.objects) == 2


@pytest.mark.parametrize("ask", [segment, propagate])
def test_a_server_that_does_not_read_words_says_so(server, ask):
    with pytest.raises(Unsupported, match="The server's engine does not read words") as caught:
        ask(blobs() if ask is segment else np.stack([blobs()] * 2), text="cell", **at(server))

    assert "Name a server" in caught.value.hint
    assert "--model" not in caught.value.in_shell


def at(server):
    return {"server": f"http://127.0.0.1:{server.port}/"}


def assert_same_objects(here, there):
    assert there.engine == "remote"
    for one, other in zip(here.objects, there.objects, strict=True):
        assert (one.score, one.mask.offset) == (other.score, other.mask.offset)
        np.testing.assert_array_equal(one.mask.mask, other.mask.mask)


def disc(shape, row, col, radius=9):
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(rows - row, cols - col) < radius
