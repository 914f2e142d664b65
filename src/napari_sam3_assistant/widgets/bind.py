"""Joins state and widgets, and lets go of both when a widget is closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Qt, QTimer, Signal


class _Caller(QObject):
    """Lives on the GUI thread and calls there what any thread hands it."""

    call = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.call.connect(lambda function: function(), Qt.ConnectionType.QueuedConnection)


_caller: _Caller | None = None


def on_main(function: Callable[[], None]) -> None:
    """Run ``function`` on the GUI thread, when what goes on there now is done. Callable from any thread.

    The first call must come from the GUI thread: a widget makes it.
    """
    global _caller
    if _caller is None:
        _caller = _Caller()
    _caller.call.emit(function)


def after(seconds: float, function: Callable[[], None]) -> None:
    """Run ``function`` on the GUI thread, from which this is called, in ``seconds``."""
    QTimer.singleShot(round(seconds * 1000), function)


class Bindings:
    """Connections of a widget to the state, undone together."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def connect(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Connect a signal of the state to ``slot`` until :meth:`close`."""
        signal.connect(slot)
        self._undo.append(lambda: signal.disconnect(slot))

    def field(self, part: Any, name: str, changed: Any, write: Callable[[Any], Any]) -> None:
        """Bind a field of the state and a control, both ways.

        Parameters
        ----------
        part : object
            A part of the state.
        name : str
            The field.
        changed : Qt signal
            Emits the control's new value.
        write : callable
            Sets the control.
        """
        write(getattr(part, name))
        changed.connect(lambda value: setattr(part, name, value))
        # A field's signal carries its old value too, which Qt's own methods would not take.
        self.connect(getattr(part.events, name), lambda value: write(value))

    def on_close(self, function: Callable[[], None]) -> None:
        """Call ``function`` once, at :meth:`close`, after what was connected later is undone."""
        self._undo.append(function)

    def close(self) -> None:
        """Undo every connection; calling it again does nothing."""
        while self._undo:
            self._undo.pop()()


class Redraw(QObject):
    """Calls ``draw`` once after any number of changes of the state, before the next paint.

    Parameters
    ----------
    parts : sequence
        Parts of the state.
    draw : callable
    bindings : Bindings
    parent : QObject
    """

    def __init__(self, parts: tuple[Any, ...], draw: Callable[[], None], bindings: Bindings, parent: QObject) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(draw)
        for part in parts:
            bindings.connect(part.events, self._changed)
        draw()

    def _changed(self, *_: Any) -> None:
        self._timer.start()
