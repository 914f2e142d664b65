"""Intake: what is refused, with which words, and at what cost."""

import base64
import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sam3_assistant.server.model import intake
from napari_sam3_assistant.server.settings import Limits
from napari_sam3_assistant.wire.refusals import Refusal
from tests.server.pictures import file_of

LIMITS = Limits()
NOT_A_PICTURE = "Failed to load image: not a supported image"
PIXELS = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)


def refused(data: bytes, limits: Limits = LIMITS) -> tuple[str, str]:
    with pytest.raises(Refusal) as caught:
        intake.decoded(data, limits)
    return caught.value.code, caught.value.message


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG that says how large it is, and has no pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def gif(width: int, height: int) -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\x00;"


def bmp(width: int, height: int) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def webp(width: int, height: int) -> bytes:
    body = b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    riff = b"WEBPVP8X" + struct.pack("<I", 10) + body
    return b"RIFF" + struct.pack("<I", len(riff)) + riff


def tiff(width: int, height: int) -> bytes:
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (279, 4, 8)]
    rows = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + rows + bytes(4)


def jpeg(width: int, height: int) -> bytes:
    small = file_of(PIXELS, "JPEG")
    at = small.index(b"\xff\xc0") + 5
    return small[:at] + struct.pack(">HH", height, width) + small[at + 4 :]


BOMBS = {
    "png": png(13_000, 13_000),
    "png beyond all": png(2**31 - 1, 2**31 - 1),
    "gif": gif(13_000, 13_000),
    "bmp": bmp(13_000, 13_000),
    "webp": webp(13_000, 13_000),
    "tiff": tiff(13_000, 13_000),
    "jpeg": jpeg(13_000, 13_000),
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_too_many_pixels_are_refused_in_numbers(data):
    code, message = refused(data)

    assert code == "image_too_large"
    size = "2147483647x2147483647" if data is BOMBS["png beyond all"] else "13000x13000"
    assert message == f"Failed to load image: {size} exceeds the limit of 50 megapixels"


def test_a_real_picture_of_too_many_pixels_is_refused():
    data = file_of(np.zeros((5001, 10_000), np.uint8))

    assert refused(data) == (
        "image_too_large",
        "Failed to load image: 10000x5001 exceeds the limit of 50 megapixels",
    )


def test_a_side_that_is_too_long_is_refused():
    assert refused(file_of(np.zeros((1, 16_385), np.uint8))) == (
        "image_too_large",
        "Failed to load image: 16385x1 exceeds the limit of 16384 pixels a side",
    )


def test_a_file_that_is_too_large_is_refused():
    data = file_of(PIXELS) + bytes(2**20)

    assert refused(data, Limits(image_bytes=2**20)) == (
        "image_too_large",
        "Failed to load image: 1.0 MiB exceeds the limit of 1 MiB",
    )
    with pytest.raises(Refusal) as caught:
        intake.bytes_of(base64.b64encode(data).decode(), 2**20)
    assert caught.value.code == "image_too_large"


def test_a_file_of_just_the_limit_is_taken():
    data = bytes(1000)

    assert intake.bytes_of(base64.b64encode(data).decode(), 1000) == data


@pytest.mark.parametrize("text", ["", "   \n", "data:image/png;base64,", "data:image/png;base64, \t "])
def test_nothing_is_no_picture(text):
    with pytest.raises(Refusal) as caught:
        intake.bytes_of(text, 1000)

    assert (caught.value.code, caught.value.message) == ("no_image_data", "No image provided")


@pytest.mark.parametrize(
    "text", ["no base64!", "AAA", "AAAA,BB=B", "AAA=AAAA", "ÄÄÄÄ", "AA\x00AA", "data:image/svg+xml,<svg/>"]
)
def test_what_is_no_base64_is_refused(text):
    with pytest.raises(Refusal) as caught:
        intake.bytes_of(text, 1000)

    assert (caught.value.code, caught.value.message) == ("bad_image", NOT_A_PICTURE)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_file_that_ends_early_is_no_picture(format, share):
    data = file_of(PIXELS, format)

    assert refused(data[: max(int(len(data) * share), 14)])[0] == "bad_image"


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_no_damage_does_more_than_being_refused():
    random, codes = np.random.default_rng(1), set()
    for format in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        whole = np.frombuffer(file_of(PIXELS, format), np.uint8)
        for _ in range(60):
            damaged = whole.copy()
            damaged[random.integers(0, min(len(whole), 400), 4)] = random.integers(0, 256, 4)
            try:
                intake.decoded(damaged.tobytes(), LIMITS)
            except Refusal as refusal:
                codes.add(refusal.code)

    assert "bad_image" in codes and codes <= {"bad_image", "bad_format", "image_too_large"}


@pytest.mark.parametrize("data", [b"x", b"hello, world", bytes(100), b"RIFF\0\0\0\0WAVE", b"<html>"])
def test_what_is_no_picture_is_refused(data):
    assert refused(data) == ("bad_image", NOT_A_PICTURE)


def test_no_bytes_are_no_picture():
    assert refused(b"") == ("no_image_data", "No image provided")


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("HEIC", b"\0\0\0\x18ftypheic" + bytes(20)),
        ("PDF", b"%PDF-1.7"),
        ("ICO", b"\0\0\1\0\1\0"),
        ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n"),
        ("SVG", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("DICOM", bytes(128) + b"DICM"),
    ],
)
def test_a_format_that_people_send_is_refused_by_its_name(format, data):
    assert refused(data) == (
        "bad_format",
        f"Failed to load image: format {format} is not accepted (JPEG, PNG, WebP, BMP, TIFF, GIF)",
    )


