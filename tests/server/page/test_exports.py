"""What the page downloads, opened by the programs that others open it with."""

from __future__ import annotations

import base64
import io
import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from tests.server.pictures import file_of

WRITE = """async ({kind, file, items}) => {
    const [{exported}, {pictureOf}] = await Promise.all(
        ["exports.js", "picture.js"].map((name) => import(`/static/${name}`))
    );
    const picture = await pictureOf(new File([Uint8Array.from(file)], "A / b.png", {type: "image/png"}));
    for (const item of items) {
        const {width, height, box, inside, score} = item;
        const bytes = Uint8Array.from(inside);
        const mask = {width, height, box, inside: bytes, area: bytes.reduce((sum, one) => sum + one, 0)};
        item.result = {mask, score};
    }
    const {blob, name} = await exported(kind, picture, items);
    const url = await new Promise((resolve) => {
        const reader = new FileReader();
        reader.onload = () => resolve(reader.result);
        reader.readAsDataURL(blob);
    });
    return {name, type: blob.type, text: url.split(",")[1]};
}"""
SHAPE = (41, 57)


@pytest.fixture(scope="module")
def page(browser, dots):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{dots.url}/app")
    yield page
    context.close()


def picture() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (*SHAPE, 3)).astype(np.uint8)


def speckled() -> np.ndarray:
    """Return a mask with holes, pieces that touch at corners only, and pixels along every edge of the picture."""
    return np.random.default_rng(2).random(SHAPE) < 0.6


def solid() -> np.ndarray:
    """Return a mask of two pieces without a hole, one of them in a corner of the picture."""
    mask = np.zeros(SHAPE, bool)
    mask[30:, 40:] = True
    mask[33:36, 35:40] = True
    mask[5:9, 3:20] = True
    mask[9:12, 19] = True
    return mask


def everything() -> np.ndarray:
    return np.ones(SHAPE, bool)


def item(number: int, mask: np.ndarray, **more) -> dict:
    """Return an object as the page has it: its mask is that of its box alone."""
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, bottom, left, right = rows[0], rows[-1] + 1, cols[0], cols[-1] + 1
    return {
        "id": number,
        "name": f"cell {number}",
        "color": "#d55e00",
        "hidden": False,
        "score": 0.5,
        "width": mask.shape[1],
        "height": mask.shape[0],
        "box": {"x": int(left), "y": int(top), "width": int(right - left), "height": int(bottom - top)},
        "inside": mask[top:bottom, left:right].astype(int).ravel().tolist(),
        **more,
    }


def written(page: Page, kind: str, *items: dict) -> tuple[str, bytes]:
    """Return the name and the bytes of a file."""
    file = list(file_of(picture()))
    answer = page.evaluate(WRITE, {"kind": kind, "file": file, "items": list(items)})
    return answer["name"], base64.b64decode(answer["text"])


def painted(path: str, shape: tuple[int, int]) -> np.ndarray:
    """Return which pixels a path of an SVG, of sides along rows and columns, goes round an odd number of times."""
    inside = np.zeros(shape, bool)
    for ring in re.findall(r"M[^Z]+Z", path):
        x, y = (int(part) for part in re.match(r"M(\d+) (\d+)", ring).groups())
        corners = [(x, y)]
        for way, place in re.findall(r"([HV])(\d+)", ring):
            x, y = (int(place), y) if way == "H" else (x, int(place))
            corners.append((x, y))
        for (x, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
            assert x == x2 or y1 == y2
            inside[min(y1, y2) : max(y1, y2), x:] ^= True
    return inside


@pytest.mark.parametrize("mask", [speckled(), solid(), everything()], ids=["speckled", "solid", "everything"])
def test_an_svg_outline_goes_round_the_pixels_of_the_mask(page, mask):
    name, data = written(page, "svg", item(1, mask, name='<b> & "c"'))

    root = ElementTree.fromstring(data)
    names = {"svg": "http://www.w3.org/2000/svg"}
    (path,) = root.iterfind(".//svg:path", names)
    assert name == "A _ b-outlines.svg"
    assert root.get("viewBox") == "0 0 57 41"
    assert (path.find("svg:title", names).text, path.get("stroke")) == ('<b> & "c"', "#d55e00")
    np.testing.assert_array_equal(painted(path.get("d"), SHAPE), mask)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
@pytest.mark.parametrize("mask", [speckled(), solid(), everything()], ids=["speckled", "solid", "everything"])
def test_coco_json_holds_the_mask(page, mask, tmp_path):
    path = tmp_path / "objects.json"

    name, data = written(page, "coco", item(1, solid()), item(4, mask, name="nerve 1"))

    path.write_bytes(data)
    coco = COCO(path)
    first, found = coco.loadAnns(coco.getAnnIds())
    np.testing.assert_array_equal(coco.annToMask(found), mask)
    np.testing.assert_array_equal(coco.annToMask(first), solid())
    assert found["area"] == mask.sum()
    assert found["bbox"] == list(coco_mask.toBbox(coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))))
    assert (found["label"], found["score"]) == (4, 0.5)
    assert [one["name"] for one in coco.loadCats([first["category_id"], found["category_id"]])] == ["cell", "nerve"]
    assert (name, coco.imgs[1]["file_name"]) == ("A _ b-coco.json", "A / b.png")


