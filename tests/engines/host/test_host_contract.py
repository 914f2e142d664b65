"""The contract of engines, through a process of its own; and the same answers as without."""

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts, Query, TextPrompt
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.proposing import completed
from napari_sam3_assistant.engines.protocol import video_of
from napari_sam3_assistant.testing import EngineTests, assert_same, blobs, click
from napari_sam3_assistant.testing_film import frame_of_squares
from napari_sam3_assistant.testing_video import VideoEngineTests

BOX = Box(20, 30, 60, 70)
PROMPTS = {
    "click": click(40, 50),
    "two clicks": click(40, 50, (10, 10, False)),
    "box": Prompts(box=BoxPrompt(BOX)),
    "box and click": Prompts((PointPrompt(40, 50),), BoxPrompt(BOX)),
    "mask": Prompts(mask=MaskPrompt(PlacedMask(np.ones((20, 30), bool), (30, 40)))),
}
TINY = {"device": "cpu", "precision": "float32"}


class OneProcess:
    """One process for all tests of a class, but those that end it."""

    name: str

    @pytest.fixture(scope="class")
    @classmethod
    def options(cls):
        """What the engine is made with."""
        return {}

    @pytest.fixture(autouse=True)
    def _options(self, options):
        self.options_of_class = options

    @pytest.fixture(scope="class")
    @classmethod
    def running(cls, options):
        made = registry.host(cls.name, **options)
        yield made
        made.close()

    @pytest.fixture
    def engine(self, running):
        running.load(progress=no_progress, cancel=CancelToken())
        return running

    def make_engine(self):
        return registry.host(self.name, **self.options_of_class)


class Shared(OneProcess, EngineTests):
    """The contract of engines, and the answers of the engine in this process."""

    @pytest.fixture(scope="class")
    @classmethod
    def direct(cls, options):
        """The same engine in this process."""
        made = registry.create(cls.name, **options)
        made.load(progress=no_progress, cancel=CancelToken())
        yield made
        made.close()

    def test_answers_are_those_of_the_engine_in_this_process(self, engine, direct):
        here, there = (self.encode(one, blobs()) for one in (direct, engine))

        assert (there.nbytes, there.shape) == (here.nbytes, here.shape)
        for prompts in PROMPTS.values():
            assert_same(direct.segment(here, prompts), engine.segment(there, prompts))

    def test_steps_of_proposing_give_what_the_engine_in_this_process_finds(self, engine, direct):
        if not direct.capabilities.proposals.steps:
            pytest.skip("has no steps")
        here, there = (self.encode(one, blobs()) for one in (direct, engine))

        found, same = (completed(one.propose_in_steps(at)) for one, at in ((engine, there), (direct, here)))

        np.testing.assert_array_equal(found.scores, same.scores)
        np.testing.assert_array_equal(found.boxes, same.boxes)

    def test_refined_answers_are_those_of_the_engine_in_this_process(self, engine, direct):
        here, there = (self.encode(one, blobs()) for one in (direct, engine))
        prompts = [click(40, 50), click(40, 50, (10, 10, False)), click(40, 50, (10, 10, False), (60, 80, True))]

        for one, embedding in ((direct, here), (engine, there)):
            chain: list[Segmentation | None] = [None]
            for prompt in prompts:
                chain.append(one.segment(embedding, prompt, chain[-1]))
            if one is direct:
                wanted = chain[1:]
        alone = engine.segment(there, prompts[-1])

        for a, b in zip(wanted, chain[1:], strict=True):
            assert_same(a, b)
        assert engine.capabilities.refines == (alone.score != chain[-1].score)

    def test_what_is_found_is_what_the_engine_in_this_process_finds(self, engine, direct):
        here, there = (self.encode(one, blobs()) for one in (direct, engine))
        asked = [Query(exemplars=(BoxPrompt(BOX), BoxPrompt(Box(0, 0, 12, 12), False)))]
        if engine.capabilities.text:
            asked += [
                Query((TextPrompt("cell"), TextPrompt("Zellkern"))),
                Query((TextPrompt("cell"),), (BoxPrompt(BOX),)),
            ]

        for query in asked:
            a, b = direct.find(here, query), engine.find(there, query)
            np.testing.assert_array_equal(a.scores, b.scores)
            np.testing.assert_array_equal(a.boxes, b.boxes)
            np.testing.assert_array_equal(a.frames, b.frames)
            assert a.shape == b.shape
            assert len(a) == len(b) > 0
            for one, other in zip(a.logits, b.logits, strict=True):
                assert one.dtype == other.dtype
                np.testing.assert_array_equal(one, other)

    def test_says_of_itself_what_the_engine_in_this_process_says(self, engine, direct):
        assert (engine.name, engine.weights) == (direct.name, direct.weights)
        assert engine.capabilities.devices == direct.capabilities.devices
        assert engine.capabilities == direct.capabilities
        assert registry.capabilities_of(self.name).video == direct.capabilities.video


class TestBuiltin(Shared):
    name = "builtin"


class TestBuiltinVideo(OneProcess, VideoEngineTests):
    name = "builtin"

    def test_what_is_followed_is_what_the_engine_in_this_process_follows(self, engine):
        direct = registry.create(self.name)
        here, there = ([self.encode(one, frame_of_squares(frame)) for frame in range(3)] for one in (direct, engine))

        a, b = (self.follow(one, video_of(one).start(), frames) for one, frames in ((direct, here), (engine, there)))

        for one, other in zip(a, b, strict=True):
            self.assert_alike(one, other)


class TestSam3(Shared):
    name = "sam3"

    @pytest.fixture(scope="class")
    @classmethod
    def options(cls, tiny_folder):
        return {"folder": tiny_folder, **TINY}


class TestSam3Video(OneProcess, VideoEngineTests):
    name = "sam3"
    sees = False

    @pytest.fixture(scope="class")
    @classmethod
    def options(cls, tiny_folder):
        return {"folder": tiny_folder, **TINY}
