"""What users do to SAM3: many points, long phrases, odd windows, Cancel in the middle."""

import json

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import (
    Cancelled,
    PromptError,
    Unsupported,
)
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts, Query, TextPrompt
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.testing import assert_same, assert_sound, blobs, click, noise
from tests.engines.sam3.asking import SHAPE, encode
from tests.engines.sam3.conftest import WHY

torch = pytest.importorskip("torch", reason=WHY)
pytest.importorskip("transformers", reason=WHY)

from napari_sam3_assistant.engines.sam3 import prompting, text, upstream  # noqa: E402


@pytest.fixture(scope="module")
def embedding(engine):
    return encode(engine, blobs())


# -- one encoding ---------------------------------------------------------------------------------


def test_every_kind_of_prompt_is_answered_from_one_encoding(engine):
    runs = []
    patches = engine._reader.model.net.detector_model.vision_encoder.backbone.embeddings
    hook = patches.register_forward_hook(lambda *given: runs.append(1))
    embedding = encode(engine, blobs())

    for row in range(20):
        engine.segment(embedding, click(5 * row, 7 * row))
    for row in (10, 30, 50):
        engine.segment(embedding, Prompts(box=BoxPrompt(Box(row, 20, row + 40, 80))))
    for words in ("cell", "nucleus", "dark disc", "cell"):
        found = engine.find(embedding, Query((TextPrompt(words),)))
        found.above(0.4), found.above(0.6)
    engine.find(embedding, Query(exemplars=(BoxPrompt(Box(10, 20, 60, 70)),)))
    hook.remove()

    assert len(runs) == 1


def test_phrase_is_read_once(engine, embedding):
    runs = []
    tower = engine._reader.model.net.detector_model.text_encoder
    hook = tower.register_forward_hook(lambda *given: runs.append(1))

    for _ in range(3):
        engine.find(embedding, Query((TextPrompt("a phrase that is new here"),)))
    hook.remove()

    assert len(runs) == 1


def test_threshold_makes_masks_of_the_survivors_no_larger_than_they_are(engine, embedding):
    found = engine.find(embedding, Query((TextPrompt("cell"),)))

    some, most = found.above(float(np.median(found.scores))), found.above(0)

    assert 0 < len(some) < len(most)
    assert all(one.mask.trimmed().mask.shape == one.mask.mask.shape for one in most)
    assert all(values.base is None and values.size <= 32 * 32 for values in found.logits)


def test_found_masks_are_not_cut_by_the_boxes_they_are_kept_in(engine, embedding):
    found = engine.find(embedding, Query((TextPrompt("cell"),)))

    for one, box in zip(found.above(0), found.boxes[np.argsort(-found.scores, kind="stable")], strict=True):
        assert one.mask.box.top >= box[0] and one.mask.box.bottom <= box[2]
        assert box[0] == 0 or one.mask.box.top > box[0]
        assert box[2] == SHAPE[0] or one.mask.box.bottom < box[2]


def test_progress_rises_and_comes_many_times_in_each_block(engine):
    blocks = engine._reader.model.net.detector_model.vision_encoder.backbone.layers
    ran, seen = [], []
    hooks = [block.mlp.register_forward_hook(lambda *given: ran.append(len(seen))) for block in blocks]

    engine.encode(blobs(), progress=lambda share, message="": seen.append(share), cancel=CancelToken())
    for hook in hooks:
        hook.remove()

    assert seen == sorted(seen) and seen[0] == 0 and seen[-1] == 1
    assert len(seen) > 6 * len(blocks)
    assert len(set(ran)) == len(ran)  # it was told between any two of them


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.9, 0.95, 0.99])
def test_cancel_stops_at_the_next_step_wherever_it_is(engine, share):
    seen, cancel = [], CancelToken()

    def progress(fraction, message=""):
        seen.append(fraction)
        if fraction >= share:
            cancel.cancel()

    with pytest.raises(Cancelled):
        engine.encode(blobs(), progress=progress, cancel=cancel)

    assert sum(one >= share for one in seen) == 1


