"""A click on a pixel of the picture means that pixel, however the picture is shown."""

import math

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.conftest import squares
from tests.server.page.conftest import rotated
from tests.server.pictures import file_of

SCREENS = {
    "laptop": {"viewport": {"width": 1366, "height": 768}},
    "desk, 1.5 pixels": {"viewport": {"width": 1920, "height": 1080}, "device_scale_factor": 1.5},
    "phone, 3 pixels": {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 3, "is_mobile": True},
}


def only_pixel(mask: np.ndarray) -> tuple[int, int]:
    """Return x, y of the one pixel of a mask."""
    ((row, col),) = np.argwhere(mask)
    return int(col), int(row)


@pytest.mark.parametrize("screen", SCREENS)
def test_a_click_means_the_pixel_under_it(dots, tab_of, screen):
    tab = tab_of(dots, **SCREENS[screen]).open()

    for width, height in ((300, 200), (10, 12), (64, 1000)):
        tab.load(np.zeros((height, width), np.uint8))
        for pixel in ((width // 3, height // 2), (0, 0), (width - 1, height - 1)):
            tab.segment(*pixel)

            assert only_pixel(tab.saved()) == pixel


@pytest.mark.parametrize("screen", SCREENS)
def test_the_mask_is_drawn_on_the_pixels_that_it_means(discs, tab_of, screen):
    tab = tab_of(discs, **SCREENS[screen]).open().load(np.zeros((200, 300), np.uint8))

    tab.segment(150, 60)

    # A disc of 10 pixels; the point's sign covers its middle on small screens, the outline what is just outside.
    assert all(tab.shown(x, y)[3] > 50 for x, y in ((159, 60), (141, 60), (150, 69), (150, 51)))
    assert all(tab.shown(x, y)[3] == 0 for x, y in ((166, 60), (134, 60), (150, 76), (150, 44)))


def test_a_click_on_a_picture_of_4000_pixels_lands_on_what_is_shown_there(dots, tab_of):
    tab = tab_of(dots).open().load(np.zeros((2500, 4000), np.uint8))
    box = tab.edge.bounding_box()
    place = box["x"] + 411, box["y"] + 222

    tab.page.mouse.click(*place)

    expect(tab.points).to_have_text("1")
    tab.waits_for("ready")
    wanted = math.floor(411 / box["width"] * 4000), math.floor(222 / box["height"] * 2500)
    assert only_pixel(tab.saved()) == wanted


def test_the_outermost_rim_of_an_enlarged_picture_still_means_its_last_pixel(dots, tab_of):
    tab = tab_of(dots).open().load(np.zeros((10, 10), np.uint8))
    box = tab.edge.bounding_box()

    tab.page.mouse.click(box["x"] + box["width"] - 0.4, box["y"] + box["height"] - 0.4)

    expect(tab.points).to_have_text("1")
    tab.waits_for("ready")
    assert only_pixel(tab.saved()) == (9, 9)


def test_a_picture_that_its_camera_turned_is_shown_upright_and_clicked_as_shown(dots, tab_of):
    pixels = np.zeros((100, 200), np.uint8)
    tab = tab_of(dots).open().give(rotated(pixels), name="photo.jpg", media="image/jpeg").waits_for("ready")

    expect(tab.size).to_have_text("100 × 200")
    tab.segment(90, 190)

    mask = tab.saved()
    assert mask.shape == (200, 100)
    assert only_pixel(mask) == (90, 190)


def test_clicks_stay_right_when_the_window_changes(dots, tab_of):
    tab = tab_of(dots).open().load(squares())
    before = tab.edge.bounding_box()

    tab.page.set_viewport_size({"width": 700, "height": 600})
    tab.page.wait_for_function(
        "before => document.getElementById('edge').getBoundingClientRect().width !== before", arg=before["width"]
    )
    tab.segment(101, 17)

    assert only_pixel(tab.saved()) == (101, 17)


def test_a_picture_of_which_the_server_sees_another_size_is_refused(dots, tab_of):
    tab = tab_of(dots)
    tab.page.route_web_socket("**/ws/realtime", _shrinking)
    tab.open().give(file_of(squares()))

    expect(tab.error).to_contain_text("The server sees 64 × 64 pixels and this browser 128 × 128")
    tab.waits_for("idle")


def _shrinking(route) -> None:
    """Pass everything on, but for the size of pictures."""
    server = route.connect_to_server()
    server.on_message(
        lambda data: route.send(data.replace("128", "64") if isinstance(data, str) and "image_loaded" in data else data)
    )
