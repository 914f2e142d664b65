"""``--server`` and ``--token``: the same files as with the engine here."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_sam3_assistant.cli.elsewhere import TOKEN_VARIABLE
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from tests.server.conftest import running
from tests.tasks.test_video import moving


@pytest.fixture(scope="module")
def server():
    with running(BuiltinEngine(), tokens=("a secret",)) as server:
        yield server


def test_segment_writes_what_the_engine_here_finds(shell, squares, tmp_path, server):
    asked = ("segment", squares, "--point", "20,20")

    there = shell(*asked, "--out", tmp_path / "there", "--server", f"127.0.0.1:{server.port}", "--token", "a secret")
    here = shell(*asked, "--out", tmp_path / "here", "--engine", "builtin")

    assert (there.code, here.code) == (0, 0)
    assert_same_files(tmp_path / "there", tmp_path / "here")


def test_propagate_takes_the_token_of_the_environment(shell, tmp_path, monkeypatch, server):
    path = tmp_path / "film.tif"
    tifffile.imwrite(path, moving(4, 1), imagej=True, metadata={"axes": "ZYX"})
    asked = ("propagate", path, "--point", "0,50,50")
    monkeypatch.setenv(TOKEN_VARIABLE, "a secret")

    there = shell(*asked, "--out", tmp_path / "there", "--server", f"http://127.0.0.1:{server.port}/app")
    here = shell(*asked, "--out", tmp_path / "here", "--engine", "builtin")

    assert (there.code, here.code) == (0, 0)
    assert_same_files(tmp_path / "there", tmp_path / "here")


def test_without_its_token_a_server_is_one_sentence(shell, squares, tmp_path, server):
    ended = shell("segment", squares, "--point", "20,20", "--server", f"127.0.0.1:{server.port}", "--out", tmp_path)

    assert ended.code == 1
    assert "asks for a token" in ended.err
    assert "Traceback" not in ended.err


def assert_same_files(there, here):
    masks = sorted(one.name for one in here.glob("*.tif"))
    assert masks
    for name in masks:
        np.testing.assert_array_equal(tifffile.imread(there / name), tifffile.imread(here / name))
