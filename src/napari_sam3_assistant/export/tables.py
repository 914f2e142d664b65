"""Tables of objects as text: CSV files, and lines for the clipboard.

A row of a file tells all that is known of an object, in pixels and in the units of its picture.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.results import ObjectRow
from napari_sam3_assistant.export.atomic import write_file

HEADERS = ("Layer", "Prompt", "Frame", "Object ID", "Score", "Area")
"""Of the columns that the table in the widget has."""
MISSING = "-"
ACCEPTED = "accepted"
MARK = "\N{CHECK MARK}"
"""Stands before the number of an object that was accepted."""
Cell = str | int | float


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """How the pixels of a plane lie in the world.

    Attributes
    ----------
    linear : ndarray of shape (n, 2), float64
    offset : ndarray of shape (n,), float64
        ``linear @ (row, col) + offset`` is the place of a pixel, in world units, one value an axis of the picture.
    axes : tuple of int
        Which axes of the picture lie along rows and columns.
    units : tuple of str
        Of these two axes: ``micrometer``, ``pixel``.
    cuts : tuple of (int, str)
        The other axes of the picture, on which the plane is cut out, each with its unit.
    """

    linear: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]
    axes: tuple[int, int]
    units: tuple[str, str]
    cuts: tuple[tuple[int, str], ...] = ()

    @property
    def pixel_area(self) -> float:
        """Area of a pixel in world units, also where the axes are rotated or sheared."""
        return float(np.sqrt(max(np.linalg.det(self.linear.T @ self.linear), 0.0)))

    @property
    def area_unit(self) -> str:
        """Unit of an area, such as ``micrometer^2``."""
        row, col = self.units
        return f"{row}^2" if row == col else f"{row} * {col}"

    def place(self, row: float, col: float) -> tuple[float, float]:
        """Return the world coordinates of a place in pixels, along the axes of rows and columns."""
        found = self.linear @ (row, col) + self.offset
        return float(found[self.axes[0]]), float(found[self.axes[1]])

    def depth(self, row: float, col: float) -> tuple[float, ...]:
        """Return the world coordinates of a place in pixels, along the other axes."""
        found = self.linear @ (row, col) + self.offset
        return tuple(float(found[axis]) for axis, _ in self.cuts)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """All that is known of an object.

    Attributes
    ----------
    row : ObjectRow
        Its line of the table.
    mask : PlacedMask
        In pixels of the plane.
    grid : Grid
        Of that plane.
    picture : str
        The file it comes from, or the name of the layer.
    class_name, engine, status : str
        May be empty.
    said : bool or None
        Of one that was followed through a stack, whether the user has prompted, corrected or confirmed it there.
    why : str
        Why it is doubtful there; empty where it is not.
    """

    row: ObjectRow
    mask: PlacedMask
    grid: Grid
    picture: str = ""
    class_name: str = ""
    engine: str = ""
    status: str = ""
    said: bool | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Measures:
    """Where an object lies: its centroid in pixels and in the world, and its half-open bounding box in pixels.

    ``depth`` is where it lies in the world along the axes that are neither rows nor columns.
    """

    centroid: tuple[float, float]
    world: tuple[float, float]
    depth: tuple[float, ...]
    box: tuple[int, int, int, int]


def measures(mask: PlacedMask, grid: Grid) -> Measures:
    """Return where the object of a mask, which must not be empty, lies."""
    rows, cols = np.nonzero(mask.mask)
    top, left = mask.offset
    row, col = top + float(rows.mean()), left + float(cols.mean())
    first, last = (int(rows.min()), int(cols.min())), (int(rows.max()), int(cols.max()))
    box = (top + first[0], left + first[1], top + last[0] + 1, left + last[1] + 1)
    return Measures((row, col), grid.place(row, col), grid.depth(row, col), box)


def _yes(held: bool | None) -> str:
    """Return a truth as a spreadsheet takes it; empty where it makes no sense."""
    return "" if held is None else "yes" if held else "no"


def frame_text(row: ObjectRow) -> str:
    """Return the frame: a number, or several where the picture has several other axes; empty where it has none."""
    return ", ".join(map(str, row.frame))


_COLUMNS: tuple[tuple[str, Callable[[Entry, Measures], Cell]], ...] = (
    ("Layer", lambda one, at: one.row.layer),
    ("Prompt", lambda one, at: one.row.prompt),
    ("Frame", lambda one, at: frame_text(one.row)),
    ("Object ID", lambda one, at: one.row.object_id),
    ("Score", lambda one, at: one.row.score),
    ("Area", lambda one, at: one.row.area),
    ("Area (world)", lambda one, at: one.row.area * one.grid.pixel_area),
    ("Area unit", lambda one, at: one.grid.area_unit),
    ("Centroid row", lambda one, at: at.centroid[0]),
    ("Centroid column", lambda one, at: at.centroid[1]),
    ("Centroid row (world)", lambda one, at: at.world[0]),
    ("Centroid column (world)", lambda one, at: at.world[1]),
    ("Row unit", lambda one, at: one.grid.units[0]),
    ("Column unit", lambda one, at: one.grid.units[1]),
    ("Top", lambda one, at: at.box[0]),
    ("Left", lambda one, at: at.box[1]),
    ("Bottom", lambda one, at: at.box[2]),
    ("Right", lambda one, at: at.box[3]),
    ("Class", lambda one, at: one.class_name),
    ("Engine", lambda one, at: one.engine),
    ("Status", lambda one, at: one.status),
    ("Picture", lambda one, at: one.picture),
    ("Said", lambda one, at: _yes(one.said)),
    ("Doubtful", lambda one, at: "" if one.said is None else _yes(bool(one.why))),
    ("Why", lambda one, at: one.why),
    ("Frame (world)", lambda one, at: ", ".join(f"{place:.10g}" for place in at.depth)),
    ("Frame unit", lambda one, at: ", ".join(unit for _, unit in one.grid.cuts)),
)


def save_table(entries: Iterable[Entry], path: Path, *, overwrite: bool = False) -> Path:
    """Write a CSV file, all of it or nothing, and return its path.

    Parameters
    ----------
    entries : iterable of Entry
        One row each; every one is written.
    path : Path
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    SaveError
        If the file is there already, or cannot be written.

    Notes
    -----
    UTF-8, a comma between cells, as RFC 4180 says; what is missing is empty. Names may hold commas, quotes
    and line breaks. Numbers have a point, whatever the computer's language. Names are written as they
    are: one that begins with ``=`` is a formula to a spreadsheet that is not told to read text.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([title for title, _ in _COLUMNS])
    for one in entries:
        at = measures(one.mask, one.grid)
        writer.writerow([_written(value(one, at)) for _, value in _COLUMNS])
    text = out.getvalue().encode("utf-8", "backslashreplace")  # a file name that is no text has lone surrogates
    return write_file(path, lambda file: file.write(text), overwrite=overwrite)


def shown(row: ObjectRow) -> tuple[str, ...]:
    """Return the cells of a row as the widget shows them: ``-`` where something is missing."""
    return _cells(row, f"{MARK} {row.object_id}" if row.accepted else str(row.object_id))


def tab_separated(rows: Iterable[ObjectRow]) -> str:
    """Return rows as spreadsheets take them from the clipboard, with a header; a last column says what was accepted."""
    lines = [(*_cells(row, str(row.object_id)), ACCEPTED if row.accepted else MISSING) for row in rows]
    return "\n".join(map(_line, [(*HEADERS, "Status"), *lines])) + "\n"


def _cells(row: ObjectRow, number: str) -> tuple[str, ...]:
    cells = row.layer, row.prompt, frame_text(row), number, f"{row.score:.3f}", str(row.area)
    return tuple(cell or MISSING for cell in cells)


def _line(cells: Iterable[str]) -> str:
    return "\t".join(" ".join(cell.split()) for cell in cells)


def _written(cell: Cell) -> Cell:
    return f"{cell:.10g}" if isinstance(cell, float) else cell