def test_engine_answers_after_an_encoding_was_cancelled(engine, embedding):
    cancel = CancelToken()

    with pytest.raises(Cancelled):
        engine.encode(blobs(), progress=lambda *given: cancel.cancel(), cancel=cancel)

    assert_same(engine.segment(encode(engine, blobs()), click(5, 5)), engine.segment(embedding, click(5, 5)))


@pytest.mark.parametrize(("window", "whole"), [(4, (1, 3)), (3, (1, 3)), (4, ())], ids=["usual", "padded", "windows"])
def test_tower_is_that_of_transformers_bit_for_bit_in_bfloat16(tiny_folder, window, whole):
    from transformers import Sam3ViTConfig

    from napari_sam3_assistant.engines.sam3 import tower

    modeling = upstream.import_module("transformers.models.sam3.modeling_sam3")
    said = json.loads((tiny_folder / "config.json").read_text())["detector_config"]["vision_config"]["backbone_config"]
    torch.manual_seed(0)
    made = Sam3ViTConfig(**{**said, "window_size": window, "global_attn_indexes": list(whole)})
    backbone = modeling.Sam3ViTModel._from_config(made).eval().bfloat16()
    pixels = torch.randn(1, 3, 112, 112).bfloat16()

    with torch.inference_mode():
        ours, theirs = tower.features(backbone, pixels, lambda share: None), backbone(pixels).last_hidden_state

    assert torch.equal(ours.flatten(0, 1), theirs[0])


# -- refining -------------------------------------------------------------------------------------


def test_answer_about_another_picture_or_without_a_state_is_not_refined(engine, embedding):
    other = encode(engine, noise(SHAPE))
    prompts = click(64, 80, (20, 30, False))
    alone = engine.segment(embedding, prompts)

    for previous in (
        engine.segment(other, click(64, 80)),
        Segmentation(PlacedMask(np.ones((9, 9), bool), (60, 75)), 0.5),
        Segmentation(PlacedMask(np.ones((9, 9), bool), (60, 75)), 0.5, state="of another engine"),
    ):
        assert_same(engine.segment(embedding, prompts, previous), alone)


def test_answer_is_refined_after_the_same_picture_was_encoded_again(engine, embedding):
    before, again = engine.segment(embedding, click(64, 80)), encode(engine, blobs())
    prompts = click(64, 80, (20, 30, False))

    assert_same(engine.segment(again, prompts, before), engine.segment(embedding, prompts, before))
    assert engine.segment(embedding, prompts, before).mask.area != engine.segment(embedding, prompts).mask.area


def test_mask_that_was_painted_anew_counts_more_than_the_last_answer(engine, embedding):
    first, second = (MaskPrompt(PlacedMask(np.ones((20, 30), bool), (row, 40))) for row in (10, 80))
    points = (PointPrompt(64, 80),)
    before = engine.segment(embedding, Prompts(mask=first))

    anew = engine.segment(embedding, Prompts(points, mask=second), before)
    refined = engine.segment(embedding, Prompts(points, mask=first), before)

    assert_same(anew, engine.segment(embedding, Prompts(points, mask=second)))
    assert refined.score != engine.segment(embedding, Prompts(points, mask=first)).score


# -- prompts --------------------------------------------------------------------------------------


def test_thousand_points_are_answered(engine, embedding):
    random = np.random.default_rng(0)
    places = zip(random.uniform(0, 127, 1000), random.uniform(0, 159, 1000), [1, 0] * 500, strict=True)

    answer = engine.segment(embedding, Prompts(tuple(PointPrompt(r, c, bool(p)) for r, c, p in places)))

    assert_sound(answer, SHAPE)


def test_two_hundred_phrases_are_asked_one_by_one(engine, embedding):
    found = engine.find(embedding, Query(tuple(TextPrompt(f"cell {index}") for index in range(200))))

    assert 200 <= len(found) <= 200 * 12
    assert found.scores.min() >= prompting.LEAST_SCORE
    assert len(engine._reader._known) <= text.MOST_PHRASES


