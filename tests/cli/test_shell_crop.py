"""--exemplar-image: all that look like an example in a picture of its own."""

import json

import numpy as np
import pytest
import tifffile


@pytest.fixture
def crop(tmp_path):
    """A 16-bit TIFF file, 30 x 30: a square of 20 pixels."""
    image = np.full((30, 30), 300, np.uint16)
    image[5:25, 5:25] = 900
    path = tmp_path / "crop.tif"
    tifffile.imwrite(path, image)
    return path


def found(ended):
    (entry,) = json.loads(ended.out)["images"]
    return sorted(tuple(one["box"]) for one in entry["objects"])


@pytest.mark.parametrize("box", [(), ("--exemplar-box", "5,5,25,25")], ids=["whole", "box"])
def test_what_looks_like_the_crop_is_found(shell, squares, crop, tmp_path, box):
    ended = shell("segment", squares, "--exemplar-image", crop, *box, "--out", tmp_path / "out", "--json")

    assert ended.code == 0, ended.err
    boxes = found(ended)
    assert len(boxes) == 2
    for one, expected in zip(boxes, [(10, 10, 30, 30), (50, 60, 70, 80)], strict=True):
        assert np.abs(np.subtract(one, expected)).max() <= 1


def test_a_counter_example_on_the_image_and_a_threshold_go_with_a_crop(shell, squares, crop, tmp_path):
    told = "--exemplar-image", crop, "--out", tmp_path / "out", "--json"

    against = shell("segment", squares, *told, "--exemplar", "50,60,70,80,-")
    strict = shell("segment", squares, *told, "--threshold", "1")

    assert against.code == strict.code == 0
    assert len(found(against)) < 2 and not found(strict)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--exemplar-box", "1,1,9,9"), "no such image"),
        (("--exemplar-image", "none.tif"), "There is no file none.tif"),
        (("--exemplar-image", "CROP", "--exemplar-box", "9,9,1,1"), "holds no pixel"),
        (("--exemplar-image", "CROP", "--text", "nucleus"), "goes with no phrase"),
    ],
)
def test_what_cannot_be_is_wrong_use(shell, squares, crop, arguments, said):
    ended = shell("segment", squares, *(crop if one == "CROP" else one for one in arguments))

    assert ended.code == 2 and said in " ".join(ended.err.split())


def test_a_crop_that_cannot_be_read_stops_before_the_first_image(shell, squares, tmp_path):
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"II*\0nonsense")

    ended = shell("segment", squares, squares, "--exemplar-image", broken)

    assert ended.code not in (0, 2) and ended.err.count("broken.tif") == 1


def test_a_crop_larger_than_the_image_is_refused_and_said_how_to_go_on(shell, squares, tmp_path):
    large = tmp_path / "large.tif"
    tifffile.imwrite(large, np.arange(200 * 200, dtype=np.uint16).reshape(200, 200))

    ended = shell("segment", squares, "--exemplar-image", large)

    assert ended.code == 1
    assert "larger than what is searched" in ended.err and "--exemplar-box" in ended.err
