"""A hand on the mouse: clicks and keys that reach napari as those of a user do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, overload

import napari
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_sam3_assistant.app.state import AppState, Phase
from napari_sam3_assistant.layers.world import camera_of
from napari_sam3_assistant.tasks.image import PlaneResult
from napari_sam3_assistant.widgets.main_widget import MainWidget
from napari_sam3_assistant.widgets.napari_bridge import PLUGIN

TIMEOUT_S = 60.0
REST_S = 0.001
CANVAS = "CanvasBackendDesktop"
BUTTONS = {
    "left": Qt.MouseButton.LeftButton,
    "right": Qt.MouseButton.RightButton,
    "middle": Qt.MouseButton.MiddleButton,
}


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
        self.pump(0.05)
        if self.widget.isVisible():
            self._until_laid_out()

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
            time.sleep(REST_S)  # or the loop keeps a core from whoever works

    def wait_until_idle(self) -> None:
        """Wait until nothing runs and nothing waits."""
        self.wait(
            lambda: self.state.run.phase in (Phase.IDLE, Phase.FAILED) and not self.widget.controller.busy, "Rest"
        )
        self.pump(0.05)  # the controls are drawn once all has changed

    def place(self, layer: Any, row: float, col: float) -> QPoint:
        """Return where pixel ``(row, col)`` of ``layer`` is seen, in pixels of the canvas."""
        world = layer.data_to_world((*self.viewer.dims.current_step[-layer.ndim : -2], row, col))
        camera = camera_of(self.viewer)
        center, zoom = camera.center[-2:], camera.zoom
        canvas = self._canvas()
        y = (world[-2] - center[0]) * zoom + canvas.height() / 2
        x = (world[-1] - center[1]) * zoom + canvas.width() / 2
        return QPoint(round(x), round(y))

    @overload
    def click(
        self,
        layer: Any,
        row: float,
        col: float,
        *,
        button: str = ...,
        alt: bool = ...,
        shift: bool = ...,
        wait: Literal[True] = ...,
    ) -> PlaneResult: ...

    @overload
    def click(
        self,
        layer: Any,
        row: float,
        col: float,
        *,
        button: str = ...,
        alt: bool = ...,
        shift: bool = ...,
        wait: Literal[False],
    ) -> None: ...

    def click(
        self,
        layer: Any,
        row: float,
        col: float,
        *,
        button: str = "left",
        alt: bool = False,
        shift: bool = False,
        wait: bool = True,
    ) -> PlaneResult | None:
        """Click on a pixel in the canvas, wait for the answer and return it.

        Parameters
        ----------
        layer : napari layer
            Whose pixel it is.
        row, col : float
        button : str
            ``left``, ``right`` or ``middle``.
        alt, shift : bool
            Held meanwhile.
        wait : bool
            Whether to wait for a new mask; else nothing is waited for, or returned.

        Raises
        ------
        NoAnswer
            If none came.
        """
        newest = self.state.results.current
        self._moved(self.place(layer, row, col))
        place = self.place(layer, row, col)  # the window may have been laid out anew meanwhile
        QTest.mouseClick(self._canvas(), BUTTONS[button], _held(alt=alt, shift=shift), place)
        if not wait:
            self.pump()
            return None
        self.wait(lambda: self.state.run.phase is Phase.FAILED or self.state.results.current is not newest, "An answer")
        self.wait_until_idle()
        answer = self.state.results.current
        if answer is None:
            raise NoAnswer(f"The click gave no mask: {self.state.run.message} {self.state.run.hint}")
        return answer

    def move(self, layer: Any, row: float, col: float) -> None:
        """Move the pointer to a pixel, no button held."""
        self._moved(self.place(layer, row, col))

    def drag(
        self,
        layer: Any,
        top: float,
        left: float,
        bottom: float,
        right: float,
        *,
        alt: bool = False,
        shift: bool = False,
    ) -> None:
        """Drag from ``(top, left)`` to ``(bottom, right)``, pixels of ``layer``: a rectangle, a point that moves."""
        steps = [(top + (bottom - top) * part / 4, left + (right - left) * part / 4) for part in range(5)]
        self.stroke(layer, steps, alt=alt, shift=shift)

    def stroke(
        self, layer: Any, points: Sequence[tuple[float, float]], *, alt: bool = False, shift: bool = False
    ) -> None:
        """Press at the first pixel of ``points``, move along the others, let go at the last."""
        canvas, held, left = self._canvas(), _held(alt=alt, shift=shift), Qt.MouseButton.LeftButton
        self._moved(self.place(layer, *points[0]))
        QTest.mousePress(canvas, left, held, self.place(layer, *points[0]))
        for at in points[1:]:
            self._moved(self.place(layer, *at), left, held)
        QTest.mouseRelease(canvas, left, held, self.place(layer, *points[-1]))
        self.pump()

    def key(self, letter: str, *, shift: bool = False, ctrl: bool = False) -> None:
        """Press a key over the canvas."""
        QTest.keyClick(self._canvas(), _key(letter), _held(shift=shift, ctrl=ctrl))
        self.pump()

    @contextmanager
    def hold(self, letter: str) -> Iterator[None]:
        """Hold a key over the canvas meanwhile."""
        QTest.keyPress(self._canvas(), _key(letter))
        self.pump()
        try:
            yield
        finally:
            QTest.keyRelease(self._canvas(), _key(letter))
            self.pump()

    def screenshot(self, path: str) -> None:
        """Save a picture of the whole window."""
        self.pump(0.3)
        self.viewer.screenshot(path, canvas_only=False, flash=False)

    def _until_laid_out(self) -> None:
        """Wait until the canvas keeps its size: the dock takes its width once napari's theme is applied."""
        canvases = [one for one in self.widget.window().findChildren(QWidget) if type(one).__name__ == CANVAS]
        steady, size = 0, None
        while canvases and steady < 5:
            self.pump(0.03)
            steady = steady + 1 if canvases[0].size() == size else 0
            size = canvases[0].size()

    def _moved(
        self,
        place: QPoint,
        button: Qt.MouseButton = Qt.MouseButton.NoButton,
        held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    ) -> None:
        """Move the pointer. QTest moves that of the screen, of which the canvas hears later, and without the button."""
        canvas, none = self._canvas(), Qt.MouseButton.NoButton
        local, seen = QPointF(place), QPointF(canvas.mapToGlobal(place))
        QApplication.sendEvent(canvas, QMouseEvent(QEvent.Type.MouseMove, local, seen, none, button, held))
        self.pump()

    def _canvas(self) -> QWidget:
        for child in self.widget.window().findChildren(QWidget):
            if type(child).__name__ == CANVAS:
                return child
        raise NoAnswer("napari has no canvas on this screen.")


def _key(letter: str) -> Qt.Key:
    key: Qt.Key = getattr(Qt.Key, f"Key_{letter.upper() if len(letter) == 1 else letter}")
    return key


def _held(*, alt: bool = False, shift: bool = False, ctrl: bool = False) -> Qt.KeyboardModifier:
    held = Qt.KeyboardModifier.NoModifier
    for down, modifier in (
        (alt, Qt.KeyboardModifier.AltModifier),
        (shift, Qt.KeyboardModifier.ShiftModifier),
        (ctrl, Qt.KeyboardModifier.ControlModifier),
    ):
        if down:
            held |= modifier
    return held
