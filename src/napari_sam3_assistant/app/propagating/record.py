"""What a step back brings back of a propagation: what was said, what was found, and the layer that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_sam3_assistant.app.propagating.saying import Heard
from napari_sam3_assistant.core.errors import AssistantError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers import images
from napari_sam3_assistant.tasks.tracks import Tracks
from napari_sam3_assistant.tasks.volumes import Film

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController
    from napari_sam3_assistant.app.tracks_layer import TracksLayer


MANY = 200
"""Where more planes differ, the whole layer is made anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """A propagation as it was; never changed once made.

    Attributes
    ----------
    video : Video or Volumes
        A copy, of which the engine remembers nothing.
    heard : Heard
        A copy.
    open : bool
        Whether a run may go on with it.
    session : int
        Its number.
    """

    video: Film
    heard: Heard
    open: bool
    session: int


def differing(before: Tracks | None, after: Tracks) -> list[Plane]:
    """Return the planes on which other objects are in two tracks, of which one is an earlier copy of the other."""
    known = before.planes if before is not None else []
    planes = {*known, *after.planes}
    return sorted((one for one in planes if _other(before, after, one)), key=lambda one: one.index)


def _other(before: Tracks | None, after: Tracks, plane: Plane) -> bool:
    was, now = before.seen(plane) if before is not None else {}, after.seen(plane)
    return was.keys() != now.keys() or any(was[id] is not now[id] for id in now)


def redraw(controller: AppController, layer: TracksLayer, before: Tracks | None, after: Tracks) -> None:
    """Show tracks in the layer in the place of earlier or later ones; it is made where it is not there.

    Raises
    ------
    AssistantError
        If the picture cannot be seen, or the layer not be made.
    """
    planes = differing(before, after)
    image = images.layer_by_id(controller.viewer, after.image)
    if image is None:
        return
    if before is None or before.image != after.image or layer.find() is None or len(planes) > MANY:
        layer.show(controller.seen(image), after)
        return
    for plane in planes:
        layer.write(after, plane, after.ids | before.ids)
    layer.finish(after)


def drawable(controller: AppController, record: Followed) -> bool:
    """Return whether a record's picture is still there, with the same pixels and planes."""
    image = images.layer_by_id(controller.viewer, record.video.tracks.image)
    try:
        return image is not None and controller.seen(image).source.shape == record.video.view.source.shape
    except AssistantError:
        return False
