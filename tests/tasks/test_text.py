"""Words: each phrase is asked once on one encoding, and every threshold is answered from that."""

import time

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import Cancelled, EngineError, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box, PlacedMask, mask_iou
from napari_sam3_assistant.core.labels import areas, to_labels
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, TextPrompt
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.core.windows import Window, whole
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.tasks.distinct import distinct
from napari_sam3_assistant.tasks.objects import FoundObject, Result
from napari_sam3_assistant.tasks.reading import lower_thresholds
from napari_sam3_assistant.tasks.text import TEXT_THRESHOLD, find_words, phrases_in
from napari_sam3_assistant.tasks.view import View
from tests.tasks.colours import ColourReader, block, picture

RED_AND_GREEN = {"red": [("red", 0.9)], "green": [("green", 0.7)]}


def view(window=None):
    source = array_source(picture(), identity="colours", rgb=True)
    return View(source, Plane(0, 1), window or whole((60, 80)))


def read(words, text, threshold=None, **more):
    """Return what a reader of ``words`` answers to ``text``."""
    engine = words if isinstance(words, ColourReader) else ColourReader(words)
    known = {"progress": no_progress, "cancel": CancelToken()} | more
    embeddings, where = known.pop("embeddings", EmbeddingCache()), known.pop("view", view())
    return find_words(engine, embeddings, where, phrases_in(text), threshold=threshold, **known)


def said(result, threshold=None):
    return [(one.class_name, one.class_value, one.segmentation.mask.area) for one in result.read(threshold).objects]


def test_each_object_has_the_name_and_the_number_of_its_phrase_and_its_true_area():
    result = read(RED_AND_GREEN, "green, red")

    assert said(result) == [("green", 1, 400), ("red", 2, 100), ("red", 2, 100)]
    assert [one.segmentation.mask.offset for one in result.above(0.5)] == [(30, 30), (5, 5), (5, 40)]
    assert result.threshold == TEXT_THRESHOLD


def test_objects_lie_where_they_are_when_a_part_of_the_plane_is_looked_at():
    result = read(RED_AND_GREEN, "green, red", view=view(Window(20, 25, 60, 80)))

    assert said(result) == [("green", 1, 400)]
    assert result.above(0.5)[0].segmentation.mask.offset == (30, 30)


def test_four_phrases_and_two_thresholds_take_one_encoding_and_four_questions():
    engine, embeddings = ColourReader(RED_AND_GREEN), EmbeddingCache()

    result = read(engine, "red, green, blue, cell", embeddings=embeddings)
    strict, lax = result.above(0.8), result.above(0.5)

    assert (len(strict), len(lax)) == (3, 3), "green is tried again below its score"
    assert (engine.encoded, len(engine.asked)) == (1, 4)
    assert read(engine, "green", embeddings=embeddings).encode_ms == 0
    assert engine.encoded == 1


# -- thresholds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (0.9, (0.175, 0.2, 0.1)),
        (0.35, (0.175, 0.2, 0.1)),
        (0.3, (0.15, 0.2, 0.1)),
        (0.15, (0.075, 0.1)),
        (0.015, (0.01,)),
        (0.01, ()),
        (0.0, ()),
    ],
)
def test_lower_thresholds_are_tried_in_the_order_promised(threshold, expected):
    assert lower_thresholds(threshold) == pytest.approx(expected)


def test_a_phrase_that_finds_nothing_is_read_again_with_less_and_the_others_are_not():
    reading = read({"red": [("red", 0.3)], "green": [("green", 0.12), ("red", 0.8)]}, "red, green").read(0.5)

    assert [(one.used, one.found) for one in reading.outcomes] == [(0.175, 2), (0.5, 2)]
    assert reading.messages[0] == (
        "Text prompt used by colours: 'red' at threshold 0.17. Nothing reached 0.50."
        " Another phrase found the same, with better scores."
    )
    assert reading.messages[1] == "Text prompt used by colours: 'green' at threshold 0.50."


def test_the_last_threshold_is_a_tenth():
    result = read({"red": [("red", 0.11)]}, "red")

    assert said(result) == [("red", 1, 100)] * 2
    assert result.read().outcomes[0].used == pytest.approx(0.1)


def test_what_no_threshold_lets_pass_is_said_to_be_nothing_and_what_to_try():
    result = read({"red": [("red", 0.09)], "green": [("green", 0.9)]}, "red, green")
    reading = result.read()

    assert [one.class_name for one in reading.objects] == ["green"]
    assert reading.messages[0] == (
        "Text prompt 'red' returned zero objects. Try a short noun phrase, lower Detection threshold, or use a "
        "box/exemplar prompt for microscopy-specific structures."
    )
    assert len(result.above(0.05)) == 3


def test_sam3_is_called_by_its_title():
    engine = ColourReader({"red": [("red", 0.9)]})
    engine.name = "sam3"

    assert read(engine, "red").read().messages == ("Text prompt used by SAM3: 'red' at threshold 0.35.",)


def test_scores_below_a_hundredth_are_not_kept():
    result = read({"red": [("red", 0.9), ("green", 0.009)]}, "red")

    assert len(result.candidates[0]) == 2
    assert len(result.above(0)) == 2


# -- overlaps -------------------------------------------------------------------------------------


def test_an_object_that_two_phrases_find_has_the_name_of_the_better_score():
    words = {"cell": [("green", 0.6), (block(5, 5, 15, 15), 0.5)], "nucleus": [(block(30, 30, 50, 49), 0.8)]}

    reading = read(words, "cell, nucleus").read()

    assert [(one.class_name, one.segmentation.mask.area) for one in reading.objects] == [
        ("cell", 100),
        ("nucleus", 380),
    ]
    assert [(one.found, one.kept) for one in reading.outcomes] == [(2, 1), (1, 1)]


