"""Each step of saving fails in turn: the old file is whole, no new or half one is left, preview and prompts stay."""

from __future__ import annotations

import errno
import os
import re
import threading
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from napari_sam3_assistant.app import writing
from napari_sam3_assistant.app.runtime import CLOSE_TIMEOUT_S
from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.export.images import FORMATS, read_labels, save_labels
from napari_sam3_assistant.layers import names, saved
from tests.conftest import squares
from tests.e2e.hands import add, objects, points
from tests.e2e.test_saving import files, layers, press

OLD = np.full((3, 3), 7, np.uint8)
SMALL_DISK = 1500
"""So many bytes a file may have; that of the mask would be larger in every format."""


@pytest.fixture
def noisy(open_driver, tmp_path):
    """A driver with an object that no compression makes small, and a folder with one older file of each format."""
    driver = open_driver((squares(), {"name": "cells"}))
    points(driver).add([35, 35])
    driver.wait_until_idle()
    board = driver.widget.controller.board
    noise = PlacedMask(np.random.default_rng(0).random((120, 120)) < 0.5, (0, 0))
    board.change(lambda draft: replace(draft, objects=draft.objects.replace(1, mask=noise)))
    out = tmp_path / "out"
    out.mkdir()
    for kind in FORMATS.values():
        save_labels(OLD, out / f"cells_mask_01{kind.suffix}")
    driver.state.output.folder = str(out)
    driver.pump(0.1)
    return driver


@contextmanager
def small_disk():
    """Let no file grow beyond :data:`SMALL_DISK`."""
    resource = pytest.importorskip("resource", reason="Windows has no limit of a file's size")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_DISK, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def no_names(monkeypatch):
    """Let no file or folder get the name that it shall have."""

    def fail(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        for name in ("link", "replace", "rename"):
            patch.setattr(os, name, fail)
        yield


@contextmanager
def no_memory(monkeypatch, where, name):
    """Let ``name`` of a module find no memory."""

    def fail(*_, **__):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(where, name, fail)
        yield


def failures(driver, monkeypatch):
    """What goes wrong, and what the message has to say of it."""
    yield "full disk", small_disk(), r"larger than this disk|full"
    yield "no name", no_names(monkeypatch), r"was not saved: Input/output error"
    yield "no memory", no_memory(monkeypatch, writing, "_made_folder"), r"no memory to write"


def test_whatever_fails_while_the_file_is_written_nothing_is_lost_and_nothing_is_left(noisy, tmp_path, monkeypatch):
    before, there = objects(noisy), files(tmp_path / "out")

    for name in FORMATS:
        noisy.state.output.format = name
        for what, broken, says in failures(noisy, monkeypatch):
            with broken:
                press(noisy, noisy.widget.simple.results.saving.save_clean)

            run = noisy.state.run
            assert run.phase is Phase.FAILED and re.search(says, run.message) and run.hint, (name, what, run)
            assert files(tmp_path / "out") == there, (name, what)
            assert objects(noisy) == before and len(points(noisy).data) == 1 and noisy.state.output.saved is None
    for kind in FORMATS.values():
        np.testing.assert_array_equal(read_labels(tmp_path / "out" / f"cells_mask_01{kind.suffix}").labels, OLD)
    assert layers(noisy) == ["cells", names.PREVIEW_LABELS, names.POINTS]
    press(noisy, noisy.widget.simple.results.saving.save_clean)
    assert noisy.state.output.saved.name == f"cells_mask_02{kind.suffix}", "and the next press saves"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="/proc is Linux's")
def test_a_folder_that_cannot_be_made_is_said_and_none_above_it_is_left(noisy, tmp_path):
    (tmp_path / "file").write_text("mine")
    wrong = ["/proc/no/such", str(tmp_path / "file"), str(tmp_path / "file" / "sub"), "~nobody-here/masks"]
    wrong.append(str(tmp_path / "new" / ("x" * 300)))
    before = objects(noisy)

    for number, folder in enumerate(wrong):
        noisy.state.output.folder, noisy.state.output.format = folder, list(FORMATS)[number % len(FORMATS)]
        noisy.pump(0.05)
        press(noisy, noisy.widget.simple.results.saving.save_clean)

        assert noisy.state.run.phase is Phase.FAILED and "folder" in noisy.state.run.hint, folder
        assert objects(noisy) == before and noisy.widget.simple.results.saving.save.isEnabled()
    assert sorted(os.listdir(tmp_path)) == ["file", "out"] and (tmp_path / "file").read_text() == "mine"


