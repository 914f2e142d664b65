"""Against a server that knows the seed's messages alone: one object, points, and no promise of more."""

import json

import pytest
from playwright.sync_api import expect

from tests.server.page.test_connection import only_the_seed


@pytest.fixture
def tab(discs, tab_of):
    sent: list[dict] = []
    tab = tab_of(discs)
    tab.sent = sent
    tab.page.route_web_socket("**/ws/realtime", lambda route: only_the_seed(route, sent))
    return tab.open().load()


def test_what_it_cannot_do_is_hidden_and_said(tab):
    for name in ("new", "search", "hover-row", "boxes-help"):
        expect(tab.page.locator(f"#{name}")).to_be_hidden()
    expect(tab.seed_help).to_be_visible()


def test_a_box_and_another_object_are_refused_in_words(tab):
    tab.segment(35, 35)

    tab.drag((60, 60), (90, 90))
    expect(tab.error).to_contain_text("takes points only")
    tab.page.keyboard.press("n")
    expect(tab.error).to_contain_text("keeps one object")

    tab.segment(40, 35)
    expect(tab.error).to_be_hidden()


def test_undo_and_redo_tell_the_points_again(tab):
    tab.segment(35, 35).segment(95, 95)

    tab.undo.click()
    expect(tab.points).to_have_text("1")
    assert tab.waits_for("ready").saved()[35, 35] == 255
    tab.redo.click()

    expect(tab.points).to_have_text("2")
    assert tab.waits_for("ready").saved()[95, 95] == 255
    assert {message["type"] for message in tab.sent} == {"hello", "init", "click", "reset"}
    assert json.dumps(tab.sent).count("object_id") == 0
