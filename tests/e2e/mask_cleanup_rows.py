"""What each control of Mask Cleanup and of Mask Isolation is for, and each entry of their menus."""

from __future__ import annotations

from qtpy.QtWidgets import QApplication

from napari_sam3_assistant.app.masking.cleanup_state import VALUES
from napari_sam3_assistant.masks.scopes import Reach
from tests.e2e.controls import Row, choose, press, rows, set_to, type_in
from tests.e2e.mask_hands import click_row, drag_over, menu_of, press_and_take, take
from tests.e2e.mask_scene import (
    TARGET,
    Masks,
    after,
    candidate,
    classified,
    harvested,
    looked_at,
    measured,
    selected,
    setting,
)
from tests.e2e.mask_sights import (
    candidates,
    field,
    judged,
    layers,
    made,
    pixels,
    shown,
    table,
    view,
)

MENU = " > "
"""Between the control that a menu belongs to, or the canvas, and an entry."""
ON_TARGET = selected(2)

# -- Mask Cleanup -----------------------------------------------------------------------------------


CONVERTED = made("cleanup.values.convert")
ROI = setting("cleanup.state.roi", True)
ON_VALUES = setting("cleanup.state.page", VALUES)
NEW = setting("cleanup.values.state.new", 9)
CHOSEN = setting("cleanup.values.state.selected", (2,))
RANGED = setting("cleanup.scope.reach", Reach.RANGE)


def assign(hand: Masks) -> None:
    selected(2)(hand)
    own = hand.masks.cleanup.state
    hand.masks.cleanup.assign(own.selected, own.assignment)


assigned_value = made(assign)


def painted_directly(hand: Masks) -> None:
    """Write into the target's array, of which nobody is told."""
    hand.layer(TARGET).data[0, :3] = 8


def histogram_open(hand: Masks) -> None:
    looked_at(hand)
    hand.widget.cleanup.components.rows.opener.setChecked(True)
    hand.pump(0.1)


def right_click(hand: Masks) -> object:
    """What a right-click on the canvas makes of the target."""
    hand.viewer.layers.selection.active = hand.layer(TARGET)
    hand.hand.click(hand.layer(TARGET), 10, 32, "right")
    popup = QApplication.activePopupWidget()
    if popup is not None:
        popup.close()
    return pixels(hand)


def click(hand: Masks) -> object:
    """What a click on the canvas makes of the target."""
    hand.viewer.layers.selection.active = hand.layer(TARGET)
    hand.hand.click(hand.layer(TARGET), 10, 32)
    return pixels(hand)


def line_drawn(hand: Masks) -> object:
    """What a line on the canvas round the second object selects."""
    layer = hand.layer(TARGET)
    hand.viewer.layers.selection.active = layer
    hand.viewer.reset_view()  # a line that is none moves the view
    hand.hand.stroke(layer, [(1, 23), (1, 41), (19, 41), (19, 23), (1, 23)])
    hand.wait_until_idle()
    return [one.component.label for one in hand.masks.canvas.state.selected]


def edited(hand: Masks) -> None:
    hand.masks.cleanup.values.convert()
    hand.wait_until_idle()


def undone(hand: Masks) -> None:
    edited(hand)
    hand.masks.undo()


