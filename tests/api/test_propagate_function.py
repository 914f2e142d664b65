"""propagate(): one call from a stack and prompts to masks on each frame."""

import csv

import numpy as np
import pytest
import tifffile
import zarr

import napari_sam3_assistant
from napari_sam3_assistant import propagate
from napari_sam3_assistant.api import read_image
from napari_sam3_assistant.core.errors import ImageError, PromptError, SaveError
from tests.tasks.test_video import moving


def film(count=6):
    made = moving(count, 1)
    made[:, 44:58, 40:54] = 140
    return made


def test_masks_labels_and_rows_of_each_frame():
    followed = propagate(film(), points={2: [(3, 28, 21)]}, boxes={5: [(0, 43, 39, 59, 55)]})

    assert followed.objects == (2, 5) and followed.frames == tuple(range(6))
    truth = film() == 200
    for frame in range(6):
        assert set(followed.masks(frame)) == {2, 5}
        assert ((followed.labels(frame) == 2) == truth[frame]).mean() > 0.98
    rows = followed.rows
    assert [(row.frame, row.object_id) for row in rows] == [(frame, id) for frame in range(6) for id in (2, 5)]
    assert [(row.frame, row.object_id) for row in rows if row.said] == [(0, 5), (3, 2)]
    top, left, bottom, right = rows[0].box
    assert followed.labels(0)[top:bottom, left:right].any() and rows[0].area == followed.masks(0)[2].area
    assert followed.saved is None and followed.record is None and not followed.problems


def test_a_plain_list_is_about_one_object_and_each_box_is_one():
    one = propagate(film(), points=[(3, 28, 21), (3, 50, 46, "-"), (5, 28, 23)])
    two = propagate(film(), boxes=np.array([(0, 19, 9, 37, 27), (2, 43, 39, 59, 55)]))
    three = propagate(film(), masks={1: np.where(film()[1] > 100, film()[1] // 50, 0)})

    assert one.objects == (1,) and [row.frame for row in one.rows if row.said] == [3, 5]
    assert two.objects == (1, 2)
    assert three.objects == (2, 4) and three.frames == tuple(range(6))


@pytest.mark.parametrize("axis", [0, 1])
def test_frames_along_any_axis_and_the_others_stay(axis, tmp_path):
    data = np.moveaxis(np.stack([np.zeros_like(film()), film()]), 1, axis)

    followed = propagate(data, points=[(0, 28, 18)], axis=axis, plane=1, out=tmp_path, format="npy")

    assert followed.frames == tuple(range(6))
    saved = np.moveaxis(np.load(followed.saved), axis, 1)
    assert saved.shape == (2, 6, 64, 64) and saved[1].any(axis=(1, 2)).all() and not saved[0].any()


def test_a_stack_of_colours_and_a_lazy_one(tmp_path):
    array = zarr.create_array(tmp_path / "a.zarr", shape=(6, 64, 64), chunks=(1, 64, 64), dtype="u1")
    array[...] = film()

    colour = propagate(np.repeat(film()[..., None], 3, axis=-1), points=[(0, 28, 18)], out=tmp_path / "out")
    lazy = propagate(array, points=[(0, 28, 18)], frames=slice(None, 3))

    assert tifffile.imread(colour.saved).shape == (6, 64, 64)
    assert lazy.frames == (0, 1, 2)


def test_only_what_is_left_is_done_when_one_goes_on(tmp_path):
    propagate(film(), points=[(3, 28, 21)], frames=(2, 5), out=tmp_path)
    told = []

    followed = propagate(
        film(), points=[(3, 28, 21)], out=tmp_path, resume=True, progress=lambda done, message="": told.append(message)
    )

    assert followed.frames == tuple(range(6))
    assert {"Frame 5", "Frame 1", "Frame 0"} <= set(told) and "Frame 3" not in told
    with pytest.raises(SaveError, match="there already"):
        propagate(film(), points=[(3, 28, 21)], out=tmp_path)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({}, PromptError, "no prompt"),
        ({"points": [(6, 1, 1)]}, PromptError, "frame 6"),
        ({"points": [(-1, 1, 1)]}, PromptError, "frame -1"),
        ({"points": [(1.5, 1, 1)]}, PromptError, "no frame"),
        ({"points": [(1, 1)]}, PromptError, "no point on a frame"),
        ({"points": (1, 1, 1)}, PromptError, "no point on a frame"),
        ({"points": 3}, PromptError, "no list"),
        ({"points": {0: [(1, 1, 1)]}}, PromptError, "number 0"),
        ({"points": [(1, 99, 1)]}, PromptError, "outside"),
        ({"boxes": {1: [(0, 1, 1, 9, 9), (0, 2, 2, 9, 9)]}}, PromptError, "two boxes"),
        ({"boxes": [(0, 1, 1, 9, 9), (0, 2, 2, 9, 9)], "points": [(0, 3, 3)]}, PromptError, "not clear"),
        ({"masks": {0: np.ones((3, 3), bool)}}, PromptError, "shape"),
        ({"points": [(1, 1, 1)], "frames": (4, 4)}, PromptError, "no frames"),
        ({"points": [(1, 1, 1)], "direction": "up"}, PromptError, "direction"),
        ({"points": [(1, 1, 1)], "axis": 1}, ImageError, "no axis 1"),
        ({"points": [(1, 1, 1)], "axis": "z"}, ImageError, "no axis z"),
        ({"points": [(1, 1, 1)], "format": "png", "out": "."}, SaveError, "png"),
    ],
)
def test_what_cannot_be_is_said(given, kind, words):
    with pytest.raises(kind, match=words) as refused:
        propagate(film(), **given)

    assert refused.value.hint


def test_it_is_a_name_of_the_package():
    assert "propagate" in napari_sam3_assistant.__all__
    with pytest.raises(ImageError, match="no frames"):
        propagate(film()[0], points=[(0, 1, 1)])


@pytest.mark.parametrize("format", ["tiff", "zarr"])
def test_the_distance_of_slices_is_in_the_label_stack_and_in_the_rows(format, tmp_path):
    about = {"axes": "ZYX", "unit": "um", "spacing": 2.5}
    tifffile.imwrite(tmp_path / "a.tif", film(), imagej=True, resolution=(4, 2), metadata=about)

    followed = propagate(tmp_path / "a.tif", points=[(3, 28, 21)], frames=(2, 4), out=tmp_path, format=format)

    saved = read_image(followed.saved)
    assert saved.lengths() == ((2.5, 0.5, 0.25), ("micrometer",) * 3)
    with open(followed.table, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["Frame (world)"], row["Frame unit"]) for row in rows] == [("5", "micrometer"), ("7.5", "micrometer")]
    assert rows[0]["Row unit"] == "micrometer" and float(rows[0]["Area (world)"]) == float(rows[0]["Area"]) * 0.125


