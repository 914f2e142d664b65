"""Zoom and pan: what is in sight, and that a click means the pixel under it all the same."""

import json
import math
import random

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.server.page.easel import ROOM, Easel

RATIOS = (1, 1.5, 2.625)
"""Pixels of the screen of one of the page."""


@pytest.fixture
def easel(bare_page):
    bare_page.mouse.move(0, 0)
    return Easel(bare_page, 300, 200)


def view(easel) -> dict:
    return easel.evaluate(
        "(({ scale, corner, fitted, seen }) => ({ scale, corner, fitted, seen }))(easel.surface.viewport)"
    )


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_click_means_the_pixel_under_it_however_far_the_picture_is_zoomed_and_moved(dots, tab_of, ratio):
    tab, sent, rng = tab_of(dots, device_scale_factor=ratio), [], random.Random(3)
    tab.page.on("websocket", lambda socket: socket.on("framesent", lambda data: sent.append(data)))
    tab.open().load(np.zeros((300, 400), np.uint8))
    frame, mouse = tab.frame.bounding_box(), tab.page.mouse
    middle = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    clicked = []

    for turn in (0, -700, -900, 400, -1500, 1200):
        mouse.move(middle[0] + rng.uniform(-90, 90), middle[1] + rng.uniform(-90, 90))
        before = tab.edge.bounding_box()
        mouse.wheel(0, turn)
        if turn:
            tab.page.wait_for_function(
                "before => document.getElementById('edge').getBoundingClientRect().width !== before",
                arg=before["width"],
            )
        edge = tab.edge.bounding_box()
        scale = edge["width"] / 400
        left, top = max(edge["x"], frame["x"]), max(edge["y"], frame["y"])
        right = min(edge["x"] + edge["width"], frame["x"] + frame["width"])
        bottom = min(edge["y"] + edge["height"], frame["y"] + frame["height"])
        pixel = [
            int((rng.uniform(low + 40, high - 40) - start) / scale)
            for low, high, start in ((left, right, edge["x"]), (top, bottom, edge["y"]))
        ]
        clicked.append(pixel)
        tab.segment(*pixel)

    asked = [message for message in map(parsed, sent) if message.get("type") == "click"]
    assert [[message["x"], message["y"]] for message in asked] == clicked


def parsed(data) -> dict:
    return json.loads(data) if isinstance(data, str) else {}


def test_a_picture_is_shown_whole_and_stays_so_when_its_room_changes(easel):
    before = view(easel)

    easel.evaluate("(easel.above.parentElement.parentElement.style.width = '300px')")
    easel.waits_for("easel.surface.viewport.scale === 1")

    assert before["scale"] == 2 and before["fitted"]
    assert view(easel)["seen"] == {"left": 0, "top": 0, "right": 300, "bottom": 200}


def test_the_wheel_zooms_about_the_pointer(easel):
    easel.evaluate("easel.surface.viewport.zoomBy(3)")
    place = ROOM["x"] + 170, ROOM["y"] + 300
    easel.page.mouse.move(*place)
    before = easel.evaluate("easel.surface.viewport.placeOf({ x: 170, y: 300 })")

    easel.page.mouse.wheel(0, -240)
    easel.waits_for("easel.surface.viewport.scale > 6.1")

    assert easel.evaluate("easel.surface.viewport.placeOf({ x: 170, y: 300 })") == pytest.approx(before)


def test_a_pinch_on_a_trackpad_zooms_the_picture_and_not_the_page(easel):
    easel.page.mouse.move(ROOM["x"] + 300, ROOM["y"] + 200)
    easel.page.keyboard.down("Control")
    easel.page.mouse.wheel(0, -50)
    easel.page.keyboard.up("Control")

    easel.waits_for("easel.surface.viewport.scale > 3")
    assert easel.page.evaluate("[devicePixelRatio, visualViewport.scale]") == [1, 1]


