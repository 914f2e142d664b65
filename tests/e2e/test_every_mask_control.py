"""Every control of Mask Operations does what its label says: pressed by a user, something differs that he would see.

The table names each control once, and each entry of a menu. A control without a row fails, a row without an effect
fails too.
"""

from __future__ import annotations

import gc

import numpy as np
import pytest
import tifffile
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QFileDialog, QPushButton, QWidget

from napari_sam3_assistant.app.masking.accepting import SaveMode
from napari_sam3_assistant.app.masking.cleanup_state import COMPONENTS, VALUES
from napari_sam3_assistant.app.masking.state import CLEANUP
from napari_sam3_assistant.masks.joining import Conversion
from napari_sam3_assistant.masks.scopes import Reach
from tests.e2e.controls import interactive, tried
from tests.e2e.mask_cleanup_rows import CANVAS, ISOLATED, MENU, MORE, TABLE
from tests.e2e.mask_control_rows import ROWS
from tests.e2e.mask_hands import controls, menu_of, titles
from tests.e2e.mask_scene import (
    SIDE,
    Masks,
    anew,
    candidate,
    cells,
    harvested,
    looked_at,
    objects,
    reviewing,
    works,
)
from tests.e2e.mask_sights import pixels


@pytest.fixture
def dialogs(monkeypatch, tmp_path):
    """Dialogs answer at once."""
    ours = tmp_path / "given"
    ours.mkdir()
    tifffile.imwrite(ours / "given.tif", cells())
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *told: str(out / "given.ome.zarr"))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *told, **more: (str(out / "chosen.tif"), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *told: ([str(ours / "given.tif")], ""))
    monkeypatch.setattr(QColorDialog, "getColor", lambda *told: QColor(12, 34, 56))
    return out


@pytest.fixture
def open_masks(make_napari_viewer_proxy, dialogs, monkeypatch):
    """Return a function that opens Mask Operations beside a canvas, which is shown where it is clicked on."""
    monkeypatch.setattr(gc, "collect", lambda *told: 0)  # vispy calls it for each layer that goes

    def open_masks(show: bool = False) -> Masks:
        return Masks(make_napari_viewer_proxy(show=show), dialogs)

    return open_masks


def menus(hand: Masks) -> set[str]:
    """Return every entry of every menu, with what it belongs to."""
    anew(hand)
    hand.masks.cleanup.state.assignment = 9
    looked_at(hand)
    found = []
    for path in (TABLE, MORE, CANVAS):
        menu = menu_of(hand, controls(hand).get(path))
        found += [f"{path}{MENU}{title}" for title in titles(menu)]
        menu.close()
    hand.open("Mask Isolation")
    candidate(hand)
    hand.masks.isolation.state.right_click = True
    menu = menu_of(hand, controls(hand)[ISOLATED])
    found += [f"{ISOLATED}{MENU}{title}" for title in titles(menu)]
    menu.close()
    return set(found)


def test_every_control_has_a_row_and_every_row_a_control(open_masks):
    hand = open_masks(show=True)
    there, told = controls(hand), [row.path for row in ROWS]

    unnamed = [one for one in interactive(hand.widget) if one not in there.values()]

    assert not unnamed, [(type(one).__name__, one.toolTip()) for one in unnamed]
    assert sorted(told) == sorted(set(told)), "a control has two rows"
    assert {path for path in told if MENU not in path} == set(there)
    assert {path for path in told if MENU in path} == menus(hand)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scene", ["plain", "stack", CANVAS])
def test_every_control_has_an_effect(open_masks, scene):
    hand, dead = open_masks(show=scene == CANVAS), []

    def find(path: str) -> QWidget | None:
        control = controls(hand).get(path.partition(MENU)[0])
        assert control is None or control.isVisibleTo(hand.widget), "it is not shown"
        return control

    for row in (one for one in ROWS if one.scene == scene):
        anew(hand, stack=scene == "stack")
        dead.append(tried(row, hand, find))

    assert not any(dead), "\n".join(one for one in dead if one)


# -- what is disabled says what to do, what is enabled can be done -----------------------------------


FAILING = {
    "accepted.save": "There is no object to save in empty",
    "isolation.creators[Create Child Layer]": "No candidate is nested_child",
    "isolation.creators[Create Isolated Objects Layer]": "No candidate is keep",
    "isolation.creators[Create Parent Layer]": "No candidate is parent",
    "isolation.harvest": "Select at least one Labels layer",
}
"""Buttons that tell only when they are pressed what is missing."""