def test_labels_are_a_16_bit_png_with_the_number_of_each_object_the_later_on_top(page):
    name, data = written(page, "labels", item(2, speckled()), item(700, solid()))

    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.mode) == ("PNG", "I;16")
        np.testing.assert_array_equal(image, np.where(solid(), 700, np.where(speckled(), 2, 0)))
    assert name == "A _ b-labels.png"


def test_a_mask_file_is_255_inside_of_what_is_not_hidden(page):
    name, data = written(page, "mask", item(1, solid()), item(2, speckled(), hidden=True))

    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(image, solid() * np.uint8(255))
    assert name == "A _ b-mask.png"


def test_a_cut_out_has_the_pixels_of_the_picture_and_is_clear_outside(page):
    name, data = written(page, "cutout", item(1, solid(), name="cell: one"))

    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "RGBA"
        found = np.asarray(image)
    mask = solid()[5:, 3:]
    np.testing.assert_array_equal(found[..., 3], mask * 255)
    np.testing.assert_array_equal(found[mask][:, :3], picture()[5:, 3:][mask])
    assert not found[~mask].any()
    assert name == "A _ b-cell_ one-cutout.png"


def test_the_menu_downloads_all_objects_or_the_selected_one(discs, tab_of, tmp_path):
    tab = tab_of(discs, viewport={"width": 1366, "height": 1500}).open().load()
    tab.segment(35, 35)
    tab.page.keyboard.press("n")
    tab.click(95, 95)
    expect(tab.page.locator("#object-list [role=option]")).to_have_count(2)
    tab.waits_for("ready")

    def downloaded(label: str, which: str) -> bytes:
        tab.page.get_by_role("button", name="Download").click()
        tab.page.get_by_label("Of which objects").select_option(which)
        with tab.page.expect_download() as download:
            tab.page.locator("#downloads .menu").get_by_role("button", name=label).click()
        return download.value.path().read_bytes()

    with Image.open(io.BytesIO(downloaded("Labels", "All objects"))) as image:
        labels = np.asarray(image)
    with Image.open(io.BytesIO(downloaded("Mask", "Selected object"))) as image:
        mask = np.asarray(image)
    coco = json.loads(downloaded("COCO", "All objects"))
    row, col = np.mgrid[:128, :128]
    discs_of = [np.hypot(row - place, col - place) <= 10 for place in (35, 95)]
    first, second = labels[35, 35], labels[95, 95]
    np.testing.assert_array_equal(labels, np.where(discs_of[0], first, np.where(discs_of[1], second, 0)))
    np.testing.assert_array_equal(mask > 0, discs_of[1])
    assert [one["area"] for one in coco["annotations"]] == [disc.sum() for disc in discs_of]


def test_the_menu_opens_once_there_is_an_object_and_lies_inside_the_window(discs, tab_of):
    tab = tab_of(discs, viewport={"width": 1366, "height": 900}).open().load()
    button = tab.page.get_by_role("button", name="Download")
    expect(button).to_be_disabled()
    tab.segment(35, 35)

    for width in (1366, 360):
        tab.page.set_viewport_size({"width": width, "height": 900})
        button.click()
        box = tab.page.locator("#downloads .menu").bounding_box()
        tab.page.keyboard.press("Escape")

        assert box["x"] >= 0 and box["x"] + box["width"] <= width
