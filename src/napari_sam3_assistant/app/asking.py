"""Asking: what the prompts on screen are, what of it is new, and where the answers go.

All on the GUI thread but what is handed to a session. An answer counts only while its
request is the newest about its object.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app.drafts import Points, Talk
from napari_sam3_assistant.app.hints import FIRST
from napari_sam3_assistant.app.requests import Key, Pending, Requests
from napari_sam3_assistant.app.screen import OnScreen, Place
from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.status import unexpected
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.app.using import Using, in_use, not_in_use
from napari_sam3_assistant.core.errors import AssistantError, Cancelled, PromptError
from napari_sam3_assistant.core.prompts import Prompts
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.layers import images
from napari_sam3_assistant.masks.registry import Origin
from napari_sam3_assistant.tasks.image import PlaneResult
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.tasks.looked import Looked

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

logger = logging.getLogger(__name__)
DRAWING_INTERVAL_S = 0.1
SOLID = "The view is 3D: prompts count on one slice. Go back to 2D (below the layer list) to see it and to click."
NOUNS = {PromptKind.POINTS: "point", PromptKind.BOX: "box", PromptKind.LABELS: "label", PromptKind.TEXT: "phrase"}


class Asking:
    """Asks about the prompts on screen, and puts the answers on the board.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller, self._standby = controller, controller.standby
        self._state = controller.state
        self._pending = Requests()
        self._error: AssistantError | None = None
        self._outcome, self._news = "", ""
        self._drawn, self._undrawn = 0.0, False
        self._next: Callable[[], None] | None = None

    # -- what there is to ask ---------------------------------------------------------------------

    def describe(self) -> Using | None:
        """Write which prompts a run would use, and return them; None where there are none that can be read."""
        task = self._state.task
        self._controller.choice.publish()
        here = self._controller.here()
        try:
            found = None if here is None else in_use(self._controller, here)
            problem = ""
        except AssistantError as error:
            found, problem = None, f"{error.message} {error.hint}"
        if here is None or found is None:
            task.usable, task.in_use, task.left_out = 0, "", problem
            return None
        flat = "" if here.world.flat else SOLID
        left_out = " ".join(filter(None, (flat, found.left_out, not_in_use(self._controller, here))))
        task.usable, task.in_use, task.left_out = found.count, found.text, left_out
        task.prompt_layer = found.layer
        return found

    def points_here(self) -> Points:
        """Return the points on screen, by object."""
        found = self.describe()
        return found.points if found is not None else {}

    # -- asking -----------------------------------------------------------------------------------

    def points(self, *, gone: bool, again: bool = False) -> None:
        """Ask about every object whose points are not those that its mask answers.

        Parameters
        ----------
        gone : bool
            Whether points that are missing were taken away here, see :meth:`Draft.with_points`.
        again : bool
            Whether to ask also about objects that were cleared, or not found.
        """
        here, found = self._controller.here_or_say(), self.describe()
        if here is None or found is None:
            return
        board, place = self._controller.board, here.place
        board.absorb()
        masks = board.at(place).objects
        board.put(place, board.at(place).with_points(found.points, gone=gone))
        draft = board.at(place)
        self._pending.drop_outdated(place, draft, found.points)
        self._standby.drop_outdated(place, draft, found.points)
        self._ask(here, draft.stale(found.points, again=again))
        if self._pending and board.at(place).objects is masks:
            board.publish()  # the answer will be drawn
        else:
            board.draw(here)
        if not self._pending and not found.points:
            if again and not self._controller.live.is_live:
                self.nothing_to_run_with(found)
            else:
                self._nothing_asked(found)

    def shapes(self) -> None:
        """Ask about the boxes or the painted labels on screen, one object each; refined objects stay."""
        here, found = self._controller.here_or_say(), self.describe()
        if here is None or found is None:
            return
        board, kind = self._controller.board, self._state.task.kind.value
        before = board.snapshot()
        draft = board.at(here.place)
        changed = draft.with_shapes(kind, [(shape.key, shape.prompts) for shape in found.shapes])
        todo = changed.stale_shapes(kind, again=True)
        if changed.talks.keys() != draft.talks.keys():
            board.step("Run Preview", before)
        self.drop(here.place, [id for id in draft.talks if id not in changed.talks])
        board.put(here.place, changed)
        self._ask(here, todo)
        board.draw(here)
        if not found.shapes:
            self.nothing_to_run_with(found)
        elif not todo and not self._pending:
            self._controller.status.idle("Every prompt has its mask.")

    def drop(self, place: Place, ids: Collection[int | str]) -> None:
        """Take no answers about these objects."""
        self._pending.drop(place, ids)
        self._standby.drop(place, ids)

    def recall(self) -> None:
        """Take no answers to prompts that a step has taken back: not here, and not on other slices."""
        found, board = self.points_here(), self._controller.board
        self._pending.recall(board.place, found, board.at)
        self._standby.recall(board.place, found)

    def cancel(self) -> None:
        """Drop what waits and stop what runs."""
        self._next = None
        self._standby.cancel()

    def forget(self) -> None:
        """Stop all, and take no answer any more."""
        self._news, self._next = "", None
        self._pending.forget()
        self._standby.forget()
        self._controller.finding.forget()

    def follow(self, message: str = "Ready") -> None:
        """Ask again after a step, or after the view or the picture has changed; say ``message`` if nothing is."""
        self.describe()
        if self._state.task.task is Task.LIVE_POINTS:
            self.points(gone=False)
        if not self._pending:
            self._controller.status.idle(message)

    def tell(self, news: str) -> None:
        """Say ``news`` now, or with the last of the answers that are on their way."""
        if self._pending:
            self._news = news
        else:
            self._controller.status.idle(news)

    def then(self, do: Callable[[], None]) -> None:
        """Do something once all answers are there: not if one fails, or nobody waits for them any more."""
        if self._pending:
            self._next = do
        elif self._state.run.phase is not Phase.FAILED:
            do()

    @property
    def waits(self) -> bool:
        """Whether an answer is on its way."""
        return bool(self._pending)

    @property
    def searches(self) -> bool:
        """Whether the answer to words or examples is on its way."""
        return any(isinstance(id, str) for _, id in self._pending)

    def _ask(self, here: OnScreen, todo: dict[int, Prompts]) -> None:
        draft = self._controller.board.at(here.place)
        if not self._pending:
            self._error = None
        message = "Live Points running..." if self._controller.live.is_live else "Running SAM3 preview..."
        for id, prompts in todo.items():
            key = here.place, id
            if self._pending.prompts_of(key) == prompts:
                continue
            try:
                self._request(key, here, draft.talks.get(id, Talk()), prompts, message)
            except AssistantError as error:
                self._refused(here.place, id, prompts, error)
        if self._error is not None:
            self._tell()

    def _request(self, key: Key, here: OnScreen, talk: Talk, prompts: Prompts, message: str) -> None:
        """Ask who answers now; and where that is not the engine in use, that one too."""
        session = self._standby.choose(here, prompts, talk.view)
        known = session.has(here.plane, session.window_for(prompts, here.plane, talk.view))
        future = session.request(
            prompts,
            here.plane,
            previous=_previous(talk, prompts, session.engine.name),
            own=talk.view,
            key=("object", *key),
            progress=self._controller.status.reporter(),
        )
        self._controller.roi.show(here, session.view)
        self.wait(key, Pending(future, prompts, known), message)
        if session is self._standby.quick:
            in_use = self._standby.session.engine.name
            self._standby.later(key, here, prompts, _previous(talk, prompts, in_use), talk.view)

    def wait(self, key: Key, pending: Pending, message: str) -> None:
        """Take the answer when it comes."""
        self._pending.add(key, pending)
        if not self._controller.status.running:
            self._controller.status.begin(message)
        pending.future.add_done_callback(lambda done: self._controller.on_main(lambda: self._done(key, done)))

    # -- answers ----------------------------------------------------------------------------------

    def _done(self, key: Key, future: Future[Any]) -> None:
        pending = self._pending.take(key, future)
        if pending is None:
            return
        self._outcome = self._taken(key, pending, future)
        self._tell()

    def _taken(self, key: Key, pending: Pending, future: Future[Any]) -> str:
        """Put an answer on the board; return what to say if nothing else is on its way."""
        place, id = key
        try:
            result = future.result()
        except (Cancelled, CancelledError):
            return "Cancelled."
        except AssistantError as error:
            self._refused(place, id, pending.prompts, error)
            return ""
        except Exception as error:
            logger.exception("A request failed")
            self._error = unexpected(error, "Click again.")
            return ""
        layer = images.layer_by_id(self._controller.viewer, place[0])
        if layer is None:
            return "The image was removed; its answer was dropped."
        if isinstance(result, Looked):
            return self._controller.finding.found(place, pending, result, str(layer.name))
        return self._segmented(place, int(id), pending, result, str(layer.name))

    def replace(self, key: Key, pending: Pending, result: PlaneResult) -> None:
        """Put an answer in the place of another engine's, as one step; not where the user has changed the object."""
        (place, id), board = key, self._controller.board
        layer = images.layer_by_id(self._controller.viewer, place[0])
        if layer is None or not isinstance(id, int):
            return
        if place == board.place:
            board.absorb()
        talk = board.at(place).talks.get(id)
        title = registry.title_of(result.engine)
        if talk is None or not talk.waits_for(pending.prompts):
            self._say(f"{title}'s answer about object {id} is left out: you have changed or accepted it.")
            return
        self._pending.drop(place, [id])  # an answer that would be older than this one
        board.step_once(f"{title}'s answer")
        self._segmented(place, id, pending, result, str(layer.name))
        self._say(f"{title}'s answer took the place of the built-in engine's.")

    def _say(self, message: str) -> None:
        if not self._pending:
            self._controller.status.idle(message)

    def _segmented(self, place: Place, id: int, pending: Pending, result: PlaneResult, name: str) -> str:
        board = self._controller.board
        if place == board.place:
            board.absorb()
        prompts = pending.prompts or result.prompts
        origin = Origin(name, engine=result.engine)
        board.put(place, board.at(place).answered(id, prompts, result, origin))
        self.shown(place)
        self._state.results.current = result
        self.note_times(pending, result)
        area, window = result.segmentation.mask.area, result.view.window
        if not area:
            return "No objects found"
        if area == window.shape[0] * window.shape[1]:
            return "Nothing stands out here: the mask is the whole view."
        if pending.known and result.encode_ms:
            return f"The pixels of {name} have changed since; they were read anew."
        return "Live Points ready" if self._controller.live.is_live else "Preview ready"

    def note_times(self, pending: Pending, result: PlaneResult | Looked) -> None:
        """Write how long the engine took, and all the rest from the request to the drawn masks."""
        self._state.results.decode_ms = result.decode_ms
        engine_ms = result.encode_ms + result.decode_ms
        self._state.results.plugin_ms = (time.perf_counter() - pending.began) * 1000 - engine_ms

    def shown(self, place: Place) -> None:
        """Draw what a plane's answers have made, if it is on screen."""
        board, here = self._controller.board, self._controller.here()
        self._controller.saving.outdated(place)
        if here is None or place != here.place or place != board.place:
            board.publish()
            return
        now = time.monotonic()
        self._undrawn = bool(self._pending) and now - self._drawn < DRAWING_INTERVAL_S
        if self._undrawn:
            return  # of many answers that come at once, the last one draws for all
        self._drawn = now
        board.draw(here)
        if not self._pending and self._controller.state.task.kind is not PromptKind.POINTS:
            board.draw_extras(here)

    def _refused(self, place: Place, id: int | str, prompts: Prompts | None, error: AssistantError) -> None:
        self._error = self._controller.model.take_note(error)
        board = self._controller.board
        if isinstance(error, PromptError) and isinstance(id, int) and prompts is not None:
            board.put(place, board.at(place).failed(id, prompts))
            board.draw()

    def _tell(self) -> None:
        if self._pending:
            return
        if self._undrawn:
            self._undrawn = False
            self._controller.board.draw()
        error, self._error = self._error, None
        news, self._news = self._news, ""
        do, self._next = self._next, None
        if error is not None:
            self._controller.status.fail(error)
            return
        self._controller.status.idle(f"{news} {self._outcome}".strip())
        if do is not None:
            do()

    def nothing_to_run_with(self, found: Using) -> None:
        """Say which prompt a run needs."""
        kind = self._state.task.kind
        message = " ".join(filter(None, (f"There is no {NOUNS[kind]} on this plane.", found.left_out)))
        self._controller.status.fail(PromptError(message, hint=FIRST[kind]))

    def _nothing_asked(self, found: Using) -> None:
        live = self._controller.live
        if found.left_out:
            self._controller.status.idle(found.left_out)
        else:
            self._controller.status.idle("Live Points armed. Add a point to start." if live.is_live else "Ready")


def _previous(talk: Talk, prompts: Prompts, engine: str) -> Segmentation | None:
    """Return the last answer about an object where the prompts only go on from those it answers."""
    if talk.answer is None or talk.asked is None or talk.answer.engine != engine or talk.reading:
        return None
    before = talk.asked.points
    goes_on = len(before) < len(prompts.points) and prompts.points[: len(before)] == before
    return talk.answer.segmentation if goes_on else None
