"""Photos, from a camera that Chromium makes up."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.server.page.conftest import lasting_tab, launched

FAKE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
WATCHED = """
    window.streams = [];
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        const stream = await ask(wanted);
        streams.push(stream);
        return stream;
    };
"""
LIVE = "() => streams.flatMap((one) => one.getTracks()).filter(({readyState}) => readyState === 'live').length"


@pytest.fixture(scope="module")
def browser(playwright):
    """A Chromium with a camera that shows a moving disc, and that may be used."""
    with launched(playwright, *FAKE) as browser:
        yield browser


@pytest.fixture(scope="module")
def lasting(browser, discs):
    with lasting_tab(browser, discs, viewport={"width": 1366, "height": 1000}) as tab:
        tab.page.add_init_script(WATCHED)
        yield tab


@pytest.fixture
def tab(lasting):
    return lasting.open()


def test_a_photo_is_taken_and_segmented_and_the_camera_let_go(tab):
    tab.camera.click()
    tab.page.get_by_role("button", name="Take photo").click()

    tab.waits_for("ready").segment(50, 50)
    assert tab.page.evaluate(LIVE) == 0
    expect(tab.camera_sheet).to_be_hidden()
    height, width = tab.saved().shape
    assert height > 200 and width > 200


def test_closing_the_sheet_lets_the_camera_go(tab):
    tab.camera.click()
    expect(tab.page.get_by_role("button", name="Take photo")).to_be_enabled()
    assert tab.page.evaluate(LIVE) == 1

    tab.page.keyboard.press("Escape")

    tab.page.wait_for_function(LIVE.replace("() =>", "() => 0 ==="))
    tab.waits_for("idle")


def test_another_camera_takes_the_place_of_the_first(tab):
    tab.page.evaluate(
        """() => {
            navigator.mediaDevices.enumerateDevices = async () => [{kind: "videoinput"}, {kind: "videoinput"}];
        }"""
    )
    tab.camera.click()

    tab.page.get_by_role("button", name="Other camera").click()

    tab.page.wait_for_function("() => streams.length === 2")
    expect(tab.page.get_by_role("button", name="Take photo")).to_be_enabled()
    assert tab.page.evaluate(LIVE) == 1


def test_a_camera_that_may_not_be_used_is_said_and_the_page_goes_on(tab):
    tab.page.evaluate(
        """() => {
            navigator.mediaDevices.getUserMedia = async () => {
                throw new DOMException("", "NotAllowedError");
            };
        }"""
    )

    tab.camera.click()

    expect(tab.camera_sheet).to_contain_text("Allow it for this page")
    expect(tab.page.get_by_role("button", name="Take photo")).to_be_disabled()
    tab.page.get_by_role("button", name="Close").click()
    tab.load()


def test_a_camera_that_is_unplugged_is_said_and_gives_no_photo(tab):
    tab.camera.click()
    expect(tab.page.get_by_role("button", name="Take photo")).to_be_enabled()

    tab.page.evaluate("() => streams[0].getTracks()[0].dispatchEvent(new Event('ended'))")

    expect(tab.camera_sheet).to_contain_text("The camera is gone")
    expect(tab.page.get_by_role("button", name="Take photo")).to_be_disabled()
    assert tab.page.evaluate(LIVE) == 0


def test_where_the_page_gets_no_camera_the_app_of_the_phone_is_asked(tab):
    tab.page.evaluate("() => Object.defineProperty(navigator, 'mediaDevices', {value: undefined})")

    with tab.page.expect_file_chooser() as chooser:
        tab.camera.click()

    assert chooser.value.element.get_attribute("capture") == "environment"
