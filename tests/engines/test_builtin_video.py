"""The contract of video, kept by the built-in engine."""

from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.testing_video import VideoEngineTests


class TestContract(VideoEngineTests):
    def make_engine(self):
        return BuiltinEngine()
