"""Many objects in one picture: begun, chosen, named, hidden, given up, and kept over a lost connection."""

import json

import pytest
from playwright.sync_api import expect

from napari_sam3_assistant.server.settings import Limits
from tests.conftest import squares
from tests.server.pictures import file_of
from tests.server.stub import StubEngine

FIRST, SECOND = (35, 35), (95, 95)


@pytest.fixture
def tab(discs, tab_of):
    """Two objects, of which the second is selected."""
    tab = tab_of(discs).open().load().segment(*FIRST)
    tab.page.get_by_role("button", name="New object").click()
    return tab.segment_new(*SECOND)


def row(tab, place: int):
    return tab.page.locator("#object-list li").nth(place)


def test_each_object_has_its_own_points_mask_and_colour(tab):
    tab.objects_are("Object 1", "Object 2")

    colors = [row(tab, at).locator(".swatch").evaluate("one => getComputedStyle(one).backgroundColor") for at in (0, 1)]

    assert colors[0] != colors[1]
    expect(row(tab, 0)).to_contain_text("1 point, score 90 %")
    mask = tab.saved()
    assert (mask[FIRST], mask[SECOND]) == (0, 255)
    beside = tab.shown(FIRST[0] + 7, FIRST[1] + 4)
    assert beside[3] > 0 or tab.shown(FIRST[0] + 10, FIRST[1])[3] > 0


def test_the_object_that_is_chosen_in_the_list_takes_the_next_click(tab):
    row(tab, 0).click()
    expect(row(tab, 0)).to_have_attribute("aria-selected", "true")

    tab.segment(40, 35)

    expect(row(tab, 0)).to_contain_text("2 points")
    expect(row(tab, 1)).to_contain_text("1 point,")


def test_the_list_is_worked_with_keys_alone(tab):
    keys = tab.page.keyboard
    tab.object_list.focus()

    keys.press("ArrowUp")
    expect(row(tab, 0)).to_have_attribute("aria-selected", "true")
    assert tab.object_list.get_attribute("aria-activedescendant") == row(tab, 0).get_attribute("id")
    keys.press("F2")
    keys.type("nucleus")
    keys.press("Enter")
    tab.objects_are("nucleus", "Object 2")
    keys.press("h")
    expect(row(tab, 0)).to_contain_text("hidden")
    keys.press("End")
    keys.press("Delete")
    tab.objects_are("nucleus")
    keys.press("Control+z")
    tab.objects_are("nucleus", "Object 2")


def test_a_hidden_object_is_not_drawn_and_not_lost(tab):
    beside = (SECOND[0] + 7, SECOND[1] + 4)
    assert tab.shown(*beside)[3] > 0

    tab.page.get_by_role("button", name="Hide").click()

    assert tab.shown(*beside)[3] == 0
    tab.page.get_by_role("button", name="Hide").click()
    assert tab.shown(*beside)[3] > 0


def test_the_mask_of_a_hidden_object_is_refused_in_words(tab):
    tab.saved()  # chooses the selected object in the menu
    tab.page.get_by_role("button", name="Hide").click()

    tab.canvas.press("s")

    expect(tab.error).to_have_text("What is hidden is not written. Show it first, or choose all objects.")


def test_letters_in_a_name_are_no_shortcuts(tab):
    tab.object_name.fill("")
    tab.object_name.press_sequentially("rosm n")
    tab.object_name.press("Enter")

    tab.objects_are("Object 1", "rosm n")
    expect(tab.points).to_have_text("1")
    expect(tab.overlay_shown).to_be_checked()


def test_a_name_is_text_and_never_markup(tab):
    tab.object_name.fill("<img src=x onerror=alert(1)>")
    tab.object_name.press("Enter")

    tab.objects_are("Object 1", "<img src=x onerror=alert(1)>")
    assert tab.page.locator("#object-list img").count() == 0


