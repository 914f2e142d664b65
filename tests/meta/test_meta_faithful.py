"""Meta's engine gives the numbers of Meta's bare calls, and those of transformers on converted weights."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import Box, PlacedMask, mask_iou
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts, Query, TextPrompt
from napari_sam3_assistant.engines.stored import StoredEngine
from napari_sam3_assistant.engines.storing import StoreOptions, finite
from napari_sam3_assistant.testing import blobs
from tests.meta.conftest import WHY

pytest.importorskip("sam3", reason=WHY)

SHAPE = (120, 160)
BOX = Box(20, 30, 70, 90)
DRAWN = PlacedMask(np.ones((40, 50), bool), (25, 35))
ONE = (PointPrompt(40, 60),)
MANY = (PointPrompt(40, 60), PointPrompt(90, 130, False), PointPrompt(50.5, 66.25))
CLICKS = {
    "point": Prompts(ONE),
    "many points": Prompts(MANY),
    "box": Prompts(box=BoxPrompt(BOX)),
    "box and point": Prompts(ONE, BoxPrompt(BOX)),
    "mask": Prompts(mask=MaskPrompt(DRAWN)),
    "mask and point": Prompts(ONE, mask=MaskPrompt(DRAWN)),
}
LIKE, UNLIKE = BoxPrompt(Box(30, 30, 60, 70)), BoxPrompt(Box(80, 100, 110, 150), positive=False)
QUERIES = {
    "words": Query(texts=(TextPrompt("cell"),)),
    "many words": Query(texts=(TextPrompt("a large bright CELL, with a nucleus"),)),
    "example": Query(exemplars=(LIKE,)),
    "examples + and -": Query(exemplars=(LIKE, UNLIKE)),
    "words and examples": Query(texts=(TextPrompt("cell"),), exemplars=(LIKE, UNLIKE)),
}


@pytest.fixture(scope="module")
def picture():
    return blobs(SHAPE, seed=3)


@pytest.fixture(scope="module")
def embedding(engine, picture):
    return engine.encode(picture, progress=no_progress, cancel=CancelToken())


@pytest.fixture(scope="module")
def bare(model, picture):
    """The picture as Meta's processor keeps it, and the processor."""
    from PIL import Image
    from sam3.model.sam3_image_processor import Sam3Processor

    processor = Sam3Processor(model.detector, resolution=model.side, device="cpu", confidence_threshold=-1.0)
    return processor, processor.set_image(Image.fromarray(picture))


def clicked(model, state, prompts, prior=None):
    """Return masks, scores and logits of Meta's ``predict_inst``, the best first."""
    points = np.array([(one.col, one.row) for one in prompts.points], np.float32)
    box = prompts.box and np.array([prompts.box.box.left, prompts.box.box.top, *_end(prompts.box.box)], np.float32)
    if prompts.mask is not None and prior is None:
        prior = drawn(model)
    found = model.detector.predict_inst(
        state,
        point_coords=points if len(points) else None,
        point_labels=np.array([int(one.positive) for one in prompts.points]) if len(points) else None,
        box=box,
        mask_input=prior,
        multimask_output=len(points) == 1 and box is None and prior is None,
    )
    order = np.argsort(-found[1], kind="stable")
    return [one[order] for one in found]


def _end(box):
    return box.right, box.bottom


def drawn(model):
    """Return the drawn mask as SAM takes one: 10 inside and -10 outside, on the decoder's grid."""
    import torch

    plane = torch.zeros(1, 1, *SHAPE)
    plane[0, 0, 25:65, 35:85] = 1
    side = 4 * model.side // 14
    return (torch.nn.functional.interpolate(plane, (side, side), mode="bilinear", antialias=True)[0] * 20 - 10).numpy()


def as_placed(mask):
    return PlacedMask(mask > 0)


def assert_same_object(ours, masks, scores, logits):
    assert ours.score == pytest.approx(float(scores[0]), abs=1e-6)
    np.testing.assert_allclose(ours.state.logits, logits[0], atol=1e-5)
    for mine, other in zip((ours.mask, *ours.alternatives), (one for one in masks if one.any()), strict=False):
        assert mine.area
        assert mask_iou(mine, as_placed(other)) > 0.999


@pytest.mark.parametrize("kind", CLICKS)
def test_clicks_are_those_of_predict_inst(engine, embedding, model, bare, kind):
    masks, scores, logits = clicked(model, bare[1], CLICKS[kind])

    ours = engine.segment(embedding, CLICKS[kind])

    assert len(scores) == (3 if kind == "point" else 1)
    assert_same_object(ours, masks, scores, logits)


def test_refinement_is_that_of_predict_inst_with_its_own_logits(engine, embedding, model, bare):
    first = engine.segment(embedding, Prompts(ONE))
    _, _, logits = clicked(model, bare[1], Prompts(ONE))
    masks, scores, refined = clicked(model, bare[1], Prompts(MANY), prior=logits[:1])

    ours = engine.segment(embedding, Prompts(MANY), previous=first)

    assert_same_object(ours, masks, scores, refined)
    assert not np.allclose(ours.state.logits, engine.segment(embedding, Prompts(MANY)).state.logits, atol=0.1)


