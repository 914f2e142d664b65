"""A real viewer with the real widget, behind the proxy that napari gives to plugins; clocks on both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import napari
import numpy as np
from napari.utils._proxies import PublicOnlyProxy
from qtpy.QtCore import QEventLoop, Qt, QTimer

from benchmarks.scenes import Scene
from napari_sam3_assistant.app.state import AppState, Phase
from napari_sam3_assistant.engines.protocol import ImageEngine
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.image import PlaneResult
from napari_sam3_assistant.tasks.session import EngineHandle
from napari_sam3_assistant.widgets.main_widget import MainWidget

TIMEOUT_S = 60.0
POLL_MS = 3
BEAT_MS = 2


class NoAnswer(RuntimeError):
    """What was waited for did not come."""


def rest(seconds: float) -> None:
    """Let Qt work for a while; what has nothing to do sleeps, as in napari itself."""
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


def until(condition: Callable[[], bool], what: str) -> None:
    """Let Qt work until ``condition`` holds.

    Raises
    ------
    NoAnswer
        After :data:`TIMEOUT_S`.
    """
    loop, timer, end = QEventLoop(), QTimer(), time.perf_counter() + TIMEOUT_S
    timer.timeout.connect(lambda: loop.quit() if condition() or time.perf_counter() > end else None)
    timer.start(POLL_MS)
    loop.exec()
    timer.stop()
    if not condition():
        raise NoAnswer(f"{what} did not come within {TIMEOUT_S:.0f} s.")


def timed(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes, in milliseconds."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


class Heartbeat:
    """The longest time, in milliseconds, for which the GUI thread did not answer."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def __enter__(self) -> Heartbeat:
        self._last = time.perf_counter()
        self._timer.start(BEAT_MS)
        return self

    def __exit__(self, *_: object) -> None:
        self._beat()
        self._timer.stop()

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, (now - self._last) * 1000 - BEAT_MS)
        self._last = now


@dataclass(frozen=True, slots=True, eq=False)
class Click:
    """One click, in milliseconds.

    ``own_ms`` is all from napari's event to the drawn mask, but for the engine's share and for ``queued_ms``:
    how long the answer lay ready while the window was painted.
    """

    own_ms: float
    queued_ms: float
    encode_ms: float
    decode_ms: float
    result: PlaneResult


class Opened:
    """A viewer with the widget.

    Parameters
    ----------
    viewer : napari.Viewer or None
        None opens one.
    """

    def __init__(self, viewer: napari.Viewer | None = None) -> None:
        self.viewer = viewer if viewer is not None else napari.Viewer()
        self.viewer.window.resize(1366, 768)
        self.widget = MainWidget(PublicOnlyProxy(self.viewer))
        self._dock = self.viewer.window.add_dock_widget(self.widget, name="SAM3 Assistant")
        self._posted = self._taken = 0.0
        self._on_main = self.widget.controller.on_main
        self.widget.controller.on_main = self._noted
        rest(0.3)

    def _noted(self, function: Callable[[], None]) -> None:
        """Note when a worker hands something to the GUI thread, and when that takes it."""
        posted = time.perf_counter()

        def run() -> None:
            self._posted, self._taken = posted, time.perf_counter()
            function()

        self._on_main(run)

    @property
    def state(self) -> AppState:
        """State of the widget."""
        return self.widget.state

    @property
    def points(self) -> Any:
        """The layer ``SAM3 points``, as napari has it."""
        return self.viewer.layers[names.POINTS]

    def idle(self) -> bool:
        """Return whether nothing runs and nothing waits."""
        return self.state.run.phase in (Phase.IDLE, Phase.FAILED) and not self.widget.controller.busy

    def settle(self) -> None:
        """Wait until all is done, and drawn."""
        until(self.idle, "Rest")
        rest(0.12)

    def open(self, scene: Scene) -> Any:
        """Show a scene in place of what is there, and wait until a click would be a prompt."""
        self.viewer.layers.clear()
        rest(0.05)
        layer = self.viewer.add_image(scene.data, name="scene", **scene.options)
        until(lambda: self.state.task.armed, "The points layer")
        rest(0.2)
        self.settle()
        return layer

    def forget(self) -> None:
        """Begin a new object."""
        self.widget.simple.prompt.reset.click()
        self.settle()

    def click(self, place: tuple[float, float]) -> Click:
        """Add a point as napari does on a click, wait for the drawn mask, and return the times."""
        began, drawn, queued = list[float](), list[float](), 0.0

        def on_data(event: Any) -> None:
            if str(event.action) == "added":
                began.append(time.perf_counter())

        def on_result(*_: object) -> None:
            nonlocal queued
            drawn.append(time.perf_counter())
            queued = self._taken - self._posted

        points, current = self.points, self.state.results.events.current
        points.events.data.connect(on_data, position="first")
        current.connect(on_result)
        try:
            points.add(np.asarray([place], dtype=float))
            until(lambda: bool(drawn) or self.state.run.phase is Phase.FAILED, "An answer")
        finally:
            points.events.data.disconnect(on_data)
            current.disconnect(on_result)
        result = self.state.results.current
        if not drawn or result is None:
            raise NoAnswer(f"The click gave no mask: {self.state.run.message} {self.state.run.hint}")
        self.settle()
        own = (drawn[0] - began[0] - queued) * 1000 - result.encode_ms - result.decode_ms
        return Click(own, queued * 1000, result.encode_ms, result.decode_ms, result)

    @contextmanager
    def answering(self, engine: ImageEngine) -> Iterator[None]:
        """Let another engine answer for a while."""
        session = self.widget.controller._session
        usual, session.engine = session.engine, EngineHandle(engine.name, lambda: engine)
        try:
            yield
        finally:
            session.engine = usual

    def close(self) -> None:
        """Close the window."""
        self.viewer.close()
        rest(0.05)