def test_the_time_between_frames_is_told_to_imagej_with_its_unit(tmp_path):
    about = {"axes": "TYX", "TimeIncrement": 30, "TimeIncrementUnit": "ms"}
    tifffile.imwrite(tmp_path / "a.ome.tif", film(), ome=True, metadata=about)

    followed = propagate(tmp_path / "a.ome.tif", points=[(3, 28, 21)], frames=(2, 4), out=tmp_path)

    assert read_image(followed.saved).steps == {0: (30, "millisecond")}


def test_what_no_run_can_answer_is_refused_before_a_file_is_made(tmp_path):
    only_negative = {1: [(3, 28, 21)], 2: [(3, 50, 46, "-")]}

    with pytest.raises(PromptError, match="Object 2 has only negative points"):
        propagate(film(), points=only_negative, out=tmp_path)
    with pytest.raises(PromptError, match="cannot have the number 4294967296"):
        propagate(film(), points={2**32: [(3, 28, 21)]}, out=tmp_path)

    assert not list(tmp_path.iterdir())


def test_a_negative_point_alone_corrects_what_an_earlier_run_has_found(tmp_path):
    propagate(film(), points=[(3, 28, 21)], out=tmp_path)

    followed = propagate(film(), points={1: [(3, 28, 21), (5, 5, 5, "-")]}, out=tmp_path, resume=True)
    again = propagate(film(), points={1: [(4, 60, 5, "-")]}, out=tmp_path, resume=True)

    assert followed.objects == again.objects == (1,)


def test_one_damaged_frame_is_left_out_wherever_it_lies_and_the_run_is_written(tmp_path):
    array = zarr.create_array(tmp_path / "a.zarr", shape=(6, 64, 64), chunks=(1, 64, 64), dtype="u1")
    array[...] = film()
    (tmp_path / "a.zarr" / "c" / "3" / "0" / "0").write_bytes(b"no pixels")

    followed = propagate(tmp_path / "a.zarr", points=[(0, 28, 18)], frames=(0, 5), out=tmp_path)
    again = propagate(tmp_path / "a.zarr", points=[(0, 28, 18)], out=tmp_path, resume=True)

    assert list(followed.problems) == [3] and followed.frames == (0, 1, 2, 4)
    assert again.frames == (0, 1, 2, 4, 5)
