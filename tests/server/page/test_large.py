"""Pictures of 8,000 pixels a side, of one pixel, and very long ones."""

import pytest

from tests.server.page.easel import ROOM, Easel

_SIZES = "[easel.below, easel.above].map(({ width, height }) => [width, height])"


def levels_made(easel) -> None:
    """Wait until nothing is drawn any more that shows the chequers."""
    easel.page.wait_for_function(
        """() => {
            const { below } = window.easel;
            const { data } = below.getContext("2d").getImageData(below.width / 2 - 40, below.height / 2 - 40, 80, 80);
            return data.every((value, at) => at % 4 === 3 || Math.abs(value - 127.5) < 8);
        }"""
    )


def test_what_is_shown_small_is_averaged_and_not_left_out(bare_page):
    easel = Easel(bare_page, 4001, 3001, "(x + y) % 2 * 255")

    levels_made(easel)

    # To the last row and column, which are less than a pixel of the smaller levels.
    assert all(easel.under(*place)[3] == 255 for place in ((3994, 1500), (2000, 2994), (4, 4)))
    assert easel.evaluate(_SIZES) == [[600, 400], [600, 400]]


def test_a_picture_of_8000_pixels_is_shown_whole_and_pixel_by_pixel(bare_page):
    easel = Easel(bare_page, 80, 80, "x < 40 === y < 40 ? 230 : 20", larger=100)

    easel.waits_for("easel.surface.viewport.scale === 0.05")
    assert [easel.under(x, y)[0] for x, y in ((900, 900), (7000, 900), (7000, 7000))] == [230, 20, 230]
    easel.evaluate("easel.surface.viewport.zoomBy(1e9, { x: 300, y: 200 })")

    assert easel.evaluate("easel.surface.viewport.scale") == 40
    assert [easel.under(x, 3999.9)[0] for x in (3999.9, 4000.1)] == [230, 20]
    easel.page.mouse.click(*easel.place(4000.5, 3999.5))
    assert easel.heard()[-1] == ["point", {"x": 4000, "y": 3999, "label": 1}]
    assert easel.evaluate(_SIZES) == [[600, 400], [600, 400]]


def test_the_smaller_copies_of_a_picture_that_was_put_away_are_freed(bare_page):
    easel = Easel(bare_page, 60, 40, larger=20)
    bare_page.evaluate("window.made = []")
    bare_page.evaluate(
        """() => {
            const { transferToImageBitmap: make } = OffscreenCanvas.prototype;
            OffscreenCanvas.prototype.transferToImageBitmap = function () {
                const bitmap = make.call(this);
                window.made.push({ bitmap, size: bitmap.width });
                return bitmap;
            };
        }"""
    )
    easel.evaluate(
        """(async () => {
            const { surface, picture } = easel;
            const bitmap = await createImageBitmap(picture.bitmap, 0, 0, 1100, 700);
            surface.show({ picture: (easel.other = { ...picture, bitmap, width: 1100, height: 700 }) });
        })()"""
    )
    its = "window.made.filter(({ size }) => size === 550 || size === 275)"  # the first picture's may come late, too
    bare_page.wait_for_function(f"() => {its}.length === 2")

    easel.evaluate("(easel.other.bitmap.close(), easel.surface.show({ picture: { ...easel.picture } }))")
    easel.evaluate(
        """(async () => {
            const bitmap = await createImageBitmap(easel.picture.bitmap);
            easel.surface.show({ picture: { ...easel.picture, bitmap } });
        })()"""
    )

    assert bare_page.evaluate(f"{its}.map(({{ bitmap }}) => bitmap.width)") == [0, 0]


@pytest.mark.parametrize(("width", "height"), [(1, 1), (16384, 100), (100, 16384)])
def test_pictures_of_odd_sizes_can_be_seen_and_clicked(bare_page, width, height):
    easel = Easel(bare_page, width, height, "200")
    assert easel.under(width / 2, height / 2)[0] == 200
    easel.page.mouse.move(ROOM["x"] + 300, ROOM["y"] + 200)

    easel.page.mouse.wheel(0, -9000)
    easel.waits_for("easel.surface.viewport.scale === 40")
    place = (width // 2, height // 2)
    easel.page.mouse.click(*easel.place(place[0] + 0.5, place[1] + 0.5))

    assert easel.heard()[-1] == ["point", {"x": place[0], "y": place[1], "label": 1}]


def test_however_often_it_is_told_a_canvas_is_drawn_once_a_frame(bare_page):
    easel = Easel(bare_page, 300, 200, "90")

    drawn = easel.evaluate(
        """(async () => {
            const { surface, above } = easel;
            await new Promise(requestAnimationFrame);
            const paper = above.getContext("2d");
            let drawn = 0;
            paper.clearRect = (...all) => (drawn += 1, CanvasRenderingContext2D.prototype.clearRect.apply(paper, all));
            for (let at = 0; at < 50; at += 1) {
                surface.viewport.zoomBy(1.01);
                surface.show({ cross: { x: at, y: at } });
            }
            await new Promise(requestAnimationFrame);
            return drawn;
        })()"""
    )

    assert drawn == 1
