"""Masks, boxes and points on the picture: exact, smooth, to be seen on every ground, and told apart."""

import pytest

from tests.server.page.easel import Easel

SHAPES = {
    "noise": "random() < 0.4",
    "blobs": "Math.sin(x / 3) + Math.cos(y / 2 + x / 5) > 0.2",
    "lines": "x === y || x + y === 30 || y === 12",
    "one pixel": "x === 7 && y === 9",
    "all": "true",
    "ring": "Math.abs(Math.hypot(x - 15, y - 15) - 10) < 3",
}
MASK = """((code, size) => {
    let seed = 5;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    const inside = new Uint8Array(size * size);
    for (let at = 0; at < inside.length; at += 1) {
        const [x, y] = [at % size, Math.floor(at / size)];
        inside[at] = CODE ? 1 : 0;
    }
    const box = { x: 4, y: 3, width: size, height: size };
    return { width: 60, height: 40, box, inside, area: inside.reduce((sum, one) => sum + one, 0) };
})"""
DISC = "Math.hypot(x - 14.5, y - 14.5) < 12.5"
"""Its middle is at 19, 18 of the picture: the box of a mask begins at 4, 3."""


def shown(page, ground: str = "0", code: str = DISC, *, item: str = "{}", more: str = "{}") -> Easel:
    """Return an easel with one object, the selected one."""
    easel = Easel(page, paint=ground)
    mask = f"{MASK.replace('CODE', code)}(null, 30)"
    easel.evaluate(
        f"""(() => {{
            const mask = {mask};
            const item = {{ id: 1, name: "a", color: "#d55e00", hidden: false, points: [], box: null, phrase: "",
                result: {{ mask, score: 1, warning: "", candidates: [] }}, ...{item} }};
            easel.surface.show({{ objects: [item], selected: 1, opacity: 0.4, ...{more} }});
        }})()"""
    )
    return easel


@pytest.mark.parametrize("shape", SHAPES)
def test_the_middle_of_each_pixel_is_on_its_own_side_of_the_outline(bare_page, shape):
    wrong = bare_page.evaluate(
        f"""async () => {{
            const {{ outlineOf }} = await import("/static/outline.js");
            const mask = {MASK.replace("CODE", SHAPES[shape])}(null, 30);
            const paper = new OffscreenCanvas(1, 1).getContext("2d");
            const path = outlineOf(mask, 1);
            const wrong = [];
            for (let y = -1; y <= 30; y += 1) for (let x = -1; x <= 30; x += 1) {{
                const isIn = x >= 0 && y >= 0 && x < 30 && y < 30 && mask.inside[y * 30 + x] === 1;
                if (paper.isPointInPath(path, x + 4.5, y + 3.5, "evenodd") !== isIn) wrong.push([x, y]);
            }}
            return wrong;
        }}"""
    )

    assert wrong == []


def test_an_outline_is_smooth_and_not_half_a_pixel_from_the_border(bare_page):
    length, farthest, corners = bare_page.evaluate(
        f"""async () => {{
            const {{ ringsOf }} = await import("/static/outline.js");
            const mask = {MASK.replace("CODE", "Math.hypot(x - 39.5, y - 39.5) < 35")}(null, 80);
            const [{{ xs, ys }}] = ringsOf(mask);
            let [length, farthest] = [0, 0];
            for (let at = 0; at < xs.length; at += 1) {{
                const next = (at + 1) % xs.length;
                length += Math.hypot(xs[next] - xs[at], ys[next] - ys[at]);
                farthest = Math.max(farthest, Math.abs(Math.hypot(xs[at] - 44, ys[at] - 43) - 35));
            }}
            return [length, farthest, xs.length];
        }}"""
    )

    assert length == pytest.approx(2 * 3.14159 * 35, rel=0.02), "the border of its pixels is 27 % longer"
    assert farthest < 0.5
    assert corners < 160, "what does not matter is left out"


def test_a_hole_is_not_tinted(bare_page):
    easel = shown(bare_page, code=SHAPES["ring"])

    assert easel.over(4.5 + 15, 3.5 + 5)[3] > 50
    assert easel.over(4.5 + 15, 3.5 + 15)[3] == 0


def test_a_tint_lets_the_picture_through_and_may_be_none(bare_page):
    easel = shown(bare_page)
    assert 60 < easel.over(19.5, 18.5)[3] < 140

    easel.show(opacity=0)

    assert easel.over(19.5, 18.5)[3] == 0
    assert easel.over(19, 6)[3] > 200


