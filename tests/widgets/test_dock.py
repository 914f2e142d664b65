"""What our docks share: however Python and Qt part with one, it lets go of what it is bound to."""

import gc

from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QWidget

from napari_sam3_assistant.widgets.dock import Dock


def test_a_dock_that_only_qt_refers_to_lets_go_when_it_is_deleted(qapp):
    holder, dock, undone = QWidget(), Dock(), []
    dock.setParent(holder)
    dock._bindings.connect(Signal(undone), dock.wanted_width)  # a cycle, as each binding makes one
    del dock
    gc.collect()
    assert not undone

    holder.deleteLater()
    del holder
    gc.collect()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    assert undone == ["disconnected"]


class Signal:
    """One that notes that nobody listens any more."""

    def __init__(self, undone: list[str]) -> None:
        self._undone = undone

    def connect(self, slot) -> None:
        self._slot = slot

    def disconnect(self, slot) -> None:
        self._undone.append("disconnected")
