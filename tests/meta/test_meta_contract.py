"""Meta's engine and the contract of engines."""

from typing import ClassVar

import pytest

from napari_sam3_assistant.core.geometry import mask_iou
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import Query, TextPrompt
from napari_sam3_assistant.testing import EngineTests, assert_sound
from napari_sam3_assistant.testing_film import SHAPE, frame_of_squares
from napari_sam3_assistant.testing_video import VideoEngineTests
from tests.meta.conftest import WHY

pytest.importorskip("sam3", reason=WHY)


class Meta:
    """One engine for all tests of the class: to load one takes seconds. Who closes it finds it loaded again."""

    @pytest.fixture(autouse=True)
    def _folder(self, small_folder):
        self.folder = small_folder

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls, small_folder):
        made = cls.of(small_folder)
        yield made
        made.close()

    @pytest.fixture
    def engine(self, shared):
        shared.load(progress=no_progress, cancel=CancelToken())
        return shared

    def make_engine(self):
        return self.of(self.folder)

    @staticmethod
    def of(folder):
        from tests.meta.small import small_engine

        return small_engine(folder, device="cpu")


class TestContract(Meta, EngineTests):
    pass


class TestVideoContract(Meta, VideoEngineTests):
    sees = False
    seen: ClassVar[dict] = {}

    def frames(self, engine, count=4):
        """Return embeddings of the first frames, each made once: they never change."""
        known = self.seen.setdefault(engine.weights, [])
        while len(known) < count:
            known.append(self.encode(engine, frame_of_squares(len(known))))
        return known[:count]

    def test_words_find_objects_and_follow_them_both_ways(self, engine, monkeypatch):
        for least in ("score_threshold_detection", "new_det_thresh"):  # random weights are never sure
            monkeypatch.setattr(engine._loaded().model.video, least, 0.1)
        frames = self.frames(engine, 2)
        session = engine.start(Query((TextPrompt("square"), TextPrompt("cell"))))

        there = [session.step(frame, one) for frame, one in enumerate(frames)]
        back = session.step(0, frames[0])
        session.close()
        again = session.step(0, frames[0])
        session.close()

        for found in (*there, back):
            assert found.objects and set(found.names.values()) <= {"square", "cell"}
            for one in found.objects.values():
                assert_sound(one, SHAPE)
        assert set(back.objects) & set(there[1].objects)
        assert again.names == there[0].names
        assert all(mask_iou(one.mask, there[0].objects[id].mask) == 1 for id, one in again.objects.items())
