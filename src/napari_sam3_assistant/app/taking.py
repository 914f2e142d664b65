"""What is saved: the objects of planes, and what their files say, taken from the layers when the button is pressed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_sam3_assistant.app import stack_writing, writing
from napari_sam3_assistant.app.batch_drafts import parts
from napari_sam3_assistant.app.screen import OnScreen, Place
from napari_sam3_assistant.app.writing import Target, Write
from napari_sam3_assistant.core.errors import AssistantError, SaveError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.export.names import phrase_name, slice_name
from napari_sam3_assistant.layers import accepted, images
from napari_sam3_assistant.layers.world import world_of
from napari_sam3_assistant.masks.registry import MaskObject
from napari_sam3_assistant.tasks.jobs import Task

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """The objects of a plane as they were when the button was pressed.

    Attributes
    ----------
    here : OnScreen
        The plane, on screen or not.
    objects : tuple of MaskObject
        Empty where accepted labels are written.
    name : str
        What a user calls the plane.
    write : callable
        Writes the file, on a thread of the files.
    accepted : mapping of int to PlacedMask
        The accepted objects that it holds, and their pixels.
    """

    here: OnScreen
    objects: tuple[MaskObject, ...]
    name: str
    write: Write
    accepted: Mapping[int, PlacedMask] = field(default_factory=dict)


Refused = tuple[str, AssistantError]
"""What a user calls a plane of which nothing can be written, and why."""


class Taking:
    """Takes what is to be saved. On the GUI thread.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self._output = controller.state.output

    def default_folder(self) -> Path:
        """Return where masks go unless the user chooses: beside the picture in use, else ``SAM3 masks`` at home."""
        layer = images.layer_by_id(self._controller.viewer, self._controller.state.task.image)
        path = getattr(getattr(layer, "source", None), "path", None)
        if path and (folder := Path(path).parent).is_dir() and os.access(folder, os.W_OK):
            return folder
        return Path.home() / "SAM3 masks"

    def previews(self) -> tuple[list[Taken], list[Refused]]:
        """Return what is in the preview: of the plane on screen, or where the user wants that of all planes.

        Raises
        ------
        SaveError
            If there can be no such folder as the user has typed.
        """
        board, here = self._controller.board, self._controller.here()
        board.absorb()
        places = self._places()
        several = sum(len(parts(board.at(place))) for place in places) > 1
        taken: list[Taken] = []
        refused: list[Refused] = []
        for place in places:
            try:
                there = here if here is not None and here.place == place else self._there(place)
            except AssistantError as error:
                refused.append((self._name(place), error))
                continue
            for words, objects in parts(board.at(place)):
                target = self.target(there, flat=True, several=several, words=words)
                items = [(item.id, item.mask, item.score) for item in objects]
                write = writing.of_plane(target, items, there.plane)
                taken.append(Taken(there, objects, target.image + target.cut, write))
        return taken, refused

    def accepted(self) -> tuple[Taken, str] | None:
        """Return the accepted labels of the picture in use with all its slices, of a huge one those on screen.

        And what there is to know of the format. None where nothing was accepted.
        """
        here = self._controller.here()
        layer = None if here is None else accepted.accepted_layer(self._controller.viewer, here.layer)
        if here is None or layer is None:
            return None
        target, accepting = self.target(here, flat=bool(layer.multiscale)), self._controller.accepting
        accepting.paint.look()
        own = [one for one in accepting.records if one.image == here.place[0]]
        if layer.multiscale:
            own = [one for one in own if one.plane == here.plane]
            items = [(one.id, one.mask, 1.0) for one in own]
            write = writing.of_plane(target, items, here.plane) if items else None
        else:
            write = writing.of_layer(target, layer.data) if np.any(layer.data) else None
        now = {one.id: mask for one in own if (mask := accepting.paint.mask_of(one)) is not None}
        return None if write is None else (Taken(here, (), target.image + target.cut, write, now), target.remark)

    def stack(self) -> tuple[Taken, str] | None:
        """Return what was followed through the picture in use, with all its slices, and what to know of the format.

        None in another task, or where nothing was.

        Raises
        ------
        SaveError
            If there can be no such folder as the user has typed.
        """
        here, layer = self._controller.here(), self._controller.propagation.layer.find()
        if self._controller.state.task.task is not Task.VIDEO or here is None or layer is None:
            return None
        target = self.target(here, flat=False)
        data = layer.data[0] if layer.multiscale else layer.data
        names = self._controller.channels.axis_names(here.layer)
        write = stack_writing.of_stack(target, data, here.plane, names)
        return Taken(here, (), target.image, write), target.remark

    def next_target(self) -> Target | None:
        """Return the target of the file that is written next; None where there is no picture.

        Raises
        ------
        AssistantError
            If there can be none.
        """
        here, places = self._controller.here(), self._places()
        if here is None:
            return None
        if self._controller.state.task.task is Task.VIDEO and self._controller.state.video.done:
            return self.target(here, flat=False)
        alone = not places and self._controller.state.results.kept
        kept = None if not alone else accepted.accepted_layer(self._controller.viewer, here.layer)
        if kept is not None:
            return self.target(here, flat=bool(kept.multiscale))
        there = here if not places or here.place == places[0] else self._there(places[0])
        found = [words for place in places for words, _ in parts(self._controller.board.at(place))]
        return self.target(there, flat=True, several=len(found) > 1, words=found[0] if found else "")

    def target(self, here: OnScreen, *, flat: bool, several: bool = False, words: str = "") -> Target:
        """Return where a file of the plane (``flat``), or of all axes of the layer, goes, and as what.

        ``words`` are the phrase whose objects it holds, where each phrase has its own.

        Raises
        ------
        SaveError
            If there can be no such folder as the user has typed.
        """
        layer, last = here.layer, here.layer.ndim - 1
        axes = [min(here.plane.row_axis, last), min(here.plane.col_axis, last)] if flat else range(layer.ndim)
        return Target(
            self._folder(),
            self._output.format,
            str(layer.name),
            self._output.filename,
            here.source.plane_shape(here.plane) if flat else tuple(here.source.shape[: layer.ndim]),
            tuple(float(layer.scale[axis]) for axis in axes),
            tuple(str(layer.units[axis]) for axis in axes),
            self._cut(here) + phrase_name(words) if flat else "",
            several,
        )

    def _places(self) -> tuple[Place, ...]:
        """Return the planes with objects that a press saves."""
        previews, place = self._controller.board.previews, self._controller.board.place
        return previews if self._output.everywhere else tuple(one for one in previews if one == place)

    def _there(self, place: Place) -> OnScreen:
        """Return a plane that may not be on screen, as if it were.

        Raises
        ------
        AssistantError
            If the picture has no such plane any more.
        """
        identity, plane = place
        layer = images.layer_by_id(self._controller.viewer, identity)
        if layer is None:
            raise SaveError("The picture is no longer there.", hint="Add it again, and make its masks anew.")
        source = self._controller.channels.plain_source_of(layer)
        axes = {plane.row_axis, plane.col_axis, *(axis for axis, _ in plane.index)}
        if max(axes) >= len(source.shape) or any(at >= source.shape[axis] for axis, at in plane.index):
            raise SaveError(
                f"{layer.name} has the shape {source.shape} now, and no longer the slice of these masks.",
                hint="Give it its old pixels back, or clear the preview of that slice.",
            )
        return OnScreen(layer, source, plane, world_of(self._controller.viewer))

    def _name(self, place: Place) -> str:
        """Return what a user calls a plane that is not there any more."""
        layer = images.layer_by_id(self._controller.viewer, place[0])
        name = "A picture" if layer is None else str(layer.name)
        return f"{name}, slice {'-'.join(str(at) for _, at in place[1].index)}" if place[1].index else name

    def _folder(self) -> Path:
        chosen = self._output.folder.strip()
        if not chosen:
            return self.default_folder()
        try:
            return Path(chosen).expanduser().absolute()
        except RuntimeError as error:  # "~" and a name that is no user's
            raise SaveError(f"There is no folder {chosen}.", hint="Choose another folder.") from error

    def _cut(self, here: OnScreen) -> str:
        """Return which slice of its picture a plane is, as a file name says it."""
        names = self._controller.channels.axis_names(here.layer)
        shape = here.source.shape
        return slice_name([(names[axis], at, shape[axis]) for axis, at in here.plane.index if axis < len(names)])
