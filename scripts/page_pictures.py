"""Make the picture of docs/how-to/use-the-web-page.md: the page in Chromium, on a real server.

Run it as ``.venv/bin/python scripts/page_pictures.py``; it needs ``chromium``.
"""

import io
import shutil
import threading
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.server.running import server_of
from napari_sam3_assistant.server.settings import ServerSettings

FILE = Path(__file__).parents[1] / "docs/images/web-page.png"
CLICKS = ((0.45, 0.17, "left"), (0.36, 0.12, "right"))
"""Where on the sample: shares of its width and height."""


def main() -> None:
    """Open the sample, click on a cell and beside it, and take the picture."""
    server = server_of(BuiltinEngine(), ServerSettings(port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 620})
        page.goto(f"http://127.0.0.1:{port}/app")
        page.get_by_role("button", name="Try a sample").click()
        page.wait_for_selector("#status[data-state=ready]")
        box = page.locator("#canvas").bounding_box()
        for count, (across, down, button) in enumerate(CLICKS, start=1):
            page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"], button=button)
            page.wait_for_selector(f"#points:text-is('{count}')")
            page.wait_for_selector("#status[data-state=ready]")
        picture = page.screenshot()
        browser.close()
    server.should_exit = True
    thread.join()
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE).save(FILE, optimize=True)


if __name__ == "__main__":
    main()
