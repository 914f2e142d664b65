"""Keeping: what was made and not yet accepted outlives the widget, with the image that it belongs to.

The drafts are noted in the image's layer when the last widget of a viewer is closed, and taken
from there by the next one. They go with the layer; a copy of it has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_sam3_assistant.app.drafts import Draft
from napari_sam3_assistant.app.screen import Place
from napari_sam3_assistant.layers import images
from napari_sam3_assistant.layers.blocks import note, write_note

DRAFTS, OWNER = "drafts", "drafts of"


def keep(viewer: Any, drafts: Mapping[Place, Draft]) -> None:
    """Note the drafts in the layers of their images."""
    for layer in images.image_layers(viewer):
        identity = str(layer.unique_id)
        own = {place: draft for place, draft in drafts.items() if place[0] == identity and draft.ids}
        if own:
            write_note(layer, {**note(layer), DRAFTS: own, OWNER: identity})


def take(viewer: Any) -> dict[Place, Draft]:
    """Return the drafts that were noted, and remove the notes."""
    found: dict[Place, Draft] = {}
    for layer in images.image_layers(viewer):
        noted = note(layer)
        if DRAFTS not in noted:
            continue
        if noted.get(OWNER) == str(layer.unique_id):
            found.update(noted[DRAFTS])
        left = {key: value for key, value in noted.items() if key not in (DRAFTS, OWNER)}
        write_note(layer, left or None)
    return found
