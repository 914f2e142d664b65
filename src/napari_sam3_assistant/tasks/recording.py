"""Recording: what is said and found in a video is written down as it happens, so that the run outlives the program.

A :class:`Recorder` looks at what has changed since it looked last, and appends that. :func:`resumed` makes the video
anew, as it was after the last line: its next run does what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.fingerprints import Fingerprint, fingerprint_of
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import Prompts, Query, TextPrompt
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.export.record_values import About, Change, Event, OnPlane, Seen, Words
from napari_sam3_assistant.export.run_record import ANEW, ANEW_IN_SHELL, RunRecord, read
from napari_sam3_assistant.masks.registry import Origin
from napari_sam3_assistant.tasks.ledger import Serials
from napari_sam3_assistant.tasks.tracks import Sighting, sighting
from napari_sam3_assistant.tasks.video import Video
from napari_sam3_assistant.tasks.view import fitted

if TYPE_CHECKING:
    from napari_sam3_assistant.tasks.propagation import Step


class Recorder:
    """Writes down what becomes of a video.

    Parameters
    ----------
    path : Path
        Of the record, see :func:`~napari_sam3_assistant.export.run_record.record_path`.
    video : Video
        What was said and found of it so far is written at once.
    engine, weights : str
        Who answers.
    fingerprint : Fingerprint or None
        Of the picture; None reads it.
    overwrite : bool
        Whether a record that is there may be replaced.
    resume : bool
        Whether ``video`` is what :func:`resumed` has made of this record: it is gone on with.

    Raises
    ------
    SaveError
        If the record is there already, cannot be written, or another program writes it.
    """

    def __init__(
        self,
        path: Path,
        video: Video,
        *,
        engine: str = "",
        weights: str = "",
        fingerprint: Fingerprint | None = None,
        overwrite: bool = False,
        resume: bool = False,
    ) -> None:
        self._video = video
        self._planes: dict[Plane, Mapping[int, Sighting]] = {}
        self._problems: dict[Plane, str] = {}
        self._said: dict[tuple[int, int], tuple[int, Prompts | None]] = {}
        self._waiting: dict[int, tuple[int, ...]] = {}
        self._done: dict[int, Serials] = {}
        self._window, self._words = video.view.window, Words(waiting=video.query is not None)
        if resume:
            self._record = RunRecord(path, None)
            self._change(Event.CHANGED, None, self._known())
            return
        view, texts = video.view, () if video.query is None else tuple(one.text for one in video.query.texts)
        known = fingerprint or fingerprint_of(view.source, view.source.path or "")
        self._record = RunRecord(
            path,
            About(known, view.plane.at(video.axis, video.frame), video.axis, view.window, engine, weights, texts),
            overwrite=overwrite,
        )
        self.changed()

    def gave(self, frame: int) -> None:
        """Note what was just said of objects on a frame, by :meth:`Video.give`."""
        self._write(Event.SAID, frame, [self._video.plane_at(frame)])

    def took(self, step: Step, changed: Iterable[Plane]) -> None:
        """Note what was just found: a step, and what :meth:`Propagation.take` has returned of it.

        Raises
        ------
        SaveError
            If it cannot be written; the next change tells it too.
        """
        self._write(Event.DONE, step.found.frame, [step.plane, *changed])

    def removed(self, object_id: int) -> None:
        """Note that an object was just removed, by :meth:`Video.remove`."""
        gone = [plane for plane, items in self._planes.items() if object_id in items]
        self._write(Event.REMOVED, None, gone)

    def changed(self) -> None:
        """Note all that is not as it was noted last, such as after undo."""
        self._write(Event.CHANGED, None, self._known())

    def close(self) -> None:
        """Bring the record to the disk, and let go of it; it stays."""
        self._record.close()

    # -- what is another ----------------------------------------------------------------------------

    def _known(self) -> list[Plane]:
        tracks = self._video.tracks
        return [*self._planes, *tracks.planes, *self._problems, *tracks.problems]

    def _write(self, event: Event, frame: int | None, planes: Iterable[Plane]) -> None:
        before = self._planes.copy(), self._problems.copy(), self._said, self._waiting, self._done.copy()
        looked = self._window, self._words
        try:
            self._record.write(self._change(event, frame, planes))
        except BaseException:
            self._planes, self._problems, self._said, self._waiting, self._done = before
            self._window, self._words = looked
            raise

    def _change(self, event: Event, frame: int | None, planes: Iterable[Plane]) -> Change:
        video = self._video
        said = {
            (at, id): (serial, video.given.get(at, {}).get(id))
            for id, frames in video.ledger.said.items()
            for at, serial in frames.items()
        }
        new: dict[int, dict[int, tuple[int, Prompts | None]]] = {}
        for (at, id), (serial, prompts) in said.items():
            old = self._said.get((at, id))
            if old is None or old[0] != serial or old[1] is not prompts:
                new.setdefault(at, {})[id] = serial, prompts
        unsaid = tuple(key for key in self._said if key not in said)
        waiting = {at: tuple(prompts) for at, prompts in video.unanswered.items()}
        told = None if waiting == self._waiting else waiting
        window = None if video.view.window == self._window else video.view.window
        words = Words(*video.words)
        found = None if words == self._words else words
        self._said, self._waiting, self._window, self._words = said, waiting, video.view.window, words
        changed, done = tuple(self._changed_planes(planes)), tuple(self._newly_done())
        return Change(event, frame, changed, video.ledger.serial, new, unsaid, told, done, window, found)

    def _changed_planes(self, planes: Iterable[Plane]) -> Iterator[OnPlane]:
        tracks = self._video.tracks
        for plane in dict.fromkeys(planes):
            old, new = self._planes.get(plane, {}), tracks.seen(plane)
            seen = tuple(_seen(item) for id, item in new.items() if old.get(id) is not item)
            gone = tuple(id for id in old if id not in new)
            problem = tracks.problems.get(plane)
            if seen or gone or problem != self._problems.get(plane):
                yield OnPlane(plane.index, seen, gone, problem)
            _keep(self._planes, plane, new or None)
            _keep(self._problems, plane, problem)

    def _newly_done(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield the runs of frames of an object that come from something else than before; see :class:`Change`."""
        now = self._video.ledger.done
        empty = np.zeros(self._video.count, np.int32)
        for id in [id for id in self._done if id not in now]:
            yield id, 0, self._video.count, 0
            del self._done[id]
        for id, serials in now.items():
            yield from _runs(id, self._done.get(id, empty), serials)
            if id not in self._done or not np.array_equal(self._done[id], serials):
                self._done[id] = serials.copy()