@pytest.mark.parametrize("ground", [0, 255])
@pytest.mark.parametrize("color", ["#000000", "#ffffff", "#f0e442", "#0072b2"])
def test_an_outline_is_seen_on_black_and_on_white_in_every_color(bare_page, ground, color):
    easel = shown(bare_page, ground=str(ground), item=f"{{ color: '{color}' }}", more="{ opacity: 0 }")

    best = 0.0
    for at in range(12):
        red, green, blue, opacity = easel.over(19, 5.4 + at / 10)
        alpha = opacity / 255
        best = max(best, contrast([part * alpha + ground * (1 - alpha) for part in (red, green, blue)], [ground] * 3))

    assert best > 3


def contrast(one, other) -> float:
    """Return the contrast of two colours, as WCAG 2.2 measures it."""
    lights = []
    for color in (one, other):
        red, green, blue = (
            part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in color
        )
        lights.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_what_is_hidden_is_not_drawn(bare_page):
    easel = shown(bare_page, item="{ hidden: true, points: [{ x: 19, y: 18, label: 1 }] }")

    assert easel.over(19.5, 18.5)[3] == 0
    assert easel.over(19, 6)[3] == 0


def test_without_the_overlay_points_are_still_there(bare_page):
    easel = shown(bare_page, item="{ points: [{ x: 30, y: 18, label: 1 }] }", more="{ overlay: false }")

    assert easel.over(19.5, 18.5)[3] == 0
    assert easel.over(30.5, 18.5)[3] == 255


def test_the_selected_object_stands_out(bare_page):
    easel = shown(bare_page)
    selected = easel.over(19.5, 18.5)[3], drawn_over(easel)

    easel.show(selected=2)

    assert selected[0] > easel.over(19.5, 18.5)[3] > 30
    assert selected[1] > drawn_over(easel)


def drawn_over(easel) -> int:
    """Return how wide the outline is above a disc: at how many of the places there anything is drawn."""
    return sum(easel.over(19, 4 + at / 10)[3] > 140 for at in range(30))


def test_what_belongs_and_what_does_not_differ_in_shape(bare_page):
    points = "[{ x: 30, y: 10, label: 1 }, { x: 30, y: 30, label: 0 }]"
    easel = shown(bare_page, item=f"{{ points: {points}, result: null }}")

    # 8 pixels of the screen to the upper left of the middle; the picture is shown at 10 times its size.
    assert easel.over(30.5 - 0.78, 10.5 - 0.78)[3] == 0
    assert easel.over(30.5 - 0.78, 30.5 - 0.78)[3] == 255
    plus, minus = easel.over(30.5, 10.5 - 0.3), easel.over(30.5, 30.5 - 0.3)
    assert min(plus[:3]) > 200 > min(minus[:3]), "the plus has an upright stroke"


def test_the_box_of_the_object_and_examples_are_drawn_at_their_pixels_edges(bare_page):
    box, example = "{ x1: 40, y1: 5, x2: 55, y2: 20, label: 1 }", "{ x1: 5, y1: 5, x2: 20, y2: 30, label: 0 }"
    easel = shown(bare_page, item=f"{{ box: {box}, result: null }}", more=f"{{ exemplars: [{example}] }}")

    assert easel.over(40, 12)[3] == easel.over(54.95, 12)[3] == 255
    assert easel.over(45, 12)[3] == 0
    assert easel.over(20, 18)[3] == 255
    assert easel.over(5.6, 5.6)[:3] != [0, 0, 0], "the sign of an example is in its corner"


def test_a_preview_is_faint_and_dashed(bare_page):
    mask = f"{MASK.replace('CODE', 'true')}(null, 30)"
    easel = Easel(bare_page)
    easel.evaluate(f"easel.surface.show({{ preview: {mask} }})")

    assert 0 < easel.over(19.5, 18.5)[3] < 50
    brightness = [easel.over(5 + at / 4, 3.02)[0] for at in range(24)]
    assert max(brightness) > 200 > 100 > min(brightness)


def test_the_outline_of_a_large_mask_is_found_in_several_frames(bare_page):
    mask = f"{MASK.replace('CODE', 'random() < 0.7')}(null, 160)"
    easel = Easel(bare_page, 180, 170)

    frames, area = easel.evaluate(
        f"""(async () => {{
            const item = {{ id: 1, color: "#d55e00", hidden: false, points: [], box: null, result: {{ mask: {mask} }} }};
            const paper = easel.above.getContext("2d", {{ willReadFrequently: true }});
            const drawn = () => paper.getImageData(0, 0, 600, 400).data.some((value) => value);
            easel.surface.show({{ objects: [item], selected: 1 }});
            let frames = 0;
            for (; !drawn() && frames < 200; frames += 1) await new Promise(requestAnimationFrame);
            return [frames, item.result.mask.area];
        }})()"""
    )

    assert area > 15_000
    assert 1 < frames < 200