def test_scales_have_limits_and_a_picture_is_never_lost_out_of_sight(easel):
    found = easel.evaluate(
        """(() => {
            const { viewport } = easel.surface;
            let seed = 7;
            const random = (most) => ((seed = (seed * 16807) % 2147483647) / 2147483647) * most;
            const wrong = [];
            for (let turn = 0; turn < 2000; turn += 1) {
                if (random(1) < 0.5) viewport.zoomBy(2 ** (random(6) - 3), { x: random(600), y: random(400) });
                else viewport.panBy(random(4000) - 2000, random(4000) - 2000);
                const { scale, corner, seen } = viewport;
                const covered = (size, room) => Math.min(size * scale, room);
                const right = Math.abs((seen.right - seen.left) * scale - covered(300, 600)) < 1e-6
                    && Math.abs((seen.bottom - seen.top) * scale - covered(200, 400)) < 1e-6;
                if (!(right && scale >= 1 && scale <= 40)) wrong.push({ scale, corner });
            }
            return wrong;
        })()"""
    )

    assert found == []


def test_each_picture_keeps_its_view(easel):
    kept, other, fresh, again = easel.evaluate(
        """(() => {
            const { surface, picture } = easel;
            const { viewport } = surface;
            surface.show({ picture });
            viewport.zoomBy(4, { x: 0, y: 0 });
            const seen = [viewport.seen];
            surface.show({ picture: { ...picture } });
            seen.push(viewport.seen, viewport.fitted);
            surface.show({ picture });
            return [...seen, viewport.seen];
        })()"""
    )

    assert kept == again != other
    assert fresh is True


def test_what_is_held_moves_with_the_mouse(easel):
    easel.evaluate("easel.surface.viewport.zoomBy(4)")
    before = view(easel)["corner"]

    easel.drag((150, 100), (140, 95), button="middle")

    corner = view(easel)["corner"]
    assert (corner["x"], corner["y"]) == pytest.approx((before["x"] + 10, before["y"] + 5))
    assert easel.heard() == []


def test_space_and_a_drag_move_the_picture_and_space_alone_adds_a_point(easel):
    easel.evaluate("easel.surface.viewport.zoomBy(4)")
    easel.evaluate("easel.above.focus()")
    before = view(easel)["corner"]

    easel.page.keyboard.down(" ")
    easel.drag((150, 100), (140, 95))
    easel.page.keyboard.up(" ")

    assert view(easel)["corner"]["x"] == pytest.approx(before["x"] + 10)
    assert easel.heard() == []
    easel.page.keyboard.press(" ")
    assert [kind for kind, _ in easel.heard()] == ["point"]


def test_keys_zoom_and_move(easel):
    easel.evaluate("easel.above.focus()")
    keys = easel.page.keyboard

    keys.press("+")
    keys.press("+")
    assert view(easel)["scale"] == pytest.approx(2 * 1.25**2)
    before = view(easel)["corner"]["x"]
    keys.press("Control+ArrowRight")
    assert view(easel)["corner"]["x"] > before
    keys.press("1")
    assert view(easel)["scale"] == 1
    keys.press("-")
    assert view(easel)["scale"] == 1, "the least is half of what fits"
    keys.press("0")
    assert view(easel)["fitted"]


def test_the_buttons_zoom_and_say_how_far(discs, tab_of):
    tab = tab_of(discs).open()
    expect(tab.zoom).to_be_hidden()
    tab.load()
    whole = tab.zoom_fit.inner_text()

    tab.zoom_in.click()
    assert int(tab.zoom_fit.inner_text().split()[0]) == pytest.approx(int(whole.split()[0]) * 1.25, abs=1)
    tab.zoom_fit.click()
    expect(tab.zoom_fit).to_have_text(whole)
    tab.zoom_fit.click()
    expect(tab.zoom_fit).to_have_text("100 %")
    expect(tab.page.get_by_role("button", name="Show the whole picture")).to_be_visible()
    expect(tab.zoom_out).to_be_disabled()


def test_the_cross_is_brought_into_sight(easel):
    easel.evaluate("easel.surface.viewport.zoomBy(10)")
    easel.evaluate("easel.above.focus()")

    for _ in range(70):
        easel.page.keyboard.press("ArrowRight")
    easel.page.keyboard.press("Enter")

    ((_, point),) = easel.heard()
    seen = view(easel)["seen"]
    assert seen["left"] <= point["x"] < seen["right"]
    assert math.floor(point["x"]) > 160