def test_other_formats_that_pillow_could_read_are_not_tried():
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "PPM")

    assert refused(file.getvalue())[0] == "bad_image"


def test_a_tiff_that_is_packed_in_an_unknown_way_says_in_which():
    data = tiff(64, 64).replace(struct.pack("<HHII", 259, 3, 1, 1), struct.pack("<HHII", 259, 3, 1, 34712))

    assert refused(data)[1].startswith("Failed to load image: format TIFF-34712 is not accepted (")


def test_a_tiff_of_numbers_that_cannot_be_read_says_of_which():
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((8, 8), np.float64))

    assert refused(file.getvalue())[1].startswith("Failed to load image: format TIFF-64-bit is not accepted (")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_tiff_with_senseless_tags_is_read_all_the_same():
    file = io.BytesIO()
    strange = [(65000, "s", 0, "text", False), (65001, "I", 3, (1, 2, 3), False), (270, "s", 0, "x" * 5000, False)]
    tifffile.imwrite(file, PIXELS, photometric="rgb", extratags=strange)

    assert np.array_equal(intake.decoded(file.getvalue(), LIMITS).source.levels[0], PIXELS)


def test_a_jpeg_of_thousands_of_scans_is_refused_unread():
    plain = file_of(PIXELS, "JPEG", progressive=True)
    at = plain.rindex(b"\xff\xda")
    scan = plain[at:-2]

    assert refused(plain[:at] + scan * 600 + b"\xff\xd9") == ("bad_image", NOT_A_PICTURE)


def test_a_jpeg_that_goes_over_many_pixels_many_times_is_refused():
    plain = file_of(np.zeros((4000, 4000), np.uint8), "JPEG", progressive=True)
    at = plain.rindex(b"\xff\xda")

    assert refused(plain[:at] + plain[at:-2] * 70 + b"\xff\xd9") == ("bad_image", NOT_A_PICTURE)


def strips(number: int) -> bytes:
    """A TIFF of two strips that asks for them over and over."""
    offsets = 8 + 2 + 9 * 12 + 4
    sizes, pixels = offsets + 4 * number, offsets + 8 * number
    tags = [(256, 1, 64), (257, 1, 64), (258, 1, 8), (259, 1, 1), (262, 1, 1)]
    tags += [(273, number, offsets), (277, 1, 1), (278, 1, 32), (279, number, sizes)]
    rows = b"".join(struct.pack("<HHII", tag, 4, count, value) for tag, count, value in tags)
    places = struct.pack(f"<{number}I", *range(pixels, pixels + number)) + struct.pack("<I", 64 * 32) * number
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + rows + bytes(4) + places + bytes(64 * 32 + number)


