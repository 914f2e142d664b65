"""The hand of the demo: what a user does in the canvas, counted, and what it gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.demo.driver import Driver, NoAnswer
from napari_sam3_assistant.demo.fit import Mask
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.jobs import Task


class Hand:
    """Clicks, draws, paints and presses keys on the picture in use, and counts that.

    Parameters
    ----------
    driver : Driver
    layer : napari Image layer
        The picture.
    shape : tuple of int
        Of its plane, in pixels.
    """

    def __init__(self, driver: Driver, layer: Any, shape: tuple[int, ...]) -> None:
        self.driver, self.layer = driver, layer
        self._shape = shape[0], shape[1]
        self.actions = 0
        self.score = self.decode_ms = self.plugin_ms = 0.0
        """Of the newest answer."""

    def choose(self, task: Task, prompt: PromptKind | None = None) -> None:
        """Choose in the dock what is to be done, and make the layer of its prompts."""
        driver, simple = self.driver, self.driver.widget.simple
        simple.setup.tasks[task].click()
        if prompt is not None:
            simple.prompt.kinds[prompt].click()
        driver.pump(0.05)
        if not driver.state.task.armed:
            simple.prompt.create.click()
        driver.wait(lambda: driver.state.task.armed, "The layer of the prompts")

    def clear(self) -> None:
        """Take away the prompts of the kind in use, and all masks; the next prompt is a positive one."""
        simple, task = self.driver.widget.simple, self.driver.state.task
        task.positive = task.positive_box = True
        simple.prompt.reset.click()
        simple.run.clear_preview.click()
        self.driver.wait_until_idle()

    def click(self, row: float, col: float, positive: bool) -> Mask:
        """Click a point on the selected object, and return its mask."""
        driver = self.driver
        if positive != driver.state.task.positive:
            self.key("T")
        self.actions += 1
        answer = driver.click(self.layer, row, col)
        self.score, self.decode_ms = answer.segmentation.score, answer.decode_ms
        self.plugin_ms = driver.state.results.plugin_ms
        return answer.segmentation.mask.within(whole(self._shape).box)

    def select(self, row: float, col: float) -> int:
        """Click on an object to select it; return its number."""
        self.actions += 1
        self.driver.click(self.layer, row, col, wait=False)
        self.driver.wait(lambda: self.driver.state.results.selected is not None, "A selected object")
        return self.driver.state.results.selected or 0

    def draw(self, top: float, left: float, bottom: float, right: float) -> None:
        """Draw a box."""
        self.actions += 1
        self.driver.drag(self.layer, top, left, bottom, right)

    def paint(self, corners: Sequence[tuple[float, float]]) -> Mask:
        """Paint one stroke, and return all that is painted."""
        self.actions += 1
        self.driver.stroke(self.layer, corners)
        return np.asarray(self.driver.viewer.layers[names.MASK_PROMPT].data) > 0

    @property
    def brush(self) -> float:
        """Width of the brush, in pixels of the picture."""
        return float(self.driver.viewer.layers[names.MASK_PROMPT].brush_size)

    def key(self, letter: str) -> None:
        """Press a key."""
        self.actions += 1
        self.driver.key(letter)

    def press(self, button: Any) -> None:
        """Press a button of the dock."""
        self.actions += 1
        button.click()
        self.driver.wait_until_idle()

    def run(self) -> list[Mask]:
        """Press ``U``, and return the masks of all objects."""
        state, ended = self.driver.state, list[Phase]()

        def on_phase(phase: Phase) -> None:
            if phase in (Phase.IDLE, Phase.FAILED):
                ended.append(phase)

        state.run.events.phase.connect(on_phase)
        try:
            self.key("U")
            self.driver.wait(lambda: bool(ended), "An answer")
        finally:
            state.run.events.phase.disconnect(on_phase)
        self.driver.wait_until_idle()
        objects = state.results.objects
        if not len(objects):
            raise NoAnswer(f"There is no mask: {state.run.message} {state.run.hint}")
        self.score = float(np.mean([item.score for item in objects]))
        self.plugin_ms, self.decode_ms = state.results.plugin_ms, state.results.decode_ms
        return self.masks()

    def masks(self) -> list[Mask]:
        """Return the masks of all objects."""
        return [item.mask.within(whole(self._shape).box) for item in self.driver.state.results.objects]