def test_one_phrase_that_finds_an_object_twice_gives_it_once():
    words = {"cell": [(block(30, 30, 50, 49), 0.5), ("green", 0.6), (block(30, 31, 50, 50), 0.4)]}

    assert said(read(words, "cell")) == [("cell", 1, 400)]


def test_objects_that_overlap_a_little_are_whole_and_the_better_one_lies_above_in_labels():
    words = {"low": [(block(0, 0, 20, 20), 0.5)], "high": [(block(0, 10, 20, 30), 0.6)]}

    objects = [one.segmentation for one in read(words, "low, high").above(0.35)]

    labels = to_labels([one.mask for one in objects], whole((60, 80)), scores=[one.score for one in objects])
    assert [one.mask.area for one in objects] == [400, 400]
    assert areas(labels) == {1: 200, 2: 400}


def test_an_object_in_another_is_kept():
    words = {"cell": [(block(0, 0, 40, 40), 0.9)], "nucleus": [(block(10, 10, 20, 20), 0.5)]}

    assert said(read(words, "cell, nucleus")) == [("cell", 1, 1600), ("nucleus", 2, 100)]


def test_what_better_objects_cover_in_the_label_image_is_told():
    inner, outer = PlacedMask(np.ones((3, 3), bool), (5, 5)), PlacedMask(np.ones((20, 20), bool))
    apart = PlacedMask(np.ones((3, 3), bool), (30, 30))

    def covered(*objects):
        found = tuple(FoundObject(*one, "") for one in objects)
        return Result(found, (60, 80), "colours", 0.0, 0.0, ()).covered

    assert covered((1, outer, 0.9), (2, inner, 0.8), (3, apart, 0.1)) == (2,)
    assert covered((1, outer, 0.7), (2, inner, 0.8)) == ()
    assert covered((1, PlacedMask(np.zeros((0, 0), bool)), 0.7), (2, inner, 0.8)) == ()
    assert covered((1, inner, 0.7)) == covered() == ()


def test_of_many_masks_those_that_are_one_object_are_found_as_if_all_were_compared():
    random = np.random.default_rng(0)
    masks = []
    for _ in range(150):
        (row, col), (height, width) = random.integers(0, 30, 2), random.integers(3, 20, 2)
        masks.append(PlacedMask(random.random((height, width)) < 0.95, (int(row), int(col))).trimmed())
    scores = random.random(150).round(1)
    left: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if all(mask_iou(masks[index], masks[other]) <= 0.6 for other in left):
            left.append(int(index))

    assert distinct(masks, scores, 0.6) == tuple(sorted(left))
    assert len(left) < 150


def test_a_thousand_masks_on_a_plane_are_soon_told_apart():
    disc = np.hypot(*np.mgrid[-40:41, -40:41]) < 40
    corners = np.random.default_rng(0).integers(0, 4000, (1000, 2))
    masks = [PlacedMask(disc, (int(row), int(col))) for row, col in corners]

    start = time.perf_counter()
    kept = distinct([*masks, *masks], [0.9] * 1000 + [0.8] * 1000)

    assert kept[-1] < 1000
    assert time.perf_counter() - start < 20


def test_no_masks_are_no_objects():
    assert distinct([], []) == ()
    assert read({}, "red").above(0.01) == ()


# -- how it is asked ------------------------------------------------------------------------------


def test_examples_go_with_every_phrase_and_those_outside_the_window_do_not():
    engine = ColourReader(RED_AND_GREEN)
    near, far = BoxPrompt(Box(5, 5, 15, 15)), BoxPrompt(Box(30, 30, 50, 50))

    read(engine, "red, green", exemplars=(near, far))
    read(engine, "red", exemplars=(near, far), view=view(Window(0, 0, 20, 20)))

    assert engine.asked == [("red", 2), ("green", 2), ("red", 1)]


def test_progress_is_told_after_each_phrase():
    told = []

    read(RED_AND_GREEN, "red, green, blue, cell", progress=lambda part, message="": told.append((part, message)))

    assert [part for part, _ in told] == [0.25, 0.5, 0.75, 1.0]
    assert told[1][1] == "Looked for 2 of 4 phrases"


def test_work_is_stopped_between_two_phrases():
    engine, cancel = ColourReader(RED_AND_GREEN), CancelToken()
    engine.answered = cancel.cancel

    with pytest.raises(Cancelled):
        read(engine, "red, green, blue", cancel=cancel)

    assert [phrase for phrase, _ in engine.asked] == ["red"]


def test_an_engine_that_does_not_read_says_what_to_do_instead():
    engine = registry.create("builtin")

    with pytest.raises(Unsupported) as caught:
        find_words(engine, EmbeddingCache(), view(), (TextPrompt("red"),), progress=no_progress, cancel=CancelToken())

    assert caught.value.hint == engine.capabilities.instead


def test_without_a_phrase_nothing_is_encoded():
    engine = ColourReader({})

    with pytest.raises(PromptError):
        find_words(engine, EmbeddingCache(), view(), (), progress=no_progress, cancel=CancelToken())

    assert engine.encoded == 0


def test_what_an_engine_raises_becomes_an_error_for_users():
    engine = ColourReader(RED_AND_GREEN)
    engine.answered = lambda: {}["lost"]

    with pytest.raises(EngineError) as caught:
        read(engine, "red")

    assert "colours" in caught.value.message


def test_two_hundred_phrases_are_asked():
    engine = ColourReader({f"phrase {number}": [("red", 0.9)] for number in range(200)})

    result = read(engine, "\n".join(engine.words))

    assert len(engine.asked) == 200
    assert said(result) == [("phrase 0", 1, 100)] * 2
