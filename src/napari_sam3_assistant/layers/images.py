"""Image layers as sources: what a worker may read while the window stays free."""

from __future__ import annotations

from typing import Any

from napari.layers import Image

from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.layers import names


class Sources:
    """The sources of a viewer's images, with a version each that rises when the pixels are replaced."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}
        self._layers: dict[str, Any] = {}

    def of(self, layer: Any) -> Source:
        """Return the source of an image layer, as it stands.

        Raises
        ------
        ImageError
            If the layer's pixels cannot be segmented.
        """
        identity = str(layer.unique_id)
        if identity not in self._layers:
            self._versions[identity] = 0
            self._layers[identity] = layer
            layer.events.data.connect(self._replaced)
        levels = tuple(layer.data[k] for k in range(len(layer.data))) if layer.multiscale else (layer.data,)
        rgb = bool(layer.rgb)
        return Source(
            identity=identity,
            levels=levels,
            version=self._versions[identity],
            rgb=rgb,
            channel_axis=levels[0].ndim - 1 if rgb else None,
            name=str(layer.name),
        )

    def forget(self, layer: Any) -> None:
        """Stop watching a layer that has left the viewer."""
        identity = str(layer.unique_id)
        if self._layers.pop(identity, None) is not None:
            layer.events.data.disconnect(self._replaced)
            del self._versions[identity]

    def close(self) -> None:
        """Stop watching every layer."""
        for layer in list(self._layers.values()):
            self.forget(layer)

    def _replaced(self, event: Any) -> None:
        identity = str(event.source.unique_id)
        if identity in self._versions:
            self._versions[identity] += 1


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
