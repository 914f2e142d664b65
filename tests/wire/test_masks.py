"""Masks as text and bytes: what is written is read, others read it too, and broken ones cost nothing."""

import base64
import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pycocotools import mask as coco

from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.wire.masks import MOST_PNG, corners_of, decode, encode, encoded, png_of, share
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.values import MASK_FORMATS, Run

NO_PIXEL = PlacedMask(np.zeros((0, 0), bool))


@st.composite
def placed(draw):
    """A mask on a picture, with the picture's shape."""
    mask = draw(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=11)))
    top, left, below, right = draw(st.tuples(*[st.integers(0, 9)] * 4))
    return PlacedMask(mask, (top, left)), (top + mask.shape[0] + below, left + mask.shape[1] + right)


def on_picture(mask: PlacedMask, shape) -> np.ndarray:
    return mask.within(Box(0, 0, *shape))


def read(data: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data, validate=True)))


@pytest.mark.parametrize("format", MASK_FORMATS)
@settings(max_examples=120, deadline=None)
@given(case=placed())
def test_what_is_written_is_read(format, case):
    mask, shape = case

    data, really = encoded(mask, shape, format)
    back = decode(data, really, shape, corners_of(mask))

    assert really == format
    np.testing.assert_array_equal(on_picture(back, shape), on_picture(mask, shape))


@pytest.mark.parametrize(("format", "size"), [("polygon", 600), ("rle", 2400)])
def test_a_mask_that_could_not_be_sent_back_so_is_written_as_a_png(format, size):
    mask = PlacedMask(np.random.default_rng(0).random((size, size)) > 0.5)

    tracemalloc.start()
    try:
        data, really = encoded(mask, (size, size), format)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert really == "png1"
    assert peak < 40 * size**2
    assert np.array_equal(decode(data, really, (size, size)).mask, mask.mask)


def test_a_mask_of_many_corners_is_written_as_a_png():
    comb = np.zeros((3, 12_000), bool)
    comb[0], comb[:, ::2] = True, True

    assert encoded(PlacedMask(comb), comb.shape, "polygon")[1] == "png1"
    assert encoded(PlacedMask(comb[:, :9_000]), (3, 9_000), "polygon")[1] == "polygon"


def test_a_mask_of_many_pieces_is_written_as_a_png():
    dots = np.zeros((100, 100), bool)
    dots[::2, ::2] = True

    assert encoded(PlacedMask(dots), (100, 100), "polygon")[1] == "png1"
    assert encoded(PlacedMask(dots[:80]), (100, 100), "polygon")[1] == "polygon"


@pytest.mark.parametrize("format", MASK_FORMATS)
def test_a_mask_without_a_pixel_is_written_and_read(format):
    data = encode(NO_PIXEL, (5, 7), format)

    assert decode(data, format, (5, 7), corners_of(NO_PIXEL)).area == 0


@settings(max_examples=80, deadline=None)
@given(case=placed())
def test_others_read_both_kinds_of_png(case):
    mask, shape = case

    with read(encode(mask, shape, "png")) as grey, read(encode(mask, shape, "png1")) as black_and_white:
        assert (grey.mode, black_and_white.mode) == ("L", "1")
        np.testing.assert_array_equal(np.asarray(grey), on_picture(mask, shape) * 255)
        np.testing.assert_array_equal(np.asarray(black_and_white), on_picture(mask, shape))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools itself
@settings(max_examples=80, deadline=None)
@given(case=placed())
def test_pycocotools_reads_run_length_codes(case):
    mask, shape = case

    run = encode(mask, shape, "rle")

    there = coco.decode({"size": list(run.size), "counts": run.counts.encode()})
    np.testing.assert_array_equal(there, on_picture(mask, shape))


def test_bits_are_the_rows_of_the_box_without_a_gap():
    mask = PlacedMask(np.array([[1, 0, 1], [0, 1, 1]], bool), (4, 6))

    data = encode(mask, (20, 30), "bits")

    assert corners_of(mask) == (6, 4, 9, 6)
    assert zlib.decompress(data) == bytes([0b10101100])


def test_bits_of_no_box_are_of_the_whole_picture():
    whole = PlacedMask(np.eye(6, dtype=bool))

    assert (decode(encode(whole, (6, 6), "bits"), "bits", (6, 6)).mask == np.eye(6)).all()


def test_bits_may_come_as_base64():
    mask = PlacedMask(np.ones((3, 3), bool), (1, 1))

    text = base64.b64encode(encode(mask, (5, 5), "bits")).decode()

    assert decode(text, "bits", (5, 5), (1, 1, 4, 4)).area == 9


def test_rings_are_corners_x_y_along_the_edges_of_pixels():
    mask = PlacedMask(np.ones((2, 3), bool), (4, 6))

    (ring,) = encode(mask, (20, 30), "polygon")

    assert sorted(ring) == [(6, 4), (6, 6), (9, 4), (9, 6)]


def test_rings_that_reach_outside_are_cut_to_the_picture():
    ring = [[(-3, -2.5), (4, -2.5), (4, 2), (-3, 2)]]

    mask = decode(ring, "polygon", (10, 10))

    assert corners_of(mask) == (0, 0, 4, 2)
    assert mask.area == 8


def test_a_long_png_has_one_bit_and_says_so():
    noise = PlacedMask(np.random.default_rng(0).random((2600, 2600)) < 0.5)

    data, format = encoded(noise, (2600, 2600), "png")

    assert len(base64.b64encode(png_of(noise, (2600, 2600)))) > MOST_PNG
    assert format == "png1"
    with read(data) as image:
        assert image.mode == "1"
    assert (decode(data, format, (2600, 2600)).mask == noise.mask).all()


