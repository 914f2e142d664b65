"""Meta's engine and the contract of engines."""

import pytest

from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.testing import EngineTests
from tests.meta.conftest import WHY

pytest.importorskip("sam3", reason=WHY)


class TestContract(EngineTests):
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
