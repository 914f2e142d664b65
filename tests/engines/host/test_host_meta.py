"""The contract of engines through Meta's package in another Python: that of .venv-meta, in a process of its own."""

import os
import subprocess
import sys

import numpy as np
import pytest

from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.engines.host import HostedEngine
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.testing import EngineTests, assert_sound, click
from napari_sam3_assistant.testing_video import VideoEngineTests
from tests.engines.host.conftest import ROOT

PLACES = ROOT / ".venv-meta/bin/python", ROOT / ".venv-meta/Scripts/python.exe"
PYTHON = next((one for one in PLACES if one.exists()), None)
FACTORY = "tests.meta.small:small_engine"
WRITE = "import sys, pathlib; from tests.meta.small import make; make(pathlib.Path(sys.argv[1]))"
START_S = 300.0  # torch and Meta's package take seconds to import, and more where others compute
"""A guard against hanging."""

pytestmark = [
    pytest.mark.skipif(
        PYTHON is None and not os.environ.get("CI"),
        reason="there is no .venv-meta with Meta's package: make setup-meta",
    ),
    pytest.mark.timeout(2 * START_S),
]


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """A small checkpoint, written by that Python."""
    folder = tmp_path_factory.mktemp("meta") / "small"
    around = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    subprocess.run([str(PYTHON), "-c", WRITE, str(folder)], env=around, check=True, timeout=START_S)
    return {"folder": str(folder), "device": "cpu"}


def hosted(options):
    return HostedEngine(
        FACTORY,
        options,
        name="meta",
        title="Meta's sam3",
        capabilities=Capabilities(text=True, refines=True, devices=()),
        interpreter=str(PYTHON),
        start_s=START_S,
    )


@pytest.fixture(scope="module")
def running(options):
    """One process for all tests here."""
    made = hosted(options)
    yield made
    made.close()


class Meta:
    """Meta's engine in its process. Who closes it finds it loaded again."""

    @pytest.fixture(autouse=True)
    def _options(self, options):
        self.options = options

    @pytest.fixture
    def engine(self, running):
        running.load(progress=no_progress, cancel=CancelToken())
        return running

    def make_engine(self):
        return hosted(self.options)


class TestContract(Meta, EngineTests):
    def test_nothing_of_it_is_imported_here(self, engine):
        embedding = self.encode(engine, np.zeros((20, 30, 3), np.uint8))

        assert_sound(engine.segment(embedding, click(5, 5)), (20, 30))
        assert "sam3" not in sys.modules
        assert engine.capabilities.devices == ("cpu",)


class TestVideoContract(Meta, VideoEngineTests):
    sees = False
