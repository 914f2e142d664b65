"""SAM3's answers are those of transformers' own classes, and of Meta's package where the two differ.

Each comparison has twins that are spoiled in one thing (x and y swapped, a label flipped, a token left
out): were one of them as close, the comparison would prove nothing.
"""

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts, Query, TextPrompt
from napari_sam3_assistant.testing import blobs
from tests.engines.sam3.conftest import WHY

pytest.importorskip("torch", reason=WHY)
pytest.importorskip("transformers", reason=WHY)

SHAPE = (90, 150)
LOGITS, IOU = 2e-3, 0.999  # how close is the same
SPOILED = 0.05  # how far off, in logits, a spoiled twin is at least

POINTS = [(30, 40, True), (60, 45, False), (25, 52, True)]
BOX = (10, 20, 60, 70)
BOXES = [(10, 20, 60, 70), (40, 90, 80, 130)]
DRAWN = PlacedMask(np.ones((30, 45), bool), (20, 30))


@pytest.fixture(scope="module")
def picture():
    return blobs(SHAPE, seed=4)


@pytest.fixture(scope="module")
def embedding(engine, picture):
    return engine.encode(picture, progress=no_progress, cancel=CancelToken())


@pytest.fixture(scope="module")
def clicks(tiny_folder, picture):
    from tests.engines.sam3.reference import Clicks

    return Clicks(tiny_folder, picture)


@pytest.fixture(scope="module")
def words(tiny_folder, picture):
    from tests.engines.sam3.reference import Words
    from tests.engines.sam3.tiny import tokenizer

    return Words(tiny_folder, picture, tokenizer())


def whole(mask):
    return mask.within(Box(0, 0, *SHAPE))


def iou(a, b):
    return (a & b).sum() / max((a | b).sum(), 1)


# -- points, boxes, masks -------------------------------------------------------------------------


def prompts_of(points=(), box=None, drawn=None):
    return Prompts(
        tuple(PointPrompt(*point) for point in points),
        None if box is None else BoxPrompt(Box(*box)),
        None if drawn is None else MaskPrompt(drawn),
    )


def click_case(engine, embedding, name):
    """Return our answer to a case, and what to ask of the reference."""
    points, box, drawn, previous = {
        "click": (POINTS[:1], None, None, None),
        "clicks": (POINTS, None, None, None),
        "refined": (POINTS[:2], None, None, POINTS[:1]),
        "refined twice": (POINTS, None, None, POINTS[:2]),
        "box": ((), BOX, None, None),
        "box and points": (POINTS[:2], BOX, None, None),
        "mask": ((), None, DRAWN, None),
        "mask and point": (POINTS[1:2], None, DRAWN, None),
    }[name]
    before = None if previous is None else engine.segment(embedding, prompts_of(previous))
    answer = engine.segment(embedding, prompts_of(points, box, drawn), before)
    return answer, {
        "points": [point[:2] for point in points],
        "labels": [point[2] for point in points],
        "box": box,
        "drawn": None if drawn is None else whole(drawn),
        "logits": None if before is None else before.state.logits,
    }


CLICKS = ["click", "clicks", "refined", "refined twice", "box", "box and points", "mask", "mask and point"]
WITH_POINTS = [name for name in CLICKS if name not in ("box", "mask")]


@pytest.mark.parametrize("name", CLICKS)
def test_one_object_is_that_of_transformers(engine, embedding, clicks, name):
    ours, asked = click_case(engine, embedding, name)

    logits, masks, scores = clicks.ask(**asked)

    order = np.argsort(-scores)
    assert np.abs(ours.state.logits - logits[order[0]].clip(-32, 32)).max() < LOGITS
    assert abs(ours.score - scores[order[0]]) < 1e-4
    assert iou(whole(ours.mask), masks[order[0]]) >= IOU
    assert 0.005 < masks[order[0]].mean() < 0.995  # there is something to be wrong about
    others = [masks[index] for index in order[1:] if masks[index].any()]
    assert len(ours.alternatives) == len(others) == (2 if name == "click" else 0)
    assert all(iou(whole(a), b) >= IOU for a, b in zip(ours.alternatives, others, strict=True))


@pytest.mark.parametrize(
    ("name", "spoiled"),
    [(name, "swap") for name in CLICKS]
    + [(name, "token") for name in CLICKS]
    + [(name, "flip") for name in WITH_POINTS],
)
def test_one_object_is_not_that_of_a_spoiled_twin(engine, embedding, clicks, name, spoiled):
    ours, asked = click_case(engine, embedding, name)

    logits, masks, scores = clicks.ask(**asked, **{spoiled: spoiled != "token"})

    best = int(np.argmax(scores))
    assert np.abs(ours.state.logits - logits[best].clip(-32, 32)).max() > SPOILED
    assert iou(whole(ours.mask), masks[best]) < IOU


def test_refining_uses_the_last_answer(engine, embedding, clicks):
    ours, asked = click_case(engine, embedding, "refined")

    logits, _, _ = clicks.ask(**{**asked, "logits": None})

    assert np.abs(ours.state.logits - logits[0].clip(-32, 32)).max() > SPOILED


# -- words and examples ---------------------------------------------------------------------------

WORDS = {
    "text": ("nucleus", ()),
    "other text": ("a round bright cell", ()),
    "examples": ("", BOXES),
    "text and examples": ("nucleus", BOXES),
}


def find(engine, embedding, text, boxes):
    """Ask for words, and for what is like the first box and unlike the others."""
    exemplars = tuple(BoxPrompt(Box(*box), index == 0) for index, box in enumerate(boxes))
    return engine.find(embedding, Query((TextPrompt(text),) if text else (), exemplars))