def overlapping() -> bytes:
    """A TIFF each of whose thousand values is the whole file."""
    plain = tiff(8, 8)[10:-4] + b"".join(struct.pack("<HHII", 40_000 + n, 7, 10_000, 8) for n in range(1000))
    return b"II*\0" + struct.pack("<IH", 8, 1007) + plain + bytes(4)


def with_parts(format: str, part: bytes, number: int) -> bytes:
    """A picture with more parts before its pixels than it needs."""
    whole = file_of(PIXELS[..., 0], format)
    at = {"JPEG": 2, "PNG": 33, "GIF": 13 + 768}[format]
    return whole[:at] + part * number + whole[at:]


BUSY = {
    "jpeg of comments": with_parts("JPEG", b"\xff\xfe\0\2", 20_000),
    "jpeg of exif": with_parts("JPEG", b"\xff\xe1\0\x09Exif\0\0x", 5),
    "png of chunks": with_parts("PNG", chunk(b"none", b""), 20_000),
    "png of pixels": with_parts("PNG", chunk(b"IDAT", b""), 300_000),
    "png of profiles": with_parts("PNG", chunk(b"iCCP", b"n\0\0" + zlib.compress(bytes(1000))), 5),
    "gif of comments": with_parts("GIF", b"!\xfe\1x\0", 20_000),
    "tiff of strips": strips(4),
    "tiff of many strips": strips(70_000),
    "tiff of values": overlapping(),
}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("data", BUSY.values(), ids=BUSY)
def test_a_small_picture_that_keeps_its_reader_busy_is_refused(data):
    assert refused(data) == ("bad_image", NOT_A_PICTURE)


def test_a_tiff_of_two_strips_is_read():
    assert intake.decoded(strips(2), LIMITS).shape == (64, 64)


@pytest.mark.parametrize(
    "options", [{}, {"planarconfig": "separate"}, {"tile": (16, 16)}, {"bigtiff": True}, {"byteorder": ">"}]
)
def test_a_tiff_of_many_strips_or_tiles_is_read(options):
    file = io.BytesIO()
    pixels = PIXELS.transpose(2, 0, 1) if "planarconfig" in options else PIXELS
    tifffile.imwrite(file, pixels, photometric="rgb", rowsperstrip=None if "tile" in options else 8, **options)

    assert np.array_equal(intake.decoded(file.getvalue(), LIMITS).source.levels[0], PIXELS)


def test_texts_that_unpack_without_end_are_refused():
    endless = chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(20 * 2**20), 9))

    assert refused(png(8, 8, endless))[0] == "bad_image"


def test_the_limits_of_pillow_for_other_code_stay():
    before = Image.MAX_IMAGE_PIXELS
    for data in BOMBS.values():
        refused(data)

    assert before == Image.MAX_IMAGE_PIXELS


MEASURED = """
import resource, sys, time, warnings
from napari_sam3_assistant.server.model import intake
from napari_sam3_assistant.server.settings import Limits
from napari_sam3_assistant.wire.refusals import Refusal
from PIL import Image
import base64, io
small = io.BytesIO(); Image.new("RGB", (64, 64)).save(small, sys.argv[1]); intake.decoded(small.getvalue(), Limits())
text = base64.b64encode(sys.stdin.buffer.read()).decode()
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, start = peak(), time.perf_counter()
try:
    intake.decoded(intake.bytes_of(text, 2**25), Limits())
except Refusal as refusal:
    print(refusal.code, (time.perf_counter() - start) * 1000, peak() - before)
"""


@pytest.mark.parametrize("name", ["png", "gif", "webp", "tiff", "jpeg"])
def test_a_bomb_takes_no_memory(name):
    code, milliseconds, growth = subprocess.run(
        [sys.executable, "-c", MEASURED, name], input=BOMBS[name], capture_output=True, check=True, timeout=60
    ).stdout.split()

    print(f"{name}: {float(milliseconds):.1f} ms, {float(growth):.1f} MB")
    assert code == b"image_too_large"
    assert float(growth) < 10
