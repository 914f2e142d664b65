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

SHOWN = """async (text) => {
    const [{planeOf}, {imageOf, windowOf}] = await Promise.all(
        ["tiff.js", "intensity.js"].map((name) => import(`/static/${name}`))
    );
    try {
        const plane = await planeOf(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
        const deep = plane.channels === 1 && !(plane.values instanceof Uint8Array);
        const window = deep ? windowOf(plane.values) : null;
        const {width, height, data} = imageOf(plane, window);
        return {width, height, window, more: plane.more, pixels: [...data]};
    } catch (error) {
        return {wrong: error.message, known: error.constructor.name === "TiffError"};
    }
}"""


@pytest.fixture(scope="module")
def page(browser, dots):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{dots.url}/app")
    yield page
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
    bigtiff, byteorder = options.pop("bigtiff", False), options.pop("byteorder", "<")
    with tifffile.TiffWriter(file, bigtiff=bigtiff, byteorder=byteorder) as writer:
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
    "several pages": by_tifffile(np.stack([cells("uint16"), cells("uint16") + 500])),
}


def shown_of(page, data: bytes) -> dict:
    return page.evaluate(SHOWN, base64.b64encode(data).decode())


@pytest.mark.parametrize("name", FILES)
def test_a_tiff_is_shown_as_the_server_sees_it(page, name):
    theirs = decoded(FILES[name], Limits())

    shown = shown_of(page, FILES[name])

    assert "wrong" not in shown
    pixels = np.reshape(shown["pixels"], (shown["height"], shown["width"], 4))
    assert (pixels[..., 3] == 255).all()
    np.testing.assert_array_equal(pixels[..., :3], theirs.source.levels[0])
    assert shown["window"] == (None if theirs.intensity_window is None else pytest.approx(theirs.intensity_window))
    assert shown["more"] == (name == "several pages")
