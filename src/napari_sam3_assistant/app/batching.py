"""Batching: the prompts of many pictures, or many phrases, asked one after the other while the user goes on working.

All on the GUI thread but what is handed to the scheduler. A step is a job of the lowest kind, so that a click slips
in between two; pictures are read one ahead, on a thread of their own.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.app import batch_drafts, batch_words
from napari_sam3_assistant.app.activity import note
from napari_sam3_assistant.app.batch_plan import Plan, plan
from napari_sam3_assistant.app.batch_views import MOST_RESULTS
from napari_sam3_assistant.app.batch_words import Tally
from napari_sam3_assistant.app.finding import FIND
from napari_sam3_assistant.app.screen import Place
from napari_sam3_assistant.app.status import seldom, unexpected
from napari_sam3_assistant.core.errors import (
    AssistantError,
    Cancelled,
    DeviceError,
    ModelFolderError,
    PromptError,
    ServerUnreachable,
    TokenRefused,
)
from napari_sam3_assistant.core.progress import CancelToken, Progress, no_progress
from napari_sam3_assistant.core.window_rule import WindowRule
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.layers import images
from napari_sam3_assistant.masks.registry import Origin
from napari_sam3_assistant.tasks import batch
from napari_sam3_assistant.tasks.batch import Answer, Picture, Ready, Step
from napari_sam3_assistant.tasks.jobs import Job, Kind
from napari_sam3_assistant.tasks.session import EngineHandle

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.scheduler import Scheduler

logger = logging.getLogger(__name__)
READER = "pictures"
"""Pictures are read on a thread of their own: a slow disk holds up neither a click nor a step."""
TITLE = "Batch"
AHEAD = 2
"""So many steps are with the engine at a time: it need not wait for the window."""
DRAWN_AFTER_S = 0.3
HOPELESS = (ModelFolderError, DeviceError, ServerUnreachable, TokenRefused)
"""What would fail in the same way at every further step."""
OTHER_ENGINE = "Another engine answers now: the batch was stopped."

_runs = count(1)


@dataclass(slots=True, eq=False)
class _Run:
    """A batch on its way.

    ``todo`` are its steps, ``reads`` pictures that are being read or were, ``later`` the picture after each,
    ``asked`` the number of steps with the engine, ``begun`` whether anything has come of it.
    """

    kind: str
    engine: EngineHandle
    rule: WindowRule
    threshold: float | None
    todo: deque[Step]
    tally: Tally
    number: int = field(default_factory=lambda: next(_runs))
    reads: dict[int, Future[Ready]] = field(default_factory=dict)
    later: dict[int, Picture] = field(default_factory=dict)
    asked: int = 0
    begun: bool = False


class Batching:
    """Runs the current prompts on many pictures, or many phrases on one.

    Parameters
    ----------
    controller : AppController
    scheduler : Scheduler
    embeddings : EmbeddingCache
    """

    def __init__(self, controller: AppController, scheduler: Scheduler, embeddings: EmbeddingCache) -> None:
        self._controller, self._scheduler, self._embeddings = controller, scheduler, embeddings
        self._state = controller.state
        self._session = f"batch-{id(self)}"
        self._run: _Run | None = None
        self._undrawn: set[Place] = set()

    @property
    def running(self) -> bool:
        """Whether a batch is on its way."""
        return self._run is not None

    # -- verbs ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Ask what the prompts show of every image layer, or the phrases of the one in use."""
        controller = self._controller
        if self._run is not None:
            controller.status.idle(batch_words.WAITS)
            return
        try:
            found = plan(controller)
            self._check(found)
        except AssistantError as error:
            controller.status.fail(error)
            return
        controller.standby.allow()
        controller.finding.forget()
        for picture in found.pictures:
            controller.asking.drop(_place(picture), [FIND])  # an answer to a single question would mix with these
        task, engine = self._state.task, controller.standby.session.engine
        tally = Tally(found.count, failed=list(found.refused), bare=list(found.bare))
        todo = deque(batch.steps(found.pictures))
        self._run = run = _Run(found.kind, engine, task.rule, task.threshold, todo, tally)
        run.later = {id(one): after for one, after in pairwise(found.pictures)}
        controller.batch_views.begin()
        controller.status.idle(batch_words.begun(found.count, len(found.pictures), found.prompts))
        self._fill()

    def cancel(self) -> None:
        """Stop; what is done stays."""
        if self._run is not None:
            self._end("Cancelled.")

    def stop(self) -> None:
        """Stop, and say nothing of it but that it did not come to its end."""
        if self._run is not None and (self._run.todo or self._run.asked):
            self._controller.status.cancelling()
        self._run = None
        self._scheduler.cancel(self._session)
        self._state.run.batch, self._state.run.batch_progress = "", None

    def _check(self, found: Plan) -> None:
        """Raise what a user must change first."""
        if found.pictures:
            return
        if found.refused:
            name, error = found.refused[0]
            raise type(error)(f"{name}: {error.message}", hint=error.hint)
        raise PromptError(batch_words.NO_PROMPTS, hint="They have to lie on the slice that is on screen.")

    # -- steps ------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Hand the next steps to the engine, as far as their pictures are read."""
        run = self._run
        if run is None:
            return
        if self._controller.standby.session.engine is not run.engine:
            self._end(OTHER_ENGINE)
            return
        while run.todo and run.asked < AHEAD:
            step = run.todo[0]
            ready = self._read(run, step.picture)
            if not ready.done():
                break
            if ready.cancelled():
                self._end("Cancelled.")
                return
            if ready.exception() is not None:
                self._unread(run, step.picture, ready.exception())
                continue
            run.todo.popleft()
            self._ask(run, step, ready)
        self._tell(run)
        if not run.todo and not run.asked:
            self._end()

    def _read(self, run: _Run, picture: Picture) -> Future[Ready]:
        """Have a picture read, and the one after it."""
        for one in (picture, run.later.get(id(picture))):
            if one is not None and id(one) not in run.reads:
                run.reads[id(one)] = future = self._submit(READER, _reading(one, run.rule))
                future.add_done_callback(lambda done: self._controller.on_main(lambda: self._go_on(run)))
        return run.reads[id(picture)]

    def _ask(self, run: _Run, step: Step, ready: Future[Ready]) -> None:
        run.asked += 1
        if step.last:
            run.reads.pop(id(step.picture))
        show = seldom(self._controller.on_main, lambda _, words: self._tell(run, words))
        future = self._submit(run.engine.name, self._asking(run, step, ready), show)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._done(run, step, done)))

    def _asking(self, run: _Run, step: Step, ready: Future[Ready]) -> Callable[[Progress, CancelToken], Answer]:
        def ask(progress: Progress, cancel: CancelToken) -> Answer:
            return batch.ask(
                run.engine.get(),
                self._embeddings,
                step,
                ready.result(),
                rule=run.rule,
                threshold=run.threshold,
                progress=progress,
                cancel=cancel,
            )

        return ask

    def _submit(
        self, worker: str, work: Callable[[Progress, CancelToken], Any], progress: Progress = no_progress
    ) -> Future[Any]:
        return self._scheduler.submit(Job(worker, work), session=self._session, kind=Kind.BATCH, progress=progress)

    def _go_on(self, run: _Run) -> None:
        if run is self._run:
            self._fill()

    # -- answers ----------------------------------------------------------------------------------

    def _done(self, run: _Run, step: Step, future: Future[Answer]) -> None:
        if run is not self._run or self._controller.closed:
            return
        run.asked -= 1
        try:
            self._put(run, step, future.result())
        except (Cancelled, CancelledError):
            self._end("Cancelled.")
            return
        except AssistantError as error:
            self._failed(run, step, error)
        except Exception as error:
            logger.exception("A step of a batch failed")
            self._failed(run, step, unexpected(error))
        run.tally.done += 1
        if run is self._run:
            self._fill()

    def _put(self, run: _Run, step: Step, answer: Answer) -> None:
        """Put an answer on the board, as one step with the others of the batch."""
        place, board, tally = _place(step.picture), self._controller.board, run.tally
        layer = images.layer_by_id(self._controller.viewer, place[0])
        if layer is None:
            self._gone(run, step.picture)
            return
        board.absorb()
        if run.begun:
            board.step_once(TITLE)
        else:
            self._begin(run)
        origin = Origin(str(layer.name), run.kind, engine=answer.engine)
        if answer.result is not None:
            draft = batch_drafts.with_answer(board.at(place), run.number, run.kind, step, answer.result, origin)
        else:
            draft = batch_drafts.with_found(board.at(place), run.number, run.kind, answer.objects, origin)
        board.put(place, draft)
        tally.answered += 1
        tally.objects += len(answer.objects)
        if answer.objects:
            tally.pictures.add(place[0])
        else:
            tally.empty.append(step.name)
        title = registry.title_of(answer.engine)
        note(
            self._state.activity,
            f"{step.name}: {title} result: objects={len(answer.objects)}. {answer.message}".strip(),
        )
        self._draw_soon(place)

    def _begin(self, run: _Run) -> None:
        """Take what earlier batches have made away, of all pictures: results are never mixed."""
        board, run.begun = self._controller.board, True
        board.step(TITLE)
        for place, draft in dict(board.drafts).items():
            board.put(place, batch_drafts.fresh(draft, run.number))

    def _failed(self, run: _Run, step: Step, error: AssistantError) -> None:
        """Note what failed; the other steps are done all the same."""
        if images.layer_by_id(self._controller.viewer, step.picture.source.identity) is None:
            self._gone(run, step.picture)
            return
        self._note(run, step.name, error)
        if isinstance(error, HOPELESS):
            run.todo.clear()

    def _unread(self, run: _Run, picture: Picture, error: BaseException | None) -> None:
        """Note of a picture that it cannot be read, once; nothing is asked of it."""
        known = error if isinstance(error, AssistantError) else unexpected(error or RuntimeError())
        if images.layer_by_id(self._controller.viewer, picture.source.identity) is None:
            self._gone(run, picture)
            return
        self._note(run, picture.name, known)
        self._skip(run, picture)

    def _note(self, run: _Run, name: str, error: AssistantError) -> None:
        run.tally.failed.append((name, error))
        note(self._state.activity, f"{name}: {error}")

    def _gone(self, run: _Run, picture: Picture) -> None:
        """Ask nothing more of a picture that was removed."""
        if picture.name not in run.tally.gone:
            run.tally.gone.append(picture.name)
        self._skip(run, picture)

    def _skip(self, run: _Run, picture: Picture) -> None:
        left = [step for step in run.todo if step.picture is not picture]
        run.todo = deque(left)
        run.reads.pop(id(picture), None)

    # -- showing ----------------------------------------------------------------------------------

    def _draw_soon(self, place: Place) -> None:
        """Draw what came, for many answers at once."""
        self._undrawn.add(place)
        if len(self._undrawn) == 1:
            self._controller.after(DRAWN_AFTER_S, lambda: self._draw())

    def _draw(self) -> None:
        places, self._undrawn = self._undrawn, set()
        if self._controller.closed or not places:
            return
        board = self._controller.board
        if board.place in places:
            board.draw()
        else:
            board.publish()
        self._state.output.saved = None

    def _tell(self, run: _Run, words: str = "") -> None:
        """Say which step is done; ``words`` are what the engine says that loads or encodes."""
        if run is self._run:
            name = words or (run.todo[0].name if run.todo else "")
            self._state.run.batch = batch_words.step(run.tally, name)
            self._state.run.batch_progress = run.tally.done / max(run.tally.total, 1)

    def _end(self, stopped: str = "") -> None:
        """Show and say what came of it; ``stopped`` says why it ends before all is done."""
        run, controller = self._run, self._controller
        if run is None:
            return
        self.stop()
        self._draw()
        board, here = controller.board, controller.here()
        if here is not None and here.place == board.place and run.begun:
            board.draw_extras(here)
        results = [place for place, draft in board.drafts.items() if draft.batch is not None and len(draft.objects)]
        files = sum(len(batch_drafts.parts(board.at(place))) for place in results)
        if len(results) > 1:
            self._state.output.everywhere = self._state.results.all_planes = True
        told = batch_words.told(run.tally, stopped=stopped, unseen=max(files - MOST_RESULTS, 0))
        if isinstance(told, AssistantError):
            controller.status.fail(told)
        else:
            controller.asking.tell(told)


def _place(picture: Picture) -> Place:
    return picture.source.identity, picture.plane


def _reading(picture: Picture, rule: WindowRule) -> Callable[[Progress, CancelToken], Ready]:
    def read(progress: Progress, cancel: CancelToken) -> Ready:
        return batch.read(picture, rule)

    return read
