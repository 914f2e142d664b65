"""What users paint in the layers of accepted labels is noticed: the table tells what is there now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.layers import accepted, accepted_now, images
from napari_sam3_assistant.masks.accepting import Accepted

if TYPE_CHECKING:
    from napari_sam3_assistant.app.controller import AppController

REST_S = 0.2
"""Pixels are looked at once the hand rests so long."""


class AcceptedPaint:
    """Watches the layers of accepted labels that can be painted in.

    Parameters
    ----------
    controller : AppController
    """

    def __init__(self, controller: AppController) -> None:
        self._controller = controller
        self._watched: dict[str, Any] = {}
        self._masks: dict[str, Mapping[int, PlacedMask]] = {}
        self._changed: set[str] = set()
        self._own = False

    def close(self) -> None:
        """Stop watching."""
        for layer in self._watched.values():
            self._connect(layer, on=False)
        self._watched.clear()

    @contextmanager
    def own(self) -> Iterator[None]:
        """Take what is written meanwhile for our own doing."""
        self._own = True
        try:
            yield
        finally:
            self._own = False

    def mask_of(self, record: Accepted) -> PlacedMask | None:
        """Return the pixels that an accepted object has now; None where all were painted over."""
        known = self._masks.get(record.image)
        return record.mask if known is None else known.get(record.id)

    def masks_of(self, identity: str) -> Mapping[int, PlacedMask] | None:
        """Return the masks of an image's accepted objects, another mapping once they are others; None: as accepted."""
        return self._masks.get(identity)

    def watch(self) -> None:
        """Watch the layers there are, and forget those that are gone."""
        there = {}
        for identity in {one.image for one in self._controller.accepting.records}:
            image = images.layer_by_id(self._controller.viewer, identity)
            layer = None if image is None else accepted.accepted_layer(self._controller.viewer, image)
            if layer is not None and not layer.multiscale:
                there[identity] = layer
        for identity, layer in list(self._watched.items()):
            if identity not in there or there[identity] != layer:
                self._connect(self._watched.pop(identity), on=False)
                self._masks.pop(identity, None)
        for identity, layer in there.items():
            if identity not in self._watched:
                self._watched[identity] = layer
                self._connect(layer, on=True)

    def doubt(self, identities: Iterable[str]) -> None:
        """Look soon at what is there: without a widget nobody has watched these images' labels."""
        self._changed.update(identities)
        if self._changed:
            self._controller.after(REST_S, self._look_again)

    def look(self) -> None:
        """See what is there now, in the layers that were painted in since."""
        for identity in self._changed & self._watched.keys():
            own = [one for one in self._controller.accepting.records if one.image == identity]
            self._masks[identity] = accepted_now.masks_now(self._watched[identity], own)
        self._changed.clear()
        self._controller.accepting.journals.follow()

    def _connect(self, layer: Any, *, on: bool) -> None:
        for name in accepted_now.EVENTS:
            event = getattr(layer.events, name)
            if on:
                event.connect(self._painted)
            else:
                event.disconnect(self._painted)

    def _painted(self, event: Any) -> None:
        identity = next((key for key, layer in self._watched.items() if layer == event.source), None)
        if identity is None or (self._own and identity not in self._masks):
            return  # the records tell what we have written ourselves
        if not self._changed:
            self._controller.after(REST_S, self._look_again)
        self._changed.add(identity)

    def _look_again(self) -> None:
        if self._controller.closed or not self._changed:
            return
        self.look()
        self._controller.listing.publish()
