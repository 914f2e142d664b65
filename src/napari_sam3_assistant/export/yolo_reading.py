"""Label images from YOLO segmentation labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.export.annotated import LabelClass
from napari_sam3_assistant.export.json_files import MOST_BYTES
from napari_sam3_assistant.export.painting import REMEDY, Canvas, Imported, checked_shape, filled, shown
from napari_sam3_assistant.export.yolo import CLASSES, classes_of

_OUTSIDE = 0.01
"""How far outside the picture a point may lie, as a fraction of its side: other programs round."""
_MOST_CLASS = 2**20


def read(path: Path, *, shape: Sequence[int] | None, watch: Watch = UNWATCHED) -> Imported:
    """Return the label image of a file, one label for each line.

    Parameters
    ----------
    path : Path
        Names of classes are taken from ``classes.txt`` beside it, where that is.
    shape : sequence of int or None
        Height and width of the picture, in pixels; the file holds fractions of these.
    watch : Watch

    Raises
    ------
    ImageError
        If the size is not known, or a line is none of YOLO's; it names the line.
    """
    if shape is None or len(shape) < 2:
        raise ImageError(
            f"{path.name} holds fractions of a picture, not pixels.",
            hint="Open the picture first and select its layer: its size is taken.",
            in_shell="Give the size of the picture: --size HEIGHT,WIDTH.",
        )
    height, width = checked_shape(tuple(shape[-2:]), path.name)
    lines = [(number, line.split()) for number, line in enumerate(_text(path).splitlines(), 1) if line.strip()]
    canvas, names, outside = Canvas((height, width), len(lines)), classes_of(path), 0
    classes: dict[int, LabelClass] = {}
    for label, (number, words) in enumerate(watch.over(lines), 1):
        where = f"Line {number} of {path.name}"
        index = _index(words[0], where)
        ring = _ring(words[1:], where) * (height, width)
        name = names[index] if index < len(names) and names[index] else f"class_{index}"
        classes[label] = LabelClass(name, index + 1)
        mask = filled([ring], (height, width))
        outside += mask is None
        if mask is not None:
            canvas.paint(mask, label)
    notes = [f"{outside:,} object(s) lie on no pixel; they were left out."] if outside else []
    if not names and lines:
        notes.append(f"There is no {CLASSES} beside {path.name}: classes have numbers in place of names.")
    return Imported(canvas.labels, picture=path.stem, classes=classes, covered=canvas.covered, notes=tuple(notes))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ImageError(f"{path.name} is too large to be read at once.", hint="Split it.")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ImageError(f"There is no file {path}.", hint="Check the folder and the name.") from error
    except OSError as error:
        raise ImageError(
            f"{path.name} cannot be read: {error.strerror}.", hint="Check the file and the disk."
        ) from error
    except ValueError as error:
        raise ImageError(f"{path.name} is no text.", hint="Choose a file of YOLO labels.") from error


def _index(word: str, where: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 8 and int(word) < _MOST_CLASS):
        raise ImageError(f"{where} begins with {shown(word)}, not with the number of a class.", hint=REMEDY)
    return int(word)


def _ring(words: Sequence[str], where: str) -> npt.NDArray[np.float64]:
    """Return the corners (row, col) as fractions of height and width."""
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError as error:
        raise ImageError(f"{where} holds a word among its numbers.", hint=REMEDY) from error
    if numbers.size % 2:
        raise ImageError(f"{where} has a point with one number.", hint=REMEDY)
    points: npt.NDArray[np.float64] = numbers.reshape(-1, 2)[:, ::-1]
    if len(points) == 2:
        raise ImageError(
            f"{where} has 2 points: that is a box, not an outline.", hint="Choose labels for segmentation."
        )
    if len(np.unique(points, axis=0)) < 3:
        raise ImageError(f"{where} has an outline of fewer than 3 points.", hint=REMEDY)
    if not ((points >= -_OUTSIDE) & (points <= 1 + _OUTSIDE)).all():  # NaN is neither
        raise ImageError(f"{where} has a point that is no fraction of the picture, 0 to 1.", hint=REMEDY)
    return np.asarray(np.clip(points, 0.0, 1.0))
