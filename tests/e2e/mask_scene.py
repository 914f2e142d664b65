"""Mask Operations in hand: the layers and fields that rows begin with, and what has to be there first."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_sam3_assistant.app.masking.review_state import LAYERS, OBJECTS
from napari_sam3_assistant.app.masking.state import CLEANUP
from napari_sam3_assistant.layers import labels
from tests.widgets.mask_canvas import MaskHand

SIDE = 64
REST_S = 0.006
TARGET = "cells preview"
USERS = {
    "cleanup": (
        "page", "minimum_size", "hole_size", "radius", "distance", "assignment", "roi", "measures", "image",
        "conditions", "selected",
    ),
    "cleanup.values": ("replaced", "new", "selected"),
    "canvas": ("right_click_delete", "assign", "lasso"),
    "review": (
        "status_filter", "class_filter", "text_filter", "include_final", "auto_hide", "go_on", "class_name",
        "class_value", "selected",
    ),
    "accepting": ("object_name", "class_name", "class_value", "conversion", "values", "mode"),
    "isolation": (
        "all_visible", "chosen", "minimum_area", "duplicate_iou", "containment", "fragment_iou", "area_ratio", "sort",
        "overlap", "parents", "right_click", "output_name", "rules_open", "rows",
    ),
    "merging": ("class_filter", "layer_filter", "all_labels", "become", "class_name", "value", "rule", "output"),
    "final": ("mode", "rule", "output", "made"),
    "exporting": ("kind", "path", "layer", "meaning"),
}  # fmt: skip
"""What each part lets a user set."""


def picture() -> np.ndarray:
    """Return a picture that is brighter to the right."""
    return np.tile(np.arange(SIDE, dtype=np.uint8) * 3, (SIDE, 1))


def cells() -> np.ndarray:
    """Return labels with a hole, a speck, two halves that touch, and a piece at the border."""
    made = np.zeros((SIDE, SIDE), np.uint8)
    made[4:20, 4:20], made[9:12, 9:12], made[30, 4:8] = 1, 0, 1
    made[4:16, 26:38], made[2:4, 30] = 2, 2
    rows, cols = np.indices(made.shape)
    for middle in (12, 26):
        made[(rows - 44) ** 2 + (cols - middle) ** 2 < 64] = 3
    made[56:, 44:56] = 4
    return made


def nuclei() -> np.ndarray:
    """Return labels: one in the first of the cells, a copy of the second, a half of the third, a part of the fourth."""
    made = np.zeros((SIDE, SIDE), np.uint8)
    made[13:19, 5:17] = 5
    made[4:16, 27:38] = 6
    made[cells() == 3] = 7
    made[:, 20:] = np.where(made[:, 20:] == 7, 0, made[:, 20:])
    made[53:60, 46:52] = 8
    return made


def block(top: int, left: int, bottom: int, right: int, value: int = 1) -> np.ndarray:
    """Return labels with one rectangle."""
    made = np.zeros((SIDE, SIDE), np.uint8)
    made[top:bottom, left:right] = value
    return made


def accepted_as(name: str, value: int) -> dict[str, Any]:
    """Return what the layer of an accepted object says."""
    return {
        "sam3_role": "accepted_object",
        "review_status": "accepted",
        "class_name": name,
        "class_value": value,
        "object_name": name,
    }


BASE: dict[str, tuple[Callable[[], np.ndarray], Mapping[str, Any]]] = {
    "a myelin": (lambda: block(10, 10, 40, 40), accepted_as("myelin", 1)),
    "b axon": (lambda: block(30, 30, 50, 50, 2) + block(2, 2, 6, 6, 9), accepted_as("axon", 2)),
    "merged": (lambda: block(0, 0, 9, 9), {"sam3_role": "final_training_mask"}),
    "nuclei preview": (nuclei, {}),
    TARGET: (cells, {}),
}
"""The Labels layers that rows begin with, the lowest first."""


class Masks:
    """Mask Operations in a viewer, and the layers that rows begin with.

    Parameters
    ----------
    viewer : napari viewer
        Shown.
    folder : Path
        Where files go.
    """

    def __init__(self, viewer: Any, folder: Path) -> None:
        self.viewer, self.folder = viewer, folder
        viewer.add_image(picture(), name="picture")
        viewer.add_image(255 - picture() // 2, name="other")
        for name, left in (("left", 0), ("right", SIDE // 2)):
            corners = [[0, left], [0, left + 31], [SIDE, left + 31], [SIDE, left]]
            viewer.add_shapes([corners], shape_type="rectangle", name=name)
        for name, (data, facts) in BASE.items():
            viewer.add_labels(data(), name=name, metadata=dict(facts))
        self.hand = MaskHand(viewer)
        self.widget, self.masks = self.hand.widget, self.hand.masks

    @property
    def state(self) -> Any:
        """The state that all tabs share."""
        return self.masks.state

    def pump(self, seconds: float = 0.0) -> None:
        """Let Qt do what is due, for ``seconds`` or :data:`REST_S`, whichever is less: all is drawn by then."""
        end = time.perf_counter() + min(seconds, REST_S)
        QApplication.processEvents()
        while time.perf_counter() < end:
            QTest.qWait(1)

    def wait_until_idle(self) -> None:
        """Wait until nothing runs, and all is drawn."""
        self.pump(REST_S)
        cleanup = self.masks.cleanup
        while self.state.busy or cleanup.values.state.counting or cleanup.state.measuring or cleanup.state.outdated:
            self.pump(REST_S)
        self.pump(REST_S)

    def layer(self, name: str) -> Any:
        """Return a layer by its name."""
        return self.viewer.layers[name]

    def id(self, name: str) -> str:
        """Return the unique id of a layer."""
        return str(self.layer(name).unique_id)

    def open(self, tab: str) -> QWidget:
        """Bring a tab to the front, drawn."""
        self.state.tab = tab
        self.wait_until_idle()
        page: QWidget = self.widget.pages.pages[tab]
        return page

    def of(self, part: str) -> Any:
        """Return a part of Mask Operations: ``cleanup.values``."""
        found: Any = self.masks
        for name in part.split("."):
            found = getattr(found, name)
        return found


# -- where rows begin -------------------------------------------------------------------------------


def anew(hand: Masks, stack: bool = False) -> None:
    """Bring layers and fields back to where each row begins, in the tab Mask Cleanup."""
    hand.masks.cancel()
    hand.wait_until_idle()
    popup = QApplication.activePopupWidget()
    if popup is not None:
        popup.close()
    hand.state.tab = CLEANUP
    _fields_anew(hand)
    _layers_anew(hand)
    if stack:
        hand.viewer.add_labels(np.stack([cells()] * 3), name="stack preview")
        hand.viewer.dims.set_current_step(0, 0)
    hand.masks.choose(hand.id("stack preview" if stack else TARGET))
    hand.masks.accepting.state.source = hand.id("stack preview" if stack else TARGET)
    hand.masks.cleanup.forget()
    hand.masks.cleanup.state.shapes = hand.id("left")
    hand.masks.review.choose(LAYERS, hand.id(TARGET))
    hand.viewer.layers.selection.active = hand.layer("picture")
    hand.viewer.reset_view()
    hand.wait_until_idle()


def _fields_anew(hand: Masks) -> None:
    for part, names in USERS.items():
        state = hand.of(part).state
        first = {one.name: one.default for one in fields(state)}
        for name in names:
            setattr(state, name, first[name])
    for scope in (hand.masks.cleanup.scope, hand.masks.accepting.scope):
        scope.reach, scope.first, scope.last = (one.default for one in fields(scope))
    hand.masks.classes.state.classes = ()
    rows = hand.widget.cleanup.components.rows
    rows.opener.setChecked(False)
    rows.histogram.clear()
    for part in (hand.masks.merging, hand.masks.final):
        part.picked.choose(())


def _layers_anew(hand: Masks) -> None:
    for layer in [one for one in labels.labels_layers(hand.viewer) if one.name not in BASE]:
        hand.viewer.layers.remove(layer)
    for name, (data, facts) in BASE.items():
        layer = hand.layer(name)
        if layer.data.dtype != np.uint8 or not np.array_equal(layer.data, data()):
            layer.data = data()
        hand.masks.desk.edited.forget(layer)
        layer.metadata, layer.visible, layer.mode = dict(facts), True, "pan_zoom"
        if layer.features.shape[1]:
            layer.features = {}
    for part in (hand.masks.merging, hand.masks.final):
        part.picked.order([hand.id(name) for name in BASE])


def works(hand: Masks) -> None:
    """Let something run until it is cancelled."""

    def make(watch: Any) -> None:
        while True:
            watch.at(0.5)
            time.sleep(0.002)

    hand.masks.desk.run("Working...", make, lambda made: None)
    hand.pump(0.03)
    assert hand.state.busy


def looked_at(hand: Masks) -> None:
    """List the components of the target."""
    hand.masks.cleanup.analyze()
    hand.wait_until_idle()


def measured(hand: Masks) -> None:
    """List them with their measures."""
    hand.masks.cleanup.state.measures = True
    looked_at(hand)


def selected(*labelled: int) -> Callable[[Masks], None]:
    """Return what lists the components of the target, and selects those with these labels."""

    def before(hand: Masks) -> None:
        looked_at(hand)
        found = hand.masks.cleanup.state.components
        hand.masks.cleanup.select(one for one in found if one.label in labelled)

    return before


def setting(path: str, value: Any) -> Callable[[Masks], None]:
    """Return what sets a field: ``cleanup.state.page``."""

    def before(hand: Masks) -> None:
        part, name = path.rsplit(".", 1)
        setattr(hand.of(part), name, value(hand) if callable(value) else value)
        hand.wait_until_idle()

    return before


def after(*steps: Callable[[Masks], object]) -> Callable[[Masks], None]:
    """Return what does one after the other."""

    def before(hand: Masks) -> None:
        for step in steps:
            step(hand)
            hand.wait_until_idle()

    return before


def reviewing(*rows: int) -> Callable[[Masks], None]:
    """Return what selects rows of the review of layers."""

    def before(hand: Masks) -> None:
        review = hand.masks.review
        review.state.selected = tuple(review.state.rows[at].key for at in rows)

    return before


def objects(hand: Masks) -> None:
    """Review the objects of the target."""
    hand.masks.review.choose(OBJECTS, hand.id(TARGET))
    hand.wait_until_idle()


def harvested(hand: Masks) -> None:
    """List the candidates of both previews."""
    isolation = hand.masks.isolation
    isolation.state.minimum_area = 8
    isolation.state.all_visible = False
    isolation.state.chosen = frozenset((hand.id(TARGET), hand.id("nuclei preview")))
    isolation.harvest()
    hand.wait_until_idle()
    assert isolation.state.rows, hand.state.message


def classified(hand: Masks) -> None:
    """List them, and say what each is."""
    harvested(hand)
    hand.masks.isolation.classify()
    hand.wait_until_idle()


def candidate(hand: Masks) -> None:
    """List candidates, and select a row."""
    classified(hand)
    hand.widget.isolation.table.selectRow(1)
    hand.pump(0.01)


def picked(part: str, *names: str) -> Callable[[Masks], None]:
    """Return what chooses layers of the list of a tab."""
    return lambda hand: hand.of(part).picked.choose([hand.id(name) for name in names])


def writes_to(name: str) -> Callable[[Masks], None]:
    """Return what chooses the target to be exported, and a path."""

    def before(hand: Masks) -> None:
        hand.masks.exporting.choose_layer(hand.id(TARGET))
        hand.masks.exporting.choose_path(str(hand.folder / name))

    return before
