"""Examples find objects: boxes round what is meant, and round what is not."""

from playwright.sync_api import expect

from tests.server.stub import StubEngine

FOUND = ((0.9, (20, 20, 50, 50)), (0.6, (80, 80, 110, 110)))


class Watched(StubEngine):
    """Keeps what it was asked to find."""

    def find(self, embedding, query):
        self.query = query
        return super().find(embedding, query)


def test_examples_of_both_kinds_are_drawn_and_asked_about(serving, tab_of):
    engine = Watched(radius=10, found=FOUND)
    with serving(engine) as server:
        tab = tab_of(server).open().load()
        tab.page.keyboard.press("e")
        expect(tab.tool_example).to_be_checked()
        tab.drag((20, 20), (49, 49)).drag((60, 20), (70, 30), button="right")
        expect(tab.examples_count).to_have_text("2 examples")

        tab.alike.click()

        tab.objects_are("Object 1", "Object 2")
        expect(tab.page.locator("#object-list li").first).to_contain_text("found by example")
        expect(tab.examples_drawn).to_be_hidden()
        assert [one.positive for one in engine.query.exemplars] == [True, False]


def test_an_example_of_what_is_not_meant_alone_cannot_be_asked_about(discs, tab_of):
    tab = tab_of(discs).open().load()
    tab.page.keyboard.press("e")

    tab.drag((20, 20), (49, 49), button="right")

    expect(tab.examples_count).to_have_text("1 example")
    expect(tab.alike).to_be_disabled()


def test_an_example_is_taken_back_and_all_are_forgotten(discs, tab_of):
    tab = tab_of(discs).open().load()
    tab.page.keyboard.press("e")
    tab.drag((20, 20), (49, 49)).drag((80, 80), (109, 109))
    expect(tab.examples_count).to_have_text("2 examples")

    tab.undo.click()
    expect(tab.examples_count).to_have_text("1 example")
    tab.examples_clear.click()

    expect(tab.examples_drawn).to_be_hidden()
    expect(tab.points).to_have_text("0")
