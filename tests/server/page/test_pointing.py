"""What a press on the picture becomes: a point, a box, a look at another part, or nothing."""

import pytest
from playwright.sync_api import expect

from tests.server.page.easel import Easel


@pytest.fixture
def easel(bare_page):
    bare_page.mouse.move(0, 0)
    return Easel(bare_page)


class Fingers:
    """Fingers on an easel."""

    def __init__(self, easel) -> None:
        self._easel, self._browser = easel, easel.page.context.new_cdp_session(easel.page)

    def send(self, kind: str, *places: tuple[float, float]) -> None:
        """Send `touchStart`, `touchMove`, `touchEnd` or `touchCancel` with the fingers that are down."""
        points = [dict(zip("xy", self._easel.place(*place), strict=True), id=at) for at, place in enumerate(places)]
        self._browser.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def point(x: int, y: int, label: int = 1) -> list:
    return ["point", {"x": x, "y": y, "label": label}]


def box(x1: int, y1: int, x2: int, y2: int, label: int = 1) -> list:
    return ["box", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "label": label}]


def told(easel) -> list:
    return [said for said in easel.heard() if said[0] != "hover"]


@pytest.mark.parametrize(("button", "label"), [("left", 1), ("right", 0)])
def test_a_click_is_a_point(easel, button, label):
    easel.page.mouse.click(*easel.place(12.5, 7.5), button=button)

    assert told(easel) == [point(12, 7, label)]


def test_a_click_beside_the_picture_is_none_and_one_at_its_very_edge_means_its_last_pixel(easel):
    easel.evaluate("easel.surface.viewport.zoomBy(0.5)")

    easel.page.mouse.click(*easel.place(-4, 20))
    easel.page.mouse.click(*easel.place(60.4, 20.5))

    assert told(easel) == [point(59, 20)]


def test_a_drag_is_a_box_that_holds_both_its_ends(easel):
    easel.drag((5.5, 4.5), (20.5, 30.5), release=False)
    assert easel.over(5, 17)[3] > 0 and easel.over(12, 17)[3] == 0, "the box that is drawn is shown"
    easel.page.mouse.up()

    assert told(easel) == [box(5, 4, 21, 31)]
    assert easel.over(5, 17)[3] == 0


def test_a_drag_that_comes_to_the_upper_left_is_the_same_box(easel):
    easel.drag((20.5, 30.5), (5.5, 4.5))

    assert told(easel) == [box(5, 4, 21, 31)]


def test_a_drag_that_leaves_the_canvas_ends_at_the_picture_s_edge(easel):
    easel.drag((30.5, 20.5), (95, -20))

    assert told(easel) == [box(30, 0, 60, 21)]


def test_a_hand_that_trembles_still_clicks(easel):
    x, y = easel.place(30.2, 20.2)
    easel.page.mouse.move(x, y)
    easel.page.mouse.down()
    easel.page.mouse.move(x + 4, y + 3)
    easel.page.mouse.up()

    assert told(easel) == [point(30, 20)]


def test_a_double_click_is_one_point(easel):
    easel.page.mouse.dblclick(*easel.place(12.5, 7.5))

    assert told(easel) == [point(12, 7)]


def test_escape_drops_a_box_that_is_being_drawn(easel):
    easel.drag((5.5, 4.5), (20.5, 30.5), release=False)
    easel.page.keyboard.press("Escape")
    easel.page.mouse.up()

    assert told(easel) == []
    assert easel.over(5, 17)[3] == 0


def test_a_drag_with_the_right_button_draws_only_what_examples_are_not(easel):
    easel.drag((5.5, 4.5), (20.5, 30.5), button="right")
    assert told(easel) == []

    easel.evaluate("(easel.tool = 'example')")
    easel.drag((5.5, 4.5), (20.5, 30.5), button="right")
    easel.page.keyboard.down("Alt")
    easel.drag((1.5, 1.5), (9.5, 9.5))
    easel.page.keyboard.up("Alt")

    assert told(easel) == [box(5, 4, 21, 31, 0), box(1, 1, 10, 10, 0)]


def test_a_finger_draws_a_box_and_a_tap_is_a_point(easel):
    fingers = Fingers(easel)

    fingers.send("touchStart", (5.5, 4.5))
    fingers.send("touchMove", (20.5, 30.5))
    fingers.send("touchEnd")
    easel.page.touchscreen.tap(*easel.place(40.5, 7.5))

    assert told(easel) == [box(5, 4, 21, 31), point(40, 7)]


def test_a_finger_that_rests_says_what_does_not_belong_once(easel):
    fingers = Fingers(easel)

    fingers.send("touchStart", (12.5, 7.5))
    easel.waits_for("easel.heard.length > 0")
    fingers.send("touchMove", (30.5, 30.5))
    fingers.send("touchEnd")

    assert told(easel) == [point(12, 7, 0)]


