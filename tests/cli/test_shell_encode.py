"""napari-sam3-assistant encode: pictures read ahead of time, and found by every other way of asking."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile

from napari_sam3_assistant import segment
from napari_sam3_assistant.cli.embeddings import FOLDER_VARIABLE
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.registry import EngineSpec
from napari_sam3_assistant.engines.store import SUFFIX
from tests.engines.sam3.conftest import own_cache, tiny_folder  # noqa: F401
from tests.engines.storing import FACTORY, Plain

PLAIN = EngineSpec("plain", "Plain", factory=FACTORY)


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """An engine whose embeddings can be stored, beside ours; returns the pictures that it encodes."""
    seen, usual = [], Plain.encode
    monkeypatch.setattr(registry, "_others", lambda: (PLAIN,))
    monkeypatch.setattr(Plain, "encode", lambda self, image, **told: seen.append(image) or usual(self, image, **told))
    return seen


@pytest.fixture
def stack(tmp_path):
    """A stack of 5 planes of 16 bits."""
    path = tmp_path / "stack.tif"
    planes = np.random.default_rng(0).integers(0, 4000, (5, 40, 50)).astype(np.uint16)
    tifffile.imwrite(path, planes, photometric="minisblack", metadata={"axes": "ZYX"})
    return path


def test_every_plane_is_encoded_once_and_the_next_run_goes_on(shell, stack, plain, tmp_path):
    kept = tmp_path / "kept"

    first = shell("encode", stack, "--engine", "plain", "--embeddings", kept)
    next(kept.iterdir()).unlink()
    second = shell("encode", stack, "--engine", "plain", "--embeddings", kept)

    assert (first.code, second.code, len(plain)) == (0, 0, 6)
    assert first.out.startswith("5 new, 0 there already. 5 embeddings, ") and str(kept) in first.out
    assert second.out.startswith("1 new, 4 there already. 5 embeddings, ")


def test_the_variable_names_the_folder(shell, stack, plain, tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "kept"))

    shell("encode", stack, "--engine", "plain")

    assert len(list((tmp_path / "kept").glob(f"*{SUFFIX}"))) == 5
    assert shell("embeddings").out.startswith("5 embeddings, ")


def test_what_cannot_be_read_is_named_and_the_others_are_done(shell, stack, plain, tmp_path):
    large = tmp_path / "large.npy"
    np.save(large, np.zeros((8, 2049), np.uint8))

    ended = shell("encode", "gone.tif", large, stack, "--engine", "plain", "--embeddings", tmp_path / "kept")

    assert ended.code == 1 and "There is no file gone.tif" in ended.err
    assert ended.out.startswith("5 new, 0 there already, 1 left out: more than 2048 px a side, 1 failed.")


def test_an_engine_that_keeps_nothing_says_so(shell, stack, tmp_path):
    ended = shell("encode", stack, "--engine", "builtin", "--embeddings", tmp_path / "kept")

    assert ended.code == 2 and "There is nothing to keep" in ended.err and "--model FOLDER" in ended.err
    assert not (tmp_path / "kept").exists()


def test_a_folder_that_cannot_be_ends_it_at_once(shell, stack, plain):
    ended = shell("encode", stack, "--engine", "plain", "--embeddings", stack)

    assert ended.code == 1 and "is no folder" in ended.err and not plain


def test_what_found_no_room_on_the_disk_is_not_counted_as_new(shell, stack, plain, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_sam3_assistant.engines.store.free_at", lambda folder: 0)

    ended = shell("encode", stack, "--engine", "plain", "--embeddings", tmp_path / "kept")

    assert ended.code == 1 and plain
    assert ended.out.startswith("0 new, 0 there already. 0 embeddings, ")


def test_the_size_is_kept_to_and_that_older_ones_were_given_up_is_said(shell, plain, tmp_path):
    stack = tmp_path / "stack.npy"
    np.save(stack, np.random.default_rng(0).integers(0, 255, (5, 200, 200)).astype(np.uint8))

    ended = shell("encode", stack, "--engine", "plain", "--embeddings", tmp_path / "kept", "--limit-size", "0.001")

    assert ended.code == 0 and "--limit-size gives it more" in ended.err
    assert len(plain) == 5 and len(list((tmp_path / "kept").iterdir())) < 5
    assert sum(one.stat().st_size for one in (tmp_path / "kept").iterdir()) <= 0.001 * 2**30


def test_embeddings_are_counted_and_removed(shell, stack, plain, tmp_path):
    kept = tmp_path / "kept"
    shell("encode", stack, "--engine", "plain", "--embeddings", kept)

    told, cleared = shell("embeddings", kept), shell("embeddings", kept, "--clear")

    assert told.out.startswith("5 embeddings, ") and cleared.out.startswith("Removed ") and not list(kept.iterdir())
    assert shell("embeddings", tmp_path / "none").out.startswith("0 embeddings, 0 bytes")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_ctrl_c_keeps_what_is_done(stack, tmp_path):
    slow = (
        "import signal, sys, time; from napari_sam3_assistant.engines import registry;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"  # ignored in the background
        "from tests.cli.test_shell_encode import PLAIN; from tests.engines.storing import Plain;"
        "from napari_sam3_assistant.cli.main import main; registry._others = lambda: (PLAIN,); usual = Plain.encode\n"
        "def encode(self, image, **told):\n    time.sleep(self.encodes * 30); return usual(self, image, **told)\n"
        "Plain.encode = encode; sys.exit(main())"
    )
    command = [sys.executable, "-c", slow, "encode", str(stack), "--engine", "plain", "--embeddings", tmp_path / "kept"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    running = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "kept").glob(f"*{SUFFIX}")):  # the first plane; the second one takes 30 s
        assert time.monotonic() < deadline and running.poll() is None
        time.sleep(0.05)

    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)

    assert running.returncode == 130 and out.startswith("1 new, 0 there already. 1 embedding"), err
    assert "goes on from here" in err


@pytest.mark.timeout(300)
def test_python_and_the_shell_read_what_was_encoded(shell, tmp_path, tiny_folder, monkeypatch):  # noqa: F811
    from napari_sam3_assistant.engines.sam3.image import Sam3Engine

    kept, image = tmp_path / "kept", tmp_path / "image.tif"
    tifffile.imwrite(image, np.random.default_rng(0).integers(0, 4000, (40, 50)).astype(np.uint16))
    assert shell("encode", image, "--model", tiny_folder, "--device", "cpu", "--embeddings", kept).code == 0
    seen, usual = [], Sam3Engine.encode
    monkeypatch.setattr(Sam3Engine, "encode", lambda self, image, **told: seen.append(1) or usual(self, image, **told))

    without = segment(image, points=[(20, 20)], model=tiny_folder)
    assert seen == [1]
    ready = shell(
        "segment", image, "--model", tiny_folder, "--embeddings", kept, "--point", "20,20", "--json", "--out", tmp_path
    )

    assert seen == [1] and "1 of 1 encodings were read from disk" in ready.err
    (found,) = json.loads(ready.out)["images"][0]["objects"]
    assert (found["area"], found["score"]) == (without.objects[0].area, round(without.objects[0].score, 4))
