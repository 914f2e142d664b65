"""Make the picture of docs/how-to/use-the-web-page.md: the page in Chromium, on a real server.

Run it as ``.venv/bin/python scripts/page_pictures.py``; it needs ``chromium``.
"""

import io
import shutil
import threading
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.server.running import server_of
from napari_sam3_assistant.server.settings import ServerSettings

FILE = Path(__file__).parents[1] / "docs/images/web-page.png"
CELLS = ((0.42, 0.18), (0.15, 0.38), (0.59, 0.70))
"""Cells of the sample that are clicked on, each an object: shares of its width and height."""
BOX = ((0.6, 0.01), (0.79, 0.2))
"""Two corners of the box round another one."""


def main() -> None:
    """Open the sample, point at four cells, and take the picture."""
    server = server_of(BuiltinEngine(), ServerSettings(port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 680})
        page.goto(f"http://127.0.0.1:{port}/app")
        page.get_by_role("button", name="Try a sample").click()
        page.wait_for_selector("#status[data-state=ready]")
        edge = page.locator("#edge").bounding_box()
        place = [edge["x"], edge["y"], edge["width"], edge["height"]]
        for count, cell in enumerate(CELLS, start=1):
            page.mouse.click(*at(place, cell))
            await_objects(page, count)
            page.keyboard.press("n")
        (start, end) = (at(place, corner) for corner in BOX)
        page.mouse.move(*start)
        page.mouse.down()
        page.mouse.move(*end, steps=4)
        page.mouse.up()
        await_objects(page, len(CELLS) + 1)
        picture = page.screenshot()
        browser.close()
    server.should_exit = True
    thread.join()
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE).save(FILE, optimize=True)


def at(place: list[float], share: tuple[float, float]) -> tuple[float, float]:
    """Return where on the window a place of the picture is."""
    left, top, width, height = place
    return left + share[0] * width, top + share[1] * height


def await_objects(page: Page, count: int) -> None:
    """Wait until so many objects have a mask."""
    page.get_by_role("option").filter(has_text="score").nth(count - 1).wait_for()
    page.wait_for_selector("#status[data-state=ready]")


if __name__ == "__main__":
    main()