@pytest.mark.parametrize(
    "words",
    [
        "cell " * 2000,
        "x" * 10_000,
        "🧫🔬 " * 3000,
        "細胞核",
        "клетка",
        "خلية",
        "🧬",
        "a\u200bb",
        "\x00cell\n\t",
        "<|endoftext|>",
    ],
    ids=[
        "10,000 letters",
        "one long word",
        "emoji for ever",
        "han",
        "cyrillic",
        "arabic",
        "emoji",
        "hidden",
        "control",
        "end",
    ],
)
def test_any_phrase_is_answered(engine, embedding, words):
    found = engine.find(embedding, Query((TextPrompt(words),)))

    assert len(found) and np.isfinite(found.scores).all()
    for one in found.above(0):
        assert_sound(one, SHAPE)


def test_empty_phrase_is_refused_before_it_comes_here():
    for words in ("", "  \n"):
        with pytest.raises(PromptError):
            TextPrompt(words)


def test_phrase_is_cut_after_thirty_two_tokens(engine, embedding):
    long, longer = (engine.find(embedding, Query((TextPrompt("y" * count),))) for count in (40, 4000))

    np.testing.assert_array_equal(long.scores, longer.scores)


def test_box_is_cut_to_the_picture_and_one_outside_is_an_error(engine, embedding):
    inside, over = (
        engine.segment(embedding, Prompts(box=BoxPrompt(box))) for box in (Box(0, 0, 50, 60), Box(-40, -9, 50, 60))
    )
    assert_same(inside, over)

    with pytest.raises(PromptError) as caught:
        engine.segment(embedding, Prompts(box=BoxPrompt(Box(200, 200, 220, 220))))
    assert caught.value.hint


def test_what_shows_no_object_is_an_error_that_says_what_does(engine, embedding):
    outside = MaskPrompt(PlacedMask(np.ones((4, 4), bool), (300, 300)))
    for prompts in (Prompts((PointPrompt(5, 5, False), PointPrompt(9, 9, False))), Prompts(mask=outside)):
        with pytest.raises(PromptError) as caught:
            engine.segment(embedding, prompts)
        assert caught.value.hint
    with pytest.raises(Unsupported):
        engine.segment(embedding, Prompts(box=BoxPrompt(Box(5, 5, 50, 50), positive=False)))


def test_negative_points_correct_a_box_a_mask_and_an_earlier_answer(engine, embedding):
    away, box = (PointPrompt(30, 30, False),), BoxPrompt(Box(10, 10, 60, 60))
    before = engine.segment(embedding, Prompts(box=box))

    for prompts, previous in (
        (Prompts(away, box), None),
        (Prompts(away, mask=MaskPrompt(PlacedMask(np.ones((9, 9), bool), (20, 20)))), None),
        (Prompts(away), before),
    ):
        assert_sound(engine.segment(embedding, prompts, previous), SHAPE)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_every_kind_of_prompt_is_answered_on_odd_windows(engine, shape):
    embedding, box = encode(engine, noise(shape)), BoxPrompt(Box(0, 0, *shape))
    mask = MaskPrompt(PlacedMask(np.ones((1, 1), bool), (shape[0] - 1, shape[1] - 1)))

    for prompts in (click(shape[0] - 1, shape[1] - 1), Prompts(box=box), Prompts(mask=mask)):
        assert_sound(engine.segment(embedding, prompts), shape)
    for query in (Query((TextPrompt("cell"),)), Query(exemplars=(box,)), Query((TextPrompt("cell"),), (box,))):
        found = engine.find(embedding, query)
        for one in found.above(0):
            assert_sound(one, shape)


def test_mask_of_a_wide_window_is_made_in_its_full_size(engine):
    shape = 300, 1000
    image = blobs(shape)

    answer = engine.segment(encode(engine, image), click(150, 500))

    assert answer.mask.area > 1000
    assert max(one.mask.shape[1] for one in (answer.mask, *answer.alternatives)) > 112
