"""Objects as YOLO segmentation labels: a line of text for each object, with the names of classes in files beside.

A line holds the index of the class, from 0, and the corners of one polygon as fractions of width and height. Holes
and further pieces are joined to the outline by edges that are gone along to and fro and enclose nothing.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.core.polygons import Corners, Outline
from napari_sam3_assistant.core.progress import UNWATCHED, Watch
from napari_sam3_assistant.export.annotated import Annotated, LabelClass
from napari_sam3_assistant.export.atomic import write_file

CLASSES, DATA = "classes.txt", "data.yaml"
_OURS = "# Classes of the labels in this folder. Add where your pictures are: path, train, val."
_DIGITS = 8


def write(path: Path, masks: Annotated, *, overwrite: bool = False, watch: Watch = UNWATCHED) -> Path:
    """Write a line for each object, and beside it ``classes.txt`` and ``data.yaml``; return the path.

    Parameters
    ----------
    path : Path
    masks : Annotated
        Of one plane.
    overwrite : bool
        Whether a file that is there already may be replaced.
    watch : Watch

    Raises
    ------
    SaveError
        If there is more than one plane, the file is there already, or it cannot be written.

    Notes
    -----
    Classes that ``classes.txt`` of the folder has already keep their index; new ones are added at its end, so that
    files written earlier stay right. A ``data.yaml`` that others wrote is left as it is.
    """
    if masks.labels.ndim != 2:
        raise SaveError("YOLO-seg holds one plane in a file.", hint="Choose COCO JSON for a stack, or export a slice.")
    outlines = list(masks.outlines(masks.labels, watch))
    known = classes_of(path)
    indices, names = _indexed(outlines, masks, known)
    height, width = masks.plane_shape
    lines = []
    for number, one in enumerate(outlines):
        watch.at(number / len(outlines))
        corners = joined(one.rings) / (height, width)
        numbers = " ".join(f"{value:.{_DIGITS}g}" for value in corners[:, ::-1].reshape(-1).tolist())
        lines.append(f"{indices[masks.class_of(one.label)]} {numbers}\n")
    text = "".join(lines).encode("ascii")
    return _write_all(path, text, names if names != known else None, overwrite)


def classes_of(path: Path) -> list[str]:
    """Return the names of classes beside a label file, in order; empty where there are none."""
    try:
        return (path.parent / CLASSES).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):  # not there, or no text: as if there were none
        return []


def joined(rings: Sequence[Corners]) -> Corners:
    """Return one ring of several: from the first corner of the first to that of each other, round it, and back."""
    first = rings[0]
    parts = [first]
    for ring in rings[1:]:
        parts += [first[:1], ring, ring[:1]]
    return np.concatenate(parts)


def _indexed(
    outlines: Sequence[Outline], masks: Annotated, known: Sequence[str]
) -> tuple[dict[LabelClass, int], list[str]]:
    """Return the index of each class, and the names of all."""
    names = list(known)
    used = {masks.class_of(one.label) for one in outlines}
    indices = {}
    for one in sorted(used, key=lambda one: (one.value, one.name)):
        name = " ".join(one.name.split()) or f"class_{one.value}"
        if name not in names:
            names.append(name)
        indices[one] = names.index(name)
    return indices, names


def _write_all(path: Path, text: bytes, names: list[str] | None, overwrite: bool) -> Path:
    """Write the labels, and first what they refer to; what is new of that goes again where the labels fail."""
    undo: list[Callable[[], object]] = []
    try:
        if names is not None:
            listed = "".join(f"{name}\n" for name in names)
            _beside(path.parent / CLASSES, listed, undo)
            data = path.parent / DATA
            if not data.exists() or data.read_text(encoding="utf-8", errors="replace").startswith(_OURS):
                _beside(data, _yaml(names), undo)
        return write_file(path, lambda file: file.write(text), overwrite=overwrite)
    except BaseException:
        for back in reversed(undo):
            with contextlib.suppress(OSError, SaveError):
                back()
        raise


def _beside(path: Path, text: str, undo: list[Callable[[], object]]) -> None:
    before = path.read_bytes() if path.exists() else None
    write_file(path, lambda file: file.write(text.encode("utf-8")), overwrite=True)
    if before is None:
        undo.append(path.unlink)
    else:
        undo.append(lambda: write_file(path, lambda file: file.write(before), overwrite=True))


def _yaml(names: Sequence[str]) -> str:
    # A JSON text is a YAML text too.
    listed = "".join(f"  {index}: {json.dumps(name, ensure_ascii=False)}\n" for index, name in enumerate(names))
    return f"{_OURS}\nnames:\n{listed}"
