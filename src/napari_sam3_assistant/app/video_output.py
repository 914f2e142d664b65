"""``Write while it runs``: what is followed goes into an OME-Zarr, frame by frame, as it comes.

The file is whole from its first frame on, whatever ends the run. The record of the run lies beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam3_assistant.app import stack_writing
from napari_sam3_assistant.app.screen import OnScreen
from napari_sam3_assistant.core.errors import AssistantError, SaveError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.export.atomic import save_error
from napari_sam3_assistant.export.label_stream import LabelStream
from napari_sam3_assistant.export.omezarr import SUFFIX
from napari_sam3_assistant.export.run_record import SUFFIX as RECORD
from napari_sam3_assistant.export.run_record import record_path
from napari_sam3_assistant.layers import images
from napari_sam3_assistant.masks.drawing import ranked
from napari_sam3_assistant.masks.pieces import Record
from napari_sam3_assistant.tasks.jobs import Job, Kind
from napari_sam3_assistant.tasks.tracks import Sighting
from napari_sam3_assistant.tasks.video import Video
from napari_sam3_assistant.tasks.volumes import Film

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.tasks.scheduler import Scheduler

WORKER, FORMAT = "video output", "zarr"
GONE_HINT = "Put it back, or have all of it written anew."


@dataclass(slots=True, eq=False)
class _Written:
    """An output: where it is, what makes its stream, and the stream, which the thread of the output alone touches."""

    path: Path
    resume: bool
    shape: tuple[int, ...]
    place: stack_writing.Placing
    stream: LabelStream | None = None

    def write(self, planes: Sequence[tuple[Plane, Sequence[Record]]]) -> None:
        """Write planes; the file is made for the first ones, and anew once it was said that it is gone.

        Raises
        ------
        SaveError
            If it is gone, or cannot be written.
        """
        if self.stream is not None and not self.stream.whole:
            self.stream, self.resume = None, True
            raise SaveError(f"{self.path.name} is gone from {self.path.parent}.", hint=GONE_HINT)
        if self.stream is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            plane, known = self.place.plane, self.place
            self.stream = LabelStream(
                self.path, self.shape, plane, known.place, letters=known.letters, resume=self.resume
            )
        for plane, records in planes:
            labels, corner = stack_writing.painted(records)
            self.stream.write(plane, labels, corner)


class VideoOutput:
    """Writes what is followed while it is.

    Parameters
    ----------
    controller : AppController
    scheduler : Scheduler
    """

    def __init__(self, controller: AppController, scheduler: Scheduler) -> None:
        self._controller, self._scheduler = controller, scheduler
        self._session = f"video-output-{id(self)}"
        self._video: Film | None = None
        self._output: _Written | None = None
        self._there: dict[Plane, Mapping[int, Sighting]] = {}
        self._error: AssistantError | None = None
        self._waiting = 0
        controller.state.video.events.version.connect(self._follow)
        controller.state.video.events.running.connect(self._turned)

    def path_of_record(self) -> Path | None:
        """Return where the record of what is followed belongs: beside its output, or None where there is none."""
        if self._output is None:
            return None
        path = self._output.path
        return record_path(path.parent, path.name.removesuffix(SUFFIX))

    def close(self) -> None:
        """Write no more; what was written stays."""
        events = self._controller.state.video.events
        events.version.disconnect(self._follow)
        events.running.disconnect(self._turned)

    def go_on_with(self, record: Path, video: Video) -> None:
        """Go on with the output beside a record, where there is one."""
        output = record.with_name(record.name.removesuffix(RECORD) + SUFFIX)
        self._video, self._output, self._there, self._error = video, None, {}, None
        here = self._controller.here()
        if here is not None and output.is_dir():
            self._output = self._made(here, output, resume=True)

    # -- following --------------------------------------------------------------------------------

    def _follow(self, *_: object) -> None:
        """Write what has changed."""
        video = self._controller.propagation.video
        if video is not self._video:
            self._turn_to(video)
        if video is None or self._output is None or self._error is not None:
            return
        tracks = video.tracks
        newest = self._controller.propagation.newest
        looked = {*self._there, *tracks.planes} if newest is None or not self._there else set(newest[1])
        now = {plane: tracks.seen(plane) or None for plane in looked}
        changed = [plane for plane in looked if now[plane] is not self._there.get(plane)]
        if not changed:
            return
        self._there |= {plane: one for plane, one in now.items() if one is not None}
        for plane in (plane for plane in changed if now[plane] is None):
            del self._there[plane]
        told = [
            (plane, [Record(item.id, item.mask, plane) for item in ranked(tracks.at(plane))])
            for plane in sorted(changed, key=lambda plane: plane.index)
        ]
        output, self._waiting = self._output, self._waiting + 1
        job = Job(WORKER, lambda progress, cancel: output.write(told), keeps=True)
        future = self._scheduler.submit(job, session=self._session, kind=Kind.BATCH)
        future.add_done_callback(lambda done: self._controller.on_main(lambda: self._wrote(done, output)))

    def _turn_to(self, video: Film | None) -> None:
        """Begin an output for another video; a step back goes on with that of the same picture."""
        self._video = video
        if video is not None and any(video.tracks.seen(plane) is one for plane, one in self._there.items()):
            return
        self._output, self._there, self._error = None, {}, None
        if video is None or not self._controller.state.output.while_running:
            return
        here = self._controller.here()
        layer = images.layer_by_id(self._controller.viewer, video.tracks.image)
        if here is not None and layer is not None:
            try:
                self._output = self._made(here, None, resume=False)
            except AssistantError as error:
                self._error = error
                self._controller.status.log(f"Nothing is written while it runs: {error.message}")

    def _made(self, here: OnScreen, path: Path | None, *, resume: bool) -> _Written:
        target = replace(self._controller.saving.target(here), format=FORMAT)
        names = self._controller.channels.axis_names(here.layer)
        placing = stack_writing.placing_of(target, here.plane, names)
        return _Written(path or target.free(), resume, target.shape, placing)

    def _wrote(self, done: Future[None], output: _Written) -> None:
        self._waiting -= 1
        error = None if done.cancelled() else done.exception()
        if isinstance(error, OSError):
            error = save_error(output.path, error)
        if isinstance(error, AssistantError) and output is self._output and not self._controller.closed:
            self._error = error
            self._controller.propagation.cancel()
            self._controller.on_main(self._say)
        elif not self._waiting and not self._controller.state.video.running:
            self._say()

    def _turned(self, running: bool) -> None:
        if not running:
            self._controller.on_main(self._say)  # after the message of the end

    def _say(self) -> None:
        """Say where the output is, or why it ended."""
        output, state = self._output, self._controller.state
        if self._controller.closed or output is None or state.video.running or self._waiting:
            return
        if self._error is not None:
            text = f"3D propagation stopped: {self._error.message} What is done stays."
            self._controller.status.fail(type(self._error)(text, hint=f"{self._error.hint} Then press Propagate."))
            self._error = None
            self._there = {}  # all of it is written again
        elif output.stream is not None and self._there:
            state.output.saved = output.path
            self._controller.records.saved()
            self._controller.status.log(f"Written to {output.path}.")