TABLE, MORE, CANVAS = "cleanup.components.rows.table", "cleanup.components.more", "canvas"
CLEANUP_TAB = (
    Row("cleanup.target", choose("nuclei preview"), CONVERTED, NEW),
    Row("cleanup.refresh", press, table("cleanup.values.table"), after(ON_VALUES, painted_directly)),
    *rows(
        "stack",
        Row("cleanup.scope.reach", choose("Current slice"), CONVERTED, NEW),
        Row("cleanup.scope.first", set_to(1), CONVERTED, after(NEW, RANGED, setting("cleanup.scope.last", 2))),
        Row("cleanup.scope.last", set_to(2), CONVERTED, after(NEW, RANGED)),
    ),
    Row("cleanup.region.work_on", choose("Drawn ROI"), CONVERTED, NEW),
    Row("cleanup.region.shapes", choose("right"), CONVERTED, after(NEW, ROI)),
    Row("cleanup.strip.buttons[Components]", press, shown("cleanup.components"), ON_VALUES),
    Row("cleanup.strip.buttons[Values]", press, shown("cleanup.values")),
    *rows(
        "canvas",
        Row("cleanup.tools.checks[right_click_delete]", press, right_click),
        Row("cleanup.tools.checks[assign]", press, click, setting("cleanup.state.assignment", 9)),
        Row("cleanup.tools.checks[lasso]", press, line_drawn),
    ),
    Row("cleanup.undo", press, pixels, edited),
    Row("cleanup.redo", press, pixels, undone),
)
COMPONENTS = tuple(
    Row(f"cleanup.components.{path}", act, seen, after(*steps))
    for path, act, seen, *steps in (
        ("analyze", press, table(TABLE)),
        ("measures", press, table(TABLE), looked_at),
        ("image", choose("picture"), table(TABLE), measured),
        ("rows.table", click_row(1), field("cleanup.state.selected"), looked_at),
        ("rows.filter", type_in("pixels > 50"), table(TABLE), looked_at),
        ("rows.opener", press, shown("cleanup.components.rows.histogram"), looked_at),
        (
            "rows.column",
            choose("Label"),
            lambda hand: hand.widget.cleanup.components.rows.histogram.accessibleDescription(),
            histogram_open,
        ),
        ("rows.histogram", drag_over, field("cleanup.state.selected"), histogram_open),
        ("delete", press, pixels, ON_TARGET),
        ("assignment", set_to(9), assigned_value),
        ("assign", press, pixels, ON_TARGET),
        ("minimum", set_to(200), made("cleanup.remove_small")),
        ("remove", press, pixels),
        ("hole", set_to(1), made("cleanup.fill_holes")),
        ("fill", press, pixels),
        ("radius", set_to(3), made("cleanup.smooth")),
        ("smooth", press, pixels),
        ("distance", set_to(40), made("cleanup.split_touching")),
        ("split", press, pixels),
        ("keep_largest", press, pixels),
        ("more", press_and_take("Dilate"), pixels),
        *(
            (f"quick[{at}]", press, assigned_value, setting("cleanup.state.assignment", 9), ON_TARGET)
            for at in range(6)
        ),
    )
)
VALUES_PAGE = tuple(
    Row(f"cleanup.values.{path}", act, seen, after(ON_VALUES, NEW, *steps))
    for path, act, seen, *steps in (
        ("table", click_row(1), field("cleanup.values.state.selected")),
        ("replaced", type_in("2"), made("cleanup.values.relabel"), setting("cleanup.values.state.replaced", "1")),
        ("new", set_to(8), CONVERTED),
        ("relabel", press, pixels, setting("cleanup.values.state.replaced", "1 2")),
        ("assign", press, pixels, CHOSEN),
        ("delete", press, pixels, CHOSEN),
        ("keep", press, pixels, CHOSEN),
        ("convert", press, pixels),
    )
)


def without_two(hand: Masks) -> None:
    hand.masks.cleanup.values.delete_values((2,))


NINE = setting("cleanup.state.assignment", 9)
ON_CANVAS = tuple(
    Row(f"{CANVAS}{MENU}{title}", take(title), seen, after(NINE, looked_at))
    for title, seen in (
        ("Relabel clicked value 2 to 9", pixels),
        ("Delete clicked value 2", pixels),
        ("Keep value 2 only", pixels),
        ("Select value row only", field("cleanup.values.state.selected")),
        ("Assign indexed component to 9", pixels),
        *((f"Assign clicked object to{MENU}{one}", pixels) for one in (1, 3, 4, 5, 6)),
        (f"Assign clicked object to{MENU}2", field("state.message")),  # it is 2 already: that is said
        ("Delete indexed component", pixels),
        ("Select table row only", field("cleanup.state.selected")),
    )
)
MENUS = (
    Row(f"{TABLE}{MENU}Delete Selected Components", take("Delete Selected Components"), pixels, ON_TARGET),
    Row(
        f"{TABLE}{MENU}Assign Selected To Current Value",
        take("Assign Selected To Current Value"),
        pixels,
        after(NINE, ON_TARGET),
    ),
    Row(f"{TABLE}{MENU}Jump to", take("Jump to"), view, ON_TARGET),
    Row(f"{MORE}{MENU}Dilate", take("Dilate"), pixels),
    Row(f"{MORE}{MENU}Erode", take("Erode"), pixels),
    Row(f"{MORE}{MENU}Clear Border", take("Clear Border"), pixels),
    Row(
        f"{MORE}{MENU}Renumber Labels",
        take("Renumber Labels"),
        pixels,
        without_two,
    ),
    *rows(CANVAS, *ON_CANVAS),
)

