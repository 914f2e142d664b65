"""SAM3 and the contract of engines."""

import pytest

from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.testing import EngineTests
from napari_sam3_assistant.testing_video import VideoEngineTests
from tests.engines.sam3.conftest import WHY

pytest.importorskip("torch", reason=WHY)
pytest.importorskip("transformers", reason=WHY)


class Sam3:
    """One engine for all tests of a class: to load one takes a second. Who closes it finds it loaded again."""

    @pytest.fixture(autouse=True)
    def _folder(self, tiny_folder):
        self.folder = tiny_folder

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls, tiny_folder):
        made = cls.of(tiny_folder)
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
        from napari_sam3_assistant.engines.sam3.image import Sam3Engine

        return Sam3Engine(folder, device="cpu", precision="float32")


class TestContract(Sam3, EngineTests):
    pass


class TestVideoContract(Sam3, VideoEngineTests):
    sees = False
