"""A real viewer with the real widget docked, and a hand that clicks in its canvas."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest

from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.engines import registry
from tests.e2e.hands import Watched


@pytest.fixture
def open_driver(make_napari_viewer):
    """Return a function that opens a viewer of 1000 x 700, and the widget in it where wanted."""

    def open_driver(*layers, show: bool = True) -> Driver:
        viewer = make_napari_viewer(show=show)
        viewer.window.resize(1000, 700)
        for data, options in layers:
            viewer.add_image(data, **options)
        return Driver(viewer)

    return open_driver


@pytest.fixture(scope="session")
def sam3_folder(tmp_path_factory):
    """The folder of a small random SAM3.

    Made by another process: torch brings an LLVM of its own, and beside that of Mesa's software OpenGL the two crash.
    """
    if find_spec("torch") is None or find_spec("transformers") is None:
        pytest.skip("SAM3 needs torch and transformers")
    folder = tmp_path_factory.mktemp("sam3") / "tiny"
    make = f"from tests.engines.sam3.tiny import make; make({str(folder)!r})"
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", make], check=True, cwd=root, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return folder


def our_threads() -> list[str]:
    """Names of the threads of ours that are alive."""
    return [one.name for one in threading.enumerate() if one.name.startswith("sam3-assistant")]


@pytest.fixture
def engine(monkeypatch):
    """Return the built-in engine that will answer, watched."""
    made, create = Watched(), registry.create
    monkeypatch.setattr(registry, "create", lambda name, **told: create(name, **told) if told else made)
    return made


@pytest.fixture
def open_again(open_driver):
    """As ``open_driver``, with what is in the viewer in view."""

    def open_again(*layers, show: bool = True) -> Driver:
        driver = open_driver(*layers, show=show)
        driver.viewer.reset_view()
        return driver

    return open_again
