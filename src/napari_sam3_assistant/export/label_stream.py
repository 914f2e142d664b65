"""Label stacks written plane by plane, as they come, into an OME-Zarr that can be read from its first plane on.

Scale, units and axes are in place before the first plane. A block of a plane is a file, which is there whole or not
at all: whatever ends the program, what was written before can be opened. A TIFF or NPY file is made of the OME-Zarr at
the end, a few planes at a time.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.export import omezarr
from napari_sam3_assistant.export.atomic import exists_error, save_error
from napari_sam3_assistant.export.images import format_of
from napari_sam3_assistant.export.ngff import NOTE, attributes_of
from napari_sam3_assistant.export.places import Place
from napari_sam3_assistant.export.plane_blocks import Block, Labels, LevelBlocks
from napari_sam3_assistant.export.stack_files import save_stack

NOWHERE = Place()
ORDERS = ("zyx", "tyx", "cyx", "tzyx", "tcyx", "czyx", "tczyx")
"""Of axes, as OME-Zarr allows them."""


class LabelStream:
    """A label stack that is being written.

    Parameters
    ----------
    path : Path
        Of what it becomes: ``.ome.zarr``, ``.tif`` or ``.npy``. The OME-Zarr that is there meanwhile has the same name.
    shape : sequence of int
        Of the stack, 3 to 5 axes.
    plane : Plane
        Any one of it, in axes of the stack: its rows and columns are cut into blocks.
    place : Place
        With scale and units, one for each axis.
    letters : str or None
        The names of the axes; None for the usual ones. An order that OME-Zarr does not allow is left out.
    overwrite : bool
        Whether what has these names already may be replaced.
    resume : bool
        Whether to go on with the OME-Zarr of an earlier run, if there is one; a file that was made of it is replaced.

    Attributes
    ----------
    folder : Path
        The OME-Zarr.

    Raises
    ------
    SaveError
        If something has one of the names already, the earlier run's is another stack, or it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        shape: Sequence[int],
        plane: Plane,
        place: Place = NOWHERE,
        *,
        letters: str | None = None,
        overwrite: bool = False,
        resume: bool = False,
    ) -> None:
        self.path, self._shape, self._place = path, tuple(map(int, shape)), place
        self._letters = letters if letters in ORDERS and len(letters) == len(self._shape) else None
        kind = format_of(path)
        if kind.suffix == ".png":
            raise SaveError("PNG holds no stack.", hint="Choose TIFF, NumPy or OME-Zarr.")
        name = path.name[: -len(path.suffix)] if path.suffix.lower() in (kind.suffix, *kind.also) else path.name
        self.folder = path if kind.folder else path.with_name(name + omezarr.SUFFIX)
        self._replaces = overwrite or resume
        factors = omezarr.factors_of(plane.shape_in(self._shape))
        self._cuts = [LevelBlocks(self._shape, plane.row_axis, plane.col_axis, factor) for factor in factors]
        self._there: dict[tuple[int, tuple[int, ...]], set[Block]] = defaultdict(set)
        for taken in () if self._replaces else (path, self.folder):
            if os.path.lexists(taken):
                raise exists_error(taken)
        try:
            self._levels = self._opened() if resume and (self.folder / ".zattrs").is_file() else self._made()
        except OSError as error:
            raise save_error(self.folder, error) from error

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint16, or uint32 once a label has needed that."""
        dtype: np.dtype[Any] = np.dtype(self._levels[0].dtype)
        return dtype

    @property
    def whole(self) -> bool:
        """Whether the OME-Zarr is still where it was made: a folder may be moved, deleted, or out of reach."""
        return (self.folder / ".zattrs").is_file()

    def write(self, plane: Plane, labels: Labels, at: tuple[int, int] = (0, 0)) -> None:
        """Write the labels of a plane in place of all that was written of it.

        Parameters
        ----------
        plane : Plane
            In axes of the stack.
        labels : ndarray of shape (h, w), unsigned integers up to 2**32 - 1
            Rows and columns of the plane, or of a part of it: the rest is background.
        at : tuple of int
            Row and column of the plane where that part begins.

        Raises
        ------
        SaveError
            If it cannot be written. It can be done again; other planes are as they were.
        """
        index = tuple(position for _, position in sorted(plane.index))
        try:
            if int(labels.max(initial=0)) > np.iinfo(self.dtype).max:
                self._widen()
            for level, cut in enumerate(self._cuts):
                made, there = cut.cut(labels, at), self._there[level, index]
                for gone in there - made.keys():
                    self._levels[level][cut.where(index, gone)] = 0
                there.update(made)
                for block, found in made.items():
                    self._levels[level][cut.where(index, block)] = found
                there.intersection_update(made)
        except OSError as error:
            raise save_error(self.folder, error) from error

    def finish(self, watch: Watch = UNWATCHED) -> Path:
        """Make the file of what was written, if it is to be one, and return its path; the OME-Zarr goes then.

        Raises
        ------
        SaveError
            If it cannot be written; the OME-Zarr stays.
        """
        if self.folder != self.path:
            labels, letters = self._levels[0], self._letters
            save_stack(labels, self.path, self._place, letters=letters, overwrite=self._replaces, watch=watch)
            shutil.rmtree(self.folder, ignore_errors=True)
        return self.path

    # -- levels -----------------------------------------------------------------------------------

    def _made(self) -> list[Any]:
        """Make the OME-Zarr without a label; what had its name goes."""
        import zarr

        names = [str(level) for level in range(len(self._cuts))]
        attributes = self._attributes(names)
        if os.path.lexists(self.folder):
            old = self.folder.with_name(f".{secrets.token_hex(8)}.part")
            os.rename(self.folder, old)
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old, ignore_errors=True)
            else:
                old.unlink()
        zarr.create_group(self.folder, zarr_format=2, attributes=attributes)
        return self._new_levels(names, np.dtype(np.uint16))

    def _opened(self) -> list[Any]:
        """Open the OME-Zarr of an earlier run, and note which blocks it has."""
        import zarr

        group = zarr.open_group(self.folder, mode="r+")
        try:
            names = [one["path"] for one in group.attrs["multiscales"][0]["datasets"]]
            levels = [group[name].with_config({"write_empty_chunks": False}) for name in names]
            fits = NOTE in group.attrs and [one.shape for one in levels] == [cut.shape for cut in self._cuts]
        except (KeyError, IndexError, TypeError):
            fits = False
        if not fits:
            raise SaveError(f"{self.folder.name} is not of this stack.", hint="Move it away, or choose another folder.")
        for level, (name, cut) in enumerate(zip(names, self._cuts, strict=True)):
            for chunk in _chunks(self.folder / name):
                index, block = cut.of_chunk(chunk)
                self._there[level, index].add(block)
        return levels

    def _new_levels(self, names: Sequence[str], dtype: np.dtype[Any]) -> list[Any]:
        return [
            omezarr.new_level(self.folder, name, cut.shape, cut.block, dtype)
            for name, cut in zip(names, self._cuts, strict=True)
        ]

    def _attributes(self, names: Sequence[str]) -> dict[str, Any]:
        steps = {name: cut.steps for name, cut in zip(names, self._cuts, strict=True)}
        return attributes_of(len(self._shape), steps, self._place, letters=self._letters)

    def _widen(self) -> None:
        """Write all levels anew as uint32, then say that they count, then remove the old ones."""
        import zarr

        old, names = self._levels, [f"{level}-uint32" for level in range(len(self._cuts))]
        new = self._new_levels(names, np.dtype(np.uint32))
        for (level, index), blocks in self._there.items():
            for block in blocks:
                where = self._cuts[level].where(index, block)
                new[level][where] = old[level][where]
        zarr.open_group(self.folder, mode="r+").attrs.update(self._attributes(names))
        self._levels = new
        for one in old:
            shutil.rmtree(self.folder / one.basename, ignore_errors=True)


def _chunks(folder: Path) -> Iterator[tuple[int, ...]]:
    """Return the blocks of a level that are on the disk, by their places along all axes; halves of files go."""
    for file in folder.rglob("*"):
        parts = file.relative_to(folder).parts
        if file.suffix == ".partial":
            file.unlink(missing_ok=True)
        elif all(part.isdecimal() for part in parts) and file.is_file():
            yield tuple(map(int, parts))
