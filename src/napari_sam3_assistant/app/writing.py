"""What a thread of the files does: find a free name, make the folder, write a label image.

Everything here works on values that were taken from the layers before, on the GUI thread.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import AssistantError, Cancelled, SaveError
from napari_sam3_assistant.core.geometry import PlacedMask, union
from napari_sam3_assistant.core.labels import to_labels
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, Progress, Watch
from napari_sam3_assistant.core.windows import Window, whole
from napari_sam3_assistant.export import omezarr
from napari_sam3_assistant.export.images import FORMATS, Format, save_labels
from napari_sam3_assistant.export.names import file_name, mask_name

logger = logging.getLogger(__name__)
WHOLE_SIDE = 4096
"""Masks of planes up to this side are saved as an image of the plane's size; of larger ones, the object's."""
MOST_PIXELS = 2**30
"""A file of labels holds no more pixels than this, unless it is one of blocks."""
TRIES = 9
"""How often another name is taken where another program was quicker to take it."""
NO_PNG = "PNG is only available for 2D masks. Using TIFF for this 3D/video preview."


@dataclass(frozen=True, slots=True)
class Target:
    """Where a file goes, and what it tells of the pixels.

    Attributes
    ----------
    folder : Path
        Made if it is not there.
    format : str
        One of :data:`~napari_sam3_assistant.export.images.FORMATS`.
    image : str
        Name of the picture, from which the file's is made.
    filename : str
        What the user has named the file; empty: nothing.
    shape : tuple of int
        Of the array that the labels are of: the plane's height and width, or the layer's axes.
    scale : tuple of float
        Length of a pixel along each of these axes.
    units : tuple of str
        Of these lengths.
    cut : str
        Which slice of a stack the file is of, and which phrase, as its name says it; empty where there is none to tell.
    several : bool
        Whether it is one of several files that are written at a time.
    """

    folder: Path
    format: str
    image: str
    filename: str
    shape: tuple[int, ...]
    scale: tuple[float, ...]
    units: tuple[str, ...]
    cut: str = ""
    several: bool = False

    @property
    def kind(self) -> Format:
        """The format that is written: TIFF where the chosen one has not the axes."""
        chosen = FORMATS[self.format]
        return chosen if len(self.shape) in chosen.ndim else FORMATS["tiff"]

    @property
    def part(self) -> bool:
        """Whether the file holds a part of the plane."""
        return len(self.shape) == 2 and max(self.shape) > WHOLE_SIDE and not self.kind.folder

    @property
    def remark(self) -> str:
        """What the user has to know of the format; may be empty."""
        return "" if self.kind is FORMATS[self.format] else NO_PNG

    def free(self) -> Path:
        """Return the path that the next file gets; looks into the folder."""
        if self.filename.strip():
            return file_name(self.filename, self.folder, self.kind.suffix, self.cut, self.several)
        return mask_name(self.image, self.folder, self.kind.suffix, window=self.part, cut=self.cut)


@dataclass(frozen=True, slots=True)
class Written:
    """The path of a file that was written, its name without the ending, and what there is to know of it."""

    path: Path
    stem: str
    remark: str = ""


Write = Callable[[Watch], Written]
Outcome = Written | AssistantError


def write_all(writes: Sequence[Write]) -> Callable[[Progress, CancelToken], list[Outcome]]:
    """Return what writes one file after the other: one that fails does not stop the others.

    Its result holds as many outcomes as files were tried before it was asked to stop, which it does between two, or
    in a long one.
    """

    def run(progress: Progress, cancel: CancelToken) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for number, write in enumerate(writes, 1):
            if cancel.cancelled:
                break
            words = f"Saving {number} of {len(writes)}." if len(writes) > 1 else "Saving..."
            progress((number - 1) / len(writes), words)
            watch = Watch(progress, cancel).share((number - 1) / len(writes), number / len(writes))
            try:
                outcomes.append(_outcome(write, watch))
            except Cancelled:
                break
        return outcomes

    return run


def _outcome(write: Write, watch: Watch) -> Outcome:
    try:
        return write(watch)
    except Cancelled:
        raise
    except AssistantError as error:
        return error
    except MemoryError as error:
        failed = SaveError("There is no memory to write the file.", hint="Close other layers, or choose OME-Zarr.")
        failed.__cause__ = error
    except Exception as error:  # whatever a writer makes of it, the preview stays and the next file is written
        logger.exception("Saving failed")
        failed = SaveError(f"Could not save preview mask: {error}.", hint="Choose another folder or format.")
        failed.__cause__ = error
    return failed


def of_plane(target: Target, items: Sequence[tuple[int, PlacedMask, float]], plane: Plane) -> Write:
    """Return the function that writes the objects of a plane: number, mask and score of each."""
    # As they are drawn: the better score is seen, of equal ones the newer.
    values, masks, _ = zip(*sorted(items, key=lambda item: (item[2], item[0])), strict=True)
    shape = (target.shape[0], target.shape[1])
    scale, units, index = target.scale, target.units, plane.index or None

    def window_of_file() -> Window:
        return _window_of(masks) if target.part else whole(shape)

    def save(path: Path) -> Path:
        if target.kind.folder:
            return omezarr.save_masks(masks, values, path, plane_shape=shape, scale=scale, units=units, plane=index)
        window = window_of_file()
        labels = to_labels(masks, window, values=values, overlap="last")
        labels = labels.astype(np.uint16) if max(values) < 2**16 else labels
        return save_labels(labels, path, scale=scale, units=units, offset=window.offset, plane_shape=shape, plane=index)

    def remark() -> str:
        if not target.part or target.kind.keeps_place:
            return ""
        top, left = window_of_file().offset
        return f"It begins at row {top}, column {left} of the picture: {target.kind.title} does not keep that."

    return lambda watch: written(target, save, remark)


def of_layer(target: Target, labels: npt.NDArray[np.integer]) -> Write:
    """Return the function that writes a layer of labels with all its axes, as it is when this is called."""
    copy = labels.copy()

    def save(path: Path) -> Path:
        return save_labels(copy, path, scale=target.scale, units=target.units)

    return lambda watch: written(target, save)


def written(target: Target, save: Callable[[Path], Path], remark: Callable[[], str] = str) -> Written:
    """Write under the first free name; where another program takes it meanwhile, under the next."""
    with _made_folder(target.folder):
        for _ in range(TRIES):
            path = target.free()
            try:
                save(path)
            except SaveError:
                if not os.path.lexists(path):
                    raise
            else:
                return Written(path, path.name.removesuffix(target.kind.suffix), remark())
    raise SaveError(f"{path.name} is there already.", hint="Choose another name or folder.")


def _window_of(masks: Sequence[PlacedMask]) -> Window:
    """Return the window that holds all masks.

    Raises
    ------
    SaveError
        If it is too large for a file.
    """
    box = union(box for mask in masks if (box := mask.box) is not None)
    if box.area > MOST_PIXELS:
        height, width = box.size
        raise SaveError(
            f"The objects lie too far apart for one file ({height:,.0f} x {width:,.0f} pixels).",
            hint="Choose the format OME-Zarr: it holds the whole plane, and takes the room of the objects.",
        )
    return Window(int(box.top), int(box.left), int(box.bottom), int(box.right))


@contextmanager
def _made_folder(folder: Path) -> Iterator[None]:
    """Make a folder and those above it; if what follows fails, those that were not there go again.

    Raises
    ------
    SaveError
        If it cannot be made.
    """
    missing = [
        one for one in (folder, *folder.parents) if not os.path.exists(one)
    ]  # unlike Path's, false of a name that is too long
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise SaveError(f"{folder} is a file, not a folder.", hint="Choose another folder.") from error
    except OSError as error:
        for one in missing:
            if os.path.isdir(one):
                one.rmdir()
        raise SaveError(
            f"Cannot create output folder {folder}: {error.strerror}.", hint="Choose another folder."
        ) from error
    try:
        yield
    except BaseException:
        for empty in missing:
            with suppress(OSError):  # another program may have put something there
                empty.rmdir()
        raise
