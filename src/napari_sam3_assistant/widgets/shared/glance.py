"""The strip, and the way from one doubtful frame to the next."""

from __future__ import annotations

from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QMenu, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_sam3_assistant.app.controller import AppController
from napari_sam3_assistant.app.frame_views import GlanceView
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.controls import button, draw, row, show
from napari_sam3_assistant.widgets.shared.strip import StripView
from napari_sam3_assistant.widgets.shared.strip_paint import Scene


class GlancePanel(QWidget):
    """Shown while objects are followed, and once they were."""

    def __init__(self, controller: AppController, bindings: Bindings) -> None:
        super().__init__()
        self._controller, self._glance = controller, controller.glance
        self.text = QElidingLabel()
        self.previous = button("Previous", lambda: self._glance.walk(-1))
        self.next = button("Next doubtful frame", lambda: self._glance.walk(1))
        self.strip = StripView()
        self.strip.asked.connect(lambda frame, object_id: self._glance.go(frame, object_id or None))
        self.strip.menu.connect(self._ask)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        first = row(self.text, self.previous, self.next)
        first.setStretch(0, 1)
        layout.addLayout(first)
        layout.addWidget(self.strip)
        bindings.connect(self._glance.changed, self.look)

    def draw(self, can: GlanceView) -> None:
        """Show how well the objects are followed."""
        show(self, can.shown)
        self.text.setText(can.text)
        self.text.setToolTip(can.text)
        draw(self.previous, can.previous)
        draw(self.next, can.next)
        if can.shown:
            self.look()

    def look(self) -> None:
        """Show the objects as they are now."""
        state, glance = self._controller.state, self._glance
        scene = Scene(glance.strips, state.video.frames, glance.frame, glance.unread, glance.chosen)
        self.strip.show_scene(scene, glance.said_of)

    def menu_of(self, frame: int, object_id: int) -> QMenu:
        """Return what can be done with an object on a frame."""
        glance, strip = self._glance, self._glance.strip_of(object_id)
        menu = QMenu(self)
        confirm = menu.addAction("Confirm this frame", lambda: glance.confirm(frame, object_id))
        confirm.setEnabled(strip is not None and strip.at(frame) is not None)
        if strip is not None:
            first, last = int(strip.frames[0]), int(strip.frames[-1])
            menu.addAction(f"Go to its first frame ({first})", lambda: glance.go(first, object_id))
            menu.addAction(f"Go to its last frame ({last})", lambda: glance.go(last, object_id))
        menu.addSeparator()
        menu.addAction("Remove object", lambda: glance.remove(object_id))
        return menu

    def _ask(self, frame: int, object_id: int, at: QPoint) -> None:
        menu = self.menu_of(frame, object_id)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(at)
