import os
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.export.images import save_labels
from napari_sam3_assistant.export.names import (
    PICTURE_SUFFIXES,
    file_name,
    mask_name,
    picture_stem,
    slice_name,
    without_slice,
)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("img.ome.tif", "img"),
        ("img.ome", "img.ome"),
        ("scan_0.5um", "scan_0.5um"),
        ("scan_0.5um.tif", "scan_0.5um"),
        ("plate.ome.zarr", "plate"),
        ("Slide.CZI", "Slide"),
        ("v1.2.3", "v1.2.3"),
        ("a/b:c*", "a_b_c_"),
        ("..\\up", "_up"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("cells [1]", "cells [1]"),
        ("  spaced out  ", "spaced out"),
        ("Zellkörper µm 細胞", "Zellkörper μm 細胞".replace("μ", "µ")),
        (".hidden", "hidden"),
        ("line\nbreak\ttab\x00", "line_break_tab_"),
        ("", "image"),
        ("   ", "image"),
        ("...", "image"),
        (".tif", "image"),
        (".ome.tif", "image"),
        ("odd\udc80byte", "odd_byte"),
        ("tif", "tif"),
        ("img.tif.tif", "img.tif"),
    ],
)
def test_name_of_the_picture_keeps_its_dots_and_loses_only_its_suffix(name, stem):
    assert picture_stem(name) == stem


def test_a_name_written_in_two_ways_is_one():
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))

    assert picture_stem(decomposed) == picture_stem(composed) == composed


@pytest.mark.parametrize("letter", ["a", "ä", "細", "🔬"])
def test_very_long_names_are_cut_between_letters(tmp_path, letter):
    path = mask_name(letter * 300, tmp_path, ".tif", window=True)

    save_labels(np.ones((2, 2), np.uint8), path)

    assert path.exists()
    assert set(picture_stem(letter * 300)) == {letter}


def test_names_count_from_one_to_the_first_that_is_free(tmp_path):
    for name in (
        "img_mask_01.tif",
        "img_mask_02.tif",
        "img_mask_04.tif",
        "img_mask_03.npy",
        "img_roi_mask_01.tif",
    ):
        (tmp_path / name).touch()

    assert mask_name("img.ome.tif", tmp_path, ".tif").name == "img_mask_03.tif"
    assert mask_name("img.ome.tif", tmp_path, ".png").name == "img_mask_01.png"
    assert mask_name("img.ome.tif", tmp_path, ".tif", window=True).name == "img_roi_mask_02.tif"


def test_numbers_go_on_past_99(tmp_path):
    for number in range(1, 100):
        (tmp_path / f"a_mask_{number:02d}.tif").touch()

    assert mask_name("a", tmp_path, ".tif").name == "a_mask_100.tif"


def test_a_name_taken_in_other_letters_is_taken(tmp_path):
    (tmp_path / "IMG_mask_01.TIF").touch()

    assert mask_name("img", tmp_path, ".tif").name == "img_mask_02.tif"


def test_a_dangling_link_is_not_free(tmp_path):
    (tmp_path / "img_mask_01.tif").symlink_to(tmp_path / "nowhere")

    assert mask_name("img", tmp_path, ".tif").name == "img_mask_02.tif"


def test_a_folder_that_is_not_there_yet_has_every_name_free():
    assert mask_name("img", Path("/no/such/folder"), ".tif") == Path("/no/such/folder/img_mask_01.tif")


def test_saving_again_and_again_never_meets_an_older_mask(tmp_path):
    source = tmp_path / "img.tif"
    source.write_bytes(b"the picture itself")

    for value in (1, 2, 3):
        save_labels(np.full((2, 2), value, np.uint8), mask_name("img.ome", tmp_path, ".npy"))

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "img.ome_mask_01.npy",
        "img.ome_mask_02.npy",
        "img.ome_mask_03.npy",
        "img.tif",
    ]
    assert source.read_bytes() == b"the picture itself"
    assert [int(np.load(path)[0, 0]) for path in sorted(tmp_path.glob("*.npy"))] == [1, 2, 3]


@settings(max_examples=200, deadline=None)
@given(name=st.text(st.characters(codec=None), max_size=300), suffix=st.sampled_from(("", *PICTURE_SUFFIXES)))
def test_any_name_becomes_one_file_in_the_folder(name, suffix):
    folder = Path("/no/such/folder")

    path = mask_name(name + suffix, folder, ".tif")

    assert path.parent == folder
    assert Path(os.path.normpath(path)) == path
    assert len(os.fsencode(path.name)) <= 255
    assert re.fullmatch(r'[^\x00-\x1f<>:"/\\|?*]+_mask_01\.tif', path.name)
    assert not path.name.startswith(".")


def test_a_name_that_a_user_gives_is_numbered_only_where_it_is_taken(tmp_path):
    assert file_name("my masks.tif", tmp_path, ".npy") == tmp_path / "my masks.npy"
    (tmp_path / "My Masks.npy").touch()

    assert file_name("my masks", tmp_path, ".npy") == tmp_path / "my masks_01.npy"
    assert file_name('../a/"b"\n\N{GRINNING FACE}', tmp_path, ".tif").name == "_a__b__\N{GRINNING FACE}.tif"


@pytest.mark.parametrize("name", ["CON", "con.x", "Aux.tif", "nul", "COM1", "lpt9.ome.tif", "PRN "])
def test_names_that_windows_keeps_for_devices_are_changed(name):
    assert picture_stem(name).startswith("_")
    assert picture_stem(f"{name.split('.')[0].strip()}sole") == f"{name.split('.')[0].strip()}sole"


@pytest.mark.parametrize(
    ("cuts", "name"),
    [
        ([], ""),
        ([("z", 3, 10)], "_z003"),
        ([("t", 12, 2000), ("z", 3, 10)], "_t0012_z003"),
        ([("z", 0, 1)], ""),
        ([("-3", 7, 10)], "_slice007"),
        ([("", 1, 5), ("z", 2, 5), ("", 3, 5)], "_z002_slice001-003"),
        ([("depth (µm)/2", 1, 5)], "_depthµm001"),
        ([("a very long name", 1, 5)], "_averylon001"),
    ],
)
def test_a_name_says_which_slice_by_the_names_of_its_axes(tmp_path, cuts, name):
    assert slice_name(cuts) == name
    assert mask_name("img.tif", tmp_path, ".tif", cut=name).name == f"img{name}_mask_01.tif"
    assert without_slice(f"img{name}")[0] == f"img{name}" and without_slice(f"img{name}")[-1] == "img"


def test_each_of_several_files_of_one_name_has_a_number(tmp_path):
    (tmp_path / "mine_z001_01.tif").touch()

    assert file_name("mine", tmp_path, ".tif", "_z001", several=True).name == "mine_z001_02.tif"
    assert file_name("mine", tmp_path, ".tif", "", several=True).name == "mine_01.tif"
    assert file_name("mine", tmp_path, ".tif", "_z001").name == "mine.tif"
