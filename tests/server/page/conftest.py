"""The web page in a real Chromium, on a real server."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.conftest import squares
from tests.server.conftest import running
from tests.server.pictures import file_of
from tests.server.stub import StubEngine

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 20_000
"""How long what is expected may take: other tests run beside these, and a machine may be slow."""
expect.set_options(timeout=PATIENCE_MS)
CUT = r"WebSocket connection to .* failed|ERR_CONNECTION_REFUSED"
"""What Chromium itself says where the network is cut."""


class Tab:
    """A page of the server in a browser.

    Parameters
    ----------
    page : Page
    url : str
        Of the server.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.said: list[str] = []
        self.forgiven = "$^"
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: message.type in ("error", "warning") and self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def open(self) -> Tab:
        self.page.goto(f"{self.url}/app")
        return self.waits_for("idle")

    def forgive(self, pattern: str = CUT) -> None:
        """Let the browser's console say what matches."""
        self.forgiven = pattern

    def complaints(self) -> list[str]:
        return [text for text in self.said if not re.search(self.forgiven, text)]

    def __getattr__(self, name: str):
        """Return the element of an id; ``_`` stands for ``-``."""
        return self.page.locator(f"#{name.replace('_', '-')}")

    def waits_for(self, kind: str) -> Tab:
        """Wait until the status is of a kind."""
        # A function is asked at each frame; ``expect`` asks again after 100 ms, then 250, 500 and 1000.
        self.page.wait_for_function("kind => document.getElementById('status').dataset.state === kind", arg=kind)
        return self

    def give(self, data: bytes, name: str = "squares.png", media: str = "image/png") -> Tab:
        """Choose a file."""
        self.file.set_input_files({"name": name, "mimeType": media, "buffer": data})
        return self

    def load(self, pixels: np.ndarray | None = None) -> Tab:
        """Choose a picture, and wait until it can be clicked."""
        pixels = squares() if pixels is None else pixels
        self.give(file_of(pixels))
        expect(self.size).to_have_text(f"{pixels.shape[1]} × {pixels.shape[0]}")
        return self.waits_for("ready")

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where the middle of a pixel of the picture is in the window."""
        width, height = (int(part) for part in self.size.inner_text().split(" × "))
        self.frame.scroll_into_view_if_needed()  # on a phone, a strip of pictures moves it down
        box = self.edge.bounding_box()
        return box["x"] + (x + 0.5) * box["width"] / width, box["y"] + (y + 0.5) * box["height"] / height

    def click(self, x: float, y: float, button: str = "left") -> Tab:
        """Click a pixel of the picture."""
        self.page.mouse.click(*self.place(x, y), button=button)
        return self

    def segment(self, x: float, y: float, button: str = "left") -> Tab:
        """Click a pixel, and wait for what comes of it."""
        count = int(self.points.inner_text()) + 1
        self.click(x, y, button)
        expect(self.points).to_have_text(str(count))
        return self.waits_for("ready")

    def segment_new(self, x: float, y: float) -> Tab:
        """Click a pixel of a new object, and wait for its mask."""
        expect(self.points).to_have_text("0")
        return self.segment(x, y)

    def drag(self, start: tuple[float, float], end: tuple[float, float], button: str = "left") -> Tab:
        """Draw a box from a pixel to another, with both in it."""
        mouse = self.page.mouse
        mouse.move(*self.place(*start))
        mouse.down(button=button)
        mouse.move(*self.place(*end), steps=4)
        mouse.up(button=button)
        return self

    def objects_are(self, *names: str | re.Pattern[str]) -> Tab:
        """Wait until the list of objects holds these, from top to bottom."""
        expect(self.page.locator("#object-list li .name")).to_have_text(list(names))
        return self

    def saved(self) -> np.ndarray:
        """Save the mask of the selected object and return what the file holds."""
        self.page.get_by_role("button", name="Download").click()
        self.page.get_by_label("Of which objects").select_option("Selected object")
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name="Save Mask").click()
        with Image.open(download.value.path()) as image:
            assert (image.format, image.mode) == ("PNG", "L")
            return np.asarray(image)

    def shown(self, x: float, y: float) -> tuple[int, int, int, int]:
        """Return what is drawn over a pixel of the picture: red, green, blue, opacity."""
        return tuple(
            self.canvas.evaluate(
                """async (canvas, [x, y]) => {
                    await new Promise(requestAnimationFrame); // what was told is drawn with the next frame
                    const [room, ratio] = [canvas.getBoundingClientRect(), devicePixelRatio];
                    const [left, top] = [(x - room.left) * ratio, (y - room.top) * ratio];
                    const paper = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
                    paper.drawImage(canvas, -Math.floor(left), -Math.floor(top));
                    return [...paper.getImageData(0, 0, 1, 1).data];
                }""",
                self.place(x, y),
            )
        )


def rotated(pixels: np.ndarray) -> bytes:
    """Return a JPEG that says it has to be turned to the right (EXIF 6) to be seen."""
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", exif=exif, quality=95)
    return file.getvalue()


@contextmanager
def launched(playwright: Playwright, *switches: str) -> Iterator[Browser]:
    """Run Chromium."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("The tests of the web page need Chromium: install it with `apt-get install chromium`.")
    browser = playwright.chromium.launch(executable_path=path, args=[*QUIET, *switches])
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Who leads browsers. Of this folder, not of all tests: while it is there no other test can run an event loop."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium."""
    with launched(playwright) as browser:
        yield browser


