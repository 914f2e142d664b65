"""What came of objects that were followed through a stack, as a value: masks by frame, rows, files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.labels import to_labels
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.results import ObjectRow
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.export.stacks import Picture
from napari_sam3_assistant.export.tables import Entry, Grid
from napari_sam3_assistant.tasks.quality import doubts_by_plane
from napari_sam3_assistant.tasks.tracks import Tracks


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One object on one frame.

    Attributes
    ----------
    frame, object_id : int
        The frame from 0, the object from 1.
    area : int
        In pixels.
    score : float
        0 to 1.
    box : tuple of int
        ``(top, left, bottom, right)`` of its pixels, half-open.
    said : bool
        Whether it was prompted on this very frame.
    why : str
        Why it is doubtful there; empty where it is not.
    """

    frame: int
    object_id: int
    area: int
    score: float
    box: tuple[int, int, int, int]
    said: bool
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """What was found on the frames of a stack.

    Attributes
    ----------
    tracks : Tracks
        The objects by frame.
    shape : tuple of int
        Height and width of the planes, in pixels.
    count : int
        Number of frames of the picture.
    picture : Picture
    engine : str
        Who answered.
    window : Box or None
        What was looked at, in pixels of the plane.
    saved, table, record : Path or None
        The label stack, the rows, and the record by which the run can be gone on with; None where nothing was written.
    """

    tracks: Tracks
    shape: tuple[int, int]
    count: int
    picture: Picture
    engine: str
    window: Box | None = None
    saved: Path | None = None
    table: Path | None = None
    record: Path | None = None

    def __repr__(self) -> str:
        objects = len(self.objects)
        return f"Followed({self.picture.name!r}, {objects} objects on {len(self.frames)} of {self.count} frames)"

    @property
    def objects(self) -> tuple[int, ...]:
        """The numbers of the objects."""
        return tuple(sorted(self.tracks.ids))

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames with an object."""
        return tuple(self.tracks.frames)

    @property
    def problems(self) -> dict[int, str]:
        """Frames that could not be read, and why."""
        return {plane.position(self.tracks.axis) or 0: why for plane, why in self.tracks.problems.items()}

    def masks(self, frame: int) -> Mapping[int, PlacedMask]:
        """Return the masks on a frame, by the numbers of their objects, in pixels of the plane."""
        return {one.id: one.mask for one in self.tracks.on(frame)}

    def labels(self, frame: int) -> npt.NDArray[np.uint32]:
        """Return the label image of a frame, of shape (H, W): of two objects on a pixel the better counts."""
        seen = self.tracks.on(frame)
        values, scores = [one.id for one in seen], [one.score for one in seen]
        return to_labels([one.mask for one in seen], whole(self.shape), values=values, scores=scores)

    @property
    def rows(self) -> tuple[FrameRow, ...]:
        """A row for each object on each frame, frame by frame."""
        why = doubts_by_plane(self.tracks, self.window)
        return tuple(
            FrameRow(
                plane.position(self.tracks.axis) or 0,
                id,
                item.area,
                item.score,
                (*item.offset, item.offset[0] + item.shape[0], item.offset[1] + item.shape[1]),
                item.said,
                why.get((plane, id), ""),
            )
            for plane in self.tracks.planes
            for id, item in self.tracks.seen(plane).items()
        )

    def entries(self) -> Iterator[Entry]:
        """Yield what a file of rows tells of each object on each frame."""
        why, name = doubts_by_plane(self.tracks, self.window), self.picture.name
        for plane in self.tracks.planes:
            grid = grid_in(self.picture, plane)
            for id, item in self.tracks.seen(plane).items():
                row = ObjectRow(name, item.origin.prompt, name, plane, id, item.score, item.area)
                reason = why.get((plane, id), "")
                yield Entry(row, item.mask, grid, name, "", self.engine, "", item.said, reason)


def grid_in(picture: Picture, plane: Plane) -> Grid:
    """Return how the pixels of a plane of a picture lie in the world, as far as its file tells."""
    scale, units = picture.lengths()
    linear, offset = np.zeros((len(scale), 2)), np.zeros(len(scale))
    row, col = plane.row_axis, plane.col_axis
    linear[row, 0], linear[col, 1] = scale[row], scale[col]
    for axis, position in plane.index:
        offset[axis] = position * scale[axis]
    return Grid(
        linear, offset, (row, col), (units[row], units[col]), tuple((axis, units[axis]) for axis, _ in plane.index)
    )
