"""A preview under the pointer while a key is held: what a click there would make."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.drafts import Talk
from napari_sam3_assistant.app.screen import Place
from napari_sam3_assistant.core.errors import AssistantError, Cancelled
from napari_sam3_assistant.core.prompts import PointPrompt
from napari_sam3_assistant.layers import world
from napari_sam3_assistant.tasks.image import PlaneResult

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

INTERVAL_S = 0.05
"""Asked this often at most."""
MOST_MS = 100.0
"""An engine that takes longer for an answer cannot keep up with a hand."""


class Hover:
    """Asks what lies under the pointer; the newest place wins.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self._held = False
        self._resting = False
        self._position: tuple[float, ...] | None = None
        self._asked: tuple[float, ...] | None = None
        self._future: Future[PlaneResult] | None = None
        self.decode_ms = 0.0
        """How long the newest answer took, in milliseconds."""

    def held(self) -> Generator[None, None, None]:
        """Show previews until the key is let go: napari resumes the generator then."""
        self.start()
        yield
        self.stop()

    def start(self) -> None:
        """Begin to follow the pointer."""
        if self._held or self._controller.here() is None:
            return
        if self.decode_ms > MOST_MS:
            self._refuse()
            self.decode_ms = 0.0  # the next press may find it quicker
            return
        self._held = True
        self._controller.viewer.mouse_move_callbacks.append(self._moved)
        self._position = tuple(self._controller.viewer.cursor.position)
        self._ask()

    def stop(self) -> None:
        """Show the masks as they are."""
        if not self._held:
            return
        self._held, self._position, self._asked, self._future = False, None, None, None
        callbacks = self._controller.viewer.mouse_move_callbacks
        if self._moved in callbacks:
            callbacks.remove(self._moved)
        self._controller.board.draw()

    def _moved(self, viewer: Any, event: Any) -> None:
        self._position = tuple(event.position)
        self._ask()

    def _ask(self) -> None:
        """Ask about the newest place, unless an answer is on its way or the last one is too fresh."""
        here = self._controller.here()
        if not self._held or self._resting or self._future is not None or self._position == self._asked:
            return
        if here is None or self._position is None or here.place != self._controller.board.place:
            return
        self._asked = self._position
        pixel = world.pixel_at(here.layer, here.plane, here.world, self._position)
        if pixel is None:
            self._controller.board.draw(here)
            return
        draft = self._controller.board.draft
        id, talk = draft.next_point, draft.talks.get(draft.next_point, Talk())
        before = talk.asked.points if talk.asked is not None else ()
        prompts = talk.prompts((*before, PointPrompt(*pixel, self._controller.state.task.positive)))
        if not prompts.positive and prompts.mask is None and prompts.box is None:
            return  # a negative point alone asks for nothing
        try:
            session = self._controller.standby.choose(here, prompts, talk.view)
            self._future = future = session.request(prompts, here.plane, own=talk.view, key="hover")
        except AssistantError:
            return  # a place beside the picture; there is no preview of it
        self._resting = True
        self._controller.after(INTERVAL_S, self._rested)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._show(here.place, id, done)))

    def _rested(self) -> None:
        self._resting = False
        self._ask()

    def _show(self, place: Place, id: int, future: Future[PlaneResult]) -> None:
        if future is not self._future:
            return
        self._future = None
        here = self._controller.here()
        if not self._held or here is None or here.place != place or self._controller.board.place != place:
            return
        try:
            result = future.result()
        except (Cancelled, CancelledError, AssistantError):
            return  # the click itself will say what is wrong
        self.decode_ms = result.decode_ms
        self._controller.board.hover(here, id, result.segmentation.mask, result.segmentation.score)
        if self.decode_ms > MOST_MS:
            self.stop()
            self._refuse()
        else:
            self._ask()

    def _refuse(self) -> None:
        self._controller.status.idle(
            f"This engine takes {self.decode_ms:.0f} ms for an answer: too long to follow the pointer."
        )
