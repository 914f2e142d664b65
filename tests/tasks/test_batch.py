"""A batch without napari: each picture with each question, read one ahead, encoded once; one failure stops no other."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import Cancelled, EngineError, ImageError
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import BoxPrompt, PointPrompt, Prompts, Query, TextPrompt
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.tasks import batch
from napari_sam3_assistant.tasks.batch import Picture, Question
from tests.conftest import squares
from tests.tasks.colours import ColourReader, picture

PLANE = Plane(0, 1)
WORDS = {"red": [("red", 0.9)], "green": [("green", 0.2)]}


def phrases(*words):
    return tuple(Question(Query((TextPrompt(word),)), word) for word in words)


def coloured(name, *words, data=None):
    data = picture() if data is None else data
    return Picture(name, array_source(data, identity=name, name=name, rgb=True), PLANE, phrases(*words))


def grey(name, question, data=None):
    source = array_source(squares() if data is None else data, identity=name, name=name)
    return Picture(name, source, PLANE, (question,))


class Lazy:
    """A picture on a slow disk: notes when it is read, and on which thread."""

    def __init__(self, data, read, fail=False):
        self.data, self.shape, self.dtype = data, data.shape, data.dtype
        self.read, self.fail = read, fail

    def __getitem__(self, where):
        self.read.append(threading.current_thread().name)
        if self.fail:
            raise OSError("no such chunk")
        return self.data[where]


def test_each_picture_is_asked_each_question_on_one_encoding():
    engine = ColourReader(WORDS)

    found = list(batch.run(engine, EmbeddingCache(), [coloured("a", "red", "green"), coloured("b", "red", "green")]))

    assert [one.step.name for one in found] == ["a / red", "a / green", "b / red", "b / green"]
    assert [len(one.answer.objects) for one in found] == [2, 1, 2, 1] and engine.encoded == 2
    assert {named.class_name for one in found[::2] for named in one.answer.objects} == {"red"}
    assert "at threshold 0.17" in found[1].answer.message and [one.step.last for one in found] == [False, True] * 2


def test_what_fails_is_told_and_the_others_are_done():
    engine, read = ColourReader(WORDS), []
    lost = coloured("lost", "red", "green", data=Lazy(picture(), read, fail=True))
    usual = engine.find

    def find(embedding, query):
        if query.texts[0].text == "green":
            raise EngineError("It failed.", hint="Try again.")
        return usual(embedding, query)

    engine.find = find
    found = list(batch.run(engine, EmbeddingCache(), [coloured("a", "red", "green"), lost, coloured("b", "red")]))

    assert [one.answer is None for one in found] == [False, True, True, True, False]
    assert isinstance(found[1].error, EngineError) and isinstance(found[2].error, ImageError)


def test_the_next_picture_is_read_before_the_one_before_it_is_answered():
    engine, read, seen = ColourReader(WORDS), [], []
    later = coloured("b", "red", data=Lazy(picture(), read))
    ready = threading.Event()
    usual = later.source.levels[0].__class__.__getitem__

    def noted(self, where):
        out = usual(self, where)
        ready.set()
        return out

    later.source.levels[0].__class__ = type("Noted", (Lazy,), {"__getitem__": noted})
    engine.answered = lambda: seen.append(ready.wait(5))

    list(batch.run(engine, EmbeddingCache(), [coloured("a", "red"), later]))

    assert seen == [True, True] and all(name.startswith("sam3-assistant-batch") for name in read)


def test_cancel_stops_between_two_steps_and_keeps_what_was_yielded():
    engine, cancel, found = ColourReader(WORDS), CancelToken(), []

    going = batch.run(engine, EmbeddingCache(), [coloured("a", "red", "green")], cancel=cancel)
    found.append(next(going))
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(going)

    assert len(found) == 1 and len(engine.asked) == 1


def test_progress_counts_the_steps():
    told = []

    list(
        batch.run(
            ColourReader(WORDS),
            EmbeddingCache(),
            [coloured("a", "red", "green")],
            progress=lambda part, words="": told.append((part, words)),
        )
    )

    assert told == [(0.0, "1 of 2: a / red"), (0.5, "2 of 2: a / green"), (1.0, "2 of 2")]


@pytest.mark.parametrize(
    "question",
    [
        Question(Query(exemplars=(BoxPrompt(Box(18, 18, 52, 52)),))),
        Question(Prompts((PointPrompt(35, 35),)), "object 1", 1),
        Question(Prompts(box=BoxPrompt(Box(18, 18, 52, 52))), "box 1"),
    ],
)
def test_examples_points_and_boxes_find_what_they_show(question):
    (one,) = batch.run(BuiltinEngine(), EmbeddingCache(), [grey("a", question)])

    masks = [named.segmentation.mask for named in one.answer.objects]
    assert masks and any(mask.value_at(35, 35) and abs(mask.area - 900) < 90 for mask in masks)
    assert (one.answer.result is None) == isinstance(question.asked, Query)


def test_an_answer_that_is_kept_does_not_keep_the_pixels():
    question = Question(Prompts((PointPrompt(35, 35),)), "object 1", 1)

    (one,) = batch.run(BuiltinEngine(), EmbeddingCache(), [grey("a", question)])

    assert type(one.answer.result.view) is batch.View


def test_a_question_beside_the_picture_fails_alone():
    bad = Question(Prompts((PointPrompt(-500, 35),)), "object 1", 1)
    good = Question(Prompts((PointPrompt(35, 35),)), "object 2", 2)
    source = array_source(np.pad(squares(), ((0, 3000), (0, 3000))), identity="a", name="a")

    found = list(batch.run(BuiltinEngine(), EmbeddingCache(), [Picture("a", source, PLANE, (bad, good))]))

    assert found[0].error is not None and found[1].answer.objects


def test_a_picture_without_questions_is_left_out():
    engine = ColourReader(WORDS)

    found = list(batch.run(engine, EmbeddingCache(), [coloured("a"), coloured("b", "red")]))

    assert [one.step.name for one in found] == ["b / red"]