def test_the_only_object_that_is_deleted_leaves_an_empty_one(discs, tab_of):
    tab = tab_of(discs).open().load().segment(*FIRST)

    tab.object_delete.click()

    tab.objects_are("Object 1")
    expect(row(tab, 0)).to_contain_text("nothing yet")
    expect(tab.object_delete).to_be_disabled()
    tab.segment(*SECOND)


def test_a_result_is_said_to_who_cannot_see_it(tab):
    expect(tab.page.locator("#said")).to_have_text("Object 2: 1 point, score 90 %")


def test_more_objects_than_the_server_takes_are_refused_in_words(serving, tab_of):
    with serving(StubEngine(radius=10), limits=Limits(objects=1)) as server:
        tab = tab_of(server).open().load().segment(*FIRST)

        tab.page.keyboard.press("n")

        expect(tab.error).to_contain_text("There are 1 objects, as many as the server takes")


def test_all_objects_come_back_after_a_lost_connection(serving, tab_of):
    sent, routes = [], []

    def through(route) -> None:
        server = route.connect_to_server()
        routes.append(route)
        route.on_message(lambda data: (sent.append(data), server.send(data)))

    with serving(StubEngine(radius=10)) as server:
        tab = tab_of(server)
        tab.page.route_web_socket("**/ws/realtime", through)
        tab.open().load().segment(*FIRST)
        tab.page.keyboard.press("n")
        tab.segment_new(*SECOND)
        session = tab.session.inner_text()
        sent.clear()

        routes[0].close(code=1012)

        expect(tab.session).not_to_have_text(session)
        tab.waits_for("ready").objects_are("Object 1", "Object 2")
        restores = [json.loads(one) for one in sent if isinstance(one, str) and '"restore"' in one]
        assert [len(one["objects"]) for one in restores] == [2]
        tab.segment(90, 95)
        assert tab.saved()[95, 90] == 255


def test_each_picture_keeps_its_objects(discs, tab_of):
    tab = tab_of(discs).open().load().segment(*FIRST)
    tab.give(file_of(squares(96)), name="other.png")
    expect(tab.size).to_have_text("96 × 96")
    tab.waits_for("ready")
    expect(tab.points).to_have_text("0")

    tab.page.keyboard.press("PageUp")

    expect(tab.size).to_have_text("128 × 128")
    expect(tab.points).to_have_text("1")
    assert tab.waits_for("ready").saved()[FIRST] == 255


def test_other_readings_are_stepped_through_and_the_chosen_one_stays(serving, tab_of):
    engine = StubEngine(radius=10, alternatives=2)
    with serving(engine) as server:
        tab = tab_of(server).open().load().segment(*FIRST)
        expect(tab.reading).to_have_text("Reading 1 of 3")

        tab.page.keyboard.press(".")

        expect(tab.reading).to_have_text("Reading 2 of 3")
        assert (tab.saved() > 0).sum() == 2
        tab.segment(*SECOND)
        assert engine.asked[-1].mask is not None
        assert engine.asked[-1].mask.mask.area == 2


def test_a_pointer_that_rests_shows_what_a_click_would_find(discs, tab_of):
    tab = tab_of(discs).open().load()

    tab.page.mouse.move(*tab.place(*FIRST))
    tab.page.mouse.move(*tab.place(FIRST[0] + 1, FIRST[1]), steps=3)

    tab.page.wait_for_function(
        """([x, y]) => {
            const canvas = document.getElementById("canvas");
            const room = canvas.getBoundingClientRect();
            const paper = new OffscreenCanvas(1, 1).getContext("2d");
            paper.drawImage(canvas, -Math.floor(x - room.left), -Math.floor(y - room.top));
            return paper.getImageData(0, 0, 1, 1).data[3] > 0;
        }""",
        arg=tab.place(FIRST[0] + 5, FIRST[1] + 3),
    )
    expect(tab.points).to_have_text("0")
