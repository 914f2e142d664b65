"""TIFF files in the page: what is shown is, pixel by pixel, what the server segments."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sam3_assistant.server.model.intake import decoded
from napari_sam3_assistant.server.settings import Limits

SHOWN = """async (texts) => {
    const [{planeOf}, {imageOf, windowOf}] = await Promise.all(
        ["tiff.js", "intensity.js"].map((name) => import(`/static/${name}`))
    );
    const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const textOf = (bytes) => btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""));
    const shown = async (text) => {
        try {
            const plane = await planeOf(bytesOf(text).buffer);
            const deep = plane.channels === 1 && !(plane.values instanceof Uint8Array);
            const window = deep ? windowOf(plane.values) : null;
            const {width, height, data} = imageOf(plane, window);
            return {width, height, window, more: plane.more, pixels: textOf(data)};
        } catch (error) {
            return {wrong: error.message, known: error.constructor.name === "TiffError"};
        }
    };
    const all = {};
    for (const [name, text] of Object.entries(texts)) all[name] = await shown(text);
    return all;
}"""


@pytest.fixture(scope="module")
def shown(browser, dots):
    """What the page makes of all files, by their names: they are decoded at once."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{dots.url}/app")
    files = {**FILES, **{name: data for name, (data, _) in REFUSED.items()}, **CUT}
    yield page.evaluate(SHOWN, {name: base64.b64encode(data).decode() for name, data in files.items()})
    context.close()


def cells(dtype: str, shape=(37, 53)) -> np.ndarray:
    """Return numbers that use a part of what the type holds."""
    row, col = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    values = 40 + 30 * np.sin(row / 5) + 20 * np.cos(col / 7) + (row * col) % 11
    kind = np.dtype(dtype)
    if kind.itemsize > 1 and kind.kind in "iu":
        values = values * 97 - (2500 if kind.kind == "i" else 0)
    return values.astype(kind)


def rgb(dtype: str, channels: int = 3) -> np.ndarray:
    layers = [cells(dtype, (37, 53)) * (k + 1) % 251 * (257 if dtype == "uint16" else 1) for k in range(channels)]
    return np.stack(layers, axis=-1).astype(dtype)


def by_tifffile(pixels: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    of_file = {name: options.pop(name) for name in ("bigtiff", "byteorder", "imagej", "ome") if name in options}
    with tifffile.TiffWriter(file, **of_file) as writer:
        writer.write(pixels, **{"metadata": None, **options})
    return file.getvalue()


def by_pillow(pixels: np.ndarray, compression: str, **tags) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "TIFF", compression=compression, **tags)
    return file.getvalue()


def noise(dtype: str) -> np.ndarray:
    """Return numbers that make a full table of LZW."""
    most = 2**8 if dtype == "uint8" else 2**16
    return np.random.default_rng(0).integers(0, most, (60, 201)).astype(dtype)


