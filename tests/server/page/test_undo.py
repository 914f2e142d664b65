"""Every step can be taken back and done again, and the server follows."""

import pytest
from playwright.sync_api import expect

from tests.server.stub import StubEngine

FIRST, SECOND = (35, 35), (95, 95)


@pytest.fixture
def tab(discs, tab_of):
    return tab_of(discs).open().load()


def test_what_was_taken_back_is_done_again(tab):
    tab.segment(*FIRST).segment(*SECOND)
    keys = tab.page.keyboard

    keys.press("Control+z")
    keys.press("Control+z")
    expect(tab.points).to_have_text("0")
    expect(tab.undo).to_be_disabled()
    keys.press("Control+Shift+z")
    keys.press("Control+y")

    expect(tab.points).to_have_text("2")
    expect(tab.redo).to_be_disabled()
    assert tab.waits_for("ready").saved()[SECOND] == 255


def test_a_new_step_forgets_what_was_taken_back(tab):
    tab.segment(*FIRST)
    tab.undo.click()
    expect(tab.redo).to_be_enabled()

    tab.segment(*SECOND)

    expect(tab.redo).to_be_disabled()


def test_a_box_is_taken_back_and_the_points_stay(serving, tab_of):
    engine = StubEngine(radius=10)
    with serving(engine) as server:
        tab = tab_of(server).open().load().segment(*FIRST)
        tab.drag((70, 70), (110, 110)).waits_for("ready")
        expect(tab.page.locator("#object-list li")).to_contain_text("1 point, box")
        assert engine.asked[-1].box is not None

        tab.undo.click()

        expect(tab.page.locator("#object-list li")).not_to_contain_text("box")
        tab.waits_for("ready").segment(*SECOND)
        assert engine.asked[-1].box is None
        assert [point.pixel for point in engine.asked[-1].points] == [(35, 35), (95, 95)]


def test_a_deleted_object_comes_back_with_its_mask_and_goes_on(tab):
    tab.segment(*FIRST)
    tab.page.keyboard.press("n")
    tab.segment_new(*SECOND)
    tab.object_delete.click()
    tab.objects_are("Object 1")

    tab.undo.click()

    tab.objects_are("Object 1", "Object 2")
    assert tab.waits_for("ready").saved()[SECOND] == 255
    tab.segment(90, 90)
    expect(tab.points).to_have_text("2")


def test_a_reset_is_taken_back(tab):
    tab.segment(*FIRST)
    tab.page.keyboard.press("r")
    expect(tab.points).to_have_text("0")

    tab.undo.click()

    expect(tab.points).to_have_text("1")
    assert tab.waits_for("ready").saved()[FIRST] == 255


def test_undo_takes_back_steps_of_several_objects_in_their_order(tab):
    tab.segment(*FIRST)
    tab.page.keyboard.press("n")
    tab.segment_new(*SECOND)
    tab.page.keyboard.press("[")
    expect(tab.points).to_have_text("1")
    tab.segment(40, 35)

    tab.undo.click()
    expect(tab.points).to_have_text("1")
    tab.undo.click()

    rows = tab.page.locator("#object-list li")
    expect(rows.nth(0)).to_contain_text("1 point")
    expect(rows.nth(1)).to_contain_text("nothing yet")
    tab.waits_for("ready")
