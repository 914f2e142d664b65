"""napari-sam3-assistant segment: prompts in, files and a table out, one image after another."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_sam3_assistant.cli.segment import FORMATS as FORMAT_NAMES
from napari_sam3_assistant.export.images import FORMATS, read_labels
from tests.cli.conftest import run_apart

AREAS = range(380, 421)
"""What a square of 20 pixels may come to: engines round its corners."""


def test_a_point_gives_a_mask_a_table_and_exit_code_0(shell, squares, tmp_path):
    ended = shell("segment", squares, "--point", "20,20", "--out", tmp_path / "masks")

    saved = tmp_path / "masks" / "squares_mask_01.tif"
    assert ended.code == 0
    area = np.count_nonzero(read_labels(saved).labels)
    assert area in AREAS
    row = ended.out.splitlines()[1].split()
    assert row[:4] == ["squares.tif", "1", "point", "1"]
    assert row[5:7] == [str(area), str(saved)]


def test_results_are_on_standard_output_and_the_rest_on_standard_error(squares, tmp_path):
    ended = run_apart("segment", squares.name, "--point", "20,20", "--json", cwd=tmp_path)

    (entry,) = json.loads(ended.out)["images"]
    assert ended.code == 0
    assert entry["ok"]
    assert entry["image"] == squares.name
    assert entry["engine"] == "builtin"
    assert entry["shape"] == [100, 120]
    assert entry["objects"][0]["area"] in AREAS
    assert entry["objects"][0]["box"] == [10, 10, 30, 30]
    assert (tmp_path / "squares_mask_01.tif").samefile(entry["saved"])
    assert "Built-in" in ended.err
    assert "[1/1] squares.tif" in ended.err


def test_without_a_folder_masks_go_beside_their_image(shell, squares):
    shell("segment", squares, "--point", "20,20")

    assert (squares.parent / "squares_mask_01.tif").exists()


def test_nothing_is_overwritten(shell, squares, tmp_path):
    for _ in range(2):
        shell("segment", squares, "--point", "20,20", "--out", tmp_path / "masks")

    assert sorted(p.name for p in (tmp_path / "masks").iterdir()) == ["squares_mask_01.tif", "squares_mask_02.tif"]


def test_the_formats_are_those_that_can_be_written(shell, squares, tmp_path):
    for name, kind in FORMATS.items():
        ended = shell("segment", squares, "--point", "20,20", "--out", tmp_path / name, "--format", name)
        assert ended.code == 0
        assert (tmp_path / name / f"squares_mask_01{kind.suffix}").exists()
    assert set(FORMAT_NAMES) == set(FORMATS)


@pytest.mark.parametrize("word", ["-", "neg", "negative", "0", " - "])
def test_two_points_one_negative_are_one_object_without_the_negative_one(shell, squares, tmp_path, word):
    ended = shell(
        "segment", squares, "--point", "20,20,+", "--point", f"25,25,{word}", "--json", "--out", tmp_path / "masks"
    )

    (entry,) = json.loads(ended.out)["images"]
    labels = read_labels(tmp_path / "masks" / "squares_mask_01.tif").labels
    assert [one["prompt"] for one in entry["objects"]] == ["2 points"]
    assert labels[20, 20] == 1
    assert labels[25, 25] == 0


def test_boxes_masks_and_exemplars_are_taken_together(shell, squares, tmp_path):
    rough = np.zeros((100, 120), np.uint8)
    rough[51:68, 61:79] = 255
    Image.fromarray(rough).save(tmp_path / "rough.png")

    ended = shell(
        "segment", squares, "--box", "8,8,32,32", "--mask", tmp_path / "rough.png", "--exemplar", "8,8,32,32", "--json"
    )

    prompts = [one["prompt"] for one in json.loads(ended.out)["images"][0]["objects"]]
    assert prompts[:3] == ["box 1", "mask 1", "like the example"]


def test_a_mask_that_was_saved_of_a_part_lies_where_it_was(shell, tmp_path):
    plane = np.zeros((100, 5000), np.uint8)
    plane[40:60, 3000:3020] = 200
    np.save(tmp_path / "wide.npy", plane)

    shell("segment", tmp_path / "wide.npy", "--point", "50,3010")
    ended = shell("segment", tmp_path / "wide.npy", "--mask", tmp_path / "wide_roi_mask_01.tif", "--json")

    assert json.loads(ended.out)["images"][0]["objects"][0]["box"] == [40, 3000, 60, 3020]


def test_png_and_zarr_are_read_as_well(shell, squares, tmp_path):
    image = (tifffile.imread(squares) // 8).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    zarr.create_array(tmp_path / "a.zarr", shape=image.shape, chunks=(32, 32), dtype="u1")[:] = image

    ended = shell("segment", tmp_path / "a.png", tmp_path / "a.zarr", "--point", "20,20", "--json")

    entries = json.loads(ended.out)["images"]
    assert all(entry["objects"][0]["area"] in AREAS for entry in entries)
    assert [os.path.basename(entry["saved"]) for entry in entries] == ["a_mask_01.tif", "a_mask_02.tif"]


def test_a_plane_of_a_stack_is_told_by_number_or_by_name(shell, squares, tmp_path):
    stack = np.zeros((3, 2, 100, 120), np.uint16)
    stack[2, 1] = tifffile.imread(squares)
    tifffile.imwrite(tmp_path / "stack.ome.tif", stack, ome=True, metadata={"axes": "TCYX"})

    for plane in ("2,1", "t=2,c=1"):
        ended = shell("segment", tmp_path / "stack.ome.tif", "--point", "20,20", "--plane", plane, "--json")
        assert json.loads(ended.out)["images"][0]["objects"][0]["area"] in AREAS
    ended = shell("segment", tmp_path / "stack.ome.tif", "--point", "20,20")
    assert ended.code == 1
    assert "--plane 0,0" in ended.err


def test_of_a_large_plane_it_is_said_what_was_looked_at(shell, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((100, 5000), np.uint8))

    ended = shell("segment", tmp_path / "a.npy", "--point", "50,3000", "--window", "512")

    assert "looked at 0,2744,100,3256 of 100 x 5000" in ended.err


def test_one_image_that_fails_does_not_stop_the_others(shell, squares, tmp_path):
    (tmp_path / "text.tif").write_text("this is text")
    images = [tmp_path / "nowhere.tif", tmp_path / "text.tif", squares]

    ended = shell("segment", *images, "--point", "20,20", "--json")

    entries = json.loads(ended.out)["images"]
    assert ended.code == 1
    assert [entry["ok"] for entry in entries] == [False, False, True]
    assert entries[0]["error"]["kind"] == "ImageError"
    assert all(entry["error"]["message"] and entry["error"]["hint"] for entry in entries[:2])
    assert "[1/3]" in ended.err
    assert "no file" in ended.err


def test_the_table_says_which_image_failed(shell, squares, tmp_path):
    ended = shell("segment", tmp_path / "nowhere.tif", squares, "--point", "20,20")

    assert ended.code == 1
    assert "nowhere.tif  failed" in ended.out
    assert "squares_mask_01.tif" in ended.out


def test_a_name_that_looks_like_markup_is_shown_as_it_is(shell, tmp_path):
    folder = tmp_path / "a["
    folder.mkdir()
    np.save(folder / "b][red].npy", np.eye(5))

    ended = shell("segment", folder / "b][red].npy", "--point", "0,0")

    assert ended.code == 0
    assert "b][red].npy" in ended.out
    assert "a[/b][red].npy" in ended.err


BAD_IMAGES = {
    "empty": np.zeros((0, 5)),
    "complex": np.zeros((5, 5), complex),
    "5-D": np.zeros((2, 2, 2, 5, 5)),
    "1-D": np.zeros(5),
}
GOOD_IMAGES = {
    "1 x 1": np.ones((1, 1)),
    "NaN": np.full((5, 5), np.nan),
    "bool": np.eye(5, dtype=bool),
    "float16": np.eye(5, dtype=np.float16),
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_an_image_that_cannot_be_segmented_says_why(shell, tmp_path, kind):
    np.save(tmp_path / "a.npy", BAD_IMAGES[kind])

    ended = shell("segment", tmp_path / "a.npy", "--point", "0,0")

    assert ended.code == 1
    assert "[1/1]" in ended.err
    assert "Traceback" not in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


@pytest.mark.parametrize("kind", GOOD_IMAGES)
def test_an_odd_image_is_segmented_all_the_same(shell, tmp_path, kind):
    np.save(tmp_path / "a.npy", GOOD_IMAGES[kind])

    assert shell("segment", tmp_path / "a.npy", "--point", "0,0").code == 0


@pytest.mark.parametrize(
    "prompt", [("--point", "100,5"), ("--point", "-1,5"), ("--box", "200,0,300,10"), ("--exemplar", "0,200,9,300")]
)
def test_a_prompt_outside_the_image_fails_and_says_how_large_it_is(shell, squares, prompt):
    ended = shell("segment", squares, *prompt)

    assert ended.code == 1
    assert "100 rows by 120 columns" in ended.err


def test_a_mask_of_another_shape_fails(shell, squares, tmp_path):
    np.save(tmp_path / "rough.npy", np.ones((3, 3), np.uint8))

    ended = shell("segment", squares, "--mask", tmp_path / "rough.npy")

    assert ended.code == 1
    assert "(3, 3)" in ended.err


@pytest.mark.parametrize("content", ["text", "stack"])
def test_a_mask_file_that_is_no_mask_ends_it_at_once(shell, squares, tmp_path, content):
    path = tmp_path / "rough.npy"
    path.write_text("text") if content == "text" else np.save(path, np.ones((2, 3, 3), np.uint8))

    ended = shell("segment", squares, "--mask", path)

    assert ended.code == 1
    assert "rough.npy" in ended.err
    assert ended.out == ""


def test_a_file_in_the_way_of_the_folder_ends_it_before_any_work(shell, squares):
    ended = shell("segment", squares, "--point", "20,20", "--out", squares)

    assert ended.code == 1
    assert "in its way" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--point", "20"),
        ("--point", "20,a"),
        ("--point", "nan,5"),
        ("--point", "20,20,perhaps"),
        ("--point", "20,20,-"),
        ("--box", "5,5,5,9"),
        ("--box", "9,9,5,5"),
        ("--box", "5,5,9"),
        ("--box", "5,5,9,9,-"),
        ("--exemplar", "5,5,9,9,-"),
        ("--mask", "nowhere.tif"),
        ("--point", "20,20", "--box", "0,0,9,9", "--box", "9,9,30,30"),
        ("--point", "20,20", "--engine", "nix"),
        ("--point", "20,20", "--format", "bmp"),
        ("--point", "20,20", "--model", "nowhere"),
        ("--point", "20,20", "--plane", "first"),
        ("--point", "20,20", "--window", "1,2"),
        ("--point", "20,20", "--window", "0"),
        ("--exemplar", "5,5,9,9", "--threshold", "2"),
        ("--exemplar", "5,5,9,9", "--threshold", "high"),
        ("--point", "20,20", "--threshold", "0.5"),
        ("--point", "3,20,20"),
        ("--point", "20,20", "--channels", "last"),
        ("--no-such-option",),
    ],
    ids=" ".join,
)
def test_wrong_use_ends_with_exit_code_2_and_nothing_written(shell, squares, options):
    ended = shell("segment", squares, *options)

    assert ended.code == 2
    assert ended.out == ""
    assert ended.err
    assert "Traceback" not in ended.err
    assert [path.name for path in squares.parent.iterdir()] == [squares.name]


def test_ctrl_c_keeps_what_is_done_and_ends_with_130(squares, tmp_path):
    command = [sys.executable, "-m", "napari_sam3_assistant", "segment", *[str(squares)] * 2000, "--json"]
    command += ["--point", "20,20", "--out", str(tmp_path / "masks")]

    def listen() -> None:  # a shell that starts the tests in the background has them, and their children, ignore Ctrl+C
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=listen, **pipes) as process:
        while "[2/" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)

    entries = json.loads(out)["images"]
    saved = {path.name for path in (tmp_path / "masks").iterdir()}
    assert process.returncode == 130
    assert "Stopped after" in err
    assert "Traceback" not in err
    assert len(entries) >= 2
    assert {os.path.basename(entry["saved"]) for entry in entries} <= saved
    assert not [name for name in saved if name.endswith(".part")]


def test_a_reader_that_goes_away_is_no_error(squares):
    command = [sys.executable, "-m", "napari_sam3_assistant", "segment", str(squares), "--point", "20,20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        err = process.stderr.read()
        code = process.wait(timeout=30)

    assert code == 0
    assert "Broken" not in err
    assert "Traceback" not in err
    assert (squares.parent / "squares_mask_01.tif").exists()


def test_help_loads_nothing_heavy(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")

    done = run_apart("--help", cwd=tmp_path)

    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.err.splitlines() if "|" in line}
    assert done.code == 0 and "napari_sam3_assistant" in loaded
    assert not loaded & {"dask", "napari", "numpy", "ome_zarr", "qtpy", "scipy", "skimage", "tifffile", "torch", "zarr"}
