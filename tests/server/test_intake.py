"""Intake: each kind of picture comes in with the size and the first pixel that a browser shows."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sam3_assistant.server.model import intake
from napari_sam3_assistant.server.settings import Limits
from tests.server.pictures import data_url, file_of

LIMITS = Limits()
WIDTH, HEIGHT = 6, 4
RED, WHITE, BLACK, GREY = (255, 0, 0), (255, 255, 255), (0, 0, 0), (90, 90, 90)


def picture(mode="RGB", first=RED, rest=None, size=(WIDTH, HEIGHT)) -> Image.Image:
    """A picture whose first pixel is another one than the rest."""
    made = Image.new(mode, size, rest if rest is not None else (0 if mode in ("L", "1", "P") else None))
    if first is not None:
        made.putpixel((0, 0), first)
    return made


def saved(image: Image.Image, format: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def palette(**options) -> bytes:
    image = Image.new("P", (WIDTH, HEIGHT), 1)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((0, 0), 0)
    return saved(image, "PNG", **options)


def moving(format: str) -> bytes:
    frames = [Image.new("RGB", (WIDTH, HEIGHT), colour) for colour in ("red", "blue", "lime")]
    return saved(frames[0], format, save_all=True, append_images=frames[1:], duration=50, lossless=True)


def deep(dtype, format="tiff", byteorder=None) -> bytes:
    """A ramp of more than 8 bits from its lowest value, which is first."""
    values = np.linspace(1000, 3000, 400).reshape(20, 20).astype(dtype)
    if format == "png":
        return saved(Image.fromarray(values), "PNG")
    file = io.BytesIO()
    tifffile.imwrite(file, values, byteorder=byteorder)
    return file.getvalue()


def tiled(**options) -> bytes:
    file, values = io.BytesIO(), np.zeros((64, 48, 3), np.uint8)
    values[0, 0] = 255, 0, 0
    tifffile.imwrite(file, values, photometric="rgb", **options)
    return file.getvalue()


def pages() -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for value in (90, 200):
            writer.write(np.full((HEIGHT, WIDTH), value, np.uint8))
    return file.getvalue()


def flat(*colours) -> list[Image.Image]:
    return [Image.new("RGB", (64, 48), colour) for colour in colours]


SMALL, FLAT, DEEP = (HEIGHT, WIDTH), (48, 64), (20, 20)
KINDS = {
    "png": (lambda: saved(picture(), "PNG"), SMALL, RED),
    "png interlaced": (lambda: interlaced(), (1, 1), RED),
    "png grey": (lambda: saved(picture("L", 90), "PNG"), SMALL, GREY),
    "png 1 bit": (lambda: saved(picture("1", 1), "PNG"), SMALL, WHITE),
    "png palette": (palette, SMALL, RED),
    "png palette, one colour clear": (lambda: palette(transparency=0), SMALL, WHITE),
    "png palette, each with its alpha": (lambda: palette(transparency=bytes([0, 255])), SMALL, WHITE),
    "png rgb, one colour clear": (lambda: saved(picture(), "PNG", transparency=RED), SMALL, WHITE),
    "png opaque": (lambda: saved(picture("RGBA", (255, 0, 0, 255)), "PNG"), SMALL, RED),
    "png clear": (lambda: saved(picture("RGBA", (255, 0, 0, 0)), "PNG"), SMALL, WHITE),
    "png half clear": (lambda: saved(picture("RGBA", (0, 0, 0, 102)), "PNG"), SMALL, (153, 153, 153)),
    "png grey and alpha": (lambda: saved(picture("LA", (90, 255)), "PNG"), SMALL, GREY),
    "png 16 bits": (lambda: deep(np.uint16, "png"), DEEP, BLACK),
    "png animated": (lambda: moving("PNG"), SMALL, RED),
    "png with a colour profile": (lambda: saved(picture(), "PNG", icc_profile=b"no profile at all"), SMALL, RED),
    "gif": (lambda: saved(picture(), "GIF"), SMALL, RED),
    "gif animated": (lambda: moving("GIF"), SMALL, RED),
    "webp": (lambda: saved(picture(), "WEBP", lossless=True), SMALL, RED),
    "webp clear": (lambda: saved(picture("RGBA", (255, 0, 0, 0)), "WEBP", lossless=True, exact=True), SMALL, WHITE),
    "webp animated": (lambda: moving("WEBP"), SMALL, RED),
    "webp lossy": (lambda: saved(flat("#5a5a5a")[0], "WEBP"), FLAT, GREY),
    "bmp": (lambda: saved(picture(), "BMP"), SMALL, RED),
    "bmp of a palette": (lambda: saved(picture("L", 90), "BMP"), SMALL, GREY),
    "jpeg": (lambda: saved(flat("#5a5a5a")[0], "JPEG"), FLAT, GREY),
    "jpeg grey": (lambda: saved(flat("#5a5a5a")[0].convert("L"), "JPEG"), FLAT, GREY),
    "jpeg progressive": (lambda: saved(flat("#5a5a5a")[0], "JPEG", progressive=True), FLAT, GREY),
    "jpeg cmyk": (lambda: saved(Image.new("CMYK", (64, 48), (0, 255, 255, 0)), "JPEG"), FLAT, (254, 0, 0)),
    "jpeg of several pictures": (
        lambda: saved(flat("#5a5a5a")[0], "MPO", save_all=True, append_images=flat("blue")),
        FLAT,
        GREY,
    ),
    "tiff": (lambda: saved(picture(), "TIFF"), SMALL, RED),
    "tiff cmyk": (lambda: saved(picture("CMYK", (0, 255, 255, 0)), "TIFF"), SMALL, RED),
    "tiff lab": (lambda: saved(Image.new("LAB", (WIDTH, HEIGHT), (255, 128, 128)), "TIFF"), SMALL, WHITE),
    "tiff of pages": (pages, SMALL, GREY),
    "tiff 1 bit, packed": (lambda: saved(picture("1", 1), "TIFF", compression="group4"), SMALL, WHITE),
    "tiff tiled": (lambda: tiled(tile=(32, 16)), (64, 48), RED),
    "tiff lzw": (lambda: saved(picture(), "TIFF", compression="tiff_lzw"), SMALL, RED),
    "tiff jpeg": (lambda: saved(flat("#5a5a5a")[0], "TIFF", compression="jpeg"), FLAT, GREY),
    "tiff deflate": (lambda: tiled(compression="zlib"), (64, 48), RED),
    "tiff big": (lambda: tiled(bigtiff=True), (64, 48), RED),
    "tiff 16 bits": (lambda: deep(np.uint16), DEEP, BLACK),
    "tiff 16 bits, big endian": (lambda: deep(np.uint16, byteorder=">"), DEEP, BLACK),
    "tiff 16 bits, signed": (lambda: deep(np.int16), DEEP, BLACK),
    "tiff 32 bits": (lambda: deep(np.int32), DEEP, BLACK),
    "tiff float": (lambda: deep(np.float32), DEEP, BLACK),
    "1 x 1": (lambda: saved(picture(size=(1, 1)), "PNG"), (1, 1), RED),
    "long and thin": (lambda: saved(picture(size=(16_384, 1)), "PNG"), (1, 16_384), RED),
}


def interlaced() -> bytes:
    """A PNG of one pixel that says it is interlaced; Pillow does not write such."""
    plain = saved(picture(size=(1, 1)), "PNG")
    header = bytearray(plain[12:29])
    header[-1] = 1
    return plain[:12] + bytes(header) + struct.pack(">I", zlib.crc32(header)) + plain[33:]


def test_only_what_can_be_read_is_listed():
    assert {name.split()[0].rstrip(",") for name in KINDS} >= {"png", "gif", "webp", "bmp", "jpeg", "tiff"}


@pytest.mark.parametrize(("make", "shape", "first"), KINDS.values(), ids=KINDS)
def test_a_picture_is_as_a_browser_shows_it(make, shape, first):
    taken = intake.decoded(make(), LIMITS)

    pixels = taken.source.levels[0]
    assert (taken.shape, pixels.shape, pixels.dtype) == (shape, (*shape, 3), np.uint8)
    assert np.abs(pixels[0, 0].astype(int) - first).max() <= 1, pixels[0, 0]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_puts_a_picture_upright(format, orientation):
    # What Exif means: how the first row and the first column of the file lie in the picture.
    upright = np.full((24, 40, 3), 255, np.uint8)
    upright[:8, :8] = 0
    upright[:8, -8:] = 100
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if format == "JPEG" else {"lossless": True} if format == "WEBP" else {}

    taken = intake.decoded(file_of(np.ascontiguousarray(stored), format, exif=exif, **options), LIMITS)

    assert taken.shape == (24, 40)
    assert np.abs(taken.source.levels[0].astype(int) - upright).max() < 60


@pytest.mark.parametrize("value", [0, 9, 77])
def test_an_exif_orientation_that_is_none_changes_nothing(value):
    exif = Image.Exif()
    exif[0x0112] = value

    assert intake.decoded(file_of(np.zeros((4, 6, 3), np.uint8), "JPEG", exif=exif), LIMITS).shape == (4, 6)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's, when it looks for a resolution
def test_damaged_exif_leaves_the_picture_as_it_lies():
    data = file_of(np.zeros((4, 6, 3), np.uint8), "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff")

    assert intake.decoded(data, LIMITS).shape == (4, 6)


def test_the_orientation_of_another_program_s_note_is_left_alone():
    xmp = b'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    data = file_of(np.zeros((4, 6, 3), np.uint8), "JPEG", xmp=xmp)

    assert intake.decoded(data, LIMITS).shape == (4, 6)


def test_a_picture_of_16_bits_is_shown_from_its_darkest_to_its_brightest_and_says_so():
    values = np.full((100, 100), 1000, np.uint16)
    values[50:] = 1800

    taken = intake.decoded(file_of(values), LIMITS)

    assert taken.intensity_window == (1000.0, 1800.0)
    assert set(np.unique(taken.source.levels[0])) == {0, 255}


def test_a_few_hot_pixels_do_not_darken_the_rest():
    values = np.tile(np.arange(1000, 2000, dtype=np.uint16), (1000, 1))
    values[500, 500] = 65_535

    taken = intake.decoded(file_of(values), LIMITS)

    assert 1990 <= taken.intensity_window[1] <= 2000


def test_numbers_that_are_none_are_black_and_the_others_are_shown():
    file, values = io.BytesIO(), np.linspace(-1, 1, 400, dtype=np.float32).reshape(20, 20)
    values[0, 0], values[0, 1] = np.nan, np.inf
    tifffile.imwrite(file, values)

    taken = intake.decoded(file.getvalue(), LIMITS)

    assert taken.source.levels[0][0, 0].tolist() == [0, 0, 0]
    assert taken.source.levels[0][0, 1].tolist() == [255, 255, 255]
    assert -1.01 < taken.intensity_window[0] < -0.9


def test_a_picture_of_8_bits_has_no_window():
    assert intake.decoded(file_of(np.zeros((4, 6, 3), np.uint8)), LIMITS).intensity_window is None


@pytest.mark.parametrize("name", ["one", "two"])
def test_the_same_pixels_have_the_same_name_whatever_the_file(name):
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    png, bmp = (intake.decoded(file_of(pixels, format), LIMITS, name) for format in ("PNG", "BMP"))

    assert png.image_id == bmp.image_id and len(png.image_id) == 64
    assert png.source.identity.startswith(name)


def test_pixels_of_another_shape_have_another_name():
    wide, high = (intake.decoded(file_of(np.zeros((*shape, 3), np.uint8)), LIMITS) for shape in ((4, 6), (6, 4)))

    assert wide.image_id != high.image_id


TEXT = base64.b64encode(saved(picture(), "PNG")).decode()


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"data:image/png;base64,{TEXT}",
        f"data:application/pdf;base64,{TEXT}",
        f"data:,{TEXT}",
        f"anything,{TEXT}",
        f"data:image/png;base64, {TEXT[:9]}\r\n\t{TEXT[9:]} \n",
    ],
)
def test_base64_is_read_with_any_prefix_and_any_white_space(text):
    assert intake.decoded(intake.bytes_of(text, 10_000), LIMITS).shape == SMALL


def test_a_data_url_is_what_the_pages_send():
    data = saved(picture(), "PNG")

    assert intake.bytes_of(data_url(data), 10_000) == data