@pytest.mark.parametrize("kind", QUERIES)
def test_what_is_found_is_what_the_processor_finds(engine, embedding, bare, kind):
    said = grounded(*bare, QUERIES[kind])
    wanted = list(said["masks"][:, 0].numpy())

    found = engine.find(embedding, QUERIES[kind])

    scores = said["scores"].numpy()
    answers = found.above(0.0)
    assert answers
    np.testing.assert_allclose(
        sorted(found.scores), sorted(scores[said["masks_logits"][:, 0].amax((1, 2)).numpy() > 0.5]), atol=1e-5
    )
    best = np.argsort(-scores, kind="stable")
    by_score = sorted(answers, key=lambda one: -one.score)
    there = [index for index in best if wanted[index].any()]
    for mine, index in zip(by_score, there, strict=False):
        assert mine.score == pytest.approx(float(scores[index]), abs=1e-5)
        assert max(mask_iou(mine.mask, as_placed(wanted[other])) for other in there) > 0.999


def grounded(processor, state, query):
    """Return what Meta's processor says to a query, with all scores."""
    processor.reset_all_prompts(state)
    if query.texts:
        processor.set_text_prompt(query.texts[0].text, state)
    for one in query.exemplars:
        box = one.box
        centre = [(box.left + box.right) / 2 / SHAPE[1], (box.top + box.bottom) / 2 / SHAPE[0]]
        size = [(box.right - box.left) / SHAPE[1], (box.bottom - box.top) / SHAPE[0]]
        processor.add_geometric_prompt([*centre, *size], one.positive, state)
    return state


def test_several_phrases_find_what_each_finds_alone(engine, embedding):
    alone = [engine.find(embedding, Query(texts=(TextPrompt(one),))) for one in ("cell", "dark disc")]

    both = engine.find(embedding, Query(texts=(TextPrompt("cell"), TextPrompt("dark disc"))))

    wanted = [score for one in alone for score in one.scores if score >= 0.01]
    np.testing.assert_allclose(both.scores, wanted, atol=1e-6)


def test_another_threshold_asks_the_model_nothing(engine, embedding, monkeypatch):
    found = engine.find(embedding, QUERIES["words"])
    monkeypatch.setattr(engine, "_reader", None)

    assert len(found.above(0.0)) >= len(found.above(float(np.median(found.scores))))


def test_an_embedding_from_disk_answers_the_very_same(engine, embedding, picture, tmp_path):
    first, second = (StoredEngine(engine, StoreOptions(tmp_path), wait=True) for _ in range(2))
    for one in (first, second):
        again = one.encode(picture, progress=no_progress, cancel=CancelToken())
        one._keeper.close()

    assert (second.stored.found, second.stored.encoded) == (1, 0) and again is not embedding
    assert (again.shape, again.picture, again.weights, again.nbytes) == (
        embedding.shape,
        embedding.picture,
        embedding.weights,
        embedding.nbytes,
    )
    for prompts in CLICKS.values():
        one, other = engine.segment(embedding, prompts), engine.segment(again, prompts)
        np.testing.assert_array_equal(one.state.logits, other.state.logits)
        assert mask_iou(one.mask, other.mask) == 1 and one.score == other.score
    one, other = engine.find(embedding, QUERIES["words"]), engine.find(again, QUERIES["words"])
    assert one.scores.tolist() == other.scores.tolist()


def test_features_in_bfloat16_come_back_so_and_arrays_of_something_else_are_refused(engine, embedding):
    narrow = replace(embedding, levels=tuple(one.bfloat16() for one in embedding.levels))
    arrays = engine.pack(narrow)
    lacking = {name: one for name, one in arrays.items() if not name.startswith("clicks1")}

    found = engine.unpack(arrays, narrow.shape)

    assert finite(arrays)
    assert not finite(engine.pack(replace(narrow, levels=tuple(one / 0 for one in narrow.levels))))
    for mine, theirs in zip(found.levels + found.clicks, narrow.levels + narrow.clicks, strict=True):
        assert mine.equal(theirs) and mine.stride() == theirs.stride()
    for wrong in ({}, lacking, lacking | {"clicks1": np.zeros(3)}):
        with pytest.raises(ValueError, match="it "):
            engine.unpack(wrong, narrow.shape)


@pytest.fixture(scope="module")
def converted(small_folder, tmp_path_factory):
    """transformers' engine, with the same weights, converted."""
    pytest.importorskip("transformers")
    from napari_sam3_assistant.engines.sam3 import precision
    from napari_sam3_assistant.engines.sam3.image import Sam3Engine

    folder = shutil.copytree(small_folder, tmp_path_factory.mktemp("converted") / "small")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr(precision, "on_cpu", lambda wanted: precision.Way("float32"))
        made = Sam3Engine(folder, device="cpu", precision="float32")
        made.load(progress=no_progress, cancel=CancelToken())
        yield made
        made.close()


@pytest.fixture(scope="module")
def encoded(converted, picture):
    return converted.encode(picture, progress=no_progress, cancel=CancelToken())


@pytest.mark.parametrize("kind", CLICKS)
def test_converted_weights_give_the_clicks_of_unconverted_ones(engine, embedding, converted, encoded, kind):
    ours, theirs = engine.segment(embedding, CLICKS[kind]), converted.segment(encoded, CLICKS[kind])

    assert ours.score == pytest.approx(theirs.score, abs=1e-4)
    np.testing.assert_allclose(ours.state.logits, theirs.state.logits, atol=5e-3 * np.abs(theirs.state.logits).max())
    assert mask_iou(ours.mask, theirs.mask) > 0.999


@pytest.mark.parametrize("kind", QUERIES)
def test_converted_weights_find_what_unconverted_ones_find(engine, embedding, converted, encoded, kind):
    ours, theirs = engine.find(embedding, QUERIES[kind]), converted.find(encoded, QUERIES[kind])

    assert len(ours)
    np.testing.assert_allclose(np.sort(ours.scores), np.sort(theirs.scores), atol=1e-4)
