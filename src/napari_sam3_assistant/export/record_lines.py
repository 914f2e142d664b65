"""The lines of the record of a run: its values as JSON objects, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from napari_sam3_assistant.core.errors import ImageError
from napari_sam3_assistant.core.fingerprints import Fingerprint
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.core.rle import counts_in, counts_of, mask_of, text_of
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.export.record_values import About, Change, Event, Index, OnPlane, Seen, Words

VERSION = 1
VIDEO = "video"


# -- to JSON --------------------------------------------------------------------------------------


def told_about(about: About) -> dict[str, Any]:
    """Return the first line of a record."""
    plane = about.plane
    return {
        "is": VIDEO,
        "version": VERSION,
        "picture": asdict(about.picture),
        "plane": [plane.row_axis, plane.col_axis, plane.index],
        "axis": about.axis,
        "window": _corners(about.window),
        "engine": about.engine,
        "weights": about.weights,
        "texts": about.texts,
    }


def told(change: Change) -> dict[str, Any]:
    """Return a further line of a record: what it does not tell is as before."""
    said = [
        [frame, id, serial, None if prompts is None else _prompts(prompts)]
        for frame, objects in change.said.items()
        for id, (serial, prompts) in objects.items()
    ]
    waiting = None if change.waiting is None else list(change.waiting.items())
    all_of_it = {
        "frame": change.frame,
        "said": said,
        "unsaid": change.unsaid,
        "waiting": waiting,
        "planes": [_plane(one) for one in change.planes],
        "done": change.done,
        "window": None if change.window is None else _corners(change.window),
        "words": None if change.words is None else _words(change.words),
    }
    new = {
        name: value for name, value in all_of_it.items() if value not in (None, [], ()) or value is waiting is not None
    }
    return {"is": change.event, "serial": change.serial, **new}


def plain(value: Any) -> Any:
    """Return a number of NumPy's as one of Python's."""
    return value.item() if isinstance(value, np.generic) else str(value)


def _plane(one: OnPlane) -> dict[str, Any]:
    seen = [
        {**_mask(item.mask), "id": item.id, "score": item.score, "said": item.said}
        | {"prompt": item.prompt, "engine": item.engine, "layer": item.layer, "from": item.frame}
        for item in one.seen
    ]
    return {"at": one.index, "seen": seen, "gone": one.gone, "problem": one.problem}


def _corners(window: Window) -> list[int]:
    return [window.top, window.left, window.bottom, window.right]


def _words(words: Words) -> dict[str, Any]:
    return {"found": sorted(words.found), "removed": sorted(words.removed), "waiting": words.waiting}


def _prompts(prompts: Prompts) -> dict[str, Any]:
    found: dict[str, Any] = {"points": [[one.row, one.col, one.positive] for one in prompts.points]}
    if prompts.box is not None:
        found["box"] = [*prompts.box.box.corners, prompts.box.positive]
    if prompts.mask is not None:
        found["mask"] = _mask(prompts.mask.mask)
    return found


def _mask(mask: PlacedMask) -> dict[str, Any]:
    height, width = mask.mask.shape
    runs = text_of(counts_of(PlacedMask(mask.mask), (height, width)))
    return {"at": mask.offset, "size": [height, width], "runs": runs}


# -- from JSON ------------------------------------------------------------------------------------


def about_in(line: Mapping[str, Any]) -> About:
    """Return what the first line of a record tells.

    Raises
    ------
    AssistantError, KeyError, TypeError, ValueError
        If it makes no sense.
    """
    row, col, index = line["plane"]
    picture = Fingerprint(**{**line["picture"], "shape": tuple(line["picture"]["shape"])})
    return About(
        picture,
        Plane(int(row), int(col), _index(index)),
        int(line["axis"]),
        Window(*map(int, line["window"])),
        str(line["engine"]),
        str(line["weights"]),
        tuple(map(str, line["texts"])),
    )


def change_in(line: Mapping[str, Any]) -> Change:
    """Return what a further line of a record tells; raises as :func:`about_in` does."""
    said: dict[int, dict[int, tuple[int, Prompts | None]]] = {}
    for frame, id, serial, prompts in line.get("said", ()):
        said.setdefault(int(frame), {})[int(id)] = int(serial), None if prompts is None else _prompts_in(prompts)
    waiting = line.get("waiting")
    return Change(
        Event(line["is"]),
        None if line.get("frame") is None else int(line["frame"]),
        tuple(map(_plane_in, line.get("planes", ()))),
        int(line["serial"]),
        said,
        tuple((int(frame), int(id)) for frame, id in line.get("unsaid", ())),
        None if waiting is None else {int(frame): tuple(map(int, ids)) for frame, ids in waiting},
        tuple((int(id), int(first), int(stop), int(serial)) for id, first, stop, serial in line.get("done", ())),
        None if line.get("window") is None else Window(*map(int, line["window"])),
        None if line.get("words") is None else _words_in(line["words"]),
    )


def _plane_in(one: Mapping[str, Any]) -> OnPlane:
    seen = (
        Seen(
            int(item["id"]),
            _mask_in(item),
            float(item["score"]),
            bool(item["said"]),
            str(item["prompt"]),
            str(item["engine"]),
            str(item["layer"]),
            None if item["from"] is None else int(item["from"]),
        )
        for item in one["seen"]
    )
    problem = None if one["problem"] is None else str(one["problem"])
    return OnPlane(_index(one["at"]), tuple(seen), tuple(map(int, one["gone"])), problem)


def _words_in(one: Mapping[str, Any]) -> Words:
    return Words(frozenset(map(int, one["found"])), frozenset(map(int, one["removed"])), bool(one["waiting"]))


def _prompts_in(one: Mapping[str, Any]) -> Prompts:
    points = tuple(PointPrompt(float(row), float(col), bool(positive)) for row, col, positive in one["points"])
    box = mask = None
    if "box" in one:
        *corners, positive = one["box"]
        box = BoxPrompt(Box(*map(float, corners)), bool(positive))
    if "mask" in one:
        mask = MaskPrompt(_mask_in(one["mask"]))
    return Prompts(points, box, mask)


def _mask_in(one: Mapping[str, Any]) -> PlacedMask:
    (height, width), (top, left) = map(int, one["size"]), map(int, one["at"])
    found = mask_of(counts_in(str(one["runs"])), (height, width))
    if found is None:
        raise ImageError("A mask has no pixel.", hint="Write the file again where it was made.")
    whole = np.zeros((height, width), bool)
    rows, cols = found.mask.shape
    whole[found.offset[0] : found.offset[0] + rows, found.offset[1] : found.offset[1] + cols] = found.mask
    return PlacedMask(whole, (top, left))


def _index(pairs: Any) -> Index:
    return tuple((int(axis), int(position)) for axis, position in pairs)