def png(width: int, height: int, rows: bytes = b"", *, depth: int = 8, colour: int = 0) -> str:
    """Return a PNG with any header over any rows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return base64.b64encode(file).decode()


def two_headers(first: str, second: str) -> str:
    """Return the second PNG with the header of the first before its own."""
    end_of_header = 33
    return text(base64.b64decode(first)[:end_of_header] + base64.b64decode(second)[8:])


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


TRIANGLE = [(0, 0), (5, 0), (5, 5)]
BROKEN = {
    "png: no base64": ("png", "*" * 40, None),
    "png: a run": ("png", Run(size=(8, 8), counts="PR1"), None),
    "png: empty": ("png", "", None),
    "png: no PNG": ("png", text(b"GIF89a" + bytes(40)), None),
    "png: half a header": ("png", text(b"\x89PNG\r\n\x1a\n"), None),
    "png: another size": ("png", png(9, 8, bytes(10 * 8)), None),
    "png: colours": ("png", png(8, 8, bytes(25 * 8), colour=2), None),
    "png: 16 bits": ("png", png(8, 8, bytes(17 * 8), depth=16), None),
    "png: rows missing": ("png", png(8, 8), None),
    "png: a broken stream": ("png", png(8, 8, (b"\0" + bytes(range(8))) * 8)[:72], None),
    "rle: a text": ("rle", "PR1", None),
    "rle: another size": ("rle", Run(size=(9, 9), counts="PR1"), None),
    "rle: too short": ("rle", Run(size=(8, 8), counts="3"), None),
    "rle: no code": ("rle", Run(size=(8, 8), counts="\xe9"), None),
    "rle: a long code": ("rle", Run(size=(8, 8), counts="1" * 3_000_000), None),
    "rle: a lone surrogate": ("rle", Run.model_construct(size=(8, 8), counts="\ud800"), None),
    "bits: no zlib": ("bits", b"abc", (0, 0, 8, 8)),
    "bits: too few": ("bits", zlib.compress(bytes(7)), (0, 0, 8, 8)),
    "bits: too many": ("bits", zlib.compress(bytes(9)), (0, 0, 8, 8)),
    "bits: cut off": ("bits", zlib.compress(bytes(8))[:-3], (0, 0, 8, 8)),
    "bits: box outside": ("bits", zlib.compress(bytes(8)), (1, 0, 9, 8)),
    "bits: box turned round": ("bits", zlib.compress(b""), (5, 0, 3, 8)),
    "bits: a bomb": ("bits", zlib.compress(bytes(200_000_000), 9), (0, 0, 8, 8)),
    "polygon: a text": ("polygon", "PR1", None),
    "polygon: not a number": ("polygon", [[*TRIANGLE, (float("nan"), 1)]], None),
    "polygon: endless": ("polygon", [[*TRIANGLE, (float("inf"), 1)]], None),
    "polygon: far away": ("polygon", [[*TRIANGLE, (1e300, 1)]], None),
    "polygon: a huge number": ("polygon", [[*TRIANGLE, (10**400, 1)]], None),
    "polygon: a text as a number": ("polygon", [[["1", "2"], ["3", "2"], ["3", "4"]]], None),
    "polygon: a text as a corner": ("polygon", [["12", [3, 2], [3, 4]]], None),
    "polygon: no number": ("polygon", [[[None, 2], [3, 2], [3, 4]]], None),
    "polygon: truths": ("polygon", [[[True, False], [True, True]]], None),
    "polygon: half a corner": ("polygon", [[[1], [2], [3]]], None),
    "polygon: corners of two kinds": ("polygon", [[[1, 2], [2]]], None),
    "polygon: numbers for rings": ("polygon", [1, 2, 3], None),
    "polygon: numbers for corners": ("polygon", [[1, 2, 3]], None),
    "polygon: many rings": ("polygon", [TRIANGLE] * 3000, None),
    "polygon: many corners": ("polygon", [TRIANGLE * 40_000], None),
}


@pytest.mark.parametrize(("format", "data", "bbox"), BROKEN.values(), ids=BROKEN)
def test_broken_masks_are_refused(format, data, bbox):
    with pytest.raises(Refusal) as caught:
        decode(data, format, (8, 8), bbox)

    assert caught.value.code == "bad_mask"
    assert caught.value.message.startswith("Invalid mask")


def test_a_polygon_that_goes_up_and_down_for_ever_is_refused():
    up_and_down = [(0, 0), (0, 16_000)] * 1000

    with pytest.raises(Refusal, match="up and down"):
        decode([up_and_down], "polygon", (16_000, 10))


BOMBS = {
    "png": ("png", png(30_000, 30_000), None),
    "png with two headers": ("png", two_headers(png(64, 64), png(9000, 9000, bytes(9001 * 9000))), None),
    "bits": ("bits", text(zlib.compress(bytes(300_000_000), 9)), (0, 0, 64, 64)),
    "polygon with a long text": ("polygon", [[("A" * 2000, 1), *TRIANGLE * 3000]], None),
}


@pytest.mark.parametrize(("format", "data", "bbox"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_before_it_is_unpacked(format, data, bbox):

    tracemalloc.start()
    try:
        with pytest.raises(Refusal):
            decode(data, format, (64, 64), bbox)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("score", "area", "told"),
    [(0.5, 1, 0.5), (1.5, 1, 1.0), (-0.1, 1, 0.0), (0.5, 0, 0.0), (float("nan"), 1, 0.0), (float("inf"), 1, 0.0)],
)
def test_a_score_is_a_share_whatever_an_engine_says(score, area, told):
    assert share(score, area) == told
