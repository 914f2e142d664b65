"""Three sizes, two colour schemes: all is to be seen, named, and told apart."""

import numpy as np
import pytest
from playwright.sync_api import expect

SIZES = {"phone": (360, 740), "laptop": (1366, 768), "desk": (1920, 1080)}
CONTRAST = """() => {
    const light = (color) => {
        const [red, green, blue] = color.match(/[0-9.]+/g).map((part) => {
            const share = Number(part) / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const ground = (element) => {
        const color = getComputedStyle(element).backgroundColor;
        return color === "rgba(0, 0, 0, 0)" ? ground(element.parentElement) : color;
    };
    const poor = [];
    for (const element of document.querySelectorAll("h1, p, dt, dd, button:enabled, label, kbd")) {
        if (!element.checkVisibility() || !element.textContent.trim()) continue;
        const [a, b] = [light(getComputedStyle(element).color), light(ground(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) poor.push(`${element.textContent.trim()}: ${ratio.toFixed(1)}`);
    }
    return poor;
}"""
"""The texts of which the contrast is less than WCAG 2.2 AA asks for."""


def sized(name: str) -> dict:
    width, height = SIZES[name]
    return {"viewport": {"width": width, "height": height}, "is_mobile": name == "phone", "has_touch": name == "phone"}


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_wider_than_the_window_and_the_picture_has_most_of_it(discs, tab_of, size):
    tab = tab_of(discs, **sized(size)).open().load()

    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box, (width, height) = tab.edge.bounding_box(), SIZES[size]
    assert max(box["width"] / width, box["height"] / height) > 0.75
    assert box["x"] >= 0 and box["x"] + box["width"] <= width
    assert box["y"] + box["height"] <= height


def test_on_a_phone_a_tall_picture_stands_in_the_middle(discs, tab_of):
    tab = tab_of(discs, **sized("phone")).open().load(np.zeros((150, 50), np.uint8))

    picture, frame = tab.edge.bounding_box(), tab.frame.bounding_box()

    assert frame["width"] > 320
    assert picture["x"] + picture["width"] / 2 == pytest.approx(frame["x"] + frame["width"] / 2, abs=1)


def test_the_picture_of_a_phone_stays_where_it_is_while_it_is_clicked(discs, tab_of):
    tab = tab_of(discs, **sized("phone")).open().load()
    before = tab.edge.bounding_box()

    tab.segment(35, 35)

    assert tab.edge.bounding_box() == before
    assert len({button.bounding_box()["y"] for button in tab.page.locator(".tools button:visible").all()}) == 2


def test_a_phone_that_lies_shows_the_picture_in_its_whole_height(discs, tab_of):
    tab = tab_of(discs, viewport={"width": 740, "height": 360}, is_mobile=True, has_touch=True).open().load()

    picture, last = tab.edge.bounding_box(), tab.downloads.bounding_box()

    assert picture["height"] > 330
    assert last["x"] > picture["x"] + picture["width"] and last["y"] + last["height"] < 360


@pytest.mark.parametrize("size", ["phone", "laptop"])
def test_what_went_wrong_is_in_sight(discs, tab_of, size):
    tab = tab_of(discs, **sized(size)).open().load()

    tab.give(b"no picture", name="notes.txt", media="text/plain")

    expect(tab.error).to_be_in_viewport(ratio=1)


def test_the_panel_is_not_cut_off_where_it_scrolls(discs, tab_of):
    tab = tab_of(discs, viewport={"width": 1000, "height": 400}).open().load().segment(35, 35)

    wide, room = tab.page.locator(".side").evaluate("side => [side.scrollWidth, side.clientWidth]")

    assert wide <= room


def test_hands_are_told_what_they_can_do(discs, tab_of):
    mouse, finger = (tab_of(discs, **sized(size)).open() for size in ("laptop", "phone"))

    expect(mouse.page.get_by_text("Right-click")).to_be_visible()
    expect(finger.page.get_by_text("Right-click")).to_be_hidden()
    expect(finger.page.get_by_text("Hold")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast_in_every_state(discs, tab_of, scheme):
    tab = tab_of(discs, color_scheme=scheme).open()
    assert tab.page.evaluate(CONTRAST) == []

    tab.load().segment(35, 35)
    tab.give(b"no picture", name="notes.txt", media="text/plain")
    expect(tab.error).to_be_visible()

    assert tab.page.evaluate(CONTRAST) == []


def test_dark_is_dark(discs, tab_of):
    grounds = [
        tab_of(discs, color_scheme=scheme).open().page.evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]

    assert grounds[0] != grounds[1]


def test_every_control_has_a_name_and_can_be_reached(discs, tab_of):
    tab = tab_of(discs).open().load().segment(35, 35)
    tab.page.get_by_role("button", name="Download").click()

    tree = tab.page.locator("body").aria_snapshot()

    for name in ("Load Image", "Undo", "Reset Points", "Clear Image", "Save Mask"):
        assert f'button "{name}' in tree
    assert 'checkbox "Show Mask Overlay" [checked]' in tree
    assert "application" in tree and "status" in tree


def test_nothing_comes_from_elsewhere_and_no_code_is_inline(discs, tab_of):
    asked: list[str] = []
    tab = tab_of(discs)
    tab.page.on("request", lambda request: asked.append(request.url))

    tab.open().load().segment(35, 35)

    assert asked and all(url.startswith((discs.url, "blob:", "data:")) for url in asked)
    page = tab.page.request.get(f"{discs.url}/app")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "style=" not in page.text() and "onclick" not in page.text()


def test_code_that_gets_into_the_page_does_not_run(discs, tab_of):
    tab = tab_of(discs).open()
    tab.forgive("Content Security Policy")

    ran = tab.page.evaluate(
        """async () => {
            const script = document.createElement("script");
            script.textContent = "window.ran = ['script']";
            document.body.append(script);
            const holder = document.createElement("div");
            holder.innerHTML = "<svg onload='window.ran = [`handler`]'></svg>";
            document.body.append(holder);
            const sent = await fetch("http://127.0.0.2:9/").then(() => true, () => false);
            return [window.ran ?? null, sent];
        }"""
    )

    assert ran == [None, False]
