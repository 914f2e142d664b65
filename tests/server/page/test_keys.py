"""The sheet of keys, and that keys stay out of where a text is written."""

from playwright.sync_api import expect


def test_the_sheet_opens_with_a_key_and_closes_with_escape(discs, tab_of):
    tab = tab_of(discs).open().load()
    tab.canvas.focus()

    tab.page.keyboard.press("?")
    expect(tab.keys_sheet).to_be_visible()
    expect(tab.keys_sheet).to_contain_text("new object")
    tab.page.keyboard.press("Escape")

    expect(tab.keys_sheet).to_be_hidden()
    assert tab.page.evaluate("document.activeElement.id") == "canvas"


def test_keys_do_nothing_behind_the_sheet(discs, tab_of):
    tab = tab_of(discs).open().load().segment(35, 35)
    tab.page.keyboard.press("?")
    expect(tab.keys_sheet).to_be_visible()

    tab.page.keyboard.press("r")
    tab.page.keyboard.press("Escape")

    expect(tab.points).to_have_text("1")