def empty(hand: Masks) -> None:
    """Leave one layer, in which nothing is painted."""
    hand.masks.cancel()
    hand.viewer.layers.clear()
    hand.viewer.add_labels(np.zeros((SIDE, SIDE), np.uint8), name="empty")
    hand.wait_until_idle()


def all_chosen(hand: Masks) -> None:
    """Choose rows, layers and files in every tab, and open what unfolds."""
    anew(hand, stack=True)
    masks, two = hand.masks, [hand.id("a myelin"), hand.id("b axon")]
    harvested(hand)
    masks.isolation.state.rules_open = True
    hand.widget.isolation.table.selectRow(0)
    for verb in (masks.cleanup.erode, masks.cleanup.erode, masks.undo, masks.cleanup.analyze):
        verb()
        hand.wait_until_idle()
    own, values = masks.cleanup.state, masks.cleanup.values.state
    own.selected, own.roi, own.measures = own.components, True, True
    values.selected, values.replaced = (1, 2), "1"
    masks.cleanup.scope.reach = masks.accepting.scope.reach = Reach.RANGE
    masks.merging.picked.choose(two)
    masks.final.picked.choose(two)
    masks.exporting.choose_layer(two[0])
    masks.exporting.state.kind = "coco"
    masks.accepting.state.mode, masks.accepting.state.conversion = SaveMode.APPEND, Conversion.KEEP
    masks.accepting.state.values = "1"
    reviewing(0)(hand)
    hand.wait_until_idle()


def drawn(hand: Masks) -> dict[str, tuple[bool, str]]:
    """Return of each control that is shown in any tab whether it is enabled, and its tip."""
    found = {}
    for tab in hand.widget.pages.pages:
        hand.state.tab = tab
        for page in (COMPONENTS, VALUES) if tab == CLEANUP else (COMPONENTS,):
            hand.masks.cleanup.state.page = page
            hand.pump(0.05)
            shown = {path: one for path, one in controls(hand).items() if one.isVisibleTo(hand.widget)}
            found |= {path: (one.isEnabled(), one.toolTip()) for path, one in shown.items()}
    return found


def test_what_is_disabled_says_what_to_do_now(open_masks):
    hand, seen = open_masks(), {}
    all_chosen(hand)
    seen["all is chosen"] = drawn(hand)
    hand.open("Object Review")
    objects(hand)
    seen["objects are reviewed"] = drawn(hand)
    works(hand)
    seen["busy, objects are reviewed"] = drawn(hand)
    all_chosen(hand)
    works(hand)
    seen["busy"] = drawn(hand)
    anew(hand)
    seen["nothing is chosen"] = drawn(hand)
    empty(hand)
    seen["an empty layer"] = drawn(hand)
    hand.viewer.layers.clear()
    seen["no layer"] = drawn(hand)

    does: dict[str, set[str]] = {}
    for found in seen.values():
        for path, (enabled, tip) in found.items():
            does.setdefault(path, set()).update({tip} if enabled else ())
    silent = [
        f"{when}: {path}: {tip!r}"
        for when, found in seen.items()
        for path, (enabled, tip) in found.items()
        if not enabled and (not tip or tip in does[path])
    ]
    assert not silent, "\n".join(silent)


def test_what_is_enabled_can_be_done(open_masks, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *told: "")
    hand, failed = open_masks(), {}
    buttons = {path: one for path, one in controls(hand).items() if isinstance(one, QPushButton) and not one.menu()}
    for begin in (anew, empty, lambda hand: hand.viewer.layers.clear()):
        begin(hand)
        for tab, page in hand.widget.pages.pages.items():
            hand.open(tab)
            for path, button in buttons.items():
                if not button.isEnabled() or not button.isVisibleTo(page):
                    continue
                before, hand.state.failed = pixels(hand), False
                button.click()
                hand.wait_until_idle()
                if hand.state.failed:
                    failed[path] = hand.state.message.partition(".")[0]
                if pixels(hand) != before or hand.state.tab != tab:
                    begin(hand)
                    hand.open(tab)

    assert sorted(failed.items()) == sorted(FAILING.items())
