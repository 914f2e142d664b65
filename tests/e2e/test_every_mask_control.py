"""Every control of Mask Operations does what its label says: pressed by a user, something differs that he would see.

The table names each control once, and each entry of a menu. A control without a row fails, a row without an effect
fails too.
"""

from __future__ import annotations

import gc

import pytest
import tifffile
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QFileDialog, QWidget

from tests.e2e.controls import interactive, tried
from tests.e2e.mask_cleanup_rows import CANVAS, ISOLATED, MENU, MORE, TABLE
from tests.e2e.mask_control_rows import ROWS
from tests.e2e.mask_hands import Masks, anew, candidate, cells, controls, looked_at, menu_of, titles


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
    made = []

    def open_masks(show: bool = False) -> Masks:
        made.append(Masks(make_napari_viewer_proxy(show=show), dialogs))
        return made[-1]

    yield open_masks
    for hand in made:
        hand.hand.close()


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
