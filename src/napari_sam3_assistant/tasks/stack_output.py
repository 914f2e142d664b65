"""What a run through a stack leaves on the disk: the label stack, written as frames come, the record, and rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.core.geometry import union
from napari_sam3_assistant.core.labels import to_labels
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import Progress, Watch
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.export.atomic import exists_error
from napari_sam3_assistant.export.images import FORMATS
from napari_sam3_assistant.export.label_stream import LabelStream
from napari_sam3_assistant.export.places import Place
from napari_sam3_assistant.export.run_record import record_path
from napari_sam3_assistant.export.stacks import Picture
from napari_sam3_assistant.export.tables import save_table
from napari_sam3_assistant.tasks.followed import Followed
from napari_sam3_assistant.tasks.objects import make_folder
from napari_sam3_assistant.tasks.propagation import Step
from napari_sam3_assistant.tasks.recording import Recorder
from napari_sam3_assistant.tasks.tracks import Tracks
from napari_sam3_assistant.tasks.video import Video

STACKS = ("tiff", "zarr", "npy")
"""Formats that hold a stack."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a run is written, and as what.

    Attributes
    ----------
    folder : Path
    format : str
        One of :data:`STACKS`.
    overwrite : bool
        Whether what is there already may be replaced.
    resume : bool
        Whether to go on with the record that is there, if one is.
    """

    folder: Path
    format: str = STACKS[0]
    overwrite: bool = False
    resume: bool = False

    def __post_init__(self) -> None:
        if self.format not in STACKS:
            raise SaveError(f"A stack is not written as {self.format!r}.", hint=f"Choose one of {', '.join(STACKS)}.")


class StackOutput:
    """The files of one run.

    Parameters
    ----------
    target : Target
    name : str
        Of the picture, as files are named.

    Attributes
    ----------
    labels, table, record : Path
    resumes : bool
        Whether there is a record to go on with.
    """

    def __init__(self, target: Target, name: str) -> None:
        folder = target.folder.expanduser().absolute()
        self._folder, self._overwrite = folder, target.overwrite
        self.labels = folder / f"{name}_tracks{FORMATS[target.format].suffix}"
        self.table = folder / f"{name}_rows.csv"
        self.record = record_path(folder, name)
        self.resumes = target.resume and self.record.exists()
        self._recorder: Recorder | None = None
        self._stream: LabelStream | None = None
        self._color: int | None = None

    @property
    def kept(self) -> Path:
        """Where what was written of an unfinished run can be looked at."""
        return self.labels if self._stream is None else self._stream.folder

    def open(self, video: Video, picture: Picture, engine: str, weights: str) -> None:
        """Open the files, and write what is known of the video already.

        Raises
        ------
        SaveError
            If one is there already, or cannot be written.
        """
        make_folder(self._folder)
        replaces = self._overwrite or self.resumes
        for path in () if replaces else (self.record, self.table, self.labels):
            if path.exists():
                raise exists_error(path)
        self._recorder = Recorder(
            self.record, video, engine=engine, weights=weights, overwrite=self._overwrite, resume=self.resumes
        )
        self._color = video.view.source.color_axis
        plane = _without(video.view.plane, self._color)
        place, letters = _place(picture, self._color)
        shape = place.plane_shape or ()
        self._stream = LabelStream(self.labels, shape, plane, place, letters=letters, overwrite=replaces)
        self._write(video.tracks, video.tracks.planes)

    def took(self, step: Step, tracks: Tracks, changed: Iterable[Plane]) -> None:
        """Write what a step has changed: first into the record.

        Raises
        ------
        SaveError
            If that fails; what was written before stays.
        """
        planes = list(dict.fromkeys([step.plane, *changed]))
        if self._recorder is not None:
            self._recorder.took(step, planes)
        self._write(tracks, planes)

    def finish(self, followed: Followed, progress: Progress) -> None:
        """Write what is written at the end.

        Raises
        ------
        SaveError
            If that fails; what was written before stays.
        """
        if self._stream is not None:
            self._stream.finish(Watch(progress))
            save_table(followed.entries(), self.table, overwrite=True)

    def close(self) -> None:
        """Let go of the files. A second call does nothing."""
        if self._recorder is not None:
            self._recorder.close()

    def _write(self, tracks: Tracks, planes: Iterable[Plane]) -> None:
        if self._stream is not None:
            for plane in planes:
                self._stream.write(_without(plane, self._color), *labels_on(tracks, plane))


def labels_on(tracks: Tracks, plane: Plane) -> tuple[npt.NDArray[np.uint32], tuple[int, int]]:
    """Return the label image of what holds the objects of a plane, and where it begins; the better ones lie on top."""
    seen = tracks.at(plane)
    boxes = [one.mask.box for one in seen if one.mask.box is not None]
    if not boxes:
        return np.zeros((0, 0), np.uint32), (0, 0)
    box = union(boxes)
    window = Window(int(box.top), int(box.left), int(box.bottom), int(box.right))
    values, scores = [one.id for one in seen], [one.score for one in seen]
    return to_labels([one.mask for one in seen], window, values=values, scores=scores), window.offset


def _without(plane: Plane, color: int | None) -> Plane:
    """Return a plane of a picture in axes of its labels, which have none of colour."""
    if color is None:
        return plane

    def moved(axis: int) -> int:
        return axis - (axis > color)

    cuts = tuple((moved(axis), position) for axis, position in plane.index)
    return Plane(moved(plane.row_axis), moved(plane.col_axis), cuts)


def _place(picture: Picture, color: int | None) -> tuple[Place, str | None]:
    """Return the place of the labels of a picture, and the names of their axes, as far as they are known."""
    kept = [axis for axis in range(len(picture.shape)) if axis != color]
    scale, units = picture.lengths()
    place = Place(
        (0,) * len(kept),
        tuple(picture.shape[axis] for axis in kept),
        tuple(scale[axis] for axis in kept),
        tuple(units[axis] for axis in kept),
    )
    return place, "".join(picture.axes[axis] for axis in kept) if picture.axes else None
