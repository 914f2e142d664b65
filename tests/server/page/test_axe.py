"""axe-core finds nothing serious, in any state, at any size, in light and dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from napari_sam3_assistant.engines.protocol import Capabilities
from tests.server.conftest import running
from tests.server.stub import StubEngine

FOUND = ((0.9, (20, 20, 50, 50)), (0.6, (80, 80, 110, 110)))
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def able():
    """A server of which the engine takes everything."""
    with running(StubEngine(radius=10, alternatives=2, capabilities=Capabilities(text=True), found=FOUND)) as server:
        yield server


def serious(tab) -> list[str]:
    found = Axe().run(tab.page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {**PHONE, "color_scheme": "dark"}], ids=str)
def test_nothing_serious_is_found(able, tab_of, options):
    tab = tab_of(able, **options).open()
    assert serious(tab) == []

    tab.load().segment(35, 35)
    tab.page.locator("#looks summary").click()
    expect(tab.readings).to_be_visible()
    tab.words.fill("square")
    tab.words.press("Enter")
    expect(tab.page.locator("#object-list li")).to_have_count(3)
    tab.give(b"no picture", name="notes.txt", media="text/plain")
    expect(tab.error).to_be_visible()
    assert serious(tab) == []

    tab.keys_sheet.evaluate("sheet => sheet.showModal()")
    assert serious(tab) == []
