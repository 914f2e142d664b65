"""Propagation: objects followed through a stack from the frame on screen, and shown as the frames come in.

All on the GUI thread but the steps, which run on the engine's, one job a frame: a click comes in between two.
What is done stays, however a run ends. A session is what was followed so far, by frame: it can go on from any frame
that has objects, after they were corrected there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING

from napari_sam3_assistant.app.hints import count_of
from napari_sam3_assistant.app.screen import OnScreen, Place
from napari_sam3_assistant.app.status import seldom, unexpected
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.app.tracks_layer import TracksLayer
from napari_sam3_assistant.core.errors import AssistantError, Cancelled, ImageError, PromptError
from napari_sam3_assistant.core.geometry import PlacedMask, mask_iou, union
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, Prompts
from napari_sam3_assistant.layers.propagated import removed
from napari_sam3_assistant.masks.registry import MaskObject, Origin
from napari_sam3_assistant.tasks.frames import frame_axes, frame_axis
from napari_sam3_assistant.tasks.tracks import PROPAGATED, Tracks, joined
from napari_sam3_assistant.tasks.video import Propagation, Step, Video
from napari_sam3_assistant.tasks.view import view_of

if TYPE_CHECKING:
    from typing import Any

    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.session import ImageSession

logger = logging.getLogger(__name__)
REST_S = 0.3
"""The table, and a layer that is drawn anew as a whole, follow at such intervals."""
NO_FRAMES = "{} has no frames to go through."
NO_FRAMES_HINT = "Choose a stack or a film: an image with a slider of depth or time. For one plane, choose 2D."
NO_SESSION = "No active video session."
STARTED = "Started video propagation from frame {}."


class Propagating:
    """Starts, goes on with, and stops propagation.

    Parameters
    ----------
    controller : AppController
    session : ImageSession
        Of its own: what else is asked, or cancelled, does not touch it.
    """

    def __init__(self, controller: AppController, session: ImageSession) -> None:
        self._controller, self._session = controller, session
        self._video, self._task = controller.state.video, controller.state.task
        self._run: Propagation | None = None
        self._stopping: Propagation | None = None
        self._video_in_use: Video | None = None
        self._open = False
        self._moved: dict[str, int] = {}
        self._place: Place | None = None
        self._origin = Origin()
        self._ends: list[str] = []
        self._problem: ImageError | None = None
        self._published = 0.0
        self.layer: TracksLayer = TracksLayer(controller)

    # -- what there is ----------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether objects are being followed."""
        return self._run is not None

    @property
    def _tracks(self) -> Tracks | None:
        return self._video_in_use.tracks if self._video_in_use is not None else None

    @property
    def tracks(self) -> Tracks | None:
        """What was followed through the image in use; None where nothing was."""
        own = self._tracks is not None and self._tracks.image == self._task.image
        return self._tracks if own else None

    @property
    def video(self) -> Video | None:
        """What was said and found, through whichever image; None where nothing was."""
        return self._video_in_use

    def resume(self, video: Video) -> None:
        """Go on with what an earlier process has followed through the image in use."""
        here = self._controller.here_or_say()
        if here is None:
            return
        self.layer.show(here, video.tracks)
        self._video_in_use, self._open = video, True
        self._session.engine = self._controller.standby.session.engine
        self._session.set_source(here.source)
        self.publish(rows=True)

    def on(self, place: Place) -> tuple[MaskObject, ...]:
        """Return what was followed onto a plane."""
        frame = self._tracks.frame_of(place) if self._tracks is not None else None
        return self._tracks.on(frame) if self._tracks is not None and frame is not None else ()

    def look(self, here: OnScreen | None) -> None:
        """Write which frames the image on screen has; note which of its sliders was moved."""
        if here is None:
            self._video.axis, self._video.frames, self._place = "", 0, None
            self.publish()
            return
        before, self._place = self._place, here.place
        if before is not None and before[0] == here.place[0]:
            changed = set(here.plane.index) - set(before[1].index)
            axes = {axis for axis, _ in changed} & set(frame_axes(here.source, here.plane))
            if len(axes) == 1:
                self._moved[here.place[0]] = axes.pop()
        axis = self._axis(here)
        names = self._controller.channels.axis_names(here.layer)
        named = names[axis] if axis is not None and axis < len(names) else ""
        self._video.axis = "" if axis is None else named or f"axis {axis}"
        self._video.frames = 0 if axis is None else here.source.shape[axis]
        self.publish()

    def _axis(self, here: OnScreen) -> int | None:
        names = self._controller.channels.axis_names(here.layer)
        return frame_axis(here.source, here.plane, names, self._moved.get(here.place[0]))

    # -- starting ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a session with the objects on screen; those that have prompts and no mask yet are asked about first."""
        here = self._ready()
        if here is None:
            return
        axis = self._axis(here)
        if axis is None:
            self._fail(ImageError(NO_FRAMES.format(here.layer.name), hint=NO_FRAMES_HINT))
            return
        self._after_answers(here, lambda: self._begin(here, axis))

    def go_on(self) -> None:
        """Go on with the session from the frame on screen, with what was corrected or added there."""
        here, tracks = self._ready(), self.tracks
        if here is None:
            return
        if tracks is None or not self._open:
            self._fail(PromptError(NO_SESSION, hint="Run a 3D/video task first."))
        elif tracks.frame_of(here.place) is None:
            self._fail(PromptError("This slice is not one of the session's.", hint="Move the other sliders back."))
        else:
            self._after_answers(here, lambda: self._begin(here, None))

    def _ready(self) -> OnScreen | None:
        """Return what is on screen; None where there is none, or a run goes on."""
        return None if self.running else self._controller.here_or_say()

    def _after_answers(self, here: OnScreen, begin: Callable[[], None]) -> None:
        asking, found = self._controller.asking, self._controller.asking.describe()
        self._controller.status.begin("Starting 3D propagation...")
        if found is None or not found.count:
            if found is not None and not self._followed(here) and not len(self._controller.board.draft.objects):
                asking.nothing_to_run_with(found)
                return
        elif self._task.kind is PromptKind.POINTS:
            asking.points(gone=True, again=True)
        else:
            asking.shapes()
        asking.then(begin)

    def _followed(self, here: OnScreen) -> dict[int, PlacedMask]:
        """Return what was followed onto the plane on screen, as the user may have painted it."""
        if self.tracks is None or self.tracks.frame_of(here.place) is None:
            return {}
        painted = self.layer.read(here.plane)
        return {item.id: item.mask for item in self.on(here.place)} if painted is None else painted

    def _begin(self, here: OnScreen, axis: int | None) -> None:
        """Follow the objects of a plane: along an axis, in place of what was followed before, or as corrections."""
        drawn, video = self._controller.board.at(here.place).objects, self._video_in_use
        frame = here.plane.position(axis) if axis is not None else None
        try:
            if axis is not None or video is None or self._tracks is None:
                objects = {item.id: item.mask for item in drawn}
                video = self._made(here, axis or 0, objects)
                frame = frame or 0
            else:
                frame = self._tracks.frame_of(here.place) or 0
                known = {item.id: item.mask for item in self.on(here.place)}
                fresh = [item for item in drawn if not any(_same(item.mask, mask) for mask in known.values())]
                now = joined(self._followed(here), fresh, self._tracks.ids)
                objects = {id: mask for id, mask in now.items() if id not in known or not _same(mask, known[id])}
            if objects:
                video.give(frame, {id: Prompts(mask=MaskPrompt(mask)) for id, mask in objects.items()})
            run = video.run(self._task.direction, ahead=self._session.read_ahead)
            self.layer.begin(here, video.tracks, objects) if axis is not None else self.layer.check(here)
            self.layer.write(video.tracks, video.plane_at(frame), run.objects)
        except (AssistantError, MemoryError) as error:
            self._fail(error if isinstance(error, AssistantError) else unexpected(error, "Close other layers."))
            return
        self._run, self._video_in_use, self._open = run, video, True
        self._ends, self._problem = [], None
        self._origin = Origin(str(here.layer.name), PROPAGATED, engine=self._session.engine.name)
        self._controller.status.idle(STARTED.format(frame))
        self._video.running, self._video.progress = True, 0.0
        self._video.step = f"Following {count_of(len(run.objects))} through {run.total} frames..."
        self.publish(rows=True)
        self._next(run)

    def _made(self, here: OnScreen, axis: int, objects: Mapping[int, PlacedMask]) -> Video:
        if not objects:
            raise PromptError("There is no object to follow.", hint="Click on one, or draw a box round one, first.")
        self._session.engine = self._controller.standby.session.engine
        self._session.set_source(here.source)
        rule, shape = self._task.rule, here.source.plane_shape(here.plane)
        box = union(mask.box for mask in objects.values() if mask.box is not None)
        window = rule.for_prompts(shape, Prompts(box=BoxPrompt(box)))
        view = view_of(here.source, here.plane, window, rule)
        self._controller.roi.show(here, view)
        return Video(view, axis)

    # -- one frame after the other ------------------------------------------------------------------

    def _next(self, run: Propagation) -> None:
        progress = seldom(self._controller.on_main, self._progressed)
        try:
            future = self._session.follow(run, progress=progress)
        except AssistantError as error:
            self._end(error=error)
            return
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._stepped(run, done)))

    def _progressed(self, fraction: float | None, message: str) -> None:
        if self._run is not None:
            self._video.progress, self._video.step = fraction, f"3D/video propagation: {message}"

    def _stepped(self, run: Propagation, future: Future[Step]) -> None:
        if run is not self._run:
            return
        try:
            step = future.result()
        except (Cancelled, CancelledError):
            self._end("Cancelled.")
            return
        except Exception as error:
            if not isinstance(error, AssistantError):
                logger.exception("Propagation failed")
                error = unexpected(error)
            self._end(error=error)
            return
        try:
            self._take(run, step)
        except AssistantError as error:  # the disk under the layer is full
            self._end(error=error)
            return
        if self._run is not run:
            return
        self._video.progress = run.done / max(run.total, 1)
        if run.next_frame is None:
            self._end()
        elif run is self._stopping:
            self._end("Cancelled.")
        else:
            self._next(run)

    def _take(self, run: Propagation, step: Step) -> None:
        """Put a frame into the tracks and into the layer; what is lost goes from the frames beyond."""
        changed = run.take(step, self._origin)
        if step.problem is not None:
            self._problem = step.problem
        if step.lost:
            names = ", ".join(map(str, sorted(step.lost)))
            said = f"Object {names} is" if len(step.lost) == 1 else f"Objects {names} are"
            last = step.found.frame - step.legs[0].frames.step if step.legs else step.found.frame
            self._ends.append(f"{said} gone after frame {last}.")
        for plane in changed:
            self.layer.write(run.video.tracks, plane, run.objects)
        if self._controller.board.place is not None:
            self._controller.saving.outdated(self._controller.board.place)
        self.publish(rows=time.monotonic() - self._published > REST_S)

    def _end(self, said: str = "", error: AssistantError | None = None) -> None:
        """End a run and say what came of it; what is done stays."""
        run, self._run = self._run, None
        self._video.running, self._video.progress, self._video.step = False, None, ""
        if self._tracks is not None:
            self.layer.finish(self._tracks)
        self.publish(rows=True)
        if run is not None and not self._controller.closed:
            frames = len(self._tracks.frames) if self._tracks is not None else 0
            done = f"{count_of(len(run.objects))} on {frames} frame{'' if frames == 1 else 's'}."
            error = error or self._problem
            if error is not None:
                text = f"3D propagation stopped: {error.message} What is done stays: {done}"
                self._fail(type(error)(text, hint=error.hint))
            elif said:
                self._controller.status.idle(f"{said} What is done stays: {done} Propagate goes on from a frame.")
            else:
                self._controller.status.idle(" ".join(("Preview ready:", done, *self._ends[:3])))

    # -- stopping ---------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop after the frame that is worked on; what is done stays."""
        if self.running:
            self._controller.status.cancelling()
        self._stopping = self._run  # between two frames there is nothing that the session could stop
        self._session.cancel()

    def end_session(self) -> None:
        """Stop, and let no run go on with what was followed; it stays in its layer."""
        self._halt("The video session was reset.")
        self._open = False
        self.publish()

    def forget(self) -> None:
        """Stop, and let go of all that was followed; the layer is removed."""
        self._halt("The preview was cleared.")
        self._video_in_use, self._open = None, False
        self.layer.remove()
        self.publish(rows=True)

    def keep(self, name: str) -> str:
        """Make the layer the user's own, under another name, which is returned as napari has it; the session ends."""
        self._halt("Its layer was saved.")
        self._video_in_use, self._open = None, False
        given = self.layer.hand_over(name)
        self.publish(rows=True)
        return given

    def layer_removed(self, layer: Any) -> None:
        """Stop where the picture, or the layer that is being filled, has left the viewer."""
        removed(layer)
        tracks = self._tracks
        if tracks is None:
            return
        if str(layer.unique_id) == tracks.image:
            self._halt("Its image was removed.")
        elif self.layer.lost():
            self._halt("Its preview layer was removed.")
        else:
            return
        self._video_in_use, self._open = None, False
        self.publish(rows=True)

    def replaced(self, image: Any) -> str:
        """Stop where the pixels of the picture have become others; return what to say of it.

        What was followed stays in its layer.
        """
        if self._tracks is None or self._tracks.image != str(image.unique_id):
            return ""
        stopped = " 3D propagation stopped; start it again." if self.running else ""
        self._halt(f"The pixels of {image.name} were replaced.")
        self._open = False
        self.publish()
        return stopped

    def close(self) -> None:
        """Stop; layers stay as they are."""
        self._run = None
        self._session.cancel()

    def _halt(self, why: str) -> None:
        run, self._run = self._run, None
        self._session.cancel()
        self._video.running, self._video.progress, self._video.step = False, None, ""
        if run is not None:
            self._controller.status.fail(PromptError(f"3D propagation stopped. {why}", hint="Start it again."))

    def _fail(self, error: AssistantError) -> None:
        self._controller.status.fail(error)

    # -- telling ----------------------------------------------------------------------------------

    def publish(self, *, rows: bool = False) -> None:
        """Write what was followed through the image in use; ``rows``: into the table, too."""
        tracks, video = self.tracks, self._video
        video.session = tracks is not None and self._open
        video.done = len(tracks.frames) if tracks is not None else 0
        video.objects = len(tracks.ids) if tracks is not None else 0
        video.version += 1
        if rows:
            self._published = time.monotonic()
            self._controller.listing.publish()


def _same(a: PlacedMask, b: PlacedMask) -> bool:
    """Return whether two masks are the same pixels."""
    return a.area == b.area and mask_iou(a, b) == 1
