"""Several pictures at once: a strip to choose from, and files that cannot be opened or are too large."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image
from playwright.sync_api import expect

from napari_sam3_assistant.server.model.intake import decoded
from napari_sam3_assistant.server.settings import Limits
from tests.conftest import squares
from tests.server.conftest import running
from tests.server.page.conftest import lasting_tab
from tests.server.pictures import file_of
from tests.server.stub import StubEngine

TALL = {"width": 1366, "height": 1000}


@pytest.fixture(scope="module")
def lasting(browser, discs):
    with lasting_tab(browser, discs, viewport=TALL) as tab:
        yield tab


@pytest.fixture
def tab(lasting):
    return lasting.open()


def png(name: str, side: int = 128) -> dict:
    return {"name": name, "mimeType": "image/png", "buffer": file_of(squares(side))}


def watch_bitmaps(tab) -> None:
    """Remember each bitmap that is made; one that was closed has no width."""
    tab.page.evaluate(
        """() => {
            const make = window.createImageBitmap;
            window.made = [];
            window.createImageBitmap = async (...all) => {
                window.made.push(await make(...all));
                return window.made.at(-1);
            };
        }"""
    )


def widths_kept(tab) -> list[int]:
    return tab.page.evaluate("window.made.map(({ width }) => width).filter((width) => width)")


def thumbs(tab):
    return tab.strip.locator(".thumb")


def opened(tab, *names: str):
    """Open pictures of 128, 129, ... pixels a side, and wait for the first to be in use."""
    tab.file.set_input_files([png(name, 128 + at) for at, name in enumerate(names)])
    expect(thumbs(tab)).to_have_count(len(names))
    expect(tab.size).to_have_text("128 × 128")
    return tab.waits_for("ready")


def test_many_files_are_opened_at_once_and_the_first_is_in_use(tab):
    opened(tab, "a.png", "b.png", "c.png")

    expect(tab.strip.get_by_role("button", name="a.png", exact=True)).to_have_attribute("aria-current", "true")
    expect(tab.strip.get_by_role("button", name="b.png", exact=True)).to_have_attribute("aria-current", "false")


def test_one_picture_needs_no_strip(tab):
    tab.load()

    expect(tab.strip).to_be_hidden()


def test_each_picture_keeps_its_objects(tab):
    opened(tab, "a.png", "b.png").segment(35, 35)
    expect(tab.strip.get_by_role("button", name="a.png 1 object")).to_be_visible()

    tab.strip.get_by_role("button", name="b.png", exact=True).click()
    expect(tab.size).to_have_text("129 × 129")
    tab.waits_for("ready")
    expect(tab.points).to_have_text("0")
    tab.strip.get_by_role("button", name="a.png 1 object").click()

    expect(tab.size).to_have_text("128 × 128")
    tab.waits_for("ready")
    expect(tab.points).to_have_text("1")
    assert tab.saved()[35, 35] == 255


def test_keys_go_from_picture_to_picture_and_stop_at_the_ends(tab):
    opened(tab, "a.png", "b.png")

    keys = {"PageDown": 129, "PageUp": 128, "Alt+ArrowLeft": 128, "Alt+ArrowRight": 129}
    for key, size in keys.items():
        tab.page.keyboard.press(key)
        expect(tab.size).to_have_text(f"{size} × {size}")


def test_the_strip_can_be_walked_and_pictures_closed_with_the_keyboard(tab):
    opened(tab, "a.png", "b.png", "c.png")
    thumbs(tab).nth(0).focus()

    tab.page.keyboard.press("ArrowRight")
    expect(thumbs(tab).nth(1)).to_be_focused()
    tab.page.keyboard.press("Delete")
    expect(thumbs(tab)).to_have_count(2)
    tab.page.keyboard.press("Enter")

    expect(tab.size).to_have_text("130 × 130")


def test_closing_the_picture_in_use_goes_to_its_neighbour_and_the_last_leaves_none(tab):
    watch_bitmaps(tab)
    opened(tab, "a.png", "b.png").segment(35, 35)

    tab.strip.get_by_role("button", name="Close a.png").click()
    expect(tab.size).to_have_text("129 × 129")
    expect(tab.strip).to_be_hidden()
    tab.waits_for("ready").segment(35, 35)
    assert widths_kept(tab) == [129], "what was closed takes no memory"
    tab.clear.click()

    tab.waits_for("idle")
    expect(tab.size).to_have_text("–")


def test_a_file_that_cannot_be_opened_is_named_and_the_others_open(tab):
    broken = {"name": "broken.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n"}

    tab.file.set_input_files([png("a.png"), broken, png("b.png")])

    expect(thumbs(tab)).to_have_count(2)
    expect(tab.error).to_contain_text("“broken.png” is damaged")


def test_what_the_server_does_not_take_leaves_the_strip(tab):
    opened(tab, "a.png", "b.png")

    avif = {"name": "new.avif", "mimeType": "image/avif", "buffer": file_of(squares(64), "AVIF")}
    tab.file.set_input_files([avif])

    expect(tab.error).to_contain_text("Failed to load image")
    expect(thumbs(tab)).to_have_count(2)
    expect(tab.size).to_have_text("128 × 128")


def test_pictures_that_were_put_away_are_shown_again(tab):
    opened(tab, *(f"{at}.png" for at in range(6)))

    for at in (1, 2):  # of the others the last four are kept
        thumbs(tab).nth(at).click()
        expect(tab.size).to_have_text(f"{128 + at} × {128 + at}")
        tab.waits_for("ready")

    tab.segment(35, 35)
    assert brightness(tab, 35, 35) > brightness(tab, 64, 64) + 50


def brightness(tab, x: float, y: float) -> int:
    """Return how bright the picture is shown at a pixel."""
    left, top = tab.place(x, y)
    picture = Image.open(io.BytesIO(tab.page.screenshot(clip={"x": left, "y": top, "width": 1, "height": 1})))
    return int(np.asarray(picture.convert("L"))[0, 0])


def test_a_tiff_of_16_bits_and_several_pages_is_shown_and_segmented(tab):
    file = io.BytesIO()
    plane = squares().astype(np.uint16) * 3
    plane[:2] = 60_000  # a few bright pixels
    tifffile.imwrite(file, np.stack([plane, plane * 0]), photometric="minisblack")

    tab.give(file.getvalue(), name="cells.tif", media="image/tiff")

    tab.waits_for("ready").segment(35, 35)
    expect(tab.note).to_contain_text("The file has several pages; this is the first.")
    expect(tab.note).to_contain_text("(white)")
    assert tab.saved()[35, 35] == 255


def test_a_large_tiff_is_shown_with_the_window_that_the_server_chose(tab):
    row, col = np.mgrid[:2100, :2100] // 8
    file = io.BytesIO()
    tifffile.imwrite(file, (row * 11 + col * 3 + (row > 200) * 9000).astype(np.uint16), compression="zlib")

    tab.give(file.getvalue(), name="large.tif", media="image/tiff")

    tab.waits_for("ready")
    window = decoded(file.getvalue(), Limits()).intensity_window
    said = [f"{round(one, 4 - len(str(int(one))) + 1):,g}" for one in window]
    expect(tab.note).to_have_text(f"Shown from {said[0]} (black) to {said[1]} (white).")


def test_a_picture_over_the_limit_is_not_sent_and_a_smaller_copy_is_offered(tab_of):
    with running(StubEngine(radius=10), limits=Limits(image_pixels=10_000)) as server:
        tab = tab_of(server, viewport=TALL).open()
        watch_bitmaps(tab)

        tab.give(file_of(np.hstack([squares(), squares()])), name="wide.png")
        expect(tab.error).to_contain_text("This picture has 256 × 128 pixels")
        tab.page.get_by_role("button", name="Use a copy of 141 × 70").click()

        expect(tab.size).to_have_text("141 × 70")
        expect(tab.note).to_contain_text("points, masks and downloads are in its pixels")
        expect(tab.error).to_be_hidden()
        tab.waits_for("ready").segment(35, 35)
        assert tab.saved().shape == (70, 141)
        assert widths_kept(tab) == [141]


def test_a_file_of_too_many_bytes_becomes_a_jpeg_that_fits(tab_of):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    with running(StubEngine(radius=10), limits=Limits(image_bytes=60_000)) as server:
        tab = tab_of(server, viewport=TALL).open()

        tab.give(file_of(noise), name="noise.png")
        expect(tab.error).to_contain_text("the server takes")
        tab.page.get_by_role("button", name="Use a smaller copy (JPEG)").click()

        tab.waits_for("ready").segment(35, 35)
        expect(tab.note).to_contain_text("A copy of")
