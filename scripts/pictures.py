"""What the scripts share that make the pictures of the docs: a viewer to go through, and pictures of few bytes.

Python looks beside a script for what it imports, so each says ``from pictures import Tour, run``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from qtpy.QtWidgets import QDockWidget, QWidget

from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.export.journal_folder import ENVIRONMENT
from napari_sam3_assistant.tasks.jobs import Task

DOCS = Path(__file__).resolve().parent.parent / "docs" / "images"
HOME = "/home/you/SAM3 masks"
SIZE = (1366, 768)
"""Of the window, in pixels: that of a small laptop."""


class Tour:
    """A viewer, what is done in it with the mouse and the keys, and what is seen of it.

    Parameters
    ----------
    folder : Path
        Where the pictures go.
    size : tuple of int
        Width and height of the window, in pixels.
    """

    def __init__(self, folder: Path, size: tuple[int, int] = SIZE) -> None:
        self.folder, self.driver = folder, Driver()
        self.driver.viewer.window.resize(*size)
        self.driver.pump(0.3)
        self.layer: Any = None

    def open(self, key: str, name: str) -> None:
        """Begin anew with a sample, in the task ``Live Points``."""
        driver = self.driver
        driver.viewer.layers.clear()
        driver.pump(0.1)
        driver.widget.controller.choose_task(Task.LIVE_POINTS)
        driver.viewer.open_sample("napari-sam3-assistant", key)
        self.layer = driver.viewer.layers[name]
        driver.wait(lambda: driver.state.task.armed, "The layer of the prompts")
        driver.pump(0.3)
        driver.viewer.reset_view()
        driver.state.output.default_folder = HOME
        driver.wait_until_idle()

    def add(self, data: Any, **options: Any) -> Any:
        """Open an image as a user would, and return its layer."""
        made = self.driver.viewer.add_image(data, **options)
        self.driver.state.output.default_folder = HOME
        self.driver.wait_until_idle()
        self.driver.viewer.reset_view()
        return made

    def choose(self, task: Task, prompt: PromptKind | None = None) -> None:
        """Press a task in ``Simple``, what shows the objects, and ``Create Prompt Layer`` where that is needed."""
        simple = self.driver.widget.simple
        simple.setup.tasks[task].click()
        if prompt is not None:
            simple.prompt.kinds[prompt].click()
        self.driver.pump(0.1)
        if not self.driver.state.task.armed and self.driver.state.task.image is not None:
            simple.prompt.create.click()
        self.driver.pump(0.1)

    def advanced(self, *opened: Section) -> None:
        """Turn to the mode ``Advanced``, with these sections open."""
        self.driver.widget.top.modes[True].click()
        self.driver.state.panel.opened = frozenset(opened)
        self.driver.pump(0.3)

    def pick(self, box: Any, text: str) -> None:
        """Choose an entry of a list."""
        self.driver.pump(0.1)
        at = box.findText(text)
        if at < 0 or not box.isEnabled():
            raise LookupError(f"{text}: {[box.itemText(k) for k in range(box.count())]} {box.toolTip()}")
        box.setCurrentIndex(at)
        box.activated.emit(at)
        self.driver.wait_until_idle()

    def press(self, button: Any) -> None:
        """Press a button that is enabled, and wait for what comes of it."""
        self.driver.pump(0.1)
        if not button.isEnabled():
            raise LookupError(f"{button.text()}: {button.toolTip()}")
        button.click()
        self.driver.wait_until_idle()
        self.say(button.text())

    def click(self, row: float, col: float, *, selects: bool = False) -> None:
        """Click on a pixel of the picture."""
        self.driver.click(self.layer, row, col, wait=not selects)
        self.driver.wait_until_idle()
        self.say("click")

    def key(self, letter: str, **held: bool) -> None:
        """Press a key over the canvas."""
        self.driver.key(letter, **held)
        self.driver.wait_until_idle()
        self.say(letter)

    def theme(self, name: str) -> None:
        """Show the window ``dark`` or ``light``."""
        self.driver.viewer.theme = name
        self.driver.pump(0.4)

    def say(self, what: str) -> None:
        """Print what the widget says now: the docs repeat it."""
        state = self.driver.state
        mode = self.driver.widget.advanced.prompts if state.task.advanced else self.driver.widget.simple.prompt
        rows = ", ".join(f"{item.id}: {item.mask.area:,} px" for item in list(state.results.objects)[:8])
        print(f"{what:10s} | {mode.objects.text.text()} | {state.run.message} | {rows}", flush=True)

    def picture(self, name: str, *, whole: bool = False) -> None:
        """Save the window, or the canvas and the dock of the widget."""
        path = self.folder / name
        self.driver.state.output.default_folder = HOME  # a picture in use tells another one
        self.driver.screenshot(str(path))
        if not whole:
            with Image.open(path) as seen:
                shown = seen.crop((self._left(), 22, seen.width, seen.height - 22))
            shown.save(path)
        small(path)

    def part(self, widget: QWidget, name: str) -> None:
        """Save a part of the window alone."""
        self.driver.pump(0.3)
        path = self.folder / name
        widget.grab().save(str(path))
        small(path)

    def both(self, name: str, widget: QWidget | None = None) -> None:
        """Save the window, or a part of it, dark and light."""
        for theme in ("dark", "light"):
            self.theme(theme)
            if widget is None:
                self.picture(f"{name}-{theme}.png", whole=True)
            else:
                self.part(widget, f"{name}-{theme}.png")
        self.theme("dark")

    def close(self) -> None:
        """Close the window."""
        self.driver.viewer.close()
        self.driver.pump(0.1)

    def _left(self) -> int:
        """Return where the canvas begins, right of napari's own lists."""
        window = self.driver.widget.window()
        lists = [dock for dock in window.findChildren(QDockWidget) if dock.isVisible()]
        edges = [
            (dock.mapTo(window, dock.rect().topLeft()), dock.mapTo(window, dock.rect().topRight())) for dock in lists
        ]
        return max(right.x() for left, right in edges if left.x() < 10) + 8


def small(path: Path) -> None:
    """Write a picture anew in 256 colours: a third of the bytes, and nothing that one would miss."""
    with Image.open(path) as seen:
        few = seen.convert("RGB").quantize(256, kmeans=2, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"           > {path.name}: {few.size}, {path.stat().st_size:,} bytes", flush=True)


def run(go: Callable[[Path], None]) -> None:
    """Make the pictures of a script in the folder that was named, or in the docs, with fresh settings."""
    with tempfile.TemporaryDirectory() as settings:
        os.environ["XDG_CONFIG_HOME"] = os.environ[ENVIRONMENT] = settings
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
        folder.mkdir(parents=True, exist_ok=True)
        go(folder)
