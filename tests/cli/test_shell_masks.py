"""The command `masks`: label images cleaned, merged and converted, and what is said where that cannot be."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam3_assistant.export.exports import import_masks
from napari_sam3_assistant.export.images import read_labels, save_labels
from napari_sam3_assistant.masks import cleanup, holes, morphology


def labels() -> np.ndarray:
    """A square with a hole of 16 pixels and a notch, another square, and a speck."""
    found = np.zeros((100, 120), np.uint16)
    found[10:40, 10:40] = 1
    found[20:24, 20:24] = found[10:12, 20] = 0
    found[60:90, 60:90] = 2
    found[0, 0] = 1
    return found


@pytest.fixture
def files(tmp_path):
    """Two label images of 100 x 120 pixels of 0.5 micrometres; they share pixels, and the second has a label 3."""
    second = np.where(labels() == 1, 0, labels())
    second[30:60, 30:60] = 3
    return [
        save_labels(one, tmp_path / name, scale=(0.5, 0.5), units="micrometer")
        for one, name in ((labels(), "a.tif"), (second, "b.tif"))
    ]


def test_clean_does_what_the_tab_does_to_every_file(shell, files, tmp_path):
    ended = shell(
        *("masks", "clean", *files, "--remove-small", "64", "--fill-holes", "256", "--smooth", "1"),
        *("--out", tmp_path / "out"),
    )

    expected = labels()
    for operation in (
        lambda found: cleanup.remove_small(found, 64),
        lambda found: holes.fill_holes(found, 256),
        lambda found: morphology.smooth(found, 1),
    ):
        edit = operation(expected)
        if edit is not None:
            edit.write(expected)
    saved = read_labels(tmp_path / "out" / "a.tif")
    assert ended.code == 0
    assert ended.out.split() == [str(tmp_path / "out" / name) for name in ("a.tif", "b.tif")]
    assert "pixel(s) changed" in ended.err
    np.testing.assert_array_equal(saved.labels, expected)
    assert (saved.labels[0, 0], saved.labels[22, 22]) == (0, 1)
    assert saved.place.scale == (0.5, 0.5)


def test_clean_writes_beside_the_file_under_another_name(shell, files):
    ended = shell("masks", "clean", files[0], "--keep-largest", "--format", "npy")

    assert ended.code == 0
    found = np.load(files[0].with_name("a_clean.npy"))
    assert (found[0, 0], found[15, 15]) == (0, 1)
    np.testing.assert_array_equal(read_labels(files[0]).labels, labels())


def test_one_file_that_fails_does_not_stop_the_others(shell, files, tmp_path):
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"no picture")
    gone = tmp_path / "gone.tif"

    ended = shell("masks", "clean", broken, files[0], gone, files[1], "--fill-holes", "0", "--out", tmp_path / "out")

    assert ended.code == 1
    assert [Path(one).name for one in ended.out.split()] == ["a.tif", "b.tif"]
    assert "broken.tif cannot be read as TIFF." in ended.err
    assert "There is no file" in ended.err
    assert "Traceback" not in ended.err


def test_nothing_is_overwritten_unless_that_is_asked_for(shell, files, tmp_path):
    target = tmp_path / "a_clean.tif"
    target.write_text("mine")

    refused = shell("masks", "clean", files[0], "--fill-holes", "0")
    assert (refused.code, target.read_text()) == (1, "mine")
    assert "--overwrite" in refused.err

    assert shell("masks", "clean", files[0], "--fill-holes", "0", "--overwrite").code == 0
    assert read_labels(target).labels[22, 22] == 1


@pytest.mark.parametrize(
    ("mode", "overlap", "at"),
    [
        ("semantic", "earlier", {1, 2, 3}),
        ("semantic", "later", {1, 2, 3}),
        ("instance", "background", {1, 2, 3, 4, 5}),
        ("binary", "larger", {1}),
    ],
)
def test_merge_lays_files_on_each_other(shell, files, tmp_path, mode, overlap, at):
    out = tmp_path / "made" / "all.tif"

    ended = shell("masks", "merge", *files, "--mode", mode, "--overlap", overlap, "--out", out)

    saved = read_labels(out)
    assert ended.code == 0
    assert ended.out.strip() == str(out)
    assert set(np.unique(saved.labels).tolist()) - {0} <= at
    assert saved.place.scale == (0.5, 0.5)
    if mode == "semantic":
        assert saved.labels[35, 35] == {"earlier": 1, "later": 3}[overlap]


def test_merge_lays_parts_where_they_were(shell, tmp_path):
    parts = [
        save_labels(np.full((5, 5), value, np.uint8), tmp_path / f"{value}.tif", offset=at, plane_shape=(50, 60))
        for value, at in ((1, (10, 10)), (2, (20, 30)))
    ]

    ended = shell("masks", "merge", *parts, "--out", tmp_path / "all.json")

    (found,) = import_masks(tmp_path / "all.json")
    assert ended.code == 0
    assert found.labels.shape == (50, 60)
    assert (found.labels[12, 12], found.labels[22, 32], np.count_nonzero(found.labels)) == (1, 2, 50)


def test_merge_of_files_that_do_not_fit_is_refused(shell, files, tmp_path):
    other = save_labels(np.ones((5, 6), np.uint8), tmp_path / "other.tif", scale=(0.5, 0.5), units="micrometer")
    coarse = save_labels(labels(), tmp_path / "coarse.tif", scale=(2, 2), units="micrometer")
    stack = save_labels(np.ones((2, 5, 6), np.uint8), tmp_path / "stack.tif")

    for file, says in ((other, "(5, 6)"), (coarse, "(2.0, 2.0)"), (stack, "3 axes")):
        ended = shell("masks", "merge", files[0], file, "--out", tmp_path / "all.tif")
        assert ended.code == 1
        assert says in ended.err
    assert not (tmp_path / "all.tif").exists()


@pytest.mark.parametrize("kind", ["coco", "geojson", "yolo", "png", "npy", "zarr", "csv"])
def test_convert_writes_each_format(shell, files, tmp_path, kind):
    ended = shell("masks", "convert", *files, "--to", kind, "--out", tmp_path / "out")

    paths = [Path(one) for one in ended.out.split()]
    assert ended.code == 0
    assert len(paths) == 2
    if kind != "csv":
        (found,) = import_masks(paths[0], shape=(100, 120))
        np.testing.assert_array_equal(found.labels, labels())


def test_convert_names_classes_and_takes_options(shell, files, tmp_path):
    ended = shell("masks", "convert", files[0], "--to", "coco", "--class", "nucleus", "--class", "2=axon", "--rle")

    found = json.loads((tmp_path / "a.json").read_text())
    assert ended.code == 0
    assert [one["name"] for one in found["categories"]] == ["nucleus", "axon"]
    assert [one["category_id"] for one in found["annotations"]] == [1, 2]
    assert all(isinstance(one["segmentation"], dict) for one in found["annotations"])


def test_convert_takes_labels_for_classes(shell, files, tmp_path):
    shell("masks", "convert", files[0], "--to", "geojson", "--labels-mean", "classes", "--detections")

    features = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert [one["properties"]["classification"]["name"] for one in features] == ["class_1", "class_1", "class_2"]
    assert {one["properties"]["objectType"] for one in features} == {"detection"}


def test_convert_goes_back_to_pixels(shell, files, tmp_path):
    shell("masks", "convert", files[0], "--to", "yolo", "--out", tmp_path / "yolo")

    unknown = shell("masks", "convert", tmp_path / "yolo" / "a.txt", "--to", "tiff", "--out", tmp_path / "back")
    known = shell(
        *("masks", "convert", tmp_path / "yolo" / "a.txt", "--to", "tiff", "--size", "100,120"),
        *("--out", tmp_path / "back"),
    )

    assert unknown.code == 1
    assert "--size HEIGHT,WIDTH" in unknown.err
    assert known.code == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "back" / "a.tif"), labels())


@pytest.mark.parametrize(
    "options",
    [
        ("clean", "FILE"),
        ("clean", "FILE", "--smooth", "-1"),
        ("clean", "FILE", "--smooth", "1", "--format", "jpg"),
        ("merge", "FILE"),
        ("merge", "FILE", "--out", "x.tif", "--mode", "panoptic"),
        ("merge", "FILE", "--out", "x.tif", "--overlap", "mine"),
        ("convert", "FILE"),
        ("convert", "FILE", "--to", "voc"),
        ("convert", "FILE", "--to", "coco", "--labels-mean", "pixels"),
        ("convert", "FILE", "--to", "coco", "--detections"),
        ("convert", "FILE", "--to", "yolo", "--size", "100"),
        ("convert", "FILE", "--to", "yolo", "--class", "x=y"),
    ],
    ids=" ".join,
)
def test_wrong_use_writes_nothing(shell, files, tmp_path, options, monkeypatch):
    monkeypatch.chdir(tmp_path)

    ended = shell("masks", *(files[0] if one == "FILE" else one for one in options))

    assert ended.code == 2
    assert {one.name for one in tmp_path.iterdir()} == {"a.tif", "b.tif"}


@pytest.mark.parametrize("command", ["clean", "merge", "convert"])
def test_help_has_an_example(shell, command):
    out = " ".join(shell("masks", command, "--help").out.split())

    assert f"Example: napari-sam3-assistant masks {command}" in out
    assert "FILE..." in out
    assert command in shell("masks", "--help").out


def test_a_folder_that_cannot_be_made_is_said(shell, files, tmp_path):
    (tmp_path / "file").write_text("mine")

    ended = shell("masks", "clean", files[0], "--smooth", "1", "--out", tmp_path / "file" / "sub")

    assert ended.code == 1
    assert "Choose another" in ended.err
    assert "Traceback" not in ended.err