@pytest.fixture(scope="module")
def discs():
    """A server that answers each click with a disc of 10 pixels round it."""
    with running(StubEngine(radius=10)) as server:
        yield server


@pytest.fixture(scope="module")
def dots():
    """A server that answers each click with the one pixel that it means."""
    with running(StubEngine(radius=0)) as server:
        yield server


@pytest.fixture(scope="module")
def bare_page(browser: Browser, discs) -> Iterator[Page]:
    """A page with mouse and fingers, on which an easel is put up."""
    with _context(browser, {"viewport": {"width": 900, "height": 600}, "has_touch": True}) as context:
        page = context.new_page()
        page.goto(f"{discs.url}/app")
        yield page


@contextmanager
def lasting_tab(browser: Browser, server, **options) -> Iterator[Tab]:
    """Give a tab for several tests, each of which opens it anew: that takes a part of the time of another tab."""
    with _context(browser, options) as context:
        tab = Tab(context.new_page(), server.url)
        yield tab
        assert not tab.complaints()


@pytest.fixture(scope="package")
def window(browser: Browser) -> Iterator[BrowserContext]:
    """A window for the tabs that ask for nothing of their own: to open one takes longer than most of the tests.

    Its first tab is empty, and stays: without one, the window closes.
    """
    with _context(browser, {}) as context:
        context.new_page()
        yield context


@pytest.fixture
def tab_of(browser: Browser, window: BrowserContext):
    """``tab_of(server, **context)`` gives a tab; in the end its console must have said nothing.

    Nothing that an earlier tab has stored is found by it.
    """
    tabs: list[Tab] = []

    def made(server, **options) -> Tab:
        opened = _context(browser, options) if options else _emptied(window)
        tabs.append(Tab(stack.enter_context(opened).new_page(), server.url))
        return tabs[-1]

    with ExitStack() as stack:
        yield made
        complaints = [text for tab in tabs for text in tab.complaints()]
    assert not complaints


@contextmanager
def _emptied(window: BrowserContext) -> Iterator[BrowserContext]:
    """Give a window of which all tabs but the first are closed in the end, and what they stored is gone."""
    first = window.pages[0]
    try:
        yield window
    finally:
        origins = {"/".join(page.url.split("/")[:3]) for page in window.pages[1:]}
        for page in window.pages[1:]:
            page.close()
        window.set_offline(False)
        window.unroute_all()
        window.clear_cookies()
        window.clear_permissions()
        session = window.new_cdp_session(first)
        for origin in origins:
            session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        session.detach()


@contextmanager
def _context(browser: Browser, options: dict):
    context = browser.new_context(**{"viewport": {"width": 1366, "height": 768}, **options})
    try:
        yield context
    finally:
        context.close()
