"""Words find objects: the page asks, lists them, and applies another score without asking the engine."""

import pytest
from playwright.sync_api import expect

from napari_sam3_assistant.engines.protocol import Capabilities
from tests.server.stub import StubEngine

FOUND = ((0.9, (20, 20, 50, 50)), (0.6, (80, 80, 110, 110)), (0.3, (0, 0, 9, 9)))


@pytest.fixture
def reader():
    return StubEngine(radius=10, capabilities=Capabilities(text=True), found=FOUND)


@pytest.fixture
def tab(serving, reader, tab_of):
    with serving(reader) as server:
        yield tab_of(server).open().load()


def find(tab, words: str = "square"):
    tab.words.fill(words)
    tab.words.press("Enter")
    expect(tab.found).not_to_have_text("")
    return tab.waits_for("ready")


def scored(tab, percent: int) -> None:
    tab.threshold.evaluate(
        "(one, value) => { one.value = value; one.dispatchEvent(new Event('input', {bubbles: true})); }", percent
    )


def test_what_words_find_becomes_objects(tab):
    find(tab)

    tab.objects_are("Object 1", "Object 2")
    expect(tab.page.locator("#object-list li").first).to_contain_text("found by square, score 90 %")
    expect(tab.found).to_contain_text("2 found")
    assert tab.saved()[35, 35] == 255


def test_the_chosen_one_of_many_is_in_sight_in_the_list(tab, reader):
    reader.found = tuple((0.9, (top, 0, top + 8, 9)) for top in range(0, 108, 12))

    find(tab)

    for key, place in (("End", 8), ("Home", 0)):
        tab.object_list.press(key)
        row, room = (part.bounding_box() for part in (tab.page.locator("#object-list li").nth(place), tab.object_list))
        # Browsers scroll by whole pixels.
        assert room["y"] - 1 <= row["y"] and row["y"] + row["height"] <= room["y"] + room["height"] + 1


def test_another_score_needs_no_engine_and_keeps_names(tab, reader):
    find(tab)
    tab.object_name.fill("best")
    tab.object_name.press("Enter")
    tab.objects_are("best", "Object 2")

    scored(tab, 20)
    expect(tab.page.locator("#object-list li")).to_have_count(3)
    scored(tab, 80)

    tab.objects_are("best")
    assert reader.finds == 1


def test_one_undo_takes_back_what_words_found_whatever_the_score(tab):
    find(tab)
    scored(tab, 20)
    expect(tab.page.locator("#object-list li")).to_have_count(3)

    tab.undo.click()

    tab.objects_are("Object 1")
    expect(tab.page.locator("#object-list li")).to_contain_text("nothing yet")
    expect(tab.undo).to_be_disabled()


def test_a_click_refines_what_words_found(tab, reader):
    find(tab)
    tab.objects_are("Object 1", "Object 2")

    tab.click(30, 30)

    expect(tab.points).to_have_text("1")
    tab.waits_for("ready")
    assert reader.asked[-1].mask.mask.area == 900
    assert [point.pixel for point in reader.asked[-1].points] == [(30, 30)]


def test_nothing_found_is_said_and_leaves_what_there_was(tab, reader):
    tab.segment(35, 35)
    reader.found = ()

    find(tab)

    expect(tab.found).to_contain_text("Nothing was found")
    tab.objects_are("Object 1")


def test_a_score_that_was_chosen_is_kept_for_the_next_visit(tab):
    scored(tab, 70)

    tab.page.reload()
    tab.waits_for("idle").load()

    expect(tab.threshold).to_have_value("70")
    expect(tab.threshold_shown).to_have_text("70 %")


def test_an_engine_that_does_not_read_is_not_asked_in_words(discs, tab_of):
    tab = tab_of(discs).open().load()

    expect(tab.words).to_be_hidden()
    expect(tab.tool_example).to_be_visible()