def test_a_pinch_zooms_about_its_middle_and_leaves_nothing(easel):
    fingers = Fingers(easel)
    before = easel.place(30, 20)

    fingers.send("touchStart", (25, 20))
    fingers.send("touchStart", (25, 20), (35, 20))
    fingers.send("touchMove", (15, 20), (45, 20))
    easel.waits_for("easel.surface.viewport.scale > 29")
    assert easel.place(30, 20) == pytest.approx(before, abs=1)
    fingers.send("touchEnd", (15, 20))
    fingers.send("touchMove", (40, 30))
    fingers.send("touchEnd")

    assert told(easel) == []


def test_two_fingers_move_the_picture(easel):
    easel.evaluate("easel.surface.viewport.zoomBy(3)")
    fingers = Fingers(easel)
    before = easel.evaluate("easel.surface.viewport.corner.x")

    fingers.send("touchStart", (25, 20))
    fingers.send("touchStart", (25, 20), (35, 20))
    fingers.send("touchMove", (28, 20), (38, 20))
    easel.waits_for(f"easel.surface.viewport.corner.x < {before - 2}")
    fingers.send("touchEnd")

    assert easel.evaluate("easel.surface.viewport.scale") == pytest.approx(30, rel=0.01)
    assert told(easel) == []


def test_a_finger_that_the_browser_takes_away_leaves_nothing_and_the_next_tap_counts(easel):
    fingers = Fingers(easel)

    fingers.send("touchStart", (5.5, 4.5))
    fingers.send("touchMove", (20.5, 30.5))
    fingers.send("touchCancel")
    assert told(easel) == []
    easel.page.touchscreen.tap(*easel.place(40.5, 7.5))

    assert told(easel) == [point(40, 7)]


def test_a_box_is_drawn_by_keys(easel):
    keys = easel.page.keyboard
    easel.evaluate("easel.above.focus()")

    keys.press("ArrowLeft")
    keys.press("b")
    keys.press("Shift+ArrowLeft")
    keys.press("Shift+ArrowUp")
    assert easel.over(28, 19)[3] > 0
    keys.press("b")
    keys.press("B")
    keys.press("ArrowRight")
    keys.press("Enter")
    keys.press("b")
    keys.press("Escape")
    keys.press("Delete")

    assert told(easel) == [box(28, 19, 30, 21), box(28, 19, 30, 20), point(29, 19, 0)]


def test_a_mouse_that_rests_asks_what_is_there_and_one_that_is_pressed_does_not(easel):
    easel.page.mouse.move(*easel.place(12.5, 7.5))
    easel.waits_for("easel.heard.length > 0")
    assert easel.heard()[-1] == ["hover", {"x": 12, "y": 7}]

    easel.evaluate("easel.heard.splice(0)")
    easel.drag((20.5, 20.5), (40.5, 30.5), release=False)
    easel.page.wait_for_timeout(200)
    easel.page.mouse.up()

    assert easel.heard() == [box(20, 20, 41, 31)]


def test_a_box_is_sent_to_the_server(dots, tab_of):
    tab, sent = tab_of(dots), []
    tab.page.on("websocket", lambda socket: socket.on("framesent", lambda data: sent.append(str(data))))
    tab.open().load()

    tab.page.mouse.move(*tab.place(20, 30))
    tab.page.mouse.down()
    tab.page.mouse.move(*tab.place(60, 50))
    tab.page.mouse.move(*tab.place(99, 80))
    tab.page.mouse.up()

    expect(tab.undo).to_be_enabled()
    tab.waits_for("ready")
    (box,) = [message for message in sent if '"box"' in message]
    assert all(part in box for part in ('"x1":20', '"y1":30', '"x2":100', '"y2":81'))


def test_a_press_that_began_on_another_picture_is_nothing(easel):
    easel.drag((5.5, 4.5), (20.5, 30.5), release=False)
    easel.evaluate("easel.surface.show({ picture: (easel.picture = { ...easel.picture }) })")
    assert easel.over(5, 17)[3] == 0, "the box that was drawn is not shown on the other"
    easel.page.mouse.move(*easel.place(30.5, 20.5))
    easel.page.mouse.up()
    assert told(easel) == []

    easel.page.mouse.click(*easel.place(12.5, 7.5))

    assert told(easel) == [point(12, 7)]


def test_a_box_that_keys_began_on_another_picture_is_begun_again(easel):
    keys = easel.page.keyboard
    easel.evaluate("easel.above.focus()")
    keys.press("b")
    keys.press("Shift+ArrowLeft")

    easel.evaluate("easel.surface.show({ picture: (easel.picture = { ...easel.picture }) })")
    keys.press("b")

    assert told(easel) == []
