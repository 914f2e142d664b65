"""What a user has painted, filled or erased in a Labels layer, as napari tells when the button is let go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.masks.edits import Edit

Labels = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Dab:
    """One change of a stroke: ``block[key]`` was ``old`` and became ``new``, in the block ``slices`` of the array."""

    slices: tuple[slice, ...]
    key: Any
    old: Any
    new: Any


def watch_paint(layer: Any, slot: Callable[[Any, Any], None]) -> Callable[[], None]:
    """Call ``slot(layer, value)`` when pixels of a layer are painted; return what ends that."""

    def painted(event: Any) -> None:
        slot(event.source, event.value)

    layer.events.paint.connect(painted)
    return lambda: layer.events.paint.disconnect(painted)


def painted_edit(labels: Labels, value: Sequence[Any]) -> Edit | None:
    """Return the edit that a stroke has made, or None where nothing changed.

    Parameters
    ----------
    labels : ndarray
        The layer's data. Some of napari's ways to paint tell before they write, others after; both are understood.
    value : sequence
        Of napari's event ``paint``.

    Notes
    -----
    napari 0.7 tells ``(indices, old values, new values)`` of each change, and so does ``data_setitem`` of 0.9; the
    brush of 0.9 tells ``(slices, mask or None, old values, new value)``.
    """
    dabs = [found for atom in value if (found := _dab(atom, labels.ndim)) is not None]
    if not dabs:
        return None
    edges = [[(part.start, part.stop) for part in dab.slices] for dab in dabs]
    low, high = np.min(edges, axis=0)[:, 0].tolist(), np.max(edges, axis=0)[:, 1].tolist()
    block = tuple(slice(start, stop) for start, stop in zip(low, high, strict=True))
    before = np.array(labels[block])
    after = before.copy()
    for dab in dabs:
        _part(after, dab, low)[dab.key] = dab.new
    for dab in reversed(dabs):
        _part(before, dab, low)[dab.key] = dab.old
    return Edit(labels.shape, block, before, after) if not np.array_equal(before, after) else None


def _dab(atom: Sequence[Any], ndim: int) -> _Dab | None:
    if len(atom) == 4:
        slices, mask, old, new = atom
        return _Dab(tuple(slices), ... if mask is None else mask, old, new)
    indices, old, new = atom
    places = [np.asarray(at).reshape(-1) for at in indices]
    if len(places) != ndim or not places[0].size:
        return None
    slices = tuple(slice(int(at.min()), int(at.max()) + 1) for at in places)
    key = tuple(at - part.start for at, part in zip(places, slices, strict=True))
    return _Dab(slices, key, np.asarray(old).reshape(-1), new)


def _part(block: Labels, dab: _Dab, low: Sequence[int]) -> Labels:
    """Return the view of a block that begins at ``low`` where a change lies."""
    return block[tuple(slice(part.start - at, part.stop - at) for part, at in zip(dab.slices, low, strict=True))]
