"""SAM3 and the contract of engines."""

import pytest

from napari_sam3_assistant.testing import EngineTests
from napari_sam3_assistant.testing_video import VideoEngineTests
from tests.engines.sam3.conftest import WHY

pytest.importorskip("torch", reason=WHY)
pytest.importorskip("transformers", reason=WHY)


class Sam3:
    @pytest.fixture(autouse=True)
    def _folder(self, tiny_folder):
        self.folder = tiny_folder

    def make_engine(self):
        from napari_sam3_assistant.engines.sam3.image import Sam3Engine

        return Sam3Engine(self.folder, device="cpu", precision="float32")


class TestContract(Sam3, EngineTests):
    pass


class TestVideoContract(Sam3, VideoEngineTests):
    sees = False
