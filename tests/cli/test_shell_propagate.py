"""napari-sam3-assistant propagate: a stack in, a label stack, rows and a record out; stopped anywhere, gone on with."""

import csv
import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
import zarr

from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.export.images import read_labels, save_labels
from napari_sam3_assistant.export.own_masks import is_own_mask
from tests.cli.conftest import run_apart
from tests.tasks.test_video import moving

COUNT = 8
KINDS = ("time", "channel", "space", "space")


def film(count=COUNT):
    """A square that moves one pixel a frame, and one that stays."""
    made = moving(count, 1)
    made[:, 44:58, 40:54] = 140
    return made


@pytest.fixture
def stack(tmp_path):
    path = tmp_path / "film.tif"
    tifffile.imwrite(path, film(), imagej=True, metadata={"axes": "ZYX", "unit": "um"}, resolution=(2.0, 2.0))
    return path


def overlap(labels, count=COUNT, id=1):
    """Return the least overlap of an object with the square that moves, over all frames."""
    truth = film(count) == 200
    return min((labels[k] == id)[truth[k]].sum() / ((labels[k] == id) | truth[k]).sum() for k in range(count))


def rows_in(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_point_is_followed_both_ways_into_a_stack_and_rows(shell, stack, tmp_path):
    ended = shell("propagate", stack, "--point", "3,28,20", "--out", tmp_path / "out")

    assert ended.code == 0, ended.err
    saved = read_labels(tmp_path / "out" / "film_tracks.tif")
    assert saved.labels.shape == (COUNT, 64, 64) and overlap(saved.labels) > 0.9
    assert saved.place.scale == (1.0, 0.5, 0.5) and saved.place.units == ("pixel", "micrometer", "micrometer")
    rows = rows_in(tmp_path / "out" / "film_rows.csv")
    assert [row["Frame"] for row in rows] == [str(k) for k in range(COUNT)]
    assert [row["Said"] for row in rows] == ["yes" if k == 3 else "no" for k in range(COUNT)]
    assert float(rows[0]["Area (world)"]) == int(rows[0]["Area"]) / 4 and rows[0]["Area unit"] == "micrometer^2"
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == [
        "film.video.jsonl",
        "film_rows.csv",
        "film_tracks.tif",
    ]
    assert ended.out.splitlines()[1].split()[:4] == ["1", "8", "0", "7"]
    assert is_own_mask(tmp_path / "out" / "film_tracks.tif")


@pytest.mark.parametrize(("format", "suffix"), [("zarr", ".ome.zarr"), ("npy", ".npy"), ("tiff", ".tif")])
def test_several_objects_by_their_numbers_in_each_format(shell, stack, tmp_path, format, suffix):
    ended = shell(
        *("propagate", stack, "--point", "2:0,28,18", "--point", "2:0,50,46,-", "--box", "5:4,43,39,59,55"),
        *("--out", tmp_path / "out", "--format", format),
    )

    assert ended.code == 0, ended.err
    labels = read_labels(tmp_path / "out" / f"film_tracks{suffix}").labels
    assert overlap(labels, id=2) > 0.9
    assert all((labels[k][44:58, 40:54] == 5).mean() > 0.9 for k in range(COUNT))


def test_a_mask_of_a_frame_says_its_frame_or_is_told_it(shell, stack, tmp_path):
    mask = np.zeros((64, 64), np.uint16)
    mask[20:36, 14:30] = 7
    save_labels(mask, tmp_path / "m.tif", plane=[(0, 4)])
    save_labels(mask, tmp_path / "n.npy")

    first = shell("propagate", stack, "--mask", tmp_path / "m.tif", "--out", tmp_path / "a")
    second = shell("propagate", stack, "--mask", tmp_path / "n.npy", "--mask-frame", 4, "--out", tmp_path / "b")
    third = shell("propagate", stack, "--mask", tmp_path / "n.npy", "--out", tmp_path / "c")

    assert (first.code, second.code, third.code) == (0, 0, 1)
    assert "--mask-frame" in third.err
    for folder in ("a", "b"):
        assert overlap(read_labels(tmp_path / folder / "film_tracks.tif").labels, id=7) > 0.9


def test_only_frames_of_the_range_and_the_direction_are_visited(shell, stack, tmp_path):
    shell(*("propagate", stack, "--point", "3,28,21", "--frames", "2:6", "--direction", "forward", "--out", tmp_path))

    assert [row["Frame"] for row in rows_in(tmp_path / "film_rows.csv")] == ["3", "4", "5"]


def test_channels_colour_and_a_second_axis_of_frames(shell, tmp_path):
    volume = np.stack([film(5), film(5)[::-1], np.zeros((5, 64, 64), np.uint8)])
    tifffile.imwrite(tmp_path / "v.ome.tif", volume, metadata={"axes": "TZYX"})
    tifffile.imwrite(tmp_path / "c.tif", np.repeat(film(4)[..., None], 3, -1), photometric="rgb")
    group = zarr.create_group(tmp_path / "k.ome.zarr", zarr_format=2)
    axes = [{"name": name, "type": kind} for name, kind in zip("tcyx", KINDS, strict=True)]
    scale = [{"type": "scale", "scale": [1.0, 1.0, 0.5, 0.5]}]
    group.attrs["multiscales"] = [
        {"version": "0.4", "axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    ]
    array = group.create_array("0", shape=(5, 2, 64, 64), chunks=(1, 1, 64, 64), dtype="uint8")
    array[:, 1] = film(5)

    which = shell("propagate", tmp_path / "v.ome.tif", "--point", "0,28,18", "--axis", "z")
    first = shell("propagate", tmp_path / "v.ome.tif", "--point", "4,28,18", "--axis", "z", "--plane", "t=1")
    second = shell("propagate", tmp_path / "c.tif", "--point", "0,28,18")
    third = shell("propagate", tmp_path / "k.ome.zarr", "--point", "0,28,18", "--plane", "c=1", "--format", "zarr")

    assert which.code == 1 and "--plane t=0" in which.err
    assert (first.code, second.code, third.code) == (0, 0, 0), first.err + second.err + third.err
    labels = tifffile.imread(tmp_path / "v_tracks.tif")
    assert labels.shape == (3, 5, 64, 64) and not labels[[0, 2]].any() and overlap(labels[1][::-1], 5) > 0.9
    assert overlap(tifffile.imread(tmp_path / "c_tracks.tif"), 4) > 0.9
    made = zarr.open_group(tmp_path / "k_tracks.ome.zarr", mode="r")
    assert overlap(made["0"][:, 1], 5) > 0.9 and not made["0"][:, 0].any()
    assert [axis["name"] for axis in made.attrs["multiscales"][0]["axes"]] == list("tcyx")


def test_nothing_is_overwritten_unasked_and_a_finished_run_goes_on_with_a_wider_range(shell, stack, tmp_path):
    told = ("propagate", stack, "--point", "3,28,21", "--out", tmp_path / "out")
    shell(*told, "--frames", "2:5")
    before = (tmp_path / "out" / "film_tracks.tif").read_bytes()

    refused = shell(*told)

    assert refused.code == 1 and "is there already" in refused.err and "--overwrite" in refused.err
    assert (tmp_path / "out" / "film_tracks.tif").read_bytes() == before
    wider = shell(*told, "--resume")
    assert wider.code == 0 and "5 frames to do" in wider.err
    assert overlap(read_labels(tmp_path / "out" / "film_tracks.tif").labels) > 0.9
    assert "Nothing is left to do" in shell(*told, "--resume").err
    assert shell(*told, "--overwrite", "--frames", "3:5").code == 0
    assert len(rows_in(tmp_path / "out" / "film_rows.csv")) == 2


def test_a_correction_is_added_to_a_run_that_is_gone_on_with(shell, stack, tmp_path):
    told = ("propagate", stack, "--point", "1:0,28,18", "--out", tmp_path / "out")
    shell(*told)

    ended = shell(*told, "--point", "2:4,50,46", "--resume")

    assert ended.code == 0 and "8 frames to do" in ended.err
    labels = read_labels(tmp_path / "out" / "film_tracks.tif").labels
    assert overlap(labels) > 0.9 and all((labels[k] == 2).sum() > 150 for k in range(COUNT))


SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background it is ignored
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
encode = BuiltinEngine.encode
def slow(self, *given, **more):
    time.sleep(0.15)
    return encode(self, *given, **more)
BuiltinEngine.encode = slow
from napari_sam3_assistant.cli.main import main
sys.exit(main())
"""


def started(stack, out, format="tiff"):
    """Return a process that runs slowly, once three frames are in its record."""
    command = [sys.executable, "-c", SLOW, "propagate", stack, "--point", "3,28,21", "--out", out, "--format", format]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    record, end = out / "film.video.jsonl", time.monotonic() + 90
    while not record.exists() or record.read_text().count('"is":"done"') < 3:
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.02)
    return process


@pytest.mark.parametrize(("how", "format"), [(signal.SIGKILL, "tiff"), (signal.SIGINT, "zarr")])
def test_a_run_that_is_killed_or_stopped_can_be_read_and_gone_on_with(shell, stack, tmp_path, how, format):
    process = started(stack, tmp_path / "out", format)

    process.send_signal(how)
    _, err = process.communicate(timeout=60)

    assert process.returncode == (130 if how == signal.SIGINT else -9)
    if how == signal.SIGINT:
        assert "Stopped after" in err and "--resume" in err and "Traceback" not in err
    seen = zarr.open_group(tmp_path / "out" / "film_tracks.ome.zarr", mode="r")["0"][...]
    done = [k for k in range(COUNT) if seen[k].any()]
    assert 2 <= len(done) < COUNT
    told = ("propagate", stack, "--point", "3,28,21", "--out", tmp_path / "out", "--format", format)
    ended = shell(*told, "--resume")
    assert ended.code == 0 and "Going on with film.video.jsonl" in ended.err
    shell("propagate", stack, "--point", "3,28,21", "--out", tmp_path / "whole", "--format", format)
    name = "film_tracks.tif" if format == "tiff" else "film_tracks.ome.zarr"
    np.testing.assert_array_equal(
        read_labels(tmp_path / "out" / name).labels, read_labels(tmp_path / "whole" / name).labels
    )
    assert (tmp_path / "out" / "film_rows.csv").read_bytes() == (tmp_path / "whole" / "film_rows.csv").read_bytes()
    assert {one.name for one in (tmp_path / "out").iterdir()} == {"film.video.jsonl", "film_rows.csv", name}


def test_an_engine_that_fails_on_the_way_leaves_what_is_done(shell, stack, tmp_path, monkeypatch):
    encode, count = BuiltinEngine.encode, [0]

    def fails(self, *given, **more):
        count[0] += 1
        if count[0] > 4:
            raise EngineError("The engine's process has ended.", hint="Try again.")
        return encode(self, *given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(BuiltinEngine, "encode", fails)
        ended = shell("propagate", stack, "--point", "3,28,21")

    assert ended.code == 1
    assert "After 4 of 8 frames: The engine's process has ended." in ended.err and "--resume" in ended.err
    assert shell("propagate", stack, "--resume").code == 0
    assert overlap(read_labels(stack.parent / "film_tracks.tif").labels) > 0.9


def test_a_full_disk_on_the_way_and_at_the_end_leaves_what_is_done(shell, stack, tmp_path, monkeypatch):
    from zarr.storage import _local

    put, count = _local._put, [0]

    def full(path, *given, **more):
        count[0] += 1
        if count[0] > 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return put(path, *given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(_local, "_put", full)
        first = shell("propagate", stack, "--point", "3,28,21")

    def none(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", none)
        patched.setattr(os, "link", none)
        second = shell("propagate", stack, "--resume")

    assert first.code == 1 and "The disk is full" in first.err and "--resume" in first.err
    assert second.code == 1 and "The disk is full" in second.err
    assert not (tmp_path / "film_tracks.tif").exists()
    assert shell("propagate", stack, "--resume").code == 0
    assert overlap(read_labels(tmp_path / "film_tracks.tif").labels) > 0.9


def test_a_frame_that_cannot_be_read_is_left_out_named_and_no_failure(shell, tmp_path):
    array = zarr.create_array(tmp_path / "film.zarr", shape=(COUNT, 64, 64), chunks=(1, 64, 64), dtype="uint8")
    array[...] = film()
    (tmp_path / "film.zarr" / "c" / "5" / "0" / "0").write_bytes(b"damaged")

    ended = shell("propagate", tmp_path / "film.zarr", "--point", "3,28,21", "--axis", 0)

    assert ended.code == 0, ended.err
    assert "Frame 5" in ended.err and "Warning: 1 frame(s) could not be read and have no masks: 5." in ended.err
    assert {row["Frame"] for row in rows_in(tmp_path / "film_rows.csv")} == {str(k) for k in range(COUNT)} - {"5"}


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (["--point", "3,28"], 2, "frame, row and column"),
        (["--point", "x:3,28,21"], 2, "number of an object"),
        (["--point", "1:3,28,21", "--point", "3,28,21"], 2, "others have none"),
        (["--box", "3,40,30,20,50"], 2, "holds no pixel"),
        (["--point", "3,28,21", "--frames", "6:2"], 2, "A:B"),
        (["--point", "3,28,21", "--direction", "up"], 2, "--direction"),
        (["--point", "3,28,21", "--format", "png"], 2, "tiff, zarr, npy"),
        (["--point", "3,28,21", "--model", "/nowhere/model"], 2, "no folder"),
        (["--point", "3,28,21", "--engine", "nothing"], 2, "nothing"),
        ([], 1, "There is no prompt. Give --point"),
        (["--point", "8,28,21"], 1, "frame 8, which is not there. Frames go from 0 to 7"),
        (["--point", "3,28,64"], 1, "outside"),
        (["--point", "3,28,21", "--axis", "t"], 1, "no axis t"),
        (["--point", "5,28,25", "--frames", "0:3", "--direction", "forward"], 1, "lies forward of frame 5"),
        (["--point", "3,28,21", "--window", "0,40,20,60"], 1, "outside the window"),
        (["--point", "3,28,21", "--frames", "9:12"], 1, "no frames 9 to 11"),
        (["--box", "0,1,1,9,9", "--box", "0,30,30,40,40", "--point", "0,5,5"], 1, "--point 2:Z,R,C"),
        (["--text", "cell"], 2, "does not read words"),
        (["--point", "3,28,21", "--plane", "3"], 1, "Leave --plane out"),
    ],
)
def test_what_cannot_be_is_said_with_what_to_do_and_nothing_is_written(shell, stack, given, code, words):
    ended = shell("propagate", stack, *given)

    assert (ended.code, ended.out) == (code, "")
    assert words in " ".join(ended.err.replace("│", " ").split())
    assert list(stack.parent.iterdir()) == [stack]


def test_one_frame_a_mask_of_another_shape_and_another_picture_are_said(shell, stack, tmp_path):
    tifffile.imwrite(tmp_path / "one.tif", film()[0])
    np.save(tmp_path / "m.npy", np.ones((9, 9), np.uint8))
    shell("propagate", stack, "--point", "3,28,21", "--frames", "3:5")
    tifffile.imwrite(stack, 255 - film())

    one = shell("propagate", tmp_path / "one.tif", "--point", "0,28,21")
    shape = shell("propagate", stack, "--mask", tmp_path / "m.npy", "--mask-frame", 0, "--overwrite")
    other = shell("propagate", stack, "--resume")

    assert one.code == 1 and "has no frames" in one.err
    assert shape.code == 1 and "The mask has shape (9, 9), the image (64, 64)." in shape.err
    assert other.code == 1 and "another picture" in other.err and "--overwrite" in other.err


def test_the_table_is_on_standard_output_and_the_rest_on_standard_error(stack, tmp_path):
    ended = run_apart("propagate", stack.name, "--point", "3,28,20", cwd=tmp_path)

    assert ended.code == 0
    assert ended.out.splitlines()[0].split()[:4] == ["object", "frames", "first", "last"]
    assert "Built-in" in ended.err and "film_tracks.tif" in ended.err
