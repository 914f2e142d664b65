"""Finding: all objects that the examples on screen or the words typed mean, in place of what was found before."""

from __future__ import annotations

import logging
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING

from napari_sam3_assistant.app.exemplars import query_of
from napari_sam3_assistant.app.requests import Pending
from napari_sam3_assistant.app.screen import OnScreen, Place
from napari_sam3_assistant.app.status import LOADING, unexpected
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.app.using import TITLES, Using
from napari_sam3_assistant.core.errors import AssistantError, Cancelled, PromptError
from napari_sam3_assistant.core.prompts import Query
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.layers import images
from napari_sam3_assistant.masks.registry import Origin
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.tasks.looked import Looked
from napari_sam3_assistant.tasks.phrases import NO_PHRASE, PHRASE_HINT

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

logger = logging.getLogger(__name__)
FIND = "find"
THRESHOLD = "threshold"
REST_S = 0.15
"""A threshold takes effect once the hand rests so long."""


class Finding:
    """Looks for all objects of a plane.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller, self._standby = controller, controller.standby
        self._task = controller.state.task
        self._last: tuple[Place, Looked] | None = None
        self._due = False
        self._newest: Future[Looked] | None = None
        self._task.events.threshold.connect(self._threshold_changed)
        model = controller.state.model.events
        task = self._task.events
        self._said = (task.text, task.phrase_lines, task.batch, task.advanced, model.in_use, model.known)
        for said in self._said:
            said.connect(self._describe)
        self._task.follows_words = controller.state.model.finds_on_frames

    def close(self) -> None:
        """Follow the words and the threshold no longer."""
        self._task.events.threshold.disconnect(self._threshold_changed)
        for said in self._said:
            said.disconnect(self._describe)
        self.forget()

    def arm(self) -> None:
        """Let clicks in the canvas make no prompts: words are typed."""
        viewer, selection = self._controller.viewer, self._controller.viewer.layers.selection
        image = images.layer_by_id(viewer, self._task.image)
        prompts = [one for one in (self._controller.live.layer, self._controller.boxes.layer) if one is not None]
        if image is not None and selection.active is not None and selection.active in prompts:
            selection.active = image

    def enter(self) -> None:
        """Look for what is typed: ``Enter`` in the text field. Where words are not in use, say so and run nothing."""
        if self._task.kind is PromptKind.TEXT:
            self._controller.run()
            return
        title = TITLES[self._task.kind]
        hint = "Choose the prompt type Text only, or the task Text segmentation."
        self._controller.status.fail(PromptError(f"What is typed is not used: the prompt type is {title}.", hint=hint))

    def forget(self) -> None:
        """Let no threshold bring back what was found before."""
        self._last = self._newest = None

    def _describe(self) -> None:
        self._task.follows_words = self._controller.state.model.finds_on_frames
        if self._task.kind is PromptKind.TEXT or self._task.advanced:
            self._controller.asking.describe()

    def query(self, found: Using) -> Query:
        """Return what a run looks for with the prompts in use.

        Raises
        ------
        PromptError
            If there is nothing to look for.
        """
        if self._task.task is Task.EXEMPLAR:
            return query_of(found, self._task)
        phrases = self._task.phrases
        if not phrases:
            raise PromptError(NO_PHRASE, hint=PHRASE_HINT)
        return Query(phrases)

    # -- asking -----------------------------------------------------------------------------------

    def find(self) -> None:
        """Find all that the words, or the examples on screen, mean."""
        controller = self._controller
        here, found = controller.here(), controller.asking.describe()
        if here is None or found is None:
            return
        try:
            query = self.query(found)
            names = ", ".join(one.text for one in query.texts[:3]) + (" ..." if len(query.texts) > 3 else "")
            self._request(here, query, f"Looking for {names or 'objects like the example'}...")
        except AssistantError as error:
            controller.status.fail(error)

    def _request(self, here: OnScreen, query: Query, message: str) -> None:
        """Ask who answers now; and where that is not the engine in use, that one too."""
        controller, key = self._controller, (here.place, FIND)
        session = self._standby.choose_for(here, query, here.view)
        future = session.find(
            query,
            here.plane,
            threshold=self._task.threshold,
            view=here.view,
            key=FIND,
            progress=controller.status.reporter(),
        )
        controller.roi.show(here, session.view)
        controller.asking.wait(key, Pending(future, None), LOADING if self._standby.must_load else message)
        if session is self._standby.quick:
            self._standby.find_later(key, here, query, here.view)

    # -- answers ----------------------------------------------------------------------------------

    def found(self, place: Place, pending: Pending, looked: Looked, name: str) -> str:
        """Put what was found on the board, as one step; return what to say."""
        self._controller.board.step("Run Preview")
        return self._take(place, pending, looked, name)

    def replace(self, place: Place, pending: Pending, looked: Looked) -> None:
        """Put what was found in the place of what another engine has found, as one step."""
        controller = self._controller
        layer = images.layer_by_id(controller.viewer, place[0])
        if layer is None:
            return
        controller.asking.drop(place, [FIND])  # an answer that would be older than this one
        title = registry.title_of(looked.result.engine)
        controller.board.step(f"{title}'s answer")
        said = self._take(place, pending, looked, str(layer.name))
        if not controller.asking.waits:
            controller.status.idle(f"{said} {title}'s answer took the place of the built-in engine's.")

    def _take(self, place: Place, pending: Pending, looked: Looked, name: str) -> str:
        self._put(place, looked, name)
        self._controller.asking.note_times(pending, looked)
        return looked.chosen.message

    def _put(self, place: Place, looked: Looked, name: str) -> None:
        self._last = place, looked
        board = self._controller.board
        if place == board.place:
            board.absorb()
        kind = _kind(looked)
        origin = Origin(name, kind, engine=looked.result.engine)
        board.put(place, board.at(place).with_found(kind, looked.chosen.objects, origin))
        self._controller.asking.shown(place)
        self._controller.asking.recall()  # points on an object that this search has taken away are about another now
        if self._controller.live.is_live:
            self._controller.asking.points(gone=False)

    # -- another threshold --------------------------------------------------------------------------

    def _threshold_changed(self) -> None:
        if not self._due and self._last is not None:
            self._due = True
            self._controller.after(REST_S, self._choose_again)

    def _choose_again(self) -> None:
        """Let another threshold choose from what was found; nobody is asked again."""
        self._due = False
        if self._controller.closed or self._last is None:
            return
        place, looked = self._last
        threshold = self._task.threshold
        self._newest = future = self._standby.quick.work(lambda: looked.with_threshold(threshold), THRESHOLD)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._chosen(place, done)))

    def _chosen(self, place: Place, future: Future[Looked]) -> None:
        layer = images.layer_by_id(self._controller.viewer, place[0])
        if future is not self._newest or layer is None or self._last is None:
            return
        try:
            looked = future.result()
        except (Cancelled, CancelledError):
            return
        except Exception as error:
            logger.exception("Another threshold failed")
            self._controller.status.fail(error if isinstance(error, AssistantError) else unexpected(error))
            return
        if self._last[0] != place or self._last[1].result is not looked.result:
            return  # something else was looked for meanwhile
        self._controller.board.step_once("Detection threshold")
        self._put(place, looked, str(layer.name))
        if not self._controller.asking.waits:
            self._controller.status.idle(looked.chosen.message)


def _kind(looked: Looked) -> str:
    return "text" if looked.named else "exemplar"