# -- Mask Isolation ---------------------------------------------------------------------------------


def in_isolation(*steps):
    return after(lambda hand: hand.open("Mask Isolation"), *steps)


def by_hand(status: str):
    """A candidate is selected that is something else."""

    def before(hand: Masks) -> None:
        candidate(hand)
        hand.masks.isolation.mark(hand.widget.isolation.table.selected(), status)

    return before


def became_a_mask(hand: Masks) -> None:
    """The picture holds whole numbers now, of which napari tells nobody."""
    hand.masks.isolation.state.items = ()


def menu_opens(hand: Masks) -> bool:
    """Whether a right-click on the table offers anything."""
    try:
        menu_of(hand, hand.widget.isolation.table).close()
    except AssertionError:
        return False
    return True


CREATED = made("isolation.create_objects")
ISOLATED = "isolation.table"
MARKS = {
    "Keep": "reject",
    "Reject": "keep",
    "Mark Duplicate": "keep",
    "Mark Parent": "keep",
    "Mark Child": "keep",
    "Mark Fragment": "keep",
}
"""Each mark, and what the candidate is before."""
ISOLATION = tuple(
    Row(f"isolation.{path}", act, seen, in_isolation(*steps))
    for path, act, seen, *steps in (
        ("all_visible", press, candidates, harvested),
        ("refresh", press, field("isolation.state.items"), became_a_mask),
        ("layers", click_row(0), candidates, harvested),
        ("harvest", press, table(ISOLATED)),
        ("opener", press, shown("isolation.rules")),
        ("classify", press, table(ISOLATED), harvested),
        ("table", click_row(2), lambda hand: hand.widget.isolation.table.selected(), candidate),
        ("right_click", press, menu_opens, candidate),
        ("name", type_in("mine"), CREATED, classified),
        *(
            (f"creators[Create {what} Layer]", press, layers, classified)
            for what in ("Isolated Objects", "Parent", "Child")
        ),
        *((f"marks[{title}]", press, table(ISOLATED), by_hand(status)) for title, status in MARKS.items()),
        ("marks[Locate Candidate]", press, view, candidate),
        ("marks[Isolate Selected]", press, layers, candidate),
        *(
            (f"rules.{path}", act, seen, setting("isolation.state.rules_open", True), harvested, *steps)
            for path, act, seen, *steps in (
                ("area", set_to(100), candidates),
                ("shares[duplicate_iou]", set_to(1), judged),
                ("shares[containment]", set_to(0.5), judged),
                ("shares[fragment_iou]", set_to(0.5), judged),
                ("shares[area_ratio]", set_to(0.1), judged),
                ("sort", choose("Area large → small"), judged),
                ("overlap", choose("Set conflict to background"), CREATED, classified),
                ("parents", choose("Parent overwrites children"), CREATED, classified),
            )
        ),
    )
)
OFFERED = after(setting("isolation.state.right_click", True))
ISOLATION_MENU = tuple(
    Row(f"{ISOLATED}{MENU}{title}", take(title), seen, in_isolation(before, OFFERED))
    for title, seen, before in (
        *((title, table(ISOLATED), by_hand(status)) for title, status in MARKS.items()),
        ("Locate Candidate", view, candidate),
        ("Isolate Selected", layers, candidate),
    )
)
