"""SAM3's embeddings that stay: what is read from disk answers as what was encoded, to the last bit."""

import os
import time
from dataclasses import replace

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts, Query, TextPrompt
from napari_sam3_assistant.engines.stored import StoredEngine
from napari_sam3_assistant.engines.storing import StoreOptions
from tests.engines.sam3.asking import encode, loaded
from tests.engines.sam3.conftest import WHY

torch = pytest.importorskip("torch", reason=WHY)
pytest.importorskip("transformers", reason=WHY)

POINTS = Prompts((PointPrompt(20, 40), PointPrompt(5, 5, False)))
BOX = Prompts(box=BoxPrompt(Box(8, 30, 32, 52)))
MASK = Prompts(mask=MaskPrompt(PlacedMask(np.ones((25, 35), bool), (10, 25))))


@pytest.fixture(scope="module")
def again(exact, frames, encoded, tmp_path_factory):
    """The first two frames as they are read from disk."""
    options = StoreOptions(tmp_path_factory.mktemp("embeddings"))
    first = StoredEngine(exact, options, wait=True)
    for frame in frames[:2]:
        encode(first, frame)
    first._keeper.close()
    second = StoredEngine(exact, options)
    found = [encode(second, frame) for frame in frames[:2]]
    assert second.stored.found == 2 and second.stored.encoded == 0
    return found


def same(one, other):
    assert one.mask.offset == other.mask.offset and np.array_equal(one.mask.mask, other.mask.mask)
    assert one.score == other.score


def test_features_are_equal_to_the_last_bit(again, encoded):
    for one, other in zip(again, encoded, strict=False):
        for mine, theirs in zip((*one.levels, *one.clicks), (*other.levels, *other.clicks), strict=True):
            assert torch.equal(mine, theirs) and mine.stride() == theirs.stride() and mine.dtype == theirs.dtype
        assert (one.shape, one.picture, one.weights, one.nbytes) == (
            other.shape,
            other.picture,
            other.weights,
            other.nbytes,
        )


@pytest.mark.parametrize("prompts", [POINTS, BOX, MASK], ids=["points", "a box", "a mask"])
def test_every_kind_of_prompt_gives_the_same_mask_and_its_correction_too(exact, again, encoded, prompts):
    before, after = exact.segment(encoded[0], prompts), exact.segment(again[0], prompts)
    same(after, before)

    same(exact.segment(again[0], POINTS, before), exact.segment(encoded[0], POINTS, before))


@pytest.mark.parametrize(
    "query",
    [Query((TextPrompt("disc"),)), Query(exemplars=(BoxPrompt(Box(8, 30, 32, 52)),))],
    ids=["words", "an example"],
)
def test_what_is_found_is_the_same(exact, again, encoded, query):
    before, after = exact.find(encoded[0], query), exact.find(again[0], query)

    assert np.array_equal(before.scores, after.scores) and len(before.scores) > 0


def test_a_film_is_followed_the_same_way(exact, again, encoded):
    masks = []
    for known in (encoded, again):
        session = exact.start()
        session.prompt(0, known[0], 1, POINTS)
        masks.append(session.step(1, known[1]).objects)
        session.close()

    assert masks[0].keys() == masks[1].keys()
    for id, one in masks[0].items():
        same(masks[1][id], one)


def test_features_with_channels_side_by_side_and_in_float16_come_back_so(exact, encoded):
    levels = (encoded[0].levels[0].half().contiguous(memory_format=torch.channels_last), *encoded[0].levels[1:])
    made = replace(encoded[0], levels=levels)

    found = exact.unpack(exact.pack(made), made.shape)

    assert torch.equal(found.levels[0], levels[0]) and found.levels[0].dtype == torch.float16
    assert found.levels[0].stride() == levels[0].stride() != encoded[0].levels[0].stride()


def test_arrays_of_something_else_are_refused(exact, encoded):
    arrays = dict(exact.pack(encoded[0]))
    lacking = {name: array for name, array in arrays.items() if name != "clicks.1"}

    for wrong in ({}, lacking, arrays | {"levels.0": np.zeros(3)}):
        with pytest.raises(ValueError, match="it "):
            exact.unpack(wrong, (64, 128))


def test_a_model_that_is_closed_answers_nothing_from_disk(tiny_folder, frames, tmp_path):
    engine = StoredEngine(loaded(tiny_folder), StoreOptions(tmp_path), wait=True)
    encode(engine, frames[0])
    engine.close()

    with pytest.raises(EngineError, match="not loaded"):
        encode(engine, frames[0])
    engine.load(progress=no_progress, cancel=CancelToken())
    encode(engine, frames[0])
    assert engine.stored.found == 1
    engine.close()


def test_weights_that_changed_under_the_same_name_find_nothing(tiny_folder, frames, tmp_path):
    import shutil

    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    for expected in ((0, 1), (1, 0), (0, 1)):
        engine = StoredEngine(loaded(folder), StoreOptions(tmp_path / "embeddings"), wait=True)
        encode(engine, frames[0])
        engine.close()
        assert (engine.stored.found, engine.stored.encoded) == expected
        if expected == (1, 0):
            os.utime(folder / "model.safetensors", (time.time() + 5,) * 2)
