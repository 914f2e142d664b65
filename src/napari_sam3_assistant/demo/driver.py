"""A hand on the mouse: clicks and keys that reach napari as those of a user do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import napari
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_sam3_assistant.app.state import AppState, Phase
from napari_sam3_assistant.layers.world import camera_of
from napari_sam3_assistant.tasks.image import PlaneResult
from napari_sam3_assistant.widgets.main_widget import MainWidget
from napari_sam3_assistant.widgets.napari_bridge import PLUGIN

TIMEOUT_S = 60.0


class NoAnswer(RuntimeError):
    """The widget did not answer in time."""


class Driver:
    """A viewer with the widget docked, and a hand.

    Parameters
    ----------
    viewer : napari.Viewer or None
        None opens one.
    """

    def __init__(self, viewer: napari.Viewer | None = None) -> None:
        self.viewer = viewer if viewer is not None else napari.Viewer()
        _, widget = self.viewer.window.add_plugin_dock_widget(PLUGIN, "SAM3 Assistant")
        if not isinstance(widget, MainWidget):
            raise NoAnswer(f"napari opened {type(widget).__name__} in place of the widget.")
        self.widget = widget
        self.pump(0.5)

    @property
    def state(self) -> AppState:
        """State of the widget."""
        return self.widget.state

    def pump(self, seconds: float = 0.0) -> None:
        """Let Qt do what is due, for ``seconds`` or once."""
        end = time.perf_counter() + seconds
        while True:
            QApplication.processEvents()
            if time.perf_counter() >= end:
                return
            time.sleep(0.002)

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Let Qt work until ``condition`` holds.

        Raises
        ------
        NoAnswer
            After :data:`TIMEOUT_S`.
        """
        end = time.perf_counter() + TIMEOUT_S
        while not condition():
            if time.perf_counter() > end:
                raise NoAnswer(f"{what} did not come within {TIMEOUT_S:.0f} s: {self.state.run}")
            QApplication.processEvents()

    def wait_until_idle(self) -> None:
        """Wait until nothing runs and nothing waits."""
        self.wait(
            lambda: self.state.run.phase in (Phase.IDLE, Phase.FAILED) and not self.widget.controller.busy, "Rest"
        )
        self.pump(0.05)  # the controls are drawn once all has changed

    def place(self, layer: Any, row: float, col: float) -> QPoint:
        """Return where pixel ``(row, col)`` of ``layer`` is seen, in pixels of the canvas."""
        world = layer.data_to_world((row, col))
        camera = camera_of(self.viewer)
        center, zoom = camera.center[-2:], camera.zoom
        canvas = self._canvas()
        y = (world[-2] - center[0]) * zoom + canvas.height() / 2
        x = (world[-1] - center[1]) * zoom + canvas.width() / 2
        return QPoint(round(x), round(y))

    def click(self, layer: Any, row: float, col: float) -> PlaneResult:
        """Click on a pixel in the canvas, wait for the answer and return it.

        Raises
        ------
        NoAnswer
            If none came.
        """
        place, newest = self.place(layer, row, col), self.state.results.current
        QTest.mouseClick(self._canvas(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
        self.wait(lambda: self.state.run.phase is Phase.FAILED or self.state.results.current is not newest, "An answer")
        self.wait_until_idle()
        answer = self.state.results.current
        if answer is None:
            raise NoAnswer(f"The click gave no mask: {self.state.run.message} {self.state.run.hint}")
        return answer

    def key(self, letter: str, *, shift: bool = False) -> None:
        """Press a key over the canvas."""
        held = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        QTest.keyClick(self._canvas(), getattr(Qt.Key, f"Key_{letter.upper()}"), held)
        self.pump()

    def screenshot(self, path: str) -> None:
        """Save a picture of the whole window."""
        self.pump(0.3)
        self.viewer.screenshot(path, canvas_only=False, flash=False)

    def _canvas(self) -> QWidget:
        for child in self.widget.window().findChildren(QWidget):
            if type(child).__name__ == "CanvasBackendDesktop":
                return child
        raise NoAnswer("napari has no canvas on this screen.")
