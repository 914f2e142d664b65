"""segment() on pyramids as others write them: the level that fits is read, masks lie at full resolution."""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pytest
import zarr

from napari_sam3_assistant.api import Segmenter, read_image, segment
from napari_sam3_assistant.export.stacks import Picture
from tests.e2e import huge

ODD = (6301, 703)
WHOLE = (0, 0, *ODD)
RADIUS = 150
MIDDLE = (6301 - 170, 703 - 180)
"""Of a disk in the bottom right corner."""


def disk(dtype=np.uint8) -> np.ndarray:
    """A picture of a disk, a little noisy."""
    picture = np.random.default_rng(0).integers(36, 45, ODD)
    picture[truth()] = 200
    return picture.astype(dtype)


def truth() -> np.ndarray:
    rows, cols = np.ogrid[: ODD[0], : ODD[1]]
    return (rows - MIDDLE[0]) ** 2 + (cols - MIDDLE[1]) ** 2 <= RADIUS**2


def means(picture, factor) -> np.ndarray:
    """Means of blocks; what is left over at the borders is cut off, as most writers do."""
    height, width = (length // factor for length in picture.shape)
    blocks = picture[: height * factor, : width * factor].reshape(height, factor, width, factor)
    return blocks.mean(axis=(1, 3)).astype(picture.dtype)


def down_to_a_pixel(full) -> tuple[np.ndarray, ...]:
    found = [full]
    while max(found[-1].shape) > 1:
        found.append(found[-1][::2, ::2])
    return tuple(found)


PYRAMIDS = {
    "floor of a half": lambda full: (full, means(full, 2), means(full, 4)),
    "ceil of a half, down to one pixel": down_to_a_pixel,
    "thirds": lambda full: (full, means(full, 3), means(full, 9)),
    "another aspect": lambda full: (full, full[::3, ::2]),
    "no whole number": lambda full: (full, full[np.ix_(*(np.arange(0, n, 2.37).astype(int) for n in ODD))]),
}


@pytest.fixture
def chunks(monkeypatch) -> huge.Chunks:
    return huge.Chunks(monkeypatch)


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    """A plane of 60,000 x 60,000 with smaller copies."""
    return huge.make(tmp_path_factory.mktemp("slides") / "slide.zarr")


@pytest.mark.parametrize("name", PYRAMIDS)
def test_a_click_in_the_last_corner_of_any_pyramid_gives_the_object_at_full_resolution(name):
    picture = Picture(name, PYRAMIDS[name](disk()))

    result = segment(picture, points=[MIDDLE], window=WHOLE)

    (one,) = result.objects
    step = max(np.divide(ODD, picture.levels[1].shape))
    radii = [MIDDLE[0] - one.box[0], MIDDLE[1] - one.box[1], one.box[2] - MIDDLE[0] - 1, one.box[3] - MIDDLE[1] - 1]
    assert radii == pytest.approx([RADIUS] * 4, abs=step)
    assert one.area == pytest.approx(np.pi * RADIUS**2, rel=0.03)


@pytest.mark.parametrize("method", ["RESIZE", "NEAREST"])
def test_a_pyramid_that_ome_zarr_wrote_is_read_at_the_level_that_fits(method, tmp_path, chunks):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own, where it is imported
        from ome_zarr.scale import Methods
        from ome_zarr.writer import write_image
    group = zarr.open_group(tmp_path / "odd.zarr", mode="w")
    write_image(disk(np.uint16), group, axes="yx", method=Methods[method])
    chunks.taken()

    result = segment(tmp_path / "odd.zarr", points=[MIDDLE], window=WHOLE)

    found, read = result.labels > 0, chunks.taken()
    assert np.count_nonzero(found & truth()) / np.count_nonzero(found | truth()) > 0.97
    assert set(read) == {1, 4}  # what is looked at, and what the limits of intensity are estimated from


def test_a_strip_as_long_as_a_plane_of_60000_is_read_from_a_small_copy(slide, chunks):
    (top, left), size = huge.CORNERS[1], huge.PATCH

    result = segment(slide, points=[(top + 400, left + 400)], window=(0, left - size, huge.SIDE, left + 2 * size))

    assert set(chunks.taken()) == {4}
    assert result.objects[0].box == pytest.approx((top, left, top + size, left + size), abs=32)


@pytest.mark.parametrize("window", [None, 700])
def test_a_click_far_away_on_a_plane_of_60000_reads_one_window(window, slide, chunks):
    with Segmenter() as segmenter:
        picture = read_image(slide)
        result = segmenter.segment(picture, points=[huge.FAR], window=window)
        read = chunks.taken()
        segmenter.segment(picture, points=[(huge.FAR[0] + 10, huge.FAR[1])], window=result.windows[0])

    assert set(read) == {0} and 1 <= read[0] <= 4
    assert result.objects[0].area == pytest.approx(np.pi * huge.RADIUS**2, rel=0.1)
    assert chunks.taken() == Counter()


def test_two_objects_50000_px_apart_are_found_by_one_call_that_reads_two_windows(slide, chunks):
    half = 60
    boxes = [(row - half, col - half, row + half, col + half) for row, col in (huge.NEAR, huge.FAR)]

    result = segment(slide, boxes=boxes)

    assert chunks.taken()[0] <= 8
    assert [one.area for one in result.objects] == pytest.approx([np.pi * huge.RADIUS**2] * 2, rel=0.1)
    assert len(result.windows) == 2


def test_a_large_window_without_smaller_copies_is_read_as_it_is(chunks, tmp_path):
    zarr.create_array(tmp_path / "flat.zarr", shape=(2000, 9000), chunks=(500, 3000), dtype="u1", fill_value=9)

    result = segment(tmp_path / "flat.zarr", points=[(10, 10)], window=(0, 0, 500, 9000))

    assert result.windows[0].shape == (500, 9000)
    assert chunks.taken() == Counter({0: 3})


# -- what is not there ---------------------------------------------------------------------------------


@pytest.mark.parametrize("clicked", [(700, 300), (2900, 300)], ids=["beside an object", "where nothing is near"])
def test_a_click_where_the_file_has_no_chunk_is_answered(clicked, tmp_path):
    array = zarr.create_array(tmp_path / "a.zarr", shape=(3000, 3000), chunks=(256, 256), dtype="u2", fill_value=0)
    array[300:400, 300:400] = 900

    result = segment(tmp_path / "a.zarr", points=[clicked])

    assert all(not one.mask.value_at(350, 350) for one in result.objects)


def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(40, 2, (2100, 600)).astype(np.float32)


@pytest.mark.parametrize("gone", [slice(1000, 1400), slice(1170, 1200)], ids=["beside the middle", "in the object"])
def test_tiles_of_nan_neither_hide_the_object_nor_become_one(gone):
    rows, cols = np.ogrid[:2100, :600]
    picture, inside = noise(), (rows - 1200) ** 2 + (cols - 300) ** 2 <= 100**2
    picture[inside] = 200
    picture[gone, 200:280] = np.nan

    (one,) = segment(picture, points=[(1200, 320)]).objects

    assert one.area == pytest.approx(np.count_nonzero(inside & np.isfinite(picture)), rel=0.1)


def test_a_click_on_nan_is_answered():
    picture = noise()
    picture[1000:1512] = np.nan

    result = segment(picture, points=[(1200, 300)])

    assert result.windows[0].contains(1200, 300)
