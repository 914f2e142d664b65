"""One way for all edits of Mask Cleanup: in the scope, in a wider type where the new value needs one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_sam3_assistant.app.masking.desk import NO_LAYER, Desk
from napari_sam3_assistant.app.masking.reaching import Reaching
from napari_sam3_assistant.core.errors import AssistantError, PromptError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import Watch
from napari_sam3_assistant.layers.pixels import writable_data
from napari_sam3_assistant.masks.edits import Edit
from napari_sam3_assistant.masks.scopes import Scope, among, within
from napari_sam3_assistant.masks.values import holds, wide_enough

Array = npt.NDArray[Any]
Operation = Callable[[Any, Scope, Watch], Edit | None]


def by_pixel(operation: Callable[[Array, Watch], Edit | None]) -> Operation:
    """Return an operation of a whole array from one of a block, that changes pixels in the region alone."""
    return lambda data, scope, watch: within(data, scope, lambda block: operation(block, watch))


def by_object(operation: Callable[[Array, PlacedMask | None, Watch], Edit | None]) -> Operation:
    """Return an operation of a whole array from one of a block, that changes whole objects in the region."""
    return lambda data, scope, watch: among(data, scope, lambda block, region: operation(block, region, watch))


class Tidying:
    """Edits the target.

    Parameters
    ----------
    desk : Desk
    reach : Reaching
    """

    def __init__(self, desk: Desk, reach: Reaching) -> None:
        self._desk, self._reach = desk, reach

    def edit(
        self,
        title: str,
        operation: Operation,
        said: Callable[[str], str],
        *,
        value: int = 0,
        scope: Scope | None = None,
    ) -> None:
        """Change the target, so that it can be undone.

        Parameters
        ----------
        title : str
            What the user reads on Undo.
        operation : callable
            On the worker: given the array, the scope and the watch, returns the edit.
        said : callable
            Returns what to tell of it, given the layer's name.
        value : int
            A value that pixels get: the layer's type is made wide enough for it.
        scope : Scope or None
            None: what the user has chosen.
        """
        layer = self._desk.target()
        try:
            if layer is None:
                raise NO_LAYER
            chosen = self._reach.scope(layer) if scope is None else scope
            dtype = wider(layer, value)
        except AssistantError as error:
            self._desk.fail(error)
            return
        self._desk.edit(
            layer, title, lambda data, watch: operation(data, chosen, watch), said, pixels=writable_data, dtype=dtype
        )


def wider(layer: Any, value: int) -> np.dtype[Any] | None:
    """Return the type that a layer needs to hold a value too, or None where its own will do.

    Raises
    ------
    PromptError
        If there is no such type, or the layer cannot get it.
    """
    data = writable_data(layer)
    if holds(data.dtype, value):
        return None
    if not isinstance(data, np.ndarray) or isinstance(data, np.memmap):
        raise PromptError(
            f"The file of {layer.name} holds values of {data.dtype}, and {value} is none.",
            hint="Choose another value, or load the layer: layer.data = np.asarray(layer.data).",
        )
    return wide_enough(data.dtype, value)
