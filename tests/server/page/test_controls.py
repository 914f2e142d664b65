"""Each control of the page, on a real server with the built-in engine or one that answers with discs."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from tests.conftest import squares
from tests.server.pictures import file_of

FIRST, SECOND = (35, 35), (95, 95)
"""Middles of the two squares, as x, y."""


@pytest.fixture
def tab(discs, tab_of):
    return tab_of(discs).open()


def test_a_click_segments_the_object_under_it(serving, tab_of):
    with serving(BuiltinEngine()) as server:
        tab = tab_of(server).open().load()

        tab.segment(*FIRST)
        mask = tab.saved()

        truth = np.zeros((128, 128), bool)
        truth[20:50, 20:50] = True
        assert set(np.unique(mask)) == {0, 255}
        assert (truth & (mask > 0)).sum() / (truth | (mask > 0)).sum() > 0.95


def test_the_panel_says_points_score_size_and_session(tab):
    tab.load().segment(*FIRST)

    expect(tab.points).to_have_text("1")
    expect(tab.score).to_have_text("90.0 %")
    expect(tab.size).to_have_text("128 × 128")
    expect(tab.session).to_have_text(re.compile("^[0-9a-f]{8}$"))


def test_load_image_opens_the_choice_of_files(tab):
    with tab.page.expect_file_chooser() as chooser:
        tab.page.get_by_role("button", name="Load Image").click()
    chooser.value.set_files({"name": "a.png", "mimeType": "image/png", "buffer": file_of(squares())})

    tab.waits_for("ready")


def test_the_same_file_can_be_chosen_again_after_clear_image(tab):
    tab.load()
    tab.page.get_by_role("button", name="Clear Image").click()
    tab.waits_for("idle")
    expect(tab.canvas).to_be_hidden()

    tab.load()

    expect(tab.canvas).to_be_visible()


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_a_picture_can_be_dropped_and_pasted(tab, how):
    tab.page.evaluate(
        """async ([how, bytes]) => {
            const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(bytes)], "dropped.png", {type: "image/png"}));
            const event = how === "drop"
                ? new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true})
                : new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true});
            document.body.dispatchEvent(event);
        }""",
        [how, list(file_of(squares()))],
    )

    tab.waits_for("ready")
    expect(tab.size).to_have_text("128 × 128")


def test_the_sample_can_be_tried(tab):
    tab.page.get_by_role("button", name="Try a sample").click()

    tab.waits_for("ready")
    tab.segment(215, 85)


def test_a_right_click_adds_what_does_not_belong(tab):
    tab.load().segment(*FIRST).segment(*SECOND, button="right")

    green, red = tab.shown(FIRST[0] + 1, FIRST[1] + 0.6), tab.shown(SECOND[0] - 1, SECOND[1] - 0.7)
    assert green[1] > green[0] and red[0] > red[1]


def test_a_background_point_alone_says_what_to_do(tab):
    tab.load().segment(*FIRST, button="right")

    expect(tab.status).to_contain_text("click on the object itself")
    expect(tab.score).to_have_text("0.0 %")
    assert not tab.saved().any()


def test_a_double_click_is_one_point_and_a_click_beside_it_another(tab):
    tab.load()

    tab.page.mouse.dblclick(*tab.place(*FIRST))
    expect(tab.points).to_have_text("1")
    tab.segment(FIRST[0] + 3, FIRST[1])

    expect(tab.points).to_have_text("2")


def test_reset_points_forgets_points_and_mask_but_not_the_picture(tab):
    tab.load().segment(*FIRST)

    tab.page.get_by_role("button", name="Reset Points").click()

    tab.waits_for("ready")
    expect(tab.points).to_have_text("0")
    expect(tab.score).to_have_text("–")
    assert tab.shown(*FIRST)[3] == 0
    tab.segment(*SECOND)
    assert not tab.saved()[FIRST]


def test_undo_takes_back_the_last_point(tab):
    tab.load().segment(*FIRST).segment(*SECOND)
    assert tab.saved()[SECOND] == 255

    tab.page.get_by_role("button", name="Undo").click()

    expect(tab.points).to_have_text("1")
    tab.waits_for("ready")
    mask = tab.saved()
    assert (mask[FIRST], mask[SECOND]) == (255, 0)


def test_undo_of_the_only_point_leaves_nothing(tab):
    tab.load().segment(*FIRST)

    tab.page.keyboard.press("Control+z")

    expect(tab.points).to_have_text("0")
    tab.waits_for("ready")
    expect(tab.score).to_have_text("–")
    expect(tab.undo).to_be_disabled()
    tab.segment(*SECOND)
    assert tab.saved()[SECOND] == 255


def test_an_unticked_overlay_keeps_results_for_later(tab):
    tab.load()
    tab.page.get_by_label("Show Mask Overlay").uncheck()

    tab.segment(*FIRST)

    beside = (FIRST[0] + 7, FIRST[1] + 4)
    assert tab.shown(*beside)[3] == 0
    tab.page.get_by_label("Show Mask Overlay").check()
    assert tab.shown(*beside)[3] > 0


def test_the_overlay_leaves_picture_and_surroundings_to_be_seen(tab):
    tab.load().segment(*FIRST)

    inside, outside = tab.shown(FIRST[0] + 7, FIRST[1] + 4), tab.shown(*SECOND)
    assert 50 < inside[3] < 130
    assert outside[3] == 0


def test_the_tint_is_as_strong_as_the_slider_says(tab):
    tab.load().segment(*FIRST)
    beside = (FIRST[0] + 7, FIRST[1] + 4)
    tab.page.locator("#looks summary").click()

    tab.opacity.press("Home")
    assert tab.shown(*beside)[3] == 0
    tab.opacity.press("End")
    assert tab.shown(*beside)[3] == 255


def test_keys_without_a_picture_break_nothing(tab):
    for key in "e/nr,.[]m":
        tab.page.keyboard.press(key)
    tab.page.keyboard.press("s")

    expect(tab.error).to_contain_text("nothing to write yet")


def test_the_mask_file_is_named_after_the_picture(tab):
    tab.give(file_of(squares()), name="cells.v2.png").waits_for("ready").segment(*FIRST)

    with tab.page.expect_download() as download:
        tab.page.keyboard.press("s")

    assert download.value.suggested_filename == "cells.v2-mask.png"


def test_many_quick_clicks_end_with_the_mask_of_all_of_them(tab):
    tab.load()

    for x in range(20, 110, 5):
        tab.click(x, 64)

    expect(tab.points).to_have_text("18")
    tab.waits_for("ready")
    assert tab.saved()[64, 105] == 255
    expect(tab.error).to_be_hidden()


@pytest.mark.parametrize(
    ("name", "media", "data", "words"),
    [
        ("notes.txt", "text/plain", b"no picture", "“notes.txt” is not a picture"),
        ("broken.png", "image/png", b"\x89PNG\r\n\x1a\n", "“broken.png” is damaged"),
        ("empty.png", "image/png", b"", "“empty.png” is empty"),
        ("slide.tif", "image/tiff", b"II*\x00", "“slide.tif” is a TIFF"),
    ],
)
def test_a_file_that_cannot_be_shown_is_refused_in_words_and_the_picture_stays(tab, name, media, data, words):
    tab.load().segment(*FIRST)

    tab.give(data, name=name, media=media)

    expect(tab.error).to_contain_text(words)
    expect(tab.points).to_have_text("1")
    tab.waits_for("ready").segment(*SECOND)
    expect(tab.error).to_be_hidden()


def test_what_only_the_server_cannot_read_is_refused_and_the_picture_before_stays(tab):
    tab.load().segment(*FIRST)

    tab.give(file_of(squares(64), "AVIF"), name="new.avif", media="image/avif")

    expect(tab.error).to_contain_text("Failed to load image")
    expect(tab.size).to_have_text("128 × 128")
    tab.waits_for("ready").segment(*SECOND)
