"""A picture is known again wherever and however it is opened, and no other one is taken for it."""

from __future__ import annotations

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest

from napari_sam3_assistant.core.fingerprints import fingerprint_of, unread
from napari_sam3_assistant.core.sources import array_source

PICTURES = {
    "plane": ((300, 200), np.uint16),
    "narrow": ((3, 500), np.float32),
    "stack": ((9, 64, 80), np.uint8),
    "channels and time": ((2, 3, 40, 50), np.int16),
    "colour": ((90, 70, 3), np.uint8),
}


def picture(name: str, seed: int = 0) -> np.ndarray:
    shape, dtype = PICTURES[name]
    return np.random.default_rng(seed).integers(0, 100, shape).astype(dtype)


def of(data, path: str = "", name: str = "cells", **more):
    return fingerprint_of(array_source(data, identity="1", name=name, **more), path)


@pytest.mark.parametrize("name", PICTURES)
def test_the_same_pixels_are_the_same_picture_from_a_file_lazily_and_swapped(name):
    data = picture(name)

    known = of(data, "/a/cells.tif")

    assert known.same_as(of(data.copy(), name="other"))
    assert known.same_as(of(da.from_array(data, chunks=17), "/b/cells.tif", rgb=name == "colour"))
    assert known.same_as(of(data.astype(data.dtype.newbyteorder(">")), rgb=name == "colour"))
    assert known.key == of(data).key


@pytest.mark.parametrize("name", PICTURES)
def test_other_pixels_another_shape_or_another_type_are_another_picture(name):
    data, rgb = picture(name), name == "colour"
    known = of(data, "/a/cells.tif")

    assert not known.same_as(of(picture(name, 1), "/a/cells.tif"))
    assert not known.same_as(of(data[:-1] if name != "stack" else data[:, :-1], "/a/cells.tif", rgb=rgb))
    assert not known.same_as(of(data.astype(np.float64), "/a/cells.tif", rgb=rgb))


def test_an_even_picture_is_known_by_its_path_and_name():
    black = np.zeros((100, 100), np.uint8)
    known = of(black, "/a/black.tif")

    assert known.plain and known.same_as(of(black, "/a/black.tif"))
    assert not known.same_as(of(black, "/b/black.tif")) and not known.same_as(of(black, "/a/black.tif", name="other"))


def test_few_pixels_of_few_frames_are_read():
    read = []
    data = picture("stack")

    def block(part, block_info=None):
        read.append(block_info[0]["chunk-location"])
        return part

    of(da.from_array(data, chunks=(1, 64, 80)).map_blocks(block, meta=data[:0]))

    assert {place[0] for place in read} == {0, 2, 5, 8}


def test_a_picture_that_cannot_be_read_is_known_by_its_path():
    source = array_source(np.zeros((5, 5)), identity="1", name="cells")

    assert unread(source, "/a").same_as(unread(replace(source, identity="2"), "/a"))
    assert not unread(source, "/a").same_as(unread(source, "/b"))
