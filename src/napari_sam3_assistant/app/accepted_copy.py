"""The copy in which accepted objects are edited: what it shows, what was painted in it, and drawing it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.app.screen import Place
from napari_sam3_assistant.core.geometry import Box, intersection, slices, union
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.layers import in_view
from napari_sam3_assistant.layers.accepted import Accepted
from napari_sam3_assistant.masks.editing import Rewritten, drawn, meets
from napari_sam3_assistant.masks.edits import Edit, edit_of


@dataclass(slots=True, eq=False)
class Copy:
    """The copy that is open.

    Attributes
    ----------
    layer, kept, image : napari layer
        The copy, the accepted labels, and their picture.
    place, window : Place, Window
        What it shows.
    records : dict of int to Accepted
        The objects that it shows, or has shown since it lies here.
    labels : ndarray of the window's shape
        Its pixels as they were drawn, or written back.
    touched : Box or None
        Where napari has drawn strokes since; None where that is not known.
    """

    layer: Any
    kept: Any
    image: Any
    place: Place
    window: Window
    records: dict[int, Accepted]
    labels: npt.NDArray[Any]
    touched: Box | None = None

    @property
    def usable(self) -> bool:
        """Whether both layers still hold what was put there, or painted; and not other data."""
        return in_view.is_sparse(self.kept) and self._pixels() is not None

    def changed(self, box: Box | None = None) -> Edit | None:
        """Return what was painted in a box of the plane, by default anywhere; None where nothing was."""
        pixels = self._pixels()
        inside = self.window.box if box is None else intersection(box, self.window.box)
        if pixels is None or inside is None:
            return None
        if pixels.dtype != self.labels.dtype:
            self.labels = self.labels.astype(pixels.dtype)
        part = slices(inside, self.window.offset)
        return edit_of(self.labels, part, pixels[part])

    def corner_of(self, edit: Edit) -> tuple[int, int]:
        """Return the pixel of the plane where an edit begins."""
        return edit.slices[0].start + self.window.top, edit.slices[1].start + self.window.left

    def take(self, edit: Edit, found: Rewritten) -> None:
        """Note that an edit was written back, and as what; draw numbers that had to be others."""
        self.labels[edit.slices] = edit.after
        gone = {one.id for one in found.gone}
        self.records = {id: one for id, one in self.records.items() if id not in gone}
        self.records |= {one.id: one for one in found.made}
        if found.numbers:
            (top, left), (height, width) = self.corner_of(edit), edit.after.shape
            self.draw([Box(top, left, top + height, left + width)])
            selected = int(self.layer.selected_label)
            self.layer.selected_label = found.numbers.get(selected, selected)

    def show(self, records: Mapping[int, Accepted]) -> None:
        """Draw these objects in place of the others."""
        old, self.records = self.records, dict(records)
        ids = [id for id in {**old, **self.records} if old.get(id) is not self.records.get(id)]
        boxes = [one.mask.box for id in ids for one in (old.get(id), self.records.get(id)) if one is not None]
        self.draw(box for box in boxes if box is not None)

    def draw(self, boxes: Iterable[Box]) -> None:
        """Draw the objects anew in some boxes of the plane."""
        inside = [both for box in boxes if (both := intersection(box, self.window.box)) is not None]
        if not inside:
            return
        self.hold(max(self.records, default=0))
        box = union(inside)
        labels = drawn(self.records.values(), box, self.layer.data.dtype)
        in_view.draw_box(self.layer, self.place[1], self.window, box, labels)
        self.labels[slices(box, self.window.offset)] = labels

    def hold(self, number: int) -> None:
        """Make the labels of a type that holds a number."""
        if number > np.iinfo(self.layer.data.dtype).max:
            self.layer.data = self.layer.data.astype(np.uint32)
        self.labels = self.labels.astype(self.layer.data.dtype, copy=False)

    def choose(self, view: Window, middle: tuple[float, float], free: int) -> tuple[int, bool]:
        """Let the brush paint the object in view nearest to a pixel; return its number, and whether it is there.

        Where there is no object, it paints a new one, of number ``free``.
        """
        row, col = middle
        seen = (one for one in self.records.values() if meets(one, view.box))
        near = min(seen, key=lambda one: _distance(one, row, col), default=None)
        self.layer.selected_label = free if near is None else near.id
        return int(self.layer.selected_label), near is not None

    def _pixels(self) -> npt.NDArray[Any] | None:
        return in_view.copy_pixels(self.layer, self.place[1], self.window)


def shown(records: Iterable[Accepted], place: Place, window: Window, also: Collection[int]) -> dict[int, Accepted]:
    """Return the accepted objects of a plane that meet a window, and those of the numbers ``also``."""
    return {
        one.id: one for one in records if (one.id in also or meets(one, window.box)) and (one.image, one.plane) == place
    }


def told(found: Rewritten) -> str:
    """Return what an edit did, in words."""
    was, now = {one.id for one in found.gone}, {one.id: one for one in found.made}
    parts = []
    for ids, one_word in (
        (was & now.keys(), "changed"),
        (now.keys() - was, "painted"),
        (was - now.keys(), "painted away"),
    ):
        if len(ids) == 1:
            (id,) = ids
            area = f" ({now[id].mask.area:,} pixel(s))" if id in now else ""
            parts.append(f"accepted object {id} {one_word}{area}")
        elif ids:
            parts.append(f"{len(ids)} accepted objects {one_word}")
    line = ", ".join(parts)
    other = "".join(f" Object {old} lies elsewhere: this one is {new}." for old, new in found.numbers.items())
    return f"{line[:1].upper()}{line[1:]}.{other}"


def _distance(one: Accepted, row: float, col: float) -> float:
    """Return how far the middle of an object's rectangle is from a pixel, squared."""
    (top, left), (height, width) = one.mask.offset, one.mask.mask.shape
    return (top + height / 2 - row) ** 2 + (left + width / 2 - col) ** 2
