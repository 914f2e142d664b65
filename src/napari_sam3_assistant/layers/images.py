"""Image layers as sources: what a worker may read while the window stays free."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from napari.layers import Image

from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.export.axes import NOTHING, FileAxes
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.channels import (
    AUTOMATIC,
    Told,
    axis_names,
    check_told,
    file_axes,
    file_of,
    named_axis,
)

NOTHING_TOLD = Told()


class Sources:
    """The sources of a viewer's images, with a version each that rises when the pixels are replaced.

    Parameters
    ----------
    replaced : callable or None
        Called with a layer whose pixels were replaced.
    """

    def __init__(self, replaced: Callable[[Any], None] | None = None) -> None:
        self._versions: dict[str, int] = {}
        self._layers: dict[str, Any] = {}
        self._files: dict[str, tuple[str | None, FileAxes]] = {}
        self._tell = replaced

    def of(self, layer: Any, told: Told = NOTHING_TOLD, typed: Sequence[str] = ()) -> Source:
        """Return the source of an image layer, as it stands.

        Parameters
        ----------
        layer : napari Image layer
        told : Told
            What the user says of its channels and its limits of intensity.
        typed : sequence of str
            Names that the user gave the viewer's sliders, see :func:`typed_names`.

        Raises
        ------
        ImageError
            If the layer's pixels cannot be segmented, or what was told does not fit them.
        """
        identity = str(layer.unique_id)
        if identity not in self._layers:
            self._versions[identity] = 0
            self._layers[identity] = layer
            layer.events.data.connect(self._replaced)
        levels = tuple(layer.data[k] for k in range(len(layer.data))) if layer.multiscale else (layer.data,)
        rgb = bool(layer.rgb)
        axis = self._channel_axis(layer, levels[0].shape, told, typed)
        return Source(
            identity=identity,
            levels=levels,
            version=self._versions[identity],
            rgb=rgb,
            channel_axis=axis,
            mix=None if rgb or axis is None else told.mix,
            limits=None if rgb else told.limits,
            name=str(layer.name),
            path=self._file(layer)[0],
        )

    def channel_names(self, layer: Any) -> tuple[str, ...]:
        """Return the names of an image's channels as its file tells them; empty where it does not."""
        return self._file(layer)[1].channels

    def axis_names(self, layer: Any, typed: Sequence[str]) -> tuple[str, ...]:
        """Return the names of an image's axes, empty ones where neither layer nor slider nor file tells."""
        return axis_names(layer, typed, self._file(layer)[1])

    def _channel_axis(self, layer: Any, shape: Sequence[int], told: Told, typed: Sequence[str]) -> int | None:
        check_told(str(layer.name), shape, bool(layer.rgb), told.axis)
        if layer.rgb:
            return len(shape) - 1
        return named_axis(layer, typed, self._file(layer)[1]) if told.axis == AUTOMATIC else told.axis

    def _file(self, layer: Any) -> tuple[str | None, FileAxes]:
        """Return the file of a layer if it was there when it was first asked for, and what that says of its axes."""
        identity = str(layer.unique_id)
        if identity not in self._files:
            self._files[identity] = file_of(layer), file_axes(layer)
        return self._files[identity]

    def forget(self, layer: Any) -> None:
        """Stop watching a layer that has left the viewer."""
        identity = str(layer.unique_id)
        if self._layers.pop(identity, None) is not None:
            layer.events.data.disconnect(self._replaced)
            del self._versions[identity]
            self._files.pop(identity, None)

    def close(self) -> None:
        """Stop watching every layer."""
        for layer in list(self._layers.values()):
            self.forget(layer)

    def _replaced(self, event: Any) -> None:
        identity = str(event.source.unique_id)
        if identity in self._versions:
            self._versions[identity] += 1
            self._files[identity] = None, self._files.get(identity, (None, NOTHING))[1]
            if self._tell is not None:
                self._tell(event.source)


def image_layers(viewer: Any) -> list[Any]:
    """Return the Image layers of a viewer, the lowest first; without those that were layers of ours."""
    return [layer for layer in viewer.layers if is_image(layer)]


def is_image(layer: Any) -> bool:
    """Return whether a layer is a picture: an Image layer (a proxy is one), and no layer of ours that was converted."""
    return isinstance(layer, Image) and not str(layer.name).startswith(names.OURS)


def active_image(viewer: Any) -> Any | None:
    """Return the active layer if it is an image, else the topmost visible image, else any, else None."""
    active = viewer.layers.selection.active
    if is_image(active):
        return active
    images = image_layers(viewer)
    shown = [layer for layer in images if layer.visible]
    return (shown or images or [None])[-1]


def layer_by_id(viewer: Any, identity: str | None) -> Any | None:
    """Return the layer with this unique id, or None if it is no longer in the viewer."""
    if identity is None:
        return None
    return next((layer for layer in viewer.layers if str(layer.unique_id) == identity), None)
