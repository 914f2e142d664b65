"""The contract of video, kept where masks are carried by an engine that follows nothing."""

from napari_sam3_assistant.core.errors import Unsupported
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.tasks.carrying import CarryingSession
from napari_sam3_assistant.testing_video import VideoEngineTests


class Carrier(BuiltinEngine):
    """An engine whose sessions carry masks."""

    def start(self, query=None):
        self._check_open()
        if query is not None:
            raise Unsupported("It reads no words.", hint="Click.")
        return CarryingSession(self)


class TestCarrying(VideoEngineTests):
    def make_engine(self):
        return Carrier()
