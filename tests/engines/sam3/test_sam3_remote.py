"""SAM3 on a server: what comes over the socket is what the engine there answers, refinement and words included."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, Prompts, Query, TextPrompt
from napari_sam3_assistant.engines.remote.engine import RemoteEngine
from napari_sam3_assistant.testing import blobs, click
from tests.server.conftest import running


@pytest.fixture
def remote(engine):
    with running(engine) as server:
        remote = RemoteEngine(f"127.0.0.1:{server.port}")
        remote.load(progress=no_progress, cancel=CancelToken())
        yield remote
        remote.close()


def encoded(engine, image):
    return engine.encode(image, progress=no_progress, cancel=CancelToken())


def assert_alike(here, there):
    assert here.score == there.score
    for one, other in zip((here.mask, *here.alternatives), (there.mask, *there.alternatives), strict=True):
        one, other = one.trimmed(), other.trimmed()
        np.testing.assert_array_equal(one.mask, other.mask)


def test_clicks_refinement_a_box_and_words_are_answered_as_here(engine, remote):
    image = blobs((96, 120))
    here, there = encoded(engine, image), encoded(remote, image)

    first = engine.segment(here, click(40.5, 50.25))
    elsewhere = remote.segment(there, click(40.5, 50.25))
    assert_alike(first, elsewhere)
    more = click(40.5, 50.25, (42, 60, False))
    assert_alike(engine.segment(here, more, first), remote.segment(there, more, elsewhere))
    box = Prompts(box=BoxPrompt(Box(0, 0, 96, 120)))
    assert_alike(engine.segment(here, box), remote.segment(there, box))
    query = Query((TextPrompt("cell"),))
    local, found = engine.find(here, query).kept(0.01), remote.find(there, query)
    shown = local.above(0.01)
    assert len(found) >= len(shown)
    for one, other in zip(shown, found.above(0.01), strict=True):
        assert_alike(one, other)


def test_proposals_are_those_that_are_made_here(engine, remote):
    image, places = blobs((96, 120)), np.array([[30.0, 40.0], [60.5, 80.25]])

    there = remote.propose(encoded(remote, image), places)

    here = engine.propose(encoded(engine, image), places)
    for one, other in zip(here.each(), there.each(), strict=True):
        assert_alike(one, other)


def test_a_film_is_followed_as_here_forward_backward_and_corrected(engine, remote):
    frames = [blobs((96, 120), seed=seed) for seed in range(3)]

    here, there = (followed(one, frames) for one in (engine, remote))

    for one, other in zip(here, there, strict=True):
        assert_alike(one, other)
    assert any(one.mask.area for one in here)


def followed(engine, frames):
    """Return what an engine answers to clicks on the first frame, on the others, corrected, and back."""
    pictures, session = [encoded(engine, frame) for frame in frames], engine.start()
    answers = [session.prompt(0, pictures[0], 1, click(40.5, 50.25)), session.prompt(0, pictures[0], 2, click(70, 90))]
    for frame in (1, 2):
        answers += session.step(frame, pictures[frame]).objects.values()
    answers.append(session.prompt(2, pictures[2], 1, click(42, 60)))
    session.remove(2)
    session.begin(2, pictures[2], {1: answers[0].mask} if answers[0].mask.area else {})
    for frame in (1, 0):
        answers += session.step(frame, pictures[frame], {1}).objects.values()
    session.close()
    return answers
