"""Prompt layers of ours, told from those of users; and which picture each of their prompts is about.

What a user drew in a layer of his own counts for the picture in use, and is never taken away by us. A click
in a layer of ours is about the picture in use then, and about no other one in the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from napari.layers import Labels, Points, Shapes

from napari_sam3_assistant.layers import images, names
from napari_sam3_assistant.layers.blocks import note, write_note
from napari_sam3_assistant.layers.features import next_value, pictures, set_next

OWNER = "layer"
"""In our note of a layer: its unique id. A duplicate keeps the note and has another id: it is the user's."""


def mark(layer: Any) -> Any:
    """Note that a layer is ours, and return it."""
    write_note(layer, {**note(layer), OWNER: str(layer.unique_id)})
    return layer


def is_marked(layer: Any) -> bool:
    """Return whether a layer was marked as ours, and is no duplicate of one that was."""
    return note(layer).get(OWNER) == str(layer.unique_id)


def is_ours(layer: Any) -> bool:
    """Return whether a layer of points or boxes is ours; one without a note is, if it is called so."""
    return is_marked(layer) or (OWNER not in note(layer) and str(layer.name) in names.PROMPTS)


def misfits(layer: Any, image: Any) -> bool:
    """Return whether a layer of ours was made for a picture with other axes, and there is nothing in it."""
    return is_ours(layer) and not len(layer.data) and layer.ndim != image.ndim


class Recorded(Protocol):
    """What a layer of prompts held: which one, by its unique id (empty for none in use), and whether it is ours."""

    @property
    def layer(self) -> str: ...
    @property
    def ours(self) -> bool: ...


def in_viewer(viewer: Any, record: Recorded, own: Callable[[], Any], removed: Any | None) -> Any | None:
    """Return the layer of a record, brought back where it has left the viewer; None for none in use.

    Parameters
    ----------
    viewer : napari viewer
    record : Recorded
    own : callable
        Returns our layer, made where it is gone.
    removed : napari layer or None
        A layer of the user's that has left the viewer.
    """
    found = images.layer_by_id(viewer, record.layer)
    if found is not None or not record.layer:
        return found
    if record.ours:
        return own()
    if removed is not None and str(removed.unique_id) == record.layer:
        viewer.layers.append(removed)
    return images.layer_by_id(viewer, record.layer)


def set_next_picture(layer: Any, image: Any) -> None:
    """Make the next point or box be about an image layer; those of users are about the picture in use."""
    identity = str(image.unique_id)
    if is_ours(layer) and next_value(layer, names.PICTURE) != identity:
        set_next(layer, names.PICTURE, identity)


def point_layers(viewer: Any) -> list[Any]:
    """Return the layers that points can come from."""
    return [one for one in viewer.layers if isinstance(one, Points)]


def shape_layers(viewer: Any) -> list[Any]:
    """Return the layers that boxes can come from: none of those that show what we have found, or look at."""
    return [one for one in viewer.layers if isinstance(one, Shapes) and not _shows(one)]


def label_layers(viewer: Any) -> list[Any]:
    """Return the layers that painted prompts can come from: none of those that show what we have found."""
    return [one for one in viewer.layers if isinstance(one, Labels) and not _shows(one)]


def _shows(layer: Any) -> bool:
    return str(layer.name).startswith((*names.PREVIEWS, names.ACCEPTED, names.IN_VIEW, names.ROI))


def about(layer: Any, image: Any, also: str = "") -> npt.NDArray[np.bool_]:
    """Return which points or shapes of a layer count for an image, of shape (N,).

    Those about the picture ``also``, a unique id, count too.
    """
    found = pictures(layer) if is_ours(layer) else [""] * len(layer.data)
    wanted = ("", str(image.unique_id), also)
    return np.array([one in wanted for one in found], dtype=bool)


def disposable(layer: Any, image: Any, there: Collection[str]) -> list[int]:
    """Return the points or shapes that count for an image, or for a picture that is not ``there`` any more."""
    kept = about(layer, image) if image is not None else np.zeros(len(layer.data), bool)
    gone = np.array([one not in there for one in pictures(layer)], dtype=bool)
    return [int(index) for index in np.flatnonzero(kept | gone)] if is_ours(layer) else []


def others(layer: Any, image: Any, also: str = "") -> tuple[str, ...]:
    """Return the pictures of the points or shapes that do not count for an image, one each."""
    kept = about(layer, image, also)
    return () if kept.all() else tuple(np.array(pictures(layer), dtype=object)[~kept])
