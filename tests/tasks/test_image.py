"""One object of one plane: one encode for many prompts, placed where it belongs."""

import dask.array as da
import numpy as np
import pytest

from napari_sam3_assistant.core.errors import (
    AssistantError,
    Cancelled,
    EmbeddingLost,
    EngineError,
    ImageError,
    OutOfMemory,
    PromptError,
)
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.core.windows import Window, whole
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.tasks.image import segment_plane
from napari_sam3_assistant.tasks.view import View
from tests.conftest import squares

PLANE = Plane(0, 1)


@pytest.fixture
def engine():
    made = registry.create("builtin")
    yield made
    made.close()


@pytest.fixture
def ask(engine):
    embeddings = EmbeddingCache()

    def ask(view, prompts, cancel=None):
        return segment_plane(engine, embeddings, view, prompts, progress=no_progress, cancel=cancel or CancelToken())

    return ask


def view_of(picture, window=None):
    source = array_source(picture, identity="a")
    return View(source, PLANE, window or whole(picture.shape[:2]))


def at(*points):
    return Prompts(points=tuple(PointPrompt(*point) for point in points))


def test_one_encode_answers_prompts_of_every_kind(ask):
    view = view_of(squares())
    mask = MaskPrompt(PlacedMask(np.ones((28, 28), bool), (22, 22)))

    spent = [
        ask(view, prompts).encode_ms
        for prompts in (at((35, 35)), at((35, 35), (95, 95, False)), Prompts(box=BoxPrompt(Box(18, 18, 52, 52))),
                        Prompts(mask=mask), at((95, 95)))
    ]  # fmt: skip

    assert spent[0] > 0 and spent[1:] == [0.0] * 4


def test_a_mask_found_in_a_window_lies_where_it_lies_on_the_plane(ask):
    picture = np.full((900, 900), 20, np.uint8)
    picture[400:430, 500:530] = 200

    result = ask(view_of(picture, Window(300, 400, 600, 700)), at((415, 515)))

    assert result.segmentation.mask.value_at(415, 515)
    assert result.segmentation.mask.offset[0] >= 399 and result.segmentation.mask.offset[1] >= 499


def test_a_box_s_mask_stays_in_the_box(ask):
    box = Box(18, 18, 40, 52)  # cuts the square

    mask = ask(view_of(squares()), Prompts(box=BoxPrompt(box))).segmentation.mask

    assert mask.area and mask.offset[0] + mask.mask.shape[0] <= 40


def test_a_click_beside_the_box_is_kept(ask):
    prompts = Prompts(points=(PointPrompt(45, 35),), box=BoxPrompt(Box(18, 18, 40, 52)))

    assert ask(view_of(squares()), prompts).segmentation.mask.value_at(45, 35)


def test_direct_writes_into_the_picture_are_encoded_anew(ask):
    picture = squares()
    view = view_of(picture)
    ask(view, at((35, 35)))

    picture[60:100, 10:60] = 250

    assert ask(view, at((35, 35))).encode_ms > 0


def test_prompts_outside_the_window_are_refused(ask):
    with pytest.raises(PromptError):
        ask(view_of(squares(), Window(60, 60, 128, 128)), at((10, 10)))


def test_a_picture_that_cannot_be_read_says_so(ask):
    def broken(block):
        raise RuntimeError("no route")

    picture = da.zeros((64, 64), chunks=32, dtype=np.uint8).map_blocks(
        broken, dtype=np.uint8, meta=np.zeros((0, 0), np.uint8)
    )

    with pytest.raises(ImageError, match="no route"):
        ask(view_of(picture), at((5, 5)))


def test_a_cancelled_job_stops(ask):
    token = CancelToken()
    token.cancel()

    with pytest.raises(Cancelled):
        ask(view_of(squares()), at((35, 35)), token)


@pytest.mark.parametrize("error", [ValueError("x"), MemoryError(), ZeroDivisionError()])
def test_a_foreign_error_of_an_engine_becomes_ours(engine, error, monkeypatch):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(engine, "segment", fail)
    with pytest.raises(EngineError) as caught:
        segment_plane(
            engine, EmbeddingCache(), view_of(squares()), at((35, 35)), progress=no_progress, cancel=CancelToken()
        )

    assert isinstance(caught.value, AssistantError) and caught.value.hint and caught.value.__cause__ is error


@pytest.mark.parametrize("error", [MemoryError(), OutOfMemory("full", hint="x"), EmbeddingLost("gone", hint="x")])
@pytest.mark.parametrize("failures", [1, 2])
def test_where_memory_or_an_embedding_is_gone_the_view_is_encoded_once_more(engine, error, failures, monkeypatch):
    embeddings, told, segment, encode = EmbeddingCache(), [], engine.segment, engine.encode

    def answer(*args, **kwargs):
        told.append("asked")
        if told.count("asked") <= failures:
            raise error
        return segment(*args, **kwargs)

    def encoded(*args, **kwargs):
        told.append("encoded")
        return encode(*args, **kwargs)

    monkeypatch.setattr(engine, "segment", answer)
    monkeypatch.setattr(engine, "encode", encoded)

    def ask():
        return segment_plane(
            engine, embeddings, view_of(squares()), at((35, 35)), progress=no_progress, cancel=CancelToken()
        )

    if failures == 1:
        assert ask().segmentation.mask.area
    else:
        with pytest.raises(EngineError):
            ask()
    assert told == ["encoded", "asked"] * 2
