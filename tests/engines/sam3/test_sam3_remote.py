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
