"""Propagation: objects followed through a stack from the frames where they were said, shown as the frames come in.

The verbs of the task ``3D/Video``, all on the GUI thread. A session is what was said of objects on frames and what was
found; it goes on after a Cancel, an error, or a correction on any frame. What is done stays, however a run ends; each
run and each correction is one step of the board. The parts are in ``app/propagating``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from napari_sam3_assistant.app.drafts import Draft
from napari_sam3_assistant.app.hints import count_of
from napari_sam3_assistant.app.propagating import begin, words
from napari_sam3_assistant.app.propagating.axes import Axes
from napari_sam3_assistant.app.propagating.kept import Kept
from napari_sam3_assistant.app.propagating.objects import Changing
from napari_sam3_assistant.app.propagating.record import Followed
from napari_sam3_assistant.app.propagating.run import Runner
from napari_sam3_assistant.app.propagating.starting import Starting
from napari_sam3_assistant.app.propagating.summary import Summary
from napari_sam3_assistant.app.screen import OnScreen, Place
from napari_sam3_assistant.app.status import unexpected
from napari_sam3_assistant.app.tracks_layer import TracksLayer
from napari_sam3_assistant.core.errors import AssistantError, ImageError, PromptError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.layers import images, seeing
from napari_sam3_assistant.layers.features import object_ids
from napari_sam3_assistant.layers.propagated import removed
from napari_sam3_assistant.masks.registry import MaskObject, Origin
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.tasks.tracks import PROPAGATED, Tracks
from napari_sam3_assistant.tasks.video import Step, Video
from napari_sam3_assistant.tasks.view import View
from napari_sam3_assistant.tasks.volumes import AnyRun, Film, VolumeRun

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.session import ImageSession

REST_S, SHARE = 0.3, 15
"""The table follows at such intervals in s, and takes one part in so many of the time."""


class Propagating:
    """Starts, goes on with, corrects and stops propagation.

    Parameters
    ----------
    controller : AppController
    session : ImageSession
        Of its own: what else is asked, or cancelled, does not touch it.
    """

    def __init__(self, controller: AppController, session: ImageSession) -> None:
        self._controller, self._session = controller, session
        self._video, self._task = controller.state.video, controller.state.task
        self._runner = Runner(controller, session, self._take, self._renewed, self._ended)
        self._origin = Origin()
        self._summary = Summary()
        self._published = 0.0
        self.newest: tuple[Step, list[Plane]] | None = None
        """The step that was just taken, and the planes it has changed, while ``version`` tells of it; else None."""
        self.moving = False
        """Whether the slider moves because a run shows its frames."""
        self.layer: TracksLayer = TracksLayer(controller)
        self._kept = Kept(controller, session, self.layer, lambda: self._runner.between(self.absorb))
        self._starting = Starting(controller, session, self._kept, self.layer, self._run)
        self._changing = Changing(controller, self._kept, self.layer, self._refreshed)
        self._axes = Axes(controller)
        self._task.events.through.connect(controller.describe)

    # -- what there is ----------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether objects are being followed."""
        return self._runner.run is not None

    @property
    def video(self) -> Film | None:
        """What was said and found, through whichever image; None where nothing was."""
        return self._kept.video

    @property
    def view(self) -> View | None:
        """What is looked at of each frame of the image in use; None where nothing was followed."""
        return self._kept.video.view if self._kept.video is not None and self.tracks is not None else None

    @property
    def tracks(self) -> Tracks | None:
        """What was followed through the image in use; None where nothing was."""
        return self._kept.own

    @property
    def record(self) -> Followed | None:
        """What a step brings back; the same as long as nothing has changed."""
        return self._kept.record

    @property
    def numbers(self) -> frozenset[int]:
        """Numbers that are taken on any frame: a new object has another one. None outside the task."""
        if self._task.task is not Task.VIDEO:
            return frozenset()
        layer = self._controller.live.layer
        pointed = object_ids(layer) if layer is not None and self._controller.live.ours else ()
        return frozenset(pointed) | (self.tracks.ids if self.tracks is not None else frozenset())

    def on(self, place: Place) -> tuple[MaskObject, ...]:
        """Return what was followed onto a plane."""
        tracks = self._kept.tracks
        return () if tracks is None or tracks.frame_of(place) is None else tracks.at(place[1])

    def look(self, here: OnScreen | None) -> None:
        """Write which frames the image on screen has, and which one is seen."""
        before = self._video.frame, self._video.outer
        self._axes.look(here)
        moved = before[0] is not None and before != (self._video.frame, self._video.outer)
        if self.running and not self.moving and self._task.show_frames and moved:
            self._task.show_frames = False
            self._controller.status.log("You have moved the slider: it follows the frames no longer.")
        self.publish()

    def next_point(self, draft: Draft) -> int:
        """Return the object that the next point is about: on a frame without objects, as the point set last."""
        layer, live = self._controller.live.layer, self._controller.live
        fresh = draft.selected is None and not draft.begun and not draft.ids
        if self._task.task is not Task.VIDEO or not fresh or layer is None or not live.ours or not len(layer.data):
            return draft.next_point
        return object_ids(layer)[-1]

    def begin_number(self, number: int) -> None:
        """Let points of this number be a new object, wherever they lie."""
        if self._task.task is Task.VIDEO:
            self._kept.heard.begun.add(number)

    # -- starting ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a session with what is said on any frame: masks on screen, and prompts."""
        here = self._ready()
        if here is None:
            return
        through = self._axes.of(here)
        if through is None:
            self._fail(ImageError(words.NO_FRAMES.format(here.layer.name), hint=words.NO_FRAMES_HINT))
            return
        self._controller.status.begin("Starting 3D propagation...")
        self._controller.asking.then(lambda: self._starting.attempt(lambda: self._starting.start(here, through)))

    def go_on(self) -> None:
        """Go on with the session: with what was said or painted since, on any frame, or with what is left."""
        here = self._ready()
        if here is None:
            return
        name = f"{self._title} " if self._title else ""
        if self.tracks is None:
            self._fail(PromptError(words.NO_SESSION.format(name), hint=words.NO_SESSION_HINT))
        elif not self._kept.open:
            self._fail(PromptError(self._kept.why_ended.format(name), hint=words.AGAIN))
        elif self.tracks.frame_of(here.place) is None:
            self._fail(PromptError(words.ELSEWHERE, hint=words.BACK))
        else:
            self._controller.status.begin("Starting 3D propagation...")
            self._controller.asking.then(lambda: self._starting.attempt(lambda: self._starting.go_on(here)))

    def _go_on_if_open(self) -> None:
        """Go on after a server was away, unless the user has ended the session meanwhile."""
        if self._kept.open and self.tracks is not None:
            self.go_on()

    @property
    def _title(self) -> str:
        """What a session is called by: ``SAM3`` where that follows."""
        name = self._controller.state.model.in_use
        return "" if name == registry.BUILTIN.name else registry.title_of(name)

    def _ready(self) -> OnScreen | None:
        """Return what is on screen; None where there is none, or a run goes on."""
        return None if self.running or self._starting.preparing else self._controller.here_or_say()

    def resume(self, video: Video) -> None:
        """Take up a video that was recorded, as one step; see :meth:`Starting.resume`."""
        self._halt("An earlier run was brought back.")
        self._starting.resume(video)
        self.publish(rows=True)

    def _run(self, here: OnScreen, video: Film, run: AnyRun | None, planes: Sequence[Plane], said: str) -> None:
        """Show what was said, and go through the frames."""
        self._origin = Origin(str(here.layer.name), PROPAGATED, engine=self._session.engine.name)
        self._summary = Summary(self._axes.name_of(here, video.tracks.over))
        for plane in planes:
            self.layer.write(video.tracks, plane, video.numbers)
        self._kept.changed()
        self._controller.status.idle(said)
        if run is None:
            self.layer.finish(video.tracks)
            self.publish(rows=True)
            self._controller.status.idle("Preview ready: every frame was said.")
            return
        self._video.running, self._video.progress = True, 0.0
        self._video.step = words.begun(run)
        self.publish(rows=True)
        self._published = 0.0
        self._runner.start(run)

    # -- one frame after the other ------------------------------------------------------------------

    def _take(self, run: AnyRun, step: Step) -> None:
        """Put a frame into the tracks and into the layer; what is lost goes from the frames beyond."""
        changed = run.take(step, self._origin)
        self._summary.take(step)
        self.newest = step, [step.plane, *changed]
        self._kept.changed()
        self.newest = None
        if self.layer.of(run.video.tracks) is None:
            self._halt("Its preview layer was given other pixels.")
        for plane in changed:
            self.layer.write(run.video.tracks, plane, run.objects)
        begin.tell_moved(self._controller, run.video, step)
        if self._controller.board.place is not None:
            self._controller.saving.outdated(self._controller.board.place)
        if self._task.show_frames:
            self._show(step.plane)
        self.publish(rows=not self.running or time.monotonic() - self._published > REST_S)

    def _renewed(self, run: AnyRun) -> AnyRun | None:
        """Return what is left after something was done in between: another run where a step was taken back."""
        return run if run.video is self._kept.video else None

    def _ended(self, run: AnyRun, cancelled: bool, error: AssistantError | None) -> None:
        """Say what came of a run; what is done stays."""
        self._video.running, self._video.progress, self._video.step = False, None, ""
        tracks = run.video.tracks
        self.layer.finish(tracks)
        self.publish(rows=True)
        if self._controller.closed:
            return
        done = f"{count_of(len(tracks.ids))} on {words.extent(tracks)}."
        self._summary.take_ended(run.ended if isinstance(run, VolumeRun) else ())
        rest, problem = self._summary.sentences(), error or self._summary.problem
        if error is not None:
            error = self._controller.model.take_note(error, self._go_on_if_open)
            text = f"3D propagation stopped: {error.message} What is done stays: {done} {words.RESUME}"
            self._fail(type(error)(text, hint=error.hint))
        elif problem is not None:
            text = f"3D propagation is done, but not on every frame: {problem.message} {' '.join(rest)} {done}"
            self._fail(type(problem)(text, hint=problem.hint))
        elif cancelled:
            self._controller.status.idle(" ".join((f"Cancelled. What is done stays: {done} {words.RESUME}", *rest)))
        else:
            self._controller.status.idle(" ".join(("Preview ready:", done, *rest)))

    # -- objects ----------------------------------------------------------------------------------

    def follows(self, object_id: int | None) -> TypeGuard[int]:
        """Whether it is an object that was followed through the image in use, in the task that shows it."""
        tracks = self.tracks
        return tracks is not None and self._task.task is Task.VIDEO and object_id in tracks.ids

    def remove(self, object_id: int) -> None:
        """Take an object away from every frame, and with it what was said of it there."""
        self._runner.between(lambda: self._changing.remove(object_id))

    def confirm(self, frame: int, object_id: int) -> None:
        """Note that the user has looked at an object on a frame, and finds it right: there is no doubt any more."""
        self._changing.confirm(frame, object_id)

    def absorb(self) -> None:
        """Take what the user has painted in the layer, on any frame, for what was said of the objects there."""
        if self._kept.absorb():
            self.publish(rows=True)

    def go_to(self, frame: int) -> None:
        """Move the slider to a frame of what was followed, or of the axis in use."""
        here, tracks = self._controller.here(), self.tracks
        through = None if here is None else self._axes.of(here)
        axis = tracks.axis if tracks is not None else None if through is None else through.axis
        if here is None or axis is None or not 0 <= frame < here.source.shape[axis]:
            self._fail(PromptError(f"There is no frame {frame} to go to.", hint="Choose a frame of the stack."))
            return
        seeing.turn_to(self._controller.viewer, here.layer, here.plane.at(axis, frame))

    def _show(self, plane: Plane) -> None:
        """Move the slider along with a run."""
        image = images.layer_by_id(self._controller.viewer, self._task.image)
        if image is None or self.tracks is None:
            return
        self.moving = True
        try:
            seeing.turn_to(self._controller.viewer, image, plane)
        finally:
            self.moving = False

    def restore(self, target: Followed | None) -> None:
        """Bring back what was followed, and the layer; a run is stopped."""
        if target is self.record:
            return
        if self.running:
            self._halt("A step was taken back.")
        try:
            self._kept.bring_back(target)
            self.publish(rows=True)
        except (AssistantError, MemoryError) as error:
            self._fail(error if isinstance(error, AssistantError) else unexpected(error, "Close other layers."))

    def _refreshed(self, video: Film | None) -> None:
        if video is not None and not self.running:
            self.layer.finish(video.tracks)
        self.publish(rows=video is not None)

    # -- stopping ---------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop after the frame that is worked on; what is done stays."""
        if self.running:
            self._controller.status.cancelling()
        self._runner.cancel()

    def end_session(self) -> None:
        """Stop, and let no run go on with what was followed; it stays in its layer."""
        self._halt("The video session was reset.")
        self._kept.end(words.EXPIRED)
        self.publish()

    def forget(self) -> None:
        """Stop, and let go of all that was followed; the layer is removed."""
        self._halt("The preview was cleared.")
        if self._kept.video is not None:
            self._controller.board.step_once("Clear Preview")
        self._kept.let_go()
        self.layer.remove()
        self.publish(rows=True)

    def keep(self, name: str) -> str:
        """Make the layer the user's own, under another name, which is returned as napari has it; the session ends."""
        self._halt("Its layer was saved.")
        self._kept.let_go()
        given = self.layer.hand_over(name)
        self.publish(rows=True)
        return given

    def layer_removed(self, layer: Any) -> None:
        """Stop where the picture, or the layer that is being filled, has left the viewer."""
        removed(layer)
        tracks = self._kept.tracks
        if tracks is None:
            return
        if str(layer.unique_id) == tracks.image:
            self._halt("Its image was removed.")
        elif self.layer.lost():
            self._halt("Its preview layer was removed.")
        else:
            return
        self._kept.let_go()
        self.publish(rows=True)

    def replaced(self, image: Any) -> str:
        """Stop where the pixels of the picture have become others; return what to say of it.

        What was followed stays in its layer.
        """
        if self._kept.tracks is None or self._kept.tracks.image != str(image.unique_id):
            return ""
        stopped = " 3D propagation stopped; start it again." if self.running else ""
        self._halt(f"The pixels of {image.name} were replaced.")
        self._kept.end(words.GONE)
        self.publish()
        return stopped

    def close(self) -> None:
        """Stop; layers stay as they are."""
        self._task.events.through.disconnect(self._controller.describe)
        self._runner.halt()
        self._kept.painting.close()
        self._kept.drop()

    def _halt(self, why: str) -> None:
        run = self._runner.halt()
        self._video.running, self._video.progress, self._video.step = False, None, ""
        if run is not None:
            self._fail(PromptError(f"3D propagation stopped. {why}", hint="Start it again."))

    def _fail(self, error: AssistantError) -> None:
        self._controller.status.fail(error)

    def publish(self, *, rows: bool = False) -> None:
        """Write what was followed through the image in use; ``rows``: into the table, too."""
        tracks, video = self.tracks, self._video
        video.session = tracks is not None and self._kept.open
        video.volumes = tracks is not None and tracks.over is not None
        video.done = 0 if tracks is None else len(tracks.planes if video.volumes else tracks.frames)
        video.objects = len(tracks.ids) if tracks is not None else 0
        if rows:
            began = time.monotonic()
            self._controller.listing.publish()
            self._published = time.monotonic() + SHARE * (time.monotonic() - began)