def resumed(path: Path, source: Source) -> Video:
    """Return the video of a record as it was after the last line that is whole.

    Parameters
    ----------
    path : Path
        Of the record.
    source : Source
        The picture.

    Raises
    ------
    ImageError
        If there is no such record, it is damaged or of another picture, or the picture cannot be read.
    """
    about, changes = read(path)
    _check(path, about, source)
    query = Query(tuple(map(TextPrompt, about.texts))) if about.texts else None
    video = Video(fitted(source, about.plane, about.window), about.axis, query=query)
    said: dict[int, dict[int, int]] = {}
    done: dict[int, Serials] = {}
    serial = 0
    for change in changes:
        serial = change.serial
        _say(video, said, change)
        for id, first, stop, of in change.done:
            done.setdefault(id, np.zeros(video.count, np.int32))[first:stop] = of
        for one in change.planes:
            _restore(video, one)
        if change.window is not None:
            video.look_at(change.window)
        if change.words is not None:
            video.restore_words(change.words.found, change.words.removed, change.words.waiting)
    video.ledger.restore(serial, said, {id: serials for id, serials in done.items() if id in said})
    return video


def _say(video: Video, said: dict[int, dict[int, int]], change: Change) -> None:
    """Take over what was said, and what of it waits to be answered."""
    for frame, id in change.unsaid:
        video.given.get(frame, {}).pop(id, None)
        said.get(id, {}).pop(frame, None)
        if not video.given.get(frame, True):
            del video.given[frame]
        if not said.get(id, True):
            del said[id]
    for frame, objects in change.said.items():
        for id, (serial, prompts) in objects.items():
            if prompts is not None:
                video.given.setdefault(frame, {})[id] = prompts
            said.setdefault(id, {})[frame] = serial
    if change.waiting is not None:
        video.unanswered = {at: {id: video.given[at][id] for id in ids} for at, ids in change.waiting.items()}


def _restore(video: Video, one: OnPlane) -> None:
    view, tracks = video.view, video.tracks
    plane = Plane(view.plane.row_axis, view.plane.col_axis, one.index)
    items = {id: item for id, item in tracks.seen(plane).items() if id not in one.gone}
    for seen in one.seen:
        origin = Origin(seen.layer, seen.prompt, seen.frame, seen.engine)
        item = sighting(seen.id, Segmentation(seen.mask, seen.score), said=seen.said, origin=origin)
        if item is not None:
            items[seen.id] = item
    tracks.restore(plane, items.values())
    tracks.problems.pop(plane, None)
    if one.problem is not None:
        tracks.problems[plane] = one.problem


def _check(path: Path, about: About, source: Source) -> None:
    if about.picture.shape != source.shape:
        raise ImageError(
            f"{path.name} was made of a picture of shape {about.picture.shape}, not {source.shape}.",
            hint=f"Open that picture. {ANEW}",
            in_shell=f"Name that picture. {ANEW_IN_SHELL}",
        )
    if not about.picture.same_as(fingerprint_of(source, source.path or about.picture.path)):
        raise ImageError(
            f"{path.name} was made of another picture than {source.name}.",
            hint=f"Open that picture. {ANEW}",
            in_shell=f"Name that picture. {ANEW_IN_SHELL}",
        )


def _seen(item: Sighting) -> Seen:
    by = item.origin
    return Seen(item.id, item.mask, item.score, item.said, by.prompt, by.engine, by.layer, by.frame)


def _keep(kept: dict[Plane, Any], plane: Plane, value: object) -> None:
    kept.pop(plane, None)
    if value is not None:
        kept[plane] = value


def _runs(id: int, old: Serials, new: Serials) -> Iterator[tuple[int, int, int, int]]:
    """Yield (id, first, after the last, serial) of each run of equal new entries that differ from the old ones."""
    at = np.flatnonzero(old != new)
    if not at.size:
        return
    parts = np.split(at, np.flatnonzero((np.diff(at) > 1) | (np.diff(new[at]) != 0)) + 1)
    for part in parts:
        yield id, int(part[0]), int(part[-1]) + 1, int(new[part[0]])