def test_without_memory_for_the_layer_the_file_is_whole_and_the_preview_stays(noisy, monkeypatch):
    before = objects(noisy)

    for name in FORMATS:
        noisy.state.output.format = name
        with no_memory(monkeypatch, saved, "_made"):
            press(noisy, noisy.widget.simple.results.saving.save_clean)

        path, run = noisy.state.output.saved, noisy.state.run
        assert run.phase is Phase.FAILED and "no memory" in run.message and str(path) in run.message and run.hint
        assert int((read_labels(path).labels == 1).sum()) == before[1] == objects(noisy)[1]
        assert len(points(noisy).data) == 1 and path.name.startswith("cells_mask_02")


class Slow:
    """Holds the writing of a file until it is let go, with half of it on the disk."""

    def __init__(self, monkeypatch) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        settle = os.fsync

        def wait(handle):
            self.begun.set()
            self.go.wait(10)
            settle(handle)

        monkeypatch.setattr(os, "fsync", wait)

    def meanwhile(self, driver, do, takes: float = 0.2) -> None:
        """Press Save & Clean, and do something before the file is complete."""
        self.begun.clear()
        self.go.clear()
        driver.widget.simple.results.saving.save_clean.click()
        driver.wait(self.begun.is_set, "The file")
        threading.Timer(takes, self.go.set).start()
        do()


def test_where_the_image_is_removed_meanwhile_the_file_is_whole_and_it_is_said(noisy, tmp_path, monkeypatch):
    slow, there = Slow(monkeypatch), files(tmp_path / "out")
    viewer = noisy.viewer

    for name in FORMATS:
        noisy.state.output.format = name
        slow.meanwhile(noisy, lambda: viewer.layers.remove("cells"))
        noisy.wait(lambda: not noisy.state.output.saving, "The end of saving")

        (name,) = set(files(tmp_path / "out")) - set(there)
        path = tmp_path / "out" / name
        assert "Its image was removed meanwhile" in noisy.state.run.message and str(path) in noisy.state.run.message
        assert read_labels(path).labels.any()
        there = files(tmp_path / "out")
        noisy.widget.controller.choose_image(str(viewer.add_image(squares(), name="cells").unique_id), arm=True)
        add(noisy, 35, 35)  # the points of the picture that is gone are not about this one
        assert objects(noisy)


@pytest.mark.parametrize("format", ["tiff", "zarr"])
def test_where_the_viewer_is_closed_meanwhile_the_file_is_whole(noisy, tmp_path, monkeypatch, format):
    noisy.state.output.format = format
    there = files(tmp_path / "out")

    Slow(monkeypatch).meanwhile(noisy, noisy.viewer.close, takes=2 * CLOSE_TIMEOUT_S)

    (new,) = set(files(tmp_path / "out")) - set(there)
    assert new.startswith("cells_mask_02") and read_labels(tmp_path / "out" / new).labels.any()


PICTURES = ["a/b\\c", 'quo"te', "line\nbreak", "\N{GRINNING FACE}", "..", "x" * 300, "dots...", "CON", "aux.tif"]
PICTURES += ["img.ome", "scan_0.5um", "a.ome.zarr", "nul.5um", "trailing. "]


def test_any_name_of_a_picture_becomes_a_file_that_every_disk_takes(noisy, tmp_path):
    folder = tmp_path / "names"
    noisy.state.output.folder, noisy.state.output.format = str(folder), "npy"

    for name in PICTURES:
        noisy.viewer.layers[0].name = name
        press(noisy, noisy.widget.simple.results.saving.save)

    made = files(folder)
    assert len(made) == len(PICTURES) and {"img.ome_mask_01.npy", "scan_0.5um_mask_01.npy", "a_mask_01.npy"} < set(made)
    for name in made:
        assert not re.search(r'[\x00-\x1f<>:"/\\|?*]', name) and len(os.fsencode(name)) < 255, name
        assert not re.fullmatch(r"(con|prn|aux|nul)\s*", name.partition(".")[0], re.IGNORECASE), name


def test_any_name_that_is_typed_becomes_a_file_in_the_folder(noisy, tmp_path):
    folder = tmp_path / "names"
    noisy.state.output.folder = str(folder)
    wanted = {"../up": "_up.tif", "CON": "_CON.tif", "con.x": "_con.x.tif", "a\nb": "a_b.tif", "..": "image.tif"}
    wanted |= {"mine.png": "mine.tif", 'q"': "q_.tif", "x" * 300: "x" * 150 + ".tif", "dots...": "dots....tif"}

    for name in wanted:
        noisy.state.output.filename = name
        press(noisy, noisy.widget.simple.results.saving.save)

    assert files(folder) == sorted(wanted.values())
