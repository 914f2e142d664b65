"""The objects that were found on a plane, as a value: masks, scores, a label image, a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.core.geometry import Box, PlacedMask, clip, union
from napari_sam3_assistant.core.labels import to_labels
from napari_sam3_assistant.core.windows import Window, whole
from napari_sam3_assistant.export.images import FORMATS, Format, format_of, names_folder, save_labels
from napari_sam3_assistant.export.names import mask_name

WHOLE_SIDE = 4096
"""Masks of planes up to this side are saved as an image of the plane's size; of larger ones, the objects'."""
MOST_PIXELS = 2**28
"""The largest part of a plane that is written into one file."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundObject:
    """One object.

    Attributes
    ----------
    label : int
        Its value in the label image, from 1.
    mask : PlacedMask
        Its pixels: an array of the object's size, and where that lies on the plane.
    score : float
        How good the engine thinks the mask is, 0 to 1. Not a probability.
    prompt : str
        What was asked, in words: ``"2 points"``, ``"box 1"``; or the phrase.
    class_name : str
        The phrase that named it; empty where none did.
    class_value : int
        Number of the phrase, from 1; 0 where none named it.
    """

    label: int
    mask: PlacedMask
    score: float
    prompt: str
    class_name: str = ""
    class_value: int = 0

    def __repr__(self) -> str:
        return f"FoundObject(label={self.label}, {self.prompt!r}, score={self.score:.2f}, area={self.area})"

    @property
    def area(self) -> int:
        """Number of its pixels."""
        return self.mask.area

    @property
    def box(self) -> tuple[int, int, int, int] | None:
        """``(top, left, bottom, right)`` of its pixels, half-open; None if it has none."""
        box = self.mask.trimmed().box
        return None if box is None else (int(box.top), int(box.left), int(box.bottom), int(box.right))


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What was found on a plane.

    Attributes
    ----------
    objects : tuple of FoundObject
        In the order of the prompts; objects like an example, and those of one phrase, by falling score.
    shape : tuple of int
        Height and width of the plane, in pixels.
    engine : str
        Who answered.
    encode_ms, decode_ms : float
        Milliseconds of reading and encoding (0 if that was done before), and of all answers.
    windows : tuple of Window
        What was looked at, in pixels of the plane.
    name : str
        Of the picture; files are named after it.
    scale : tuple of float or None
        Height and width of a pixel, in ``units``.
    units : tuple of str or None
        Names of the units of length along rows and columns.
    plane : tuple of (axis, position) or None
        Where the plane was cut out of a stack; None of a picture that is one plane.
    notes : tuple of str
        What came of each phrase, and from which score its objects were kept, in words.
    """

    objects: tuple[FoundObject, ...]
    shape: tuple[int, int]
    engine: str
    encode_ms: float
    decode_ms: float
    windows: tuple[Window, ...]
    name: str = "image"
    scale: tuple[float, float] | None = None
    units: tuple[str, str] | None = None
    plane: tuple[tuple[int, int], ...] | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        found = ", ".join(map(repr, self.objects[:8])) + (", ..." if len(self.objects) > 8 else "")
        return f"Result({self.name!r}, {len(self.objects)} objects by {self.engine}: {found or 'none'})"

    @property
    def labels(self) -> npt.NDArray[np.uint32]:
        """Label image of the plane, of shape (H, W): 0 is background; of two objects on a pixel the better counts.

        It is made each time it is asked for: keep it. Of a large plane, ask for a part: :meth:`labels_in`.
        """
        return self.labels_in(whole(self.shape))

    def labels_in(self, window: Window) -> npt.NDArray[np.uint32]:
        """Return the label image of a window, an array of ``window.shape``, uint32."""
        return to_labels(
            [one.mask for one in self.objects],
            window,
            values=[one.label for one in self.objects],
            scores=[one.score for one in self.objects],
        )

    @property
    def covered(self) -> tuple[int, ...]:
        """Labels of objects of which the label image shows nothing: better ones lie on all their pixels.

        Raises
        ------
        SaveError
            If the objects lie so far apart that their label image would be mostly zeros.
        """
        if len(self.objects) < 2 or not any(one.area for one in self.objects):
            return ()
        seen = np.zeros(max(one.label for one in self.objects) + 1, bool)
        seen[self.labels_in(self._part())] = True
        return tuple(one.label for one in self.objects if one.area and not seen[one.label])

    @property
    def areas(self) -> dict[int, int]:
        """Number of pixels of each object, by its label. What two objects share counts for both."""
        return {one.label: one.area for one in self.objects}

    @property
    def scores(self) -> dict[int, float]:
        """Score of each object, by its label."""
        return {one.label: one.score for one in self.objects}

    def save(
        self, path: str | Path, *, format: str | None = None, folder: bool | None = None, overwrite: bool = False
    ) -> Path:
        """Write the label image and return where it is.

        Parameters
        ----------
        path : str or Path
            A file, whose suffix chooses the format; or a folder, made if need be, in which the next free
            ``{picture}_mask_NN`` is taken.
        format : {"tiff", "png", "npy"} or None
            Of a file in a folder; None takes TIFF.
        folder : bool or None
            Whether ``path`` is a folder. None takes what is one, and what has no suffix, for one;
            a name that ends in ``.zarr`` is that of a mask.
        overwrite : bool
            Whether a file of this name may be replaced.

        Raises
        ------
        SaveError
            If there is nothing to save, or it cannot be written.

        Notes
        -----
        Of a plane above 4,096 pixels a side only the part that holds the objects is written, and where it
        lies is noted in the file (not in NPY).
        """
        path = Path(path).expanduser()
        kind = None if format is None else _format(format)
        if folder or (folder is None and not names_folder(path) and (path.is_dir() or not path.suffix)):
            return self._save_in(path, kind or FORMATS["tiff"])
        if kind is not None and format_of(path) is not kind:
            raise SaveError(
                f"{path.name} does not end as {kind.title} does.",
                hint=f"Let it end in {kind.suffix}, or leave format out.",
            )
        return self._write(path, self._part(), overwrite)

    def _save_in(self, folder: Path, kind: Format) -> Path:
        part = self._part()
        make_folder(folder)
        while True:
            path = mask_name(self.name, folder, kind.suffix, window=part != whole(self.shape))
            try:
                return self._write(path, part, overwrite=False)
            except SaveError:
                if not path.exists():  # else another process has taken the name meanwhile: take the next
                    raise

    def _write(self, path: Path, part: Window, overwrite: bool) -> Path:
        return save_labels(
            self.labels_in(part),
            path,
            scale=self.scale,
            units=self.units,
            offset=part.offset,
            plane_shape=self.shape,
            plane=self.plane,
            overwrite=overwrite,
        )

    def _part(self) -> Window:
        """Return the part of the plane that a file holds.

        Raises
        ------
        SaveError
            If there is no object, or they lie so far apart that the file would be mostly zeros.
        """
        boxes = [Box(*map(float, one.box)) for one in self.objects if one.box is not None]
        if not boxes:
            raise SaveError("There is no mask to save.", hint="Point at an object first.")
        if max(self.shape) <= WHOLE_SIDE:
            return whole(self.shape)
        box = clip(union(boxes), self.shape) or boxes[0]
        part = Window(int(box.top), int(box.left), int(box.bottom), int(box.right))
        if part.shape[0] * part.shape[1] > MOST_PIXELS:
            raise SaveError(
                "The objects lie too far apart for one file.",
                hint="Ask for those that are near each other in one call.",
            )
        return part


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, unless it is there.

    Raises
    ------
    SaveError
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise SaveError(f"{folder} cannot be made: a file is in its way.", hint="Choose another folder.") from error
    except OSError as error:
        raise SaveError(
            f"{folder} cannot be made: {error.strerror or error}.", hint="Choose another folder."
        ) from error


def _format(name: str) -> Format:
    try:
        return FORMATS[name.lower()]
    except KeyError:
        raise SaveError(f"There is no format {name!r}.", hint=f"Choose one of {', '.join(FORMATS)}.") from None
