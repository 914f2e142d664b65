"""The engine on a server: the contract of engines over a real socket, with and without cuts, and the same masks."""

from __future__ import annotations

import pytest

from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.remote.engine import RemoteEngine
from napari_sam3_assistant.testing import EngineTests
from napari_sam3_assistant.testing_video import VideoEngineTests
from tests.engines.cutting import Cutter
from tests.server.conftest import running

GENEROUS = {
    "limits": {"messages_per_s": 10_000, "messages_burst": 10_000, "encodes_per_s": 1000, "encodes_burst": 1000}
}
"""A test says in a second what a user says in an hour."""


@pytest.fixture(scope="module")
def server():
    with running(BuiltinEngine(), **GENEROUS) as server:
        yield server


class TestRemote(EngineTests, VideoEngineTests):
    @pytest.fixture(autouse=True)
    def _server(self, server):
        self.server = server

    def make_engine(self):
        return RemoteEngine(f"127.0.0.1:{self.server.port}")


class TestRemoteWithCuts(EngineTests):
    """The connection is cut again and again, in the middle of messages."""

    @pytest.fixture(autouse=True)
    def _server(self, server):
        with Cutter(server.port, every=7) as cutter:
            self.port = cutter.port
            yield

    def make_engine(self):
        return RemoteEngine(f"127.0.0.1:{self.port}")
