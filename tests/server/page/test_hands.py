"""Fingers, and keys alone."""

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.conftest import squares
from tests.server.pictures import file_of

PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}


class Finger:
    """A finger on a tab."""

    def __init__(self, tab) -> None:
        self.tab, self._browser = tab, tab.page.context.new_cdp_session(tab.page)

    def down(self, x: float, y: float) -> None:
        left, top = self.tab.place(x, y)
        self._send("touchStart", [{"x": left, "y": top}])

    def move(self, x: float, y: float) -> None:
        left, top = self.tab.place(x, y)
        self._send("touchMove", [{"x": left, "y": top}])

    def up(self) -> None:
        self._send("touchEnd", [])

    def _send(self, kind: str, points: list) -> None:
        self._browser.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


@pytest.fixture
def phone(discs, tab_of):
    return tab_of(discs, **PHONE).open().load()


def test_a_tap_adds_the_object(phone):
    phone.page.touchscreen.tap(*phone.place(35, 35))

    expect(phone.points).to_have_text("1")
    phone.waits_for("ready")
    assert phone.saved()[35, 35] == 255


def test_a_finger_that_rests_removes_and_shows_that_it_will(phone):
    finger = Finger(phone)
    phone.segment(35, 35)

    finger.down(80, 80)
    phone.page.wait_for_function("() => document.getElementById('points').textContent === '2'", polling=20)
    finger.up()

    phone.waits_for("ready")
    expect(phone.points).to_have_text("2")
    red, green, _, opacity = phone.shown(78, 79.3)
    assert red > green and opacity > 200


def test_a_ring_grows_round_a_resting_finger(phone):
    finger = Finger(phone)

    finger.down(64, 64)
    phone.page.wait_for_function(
        """() => {
            const canvas = document.getElementById("canvas");
            const paper = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
            paper.drawImage(canvas, 0, 0);
            const middle = canvas.width / 2 + 0.5 * canvas.width / 128;
            const ring = 34 * devicePixelRatio;
            return paper.getImageData(middle + 4, middle - ring, 1, 1).data[3] > 0;
        }""",
        polling=20,
    )
    finger.up()


def test_a_finger_that_moves_draws_a_box_and_adds_no_point(phone):
    finger = Finger(phone)

    finger.down(35, 35)
    finger.move(60, 60)
    finger.up()

    expect(phone.page.locator("#object-list .about")).to_contain_text("box")
    expect(phone.points).to_have_text("0")


def test_the_picture_does_not_scroll_under_a_finger_and_the_page_does(phone):
    assert phone.canvas.evaluate("canvas => getComputedStyle(canvas).touchAction") == "none"
    assert phone.page.locator("body").evaluate("body => getComputedStyle(body).touchAction") == "auto"


def test_everything_can_be_done_with_keys_alone(discs, tab_of):
    tab = tab_of(discs).open()
    keys = tab.page.keyboard
    reach(tab, "load")
    with tab.page.expect_file_chooser() as chooser:
        keys.press("Enter")
    chooser.value.set_files({"name": "a.png", "mimeType": "image/png", "buffer": file_of(squares())})
    tab.waits_for("ready")

    reach(tab, "canvas")
    for _ in range(10):
        keys.press("ArrowRight")
    keys.press("Shift+ArrowDown")
    keys.press("Enter")
    expect(tab.points).to_have_text("1")
    tab.waits_for("ready")
    mask = tab.saved()
    assert np.argwhere(mask).mean(axis=0) == pytest.approx((65, 84), abs=0.1)

    reach(tab, "canvas")
    keys.press("ArrowUp")
    keys.press("Delete")
    expect(tab.points).to_have_text("2")
    keys.press("Control+z")
    expect(tab.points).to_have_text("1")
    keys.press("m")
    expect(tab.overlay_shown).not_to_be_checked()
    keys.press("r")
    expect(tab.points).to_have_text("0")
    reach(tab, "clear")
    keys.press("Enter")
    tab.waits_for("idle")


def reach(tab, name: str) -> None:
    """Press Tab until the element of an id has the focus."""
    for _ in range(40):
        if tab.page.evaluate("document.activeElement.id") == name:
            return
        tab.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {name}")


def test_the_keyboard_goes_on_from_somewhere_when_its_control_is_switched_off(discs, tab_of):
    tab = tab_of(discs).open()
    tab.sample.press("Enter")
    tab.waits_for("ready")
    assert focused(tab) == "canvas"

    tab.segment(35, 35)
    tab.undo.press("Enter")
    expect(tab.points).to_have_text("0")
    assert focused(tab) == "canvas"

    tab.clear.press("Enter")
    tab.waits_for("idle")
    assert focused(tab) == "load"


def test_the_menu_of_downloads_closes_where_the_keyboard_leaves_it(discs, tab_of):
    tab = tab_of(discs).open().load().segment(35, 35)
    button, menu = tab.page.get_by_role("button", name="Download"), tab.downloads_menu

    button.press("Enter")
    expect(menu).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()

    button.press("Enter")
    for _ in range(5):
        tab.page.keyboard.press("Tab")
    expect(menu).to_be_hidden()


def focused(tab) -> str:
    """Return the id of what has the focus."""
    return tab.page.evaluate("document.activeElement.id")
