"""Records of runs: what is followed outlives the process.

What was said and found is written down as it happens, into a file beside the output where that is written meanwhile,
else into the folder of the journals. The record goes when what it tells was saved, or cleared by the user; in any other
case it is offered when the same picture is opened again, see :mod:`~napari_sam3_assistant.app.video_offers`.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam3_assistant.app import video_settings
from napari_sam3_assistant.app.video_settings import VideoSettings, settings_of
from napari_sam3_assistant.core.errors import AssistantError, SaveError
from napari_sam3_assistant.core.fingerprints import Fingerprint
from napari_sam3_assistant.export import journal_folder
from napari_sam3_assistant.export.journal_folder import Claim
from napari_sam3_assistant.export.run_record import SUFFIX
from napari_sam3_assistant.layers import images
from napari_sam3_assistant.tasks.recording import Recorder
from napari_sam3_assistant.tasks.video import Video

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

logger = logging.getLogger(__name__)
GONE_AFTER_S = 0.2
"""All layers may be on their way out of the viewer: what was cleared is known so much later."""


class VideoRecords:
    """Keeps the record of what is followed.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self._video: Video | None = None
        self._recorder: Recorder | None = None
        self._path: Path | None = None
        self._settings = VideoSettings()
        self._saved = self._failed = False
        controller.state.video.events.version.connect(self._follow)

    @property
    def folder(self) -> Path:
        """Where records go that do not lie beside an output."""
        return self._controller.accepting.journals.folder

    @property
    def path(self) -> Path | None:
        """Of the record in use, if there is one."""
        return self._path

    def go_on_with(self, path: Path, video: Video) -> None:
        """Go on with a record of an earlier process.

        Raises
        ------
        AssistantError
            If another process writes it, or it cannot be written.
        """
        recorder = Recorder(path, video, resume=True)
        self._close()
        self._video, self._recorder, self._path = video, recorder, path
        self._settings, self._saved = video_settings.read(path), False

    def saved(self) -> None:
        """Note that all that was followed is in a file of the user's; what is still to be done counts, too."""
        task, video = self._controller.state.task, self._video
        if video is not None and not video.unanswered:
            last = video.count - 1 if task.last_frame is None else task.last_frame
            self._saved = not video.ledger.legs(range(task.first_frame, last + 1), task.direction)

    def close(self) -> None:
        """Let go of the record; it stays unless all that it tells is in a file."""
        self._controller.state.video.events.version.disconnect(self._follow)
        path, saved = self._path, self._saved
        self._close()
        if path is not None and saved:
            put_away(path)

    # -- following --------------------------------------------------------------------------------

    def _follow(self, *_: object) -> None:
        """Write down what has changed."""
        video = self._controller.propagation.video
        if not isinstance(video, Video):  # a record tells of one axis: of volumes there is none
            self._let_go()
        elif video is not self._video:
            self._begin(video)
        elif self._recorder is not None:
            self._saved = False
            self._attempt(self._note)

    def _note(self) -> None:
        newest = self._controller.propagation.newest
        if self._recorder is not None and newest is not None and not self._failed:
            self._recorder.took(*newest)
        elif self._recorder is not None:
            self._recorder.changed()  # looks at all planes
        self._write_settings()

    def _write_settings(self) -> None:
        now = settings_of(self._controller.state.task, self._controller.live.record)
        if self._path is not None and now != self._settings:
            video_settings.write(self._path, now)
            self._settings = now

    def _begin(self, video: Video) -> None:
        """Begin a record, once it is known which picture it is of; a step back has its record written anew."""
        before, path = self._video, self._path
        self._close()
        self._video = video
        again = before is not None and before.tracks.image == video.tracks.image
        image = video.tracks.image
        layer = images.layer_by_id(self._controller.viewer, image)
        if layer is None:
            return
        try:
            known = self._controller.accepting.journals.fingerprint(image, layer)
        except AssistantError:  # it was given pixels that cannot be segmented
            return
        known.add_done_callback(
            lambda done: self._controller.on_main(partial(self._known, done, video, path if again else None))
        )

    def _known(self, done: Future[Fingerprint], video: Video, path: Path | None) -> None:
        if self._controller.closed or done.cancelled() or video is not self._video:
            return
        self._attempt(lambda: self._start(video, done.result(), path))

    def _start(self, video: Video, picture: Fingerprint, path: Path | None) -> None:
        beside = self._controller.video_output.path_of_record()
        if path is not None and beside is not None and path != beside:
            put_away(path)
            path = None
        path = path or beside or journal_folder.new_path(self.folder, picture).with_suffix(SUFFIX)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SaveError(
                f"{path.parent} cannot be made: {error.strerror}.", hint="Make it, or choose another folder."
            ) from error
        engine = self._controller.state.model.in_use
        self._recorder = Recorder(path, video, engine=engine, fingerprint=picture, overwrite=True)
        self._path = path
        self._settings, self._saved = VideoSettings(), False
        self._write_settings()

    def _let_go(self) -> None:
        """Close the record of what is followed no more; put it away where it was not the picture that went."""
        video, path = self._video, self._path
        self._close()
        if video is not None and path is not None:
            self._controller.after(GONE_AFTER_S, lambda: self._gone(video.tracks.image, path))

    def _gone(self, image: str, path: Path) -> None:
        there = images.layer_by_id(self._controller.viewer, image) is not None
        if not self._controller.closed and there and self._path != path:
            put_away(path)

    def _close(self) -> None:
        recorder, self._recorder = self._recorder, None
        self._video, self._path = None, None
        if recorder is not None:
            recorder.close()

    def _attempt(self, do: object) -> None:
        """Do something that may fail; that is said once, and the run goes on."""
        try:
            do()  # type: ignore[operator]
        except (AssistantError, OSError) as error:
            if not self._failed:
                why = error.message if isinstance(error, AssistantError) else str(error)
                self._controller.status.log(f"What is followed is not kept for a later napari: {why}")
            self._failed = True
        else:
            self._failed = False


def put_away(path: Path) -> None:
    """Let a record be offered no more; it is removed some days later. One that another process writes stays."""
    with suppress(OSError):
        claim = Claim.take(path) if path.exists() else None
        if claim is not None:
            try:
                journal_folder.put_away(path)
                video_settings.path_of(path).unlink(missing_ok=True)
            finally:
                claim.let_go()