def lzw_in_tiles(pixels: np.ndarray, predictor: int = 1) -> bytes:
    """Return a file of tiles that Pillow packed: it writes none itself."""
    size, (height, width) = 32, pixels.shape
    padded = np.pad(pixels, ((0, -height % size), (0, -width % size)), "edge")
    tiles = []
    for top, left in np.ndindex(padded.shape[0] // size, padded.shape[1] // size):
        tile = padded[top * size : (top + 1) * size, left * size : (left + 1) * size]
        data = by_pillow(tile, "tiff_lzw", tiffinfo={317: predictor})
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            (start,), (count,) = file.pages[0].dataoffsets, file.pages[0].databytecounts
        tiles.append(data[start : start + count])
    options = {"shape": pixels.shape, "dtype": pixels.dtype, "tile": (size, size), "compression": "zlib"}
    return retagged(by_tifffile(iter(tiles), predictor=predictor, **options), 259, 5)


def retagged(data: bytes, code: int, *values: int) -> bytes:
    """Return a file of which a tag says something else."""
    file = io.BytesIO(data)
    with tifffile.TiffFile(file, mode="r+b", name="file.tif") as tiff:
        tiff.pages[0].tags[code].overwrite(values[0] if len(values) == 1 else values)
        return file.getvalue()


FILES = {
    **{f"grey {kind}": by_tifffile(cells(kind)) for kind in ("uint8", "uint16", "int16", "uint32", "int32", "float32")},
    **{f"big-endian {kind}": by_tifffile(cells(kind), byteorder=">") for kind in ("uint16", "int16", "float32")},
    "BigTIFF": by_tifffile(cells("uint16"), bigtiff=True),
    "strips": by_tifffile(cells("uint16"), rowsperstrip=5),
    "tiles": by_tifffile(cells("uint16"), tile=(16, 32)),
    "deflate": by_tifffile(cells("uint16"), compression="zlib"),
    "deflate in tiles": by_tifffile(cells("float32"), compression="zlib", tile=(16, 16)),
    "deflate with predictor": by_tifffile(cells("uint16"), compression="zlib", predictor=True),
    "deflate with predictor, big-endian": by_tifffile(
        cells("uint16"), compression="zlib", predictor=True, byteorder=">"
    ),
    "deflate with predictor, RGB in tiles": by_tifffile(
        rgb("uint8"), compression="zlib", predictor=True, photometric="rgb", tile=(16, 16)
    ),
    "LZW": by_pillow(cells("uint16"), "tiff_lzw"),
    "LZW with predictor": by_pillow(cells("uint16"), "tiff_lzw", tiffinfo={317: 2}),
    "LZW of noise": by_pillow(noise("uint16"), "tiff_lzw"),
    "LZW of noise, 8 bits": by_pillow(noise("uint8"), "tiff_lzw"),
    "LZW of one value": by_pillow(np.zeros((60, 201), np.uint8), "tiff_lzw"),
    "LZW, RGB with predictor": by_pillow(rgb("uint8"), "tiff_lzw", tiffinfo={317: 2}),
    "LZW, floats with predictor": by_pillow(cells("float32"), "tiff_lzw", tiffinfo={317: 3}),
    "PackBits": by_pillow(cells("uint16") // 512, "packbits"),
    "PackBits of noise": by_pillow(noise("uint8"), "packbits"),
    "RGB 8": by_tifffile(rgb("uint8"), photometric="rgb"),
    "RGB 16": by_tifffile(rgb("uint16"), photometric="rgb"),
    "RGB 16, big-endian": by_tifffile(rgb("uint16"), photometric="rgb", byteorder=">"),
    "RGB apart": by_tifffile(np.moveaxis(rgb("uint8"), -1, 0), photometric="rgb", planarconfig="separate"),
    "RGB with opacity": by_tifffile(rgb("uint8", 4), photometric="rgb", extrasamples=["unassalpha"]),
    "RGB with opacity multiplied in": by_tifffile(rgb("uint8", 4), photometric="rgb", extrasamples=["assocalpha"]),
    "RGB 16 with opacity": by_tifffile(rgb("uint16", 4), photometric="rgb", extrasamples=["unassalpha"]),
    "RGB with a fourth channel": by_tifffile(rgb("uint8", 4), photometric="rgb", extrasamples=["unspecified"]),
    "palette": by_tifffile(
        cells("uint8"), photometric="palette", colormap=np.arange(768, dtype=np.uint16).reshape(3, 256) * 85
    ),
    "white is zero": by_tifffile(cells("uint8"), photometric="miniswhite"),
    "white is zero, 16 bits": by_tifffile(cells("uint16"), photometric="miniswhite"),
    **{f"turned {turn}": by_tifffile(cells("uint16"), extratags=[(274, "H", 1, turn, True)]) for turn in range(2, 9)},
    "one value": by_tifffile(np.full((9, 7), 700, np.uint16)),
    "not a number": by_tifffile(np.where(cells("float32") > 90, np.nan, cells("float32"))),
    "infinite": by_tifffile(np.where(cells("float32") > 90, np.inf, cells("float32"))),
    "1 x 1": by_tifffile(np.full((1, 1), 3, np.uint16)),
    **{f"big-endian {kind}": by_tifffile(cells(kind), byteorder=">") for kind in ("int32",)},
    "RGB 16 apart in tiles, deflate with predictor, big-endian": by_tifffile(
        np.moveaxis(rgb("uint16"), -1, 0),
        photometric="rgb",
        planarconfig="separate",
        tile=(16, 32),
        compression="zlib",
        predictor=True,
        byteorder=">",
    ),
    "32 bits with predictor": by_tifffile(cells("uint32"), compression="zlib", predictor=True),
    "palette, big-endian": by_tifffile(
        cells("uint8"),
        photometric="palette",
        colormap=np.arange(768, dtype=np.uint16).reshape(3, 256) * 85,
        byteorder=">",
    ),
    "LZW in tiles": lzw_in_tiles(cells("uint16")),
    "LZW in tiles with predictor": lzw_in_tiles(cells("uint16"), predictor=2),
    "nothing but not a number": by_tifffile(np.full((5, 4), np.nan, np.float32)),
    "primes": by_tifffile(cells("uint16", (1, 8191)), tile=(16, 48)),
    "ImageJ stack": by_tifffile(np.stack([cells("uint16")] * 3), imagej=True, byteorder=">", metadata={"axes": "ZYX"}),
    "OME": by_tifffile(np.stack([cells("uint16")] * 2), ome=True, metadata={"axes": "CYX"}),
    "several pages": by_tifffile(np.stack([cells("uint16"), cells("uint16") + 500])),
}
SEVERAL = ("several pages", "ImageJ stack", "OME")

PLAIN = by_tifffile(cells("uint16"))
REFUSED = {
    "jpeg": (by_pillow(rgb("uint8"), "jpeg"), "(JPEG)"),
    "64 bits": (by_tifffile(cells("float64")), "of 64 bits a sample"),
    "16 bits, floating": (by_tifffile(cells("float16")), "of 16 bits a sample"),
    "12 bits": (retagged(PLAIN, 258, 12), "of 12 bits a sample"),
    "one bit": (by_pillow(cells("uint8") > 60, "raw"), "of 1 bit a sample"),
    "5 channels": (by_tifffile(rgb("uint8", 5), photometric="minisblack", planarconfig="contig"), "5 channels"),
    "CMYK": (by_tifffile(rgb("uint8", 4), photometric="separated"), "4 channels"),
    "header alone": (FILES["deflate"][:6], "that is damaged"),
    "cut": (FILES["deflate"][:-40], "that is damaged"),
    "broken": (FILES["deflate"].replace(b"\x78", b"\x79"), "that is damaged"),
    "LZW of the old kind": (FILES["LZW"].replace(b"\x80", b"\x00\x01", 1), "that is damaged"),
    "1 GB in a small file": (retagged(retagged(PLAIN, 256, 16384), 257, 16384), "that is damaged"),
    "1 GB in a small file, packed": (retagged(retagged(FILES["deflate"], 256, 16384), 257, 16384), "that is damaged"),
    "a tile of 1 GB": (retagged(retagged(FILES["deflate in tiles"], 322, 16384), 323, 16384), "that is damaged"),
    "too large": (retagged(retagged(PLAIN, 256, 60000), 257, 60000), "60000 × 60000"),
}
CUT = {
    f"{name} until {end}": FILES[name][:end]
    for name in ("LZW", "PackBits", "grey uint16")
    for end in range(8, len(FILES[name]), 701)
}


@pytest.mark.parametrize("name", FILES)
def test_a_tiff_is_shown_as_the_server_sees_it(shown, name):
    theirs, ours = decoded(FILES[name], Limits()), shown[name]

    assert "wrong" not in ours, ours["wrong"]
    data = np.frombuffer(base64.b64decode(ours["pixels"]), np.uint8)
    pixels = data.reshape(ours["height"], ours["width"], 4)
    assert (pixels[..., 3] == 255).all()
    np.testing.assert_array_equal(pixels[..., :3], theirs.source.levels[0])
    assert ours["window"] == (None if theirs.intensity_window is None else pytest.approx(theirs.intensity_window))
    assert ours["more"] == (name in SEVERAL)


@pytest.mark.parametrize("name", REFUSED)
def test_a_tiff_that_cannot_be_shown_says_why(shown, name):
    assert REFUSED[name][1] in shown[name].get("wrong", "it was shown")
    assert shown[name]["known"]


def test_a_tiff_that_ends_too_soon_is_refused_in_words_and_never_shown_in_part(shown):
    for name in CUT:
        assert shown[name].get("known"), f"{name}: {shown[name].get('wrong', 'it was shown')}"
