"""Pictures that the shell has encoded overnight open ready in napari."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from napari_sam3_assistant.app import runtime
from tests.e2e.hands import add
from tests.e2e.test_sam3 import PATIENCE_S, until_read

pytestmark = pytest.mark.timeout(400)


def planes():
    """Return a stack of 16 bits whose planes differ."""
    stack = np.random.default_rng(0).integers(100, 300, (3, 96, 128)).astype(np.uint16)
    stack[0, 20:60, 20:60] = stack[1, 30:70, 40:90] = stack[2, 10:50, 60:100] = 3000
    return stack


def stored():
    return runtime._runtime._engines["sam3"].engine._engine.stored


def test_what_encode_has_read_a_click_in_napari_needs_not_encode(open_driver, sam3_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # napari and the shell agree on a folder in it
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr("napari_sam3_assistant.demo.driver.TIMEOUT_S", PATIENCE_S)
    tifffile.imwrite(tmp_path / "stack.tif", planes(), photometric="minisblack", metadata={"axes": "ZYX"})
    command = [sys.executable, "-m", "napari_sam3_assistant", "encode", "stack.tif", "--model", str(sam3_folder)]
    subprocess.run(command, cwd=tmp_path, check=True, env=dict(os.environ), timeout=PATIENCE_S)
    settings = pytest.importorskip("napari.settings").get_plugin_settings("napari-sam3-assistant")
    settings.disk.keep_embeddings = True

    driver = open_driver((tifffile.imread(tmp_path / "stack.tif"), {"name": "stack"}), show=False)
    driver.widget.controller.model.choose_folder(sam3_folder)
    driver.wait(lambda: driver.state.model.loaded, "SAM3")
    until_read(driver)
    for plane in range(3):
        driver.viewer.dims.set_current_step(0, plane)
        until_read(driver)
        add(driver, 40, 50)
        assert driver.state.results.current.engine == "sam3", driver.state.run

    assert stored().found == 3 and stored().encoded == 0 and stored().problem is None
