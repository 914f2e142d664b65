"""Layers that are picked from a list, in an order: the first one is the earliest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from psygnal import SignalGroupDescriptor

from napari_sam3_assistant.app.masking.desk import Desk
from napari_sam3_assistant.layers.class_masks import class_of
from napari_sam3_assistant.layers.labels import labels_layers


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A layer in a list: its unique id, its name, the name of its class (empty for none) and the value of that."""

    identity: str
    name: str
    class_name: str
    value: int


@dataclass(eq=False)
class PickState:
    """The user's: ``chosen``, unique ids in the order of the list. A fact: ``rows``, what is listed, in its order."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    rows: tuple[LayerRow, ...] = ()
    chosen: tuple[str, ...] = ()


class Picking:
    """A list of Labels layers of which some are chosen.

    Parameters
    ----------
    desk : Desk
    wanted : callable
        Returns whether a layer is listed.
    """

    def __init__(self, desk: Desk, wanted: Callable[[Any], bool]) -> None:
        self._desk, self._wanted = desk, wanted
        self._order: list[str] = []
        self.state = PickState()

    def list_layers(self) -> None:
        """List the layers as they are now: in the order that the user gave them, new ones at the end."""
        found = {str(one.unique_id): one for one in labels_layers(self._desk.viewer)}
        self._order = [*(one for one in self._order if one in found), *(one for one in found if one not in self._order)]
        listed = [(identity, found[identity]) for identity in self._order if self._wanted(found[identity])]
        self.state.rows = tuple(_row(identity, layer) for identity, layer in listed)
        self.choose(self.state.chosen)

    def choose(self, identities: Iterable[str]) -> None:
        """Choose these of the layers that are listed."""
        wanted = set(identities)
        self.state.chosen = tuple(one.identity for one in self.state.rows if one.identity in wanted)

    def order(self, identities: Iterable[str]) -> None:
        """Bring what is listed into this order."""
        order = [one for one in identities if one in self._order]
        places = [place for place, one in enumerate(self._order) if one in order]
        for place, identity in zip(places, order, strict=True):
            self._order[place] = identity
        self.list_layers()

    def layers(self) -> list[Any]:
        """Return the chosen layers, in order."""
        found = (self._desk.layer(identity) for identity in self.state.chosen)
        return [layer for layer in found if layer is not None]


def _row(identity: str, layer: Any) -> LayerRow:
    about = class_of(layer)
    return LayerRow(identity, str(layer.name), about.name, about.value)
