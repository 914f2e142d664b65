"""What is seen of Mask Operations: tables, layers, files, and what the next operation would make."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import Qt

from napari_sam3_assistant.layers import labels
from napari_sam3_assistant.layers.world import camera_of
from tests.e2e.mask_scene import Masks

FACTS = ("sam3_role", "review_status", "class_name", "class_value", "class_color", "overlap_rule", "merge_mode")


def field(path: str) -> Callable[[Masks], Any]:
    """Return what reads a field: ``cleanup.state.selected``."""
    return lambda hand: hand.of(path)


def shown(path: str) -> Callable[[Masks], bool]:
    """Return what tells whether a part of the widget is shown."""

    def seen(hand: Masks) -> bool:
        found: Any = hand.widget
        for name in path.split("."):
            found = getattr(found, name)
        return bool(found.isVisibleTo(hand.widget))

    return seen


def in_front(hand: Masks) -> list[str]:
    """Return the tabs that are seen."""
    return [title for title, page in hand.widget.pages.pages.items() if page.isVisibleTo(hand.widget)]


def pixels(hand: Masks) -> dict[str, Any]:
    """Return what each Labels layer holds, as numbers that differ where a pixel does."""
    return {
        str(one.name): (str(one.data.dtype), zlib.crc32(np.ascontiguousarray(one.data).tobytes()))
        for one in labels.labels_layers(hand.viewer)
    }


def facts(hand: Masks) -> dict[str, Any]:
    """Return what Labels layers say of themselves."""
    return {
        str(one.name): {key: one.metadata[key] for key in FACTS if key in one.metadata}
        for one in labels.labels_layers(hand.viewer)
    }


def made(verb: str | Callable[[Masks], object]) -> Callable[[Masks], Any]:
    """Return what calls a verb, and tells what it changed; all is as before then."""

    def seen(hand: Masks) -> Any:
        before, told = pixels(hand), facts(hand)
        data = {str(one.name): one.data.copy() for one in labels.labels_layers(hand.viewer)}
        (hand.of(verb)() if isinstance(verb, str) else verb(hand))
        hand.wait_until_idle()
        after, said = pixels(hand), facts(hand)
        found = {name: (after[name], said[name]) for name in after if after[name] != before.get(name)}
        for name in after:
            if name not in data:
                hand.viewer.layers.remove(name)
            elif after[name] != before[name]:
                hand.layer(name).data = data[name]
                hand.layer(name).metadata = {**hand.layer(name).metadata, **told[name]}
        hand.wait_until_idle()
        return found or hand.state.message

    return seen


def table(path: str) -> Callable[[Masks], list[list[str]]]:
    """Return what reads all that stands in a table, with its headers."""

    def seen(hand: Masks) -> list[list[str]]:
        hand.pump(0.02)
        found: Any = hand.widget
        for name in path.split("."):
            found = getattr(found, name)
        model = found.model()
        columns = range(model.columnCount())
        rows = [[model.index(at, k).data() for k in columns] for at in range(model.rowCount())]
        return [[str(model.headerData(k, Qt.Orientation.Horizontal)) for k in columns], *rows]

    return seen


def listed(path: str) -> Callable[[Masks], list[str]]:
    """Return what reads the rows of a list, or the entries of a choice."""

    def seen(hand: Masks) -> list[str]:
        hand.pump(0.02)
        found: Any = hand.widget
        for name in path.split("."):
            found = getattr(found, name)
        return [
            (found.itemText(k) if hasattr(found, "itemText") else found.item(k).text()) for k in range(found.count())
        ]

    return seen


def visible(hand: Masks) -> list[str]:
    """Return the Labels layers that are seen."""
    return [str(one.name) for one in labels.labels_layers(hand.viewer) if one.visible]


def layers(hand: Masks) -> list[str]:
    """Return the names of all layers."""
    return [str(one.name) for one in hand.viewer.layers]


def view(hand: Masks) -> tuple[Any, ...]:
    """Return what the view shows, and the layer that is selected."""
    camera = camera_of(hand.viewer)
    active = hand.viewer.layers.selection.active
    return tuple(round(part, 1) for part in camera.center), round(camera.zoom, 2), active and str(active.name)


def candidates(hand: Masks) -> list[Any]:
    """Return the candidates that a harvest lists."""
    hand.masks.isolation.harvest()
    hand.wait_until_idle()
    return [(row.candidate.source, row.candidate.label) for row in hand.masks.isolation.state.rows]


def statuses(hand: Masks) -> list[Any]:
    """Return what the candidates are, as they stand in the table."""
    return [(row.verdict.status, row.verdict.by_hand) for row in hand.masks.isolation.state.rows]


def judged(hand: Masks) -> list[Any]:
    """Return what the candidates are when they are classified."""
    hand.masks.isolation.classify()
    hand.wait_until_idle()
    return statuses(hand)


def files(hand: Masks) -> list[str]:
    """Return the files that there are."""
    return sorted(str(path.relative_to(hand.folder)) for path in hand.folder.rglob("*") if path.is_file())


def written(hand: Masks) -> Any:
    """Export, and return what that wrote: name, and what is in it."""
    before = files(hand)
    hand.masks.exporting.export()
    hand.wait_until_idle()
    found = [hand.folder / one for one in files(hand) if one not in before]
    told = [(str(one.relative_to(hand.folder)), zlib.crc32(one.read_bytes())) for one in found]
    for one in found:
        one.unlink()
    return told or hand.state.message