def asked_of(text, boxes):
    return {"text": text or "visual", "boxes": boxes, "labels": [index == 0 for index in range(len(boxes))]}


def gaps(found, scores, logits):
    """Return how far scores, and logits on the cells that were kept, are from a reference's."""
    kept = [index for index, one in enumerate(logits) if (one > 0).any()]
    if len(kept) != len(found):
        return np.inf, np.inf
    cells = logits.shape[1] / SHAPE[0], logits.shape[2] / SHAPE[1]
    worst = 0.0
    for index, values, frame in zip(kept, found.logits, found.frames, strict=True):
        top, left = round(frame[0] * cells[0]), round(frame[1] * cells[1])
        there = logits[index][top : top + values.shape[0], left : left + values.shape[1]]
        worst = max(worst, float(np.abs(values - there).max()))
    return float(np.abs(found.scores - scores[kept]).max()), worst


@pytest.mark.parametrize("name", WORDS)
def test_what_is_found_is_that_of_transformers(engine, embedding, words, name):
    found = find(engine, embedding, *WORDS[name])

    scores, logits, masks = words.ask(**asked_of(*WORDS[name]))

    score_gap, logit_gap = gaps(found, scores, logits)
    assert score_gap < 1e-4
    assert logit_gap < LOGITS
    order = [index for index in np.argsort(-scores, kind="stable") if masks[index].any()]
    made = found.above(0)
    assert len(made) == len(order) >= 6
    assert min(iou(whole(one.mask), masks[index]) for one, index in zip(made, order, strict=True)) >= IOU
    assert 0.005 < np.mean([masks[index].mean() for index in order]) < 0.995


@pytest.mark.parametrize(
    ("name", "spoiled"),
    [
        ("examples", "swap"),
        ("examples", "flip"),
        ("text and examples", "swap"),
        ("text and examples", "flip"),
        ("text", "token"),
        ("other text", "token"),
    ],
)
def test_what_is_found_is_not_that_of_a_spoiled_twin(engine, embedding, words, name, spoiled):
    found = find(engine, embedding, *WORDS[name])

    scores, logits, _ = words.ask(**asked_of(*WORDS[name]), **{spoiled: spoiled != "token"})

    score_gap, logit_gap = gaps(found, scores, logits)
    assert max(score_gap, logit_gap) > SPOILED
    assert logit_gap > LOGITS


def test_box_that_brings_the_class_token_brings_nothing_of_its_own(words):
    here, there = (words.ask("nucleus", padding=box) for box in ((0.5, 0.5, 0.2, 0.2), (0.1, 0.9, 0.05, 0.1)))

    np.testing.assert_allclose(here[0], there[0], atol=1e-6)
    np.testing.assert_allclose(here[1], there[1], atol=LOGITS)


def test_several_phrases_find_what_each_finds(engine, embedding):
    alone = [find(engine, embedding, text, ()) for text in ("nucleus", "cell")]

    both = engine.find(embedding, Query((TextPrompt("nucleus"), TextPrompt("cell"))))

    np.testing.assert_allclose(both.scores, np.concatenate([one.scores for one in alone]), atol=1e-6)
    assert len(both.above(0.5)) == sum(len(one.above(0.5)) for one in alone)


# -- where transformers and Meta's package differ -------------------------------------------------


def test_small_holes_of_a_clicked_mask_are_filled_as_in_metas_package(tiny_folder, engine, embedding):
    from scipy import ndimage

    from napari_sam3_assistant.engines.sam3.image import Sam3Engine

    usual = Sam3Engine(tiny_folder, device="cpu", precision="float32")
    usual.load(progress=no_progress, cancel=CancelToken())
    prompts = prompts_of(POINTS[:1])

    plain, full = (one.segment(embedding, prompts) for one in (engine, usual))

    on = full.state.logits > 0  # what is handed back is what the model said
    np.testing.assert_array_equal(plain.state.logits, full.state.logits)
    pieces, count = ndimage.label(~on, np.ones((3, 3)))
    areas = np.bincount(pieces.ravel())[1:]
    assert count and (areas <= 256).any()
    assert full.mask.area > plain.mask.area


@pytest.mark.parametrize(("area", "left"), [(0, 3), (1, 2), (4, 2), (5, 1), (256, 0)])
def test_holes_are_filled_up_to_an_area_and_across_corners(area, left):
    from napari_sam3_assistant.engines.sam3.masks import filled

    logits = np.ones((24, 24), np.float32)
    logits[3, 3] = -1  # one cell
    logits[10:12, 10:12] = logits[12, 12] = -1  # five, one of which hangs on by a corner
    logits[20, :] = -0.5  # a row, from border to border

    holes = filled(logits, area) <= 0

    assert [bool(holes[place]) for place in ((3, 3), (12, 12), (20, 0))].count(True) == left


def test_logits_are_enlarged_rather_than_probabilities():
    import torch

    from napari_sam3_assistant.engines.sam3.masks import placed

    logits = np.random.default_rng(0).normal(0, 8, (12, 12)).astype(np.float32)
    large = torch.nn.functional.interpolate(torch.tensor(logits)[None, None], SHAPE, mode="bilinear")[0, 0]
    probable = torch.nn.functional.interpolate(torch.tensor(logits)[None, None].sigmoid(), SHAPE, mode="bilinear")[0, 0]

    ours = whole(placed(logits, SHAPE))

    assert iou(ours, (large > 0).numpy()) >= IOU
    assert iou(ours, (probable > 0.5).numpy()) < 0.9
