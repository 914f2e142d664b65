"""What the command says, and what it does where nothing can be said: full disks, closed streams, odd names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tifffile

from tests.cli.conftest import Ended, run_apart

posix = pytest.mark.skipif(not Path("/dev/full").exists(), reason="takes /dev/full and a POSIX shell")


def run_in_shell(tail: str, *arguments: object, **more: str) -> Ended:
    """Run the command in sh, with redirections ``tail``."""
    command = ["sh", "-c", f'"$@" {tail}', "sh", sys.executable, "-m", "napari_sam3_assistant", *map(str, arguments)]
    env = os.environ | {"NO_COLOR": "1", "COLUMNS": "200"} | more
    done = subprocess.run(command, env=env, capture_output=True, check=False, timeout=60)
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@posix
@pytest.mark.parametrize("more", [(), ("--json",)], ids=["table", "json"])
@pytest.mark.parametrize("tail", [">/dev/full", ">&-"])
def test_output_that_cannot_be_written_fails_in_one_sentence_and_keeps_the_mask(squares, tail, more):
    ended = run_in_shell(tail, "segment", squares, "--point", "20,20", *more)

    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert ended.err.count("cannot be written to standard output") == 1
    assert len(tifffile.imread(squares.parent / "squares_mask_01.tif")) == 100


@posix
@pytest.mark.parametrize("tail", ["2>&-", "2>/dev/full"])
def test_the_work_is_done_where_standard_error_is_not_there(squares, tail):
    ended = run_in_shell(tail, "segment", squares, "--point", "20,20", "--json")

    assert ended.code == 0
    assert json.loads(ended.out)["images"][0]["ok"]
    assert len(tifffile.imread(squares.parent / "squares_mask_01.tif")) == 100


@posix
@pytest.mark.parametrize("command", ["segment", "doctor"])
def test_help_into_a_full_disk_fails_without_a_traceback(command):
    ended = run_in_shell(">/dev/full", command, "--help")

    assert ended.code == 1
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("arguments", [("segment", "--help"), ("--version",), ("doctor", "--json")], ids=" ".join)
def test_a_reader_that_goes_away_is_no_error_of_any_command(arguments):
    command = [sys.executable, "-m", "napari_sam3_assistant", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        err = process.stderr.read()
        code = process.wait(timeout=30)

    assert (code, err) == (0, "")


def test_a_name_that_the_screen_cannot_show_is_shown_as_far_as_it_goes(squares):
    path = squares.rename(squares.with_name("caf\u00e9.tif"))

    ended = run_apart("segment", path, "--point", "20,20", cwd=path.parent, PYTHONIOENCODING="ascii", LC_ALL="C")

    assert ended.code == 0
    assert "caf?.tif" in ended.out
    assert "caf?.tif" in ended.err


def test_masks_of_earlier_runs_are_left_out_where_several_images_are_given(shell, squares):
    shell("segment", squares, "--point", "20,20")
    both = squares.parent / "squares_mask_01.tif", squares

    ended = shell("segment", *both, "--point", "20,20", "--json")
    alone = shell("segment", both[0], "--point", "20,20", "--json")
    masks_only = shell("segment", both[0], both[0], "--point", "20,20", "--json")

    assert [entry["image"] for entry in json.loads(ended.out)["images"]] == [str(squares)]
    assert sum("squares_mask_01.tif" in line for line in ended.err.splitlines()) == 1
    assert [entry["image"] for entry in json.loads(alone.out)["images"]] == [str(both[0])]
    assert masks_only.code == 1
    assert "Name one alone" in masks_only.err


def test_where_masks_are_is_told_from_the_root(shell, squares, monkeypatch):
    monkeypatch.chdir(squares.parent)

    entry = json.loads(shell("segment", "squares.tif", "--point", "20,20", "--out", "sub", "--json").out)["images"][0]
    row = shell("segment", "squares.tif", "--point", "20,20", "--out", "sub").out.splitlines()[1]

    assert entry["saved"] == str(squares.parent / "sub" / "squares_mask_01.tif")
    assert str(squares.parent / "sub" / "squares_mask_02.tif") in row


@pytest.mark.parametrize(
    "options",
    [
        ("--point", "20,20", "--format", "jpg"),
        ("--exemplar", "5,5,9,9", "--threshold", "2"),
        ("--exemplar", "5,5,9,9", "--threshold", "high"),
        ("--point", "20,20", "--threshold", "0.5"),
        ("--point", "20,20", "--channels", "last"),
        ("--point", "20,20", "--mask", "nowhere.tif"),
        ("--point", "20,20", "--model", "nowhere"),
        ("--point", "3,20,20"),
    ],
    ids=" ".join,
)
def test_wrong_use_is_told_in_our_words(shell, squares, options):
    ended = shell("segment", squares, *options)

    assert ended.code == 2
    assert options[-2] in ended.err
    assert not any(words in ended.err for words in ("Value error", "Input should", "dir '", "path '"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--plane 0"),
        (("--plane", "1,1"), "--plane 0"),
        (("--plane", "z=1"), "--plane 0=0"),
        (("--rgb",), "--channels 0 --rgb"),
        (("--plane", "0=1", "--window", "50,50,90,90"), "outside the window"),
    ],
    ids=str,
)
def test_the_shell_hears_of_options_not_of_arguments_of_python(shell, squares, options, says):
    path = squares.with_name("stack.tif")
    tifffile.imwrite(path, [tifffile.imread(squares)] * 3, photometric="minisblack")

    ended = shell("segment", path, "--point", "20,20", "--json", *options)

    hint = json.loads(ended.out)["images"][0]["error"]["hint"]
    assert ended.code == 1
    assert says in ended.err
    assert "=(" not in ended.err + hint
    assert "plane=" not in ended.err + hint


def test_help_reads_as_people_write(shell, monkeypatch):
    out = shell("segment", "--help").out

    assert "segment [OPTIONS] IMAGE..." in out
    assert "Coordinates are pixels" in " ".join(out.split())
    assert not any(line.strip().endswith("Coordinates are") for line in out.splitlines())
