"""What each control of Mask Operations is for: an action, and what must differ afterwards."""

from __future__ import annotations

from napari_sam3_assistant.app.masking.accepting import SaveMode
from napari_sam3_assistant.app.masking.review_state import OBJECTS
from napari_sam3_assistant.layers.marks import ACCEPTED, REJECTED
from napari_sam3_assistant.masks.joining import Conversion
from napari_sam3_assistant.masks.scopes import Reach
from tests.e2e.controls import Row, choose, press, rows, set_to, type_in
from tests.e2e.mask_cleanup_rows import CLEANUP_TAB, COMPONENTS, ISOLATION, ISOLATION_MENU, MENUS, VALUES_PAGE
from tests.e2e.mask_hands import click_row, move_down
from tests.e2e.mask_scene import TARGET, Masks, after, cells, objects, picked, reviewing, setting, works, writes_to
from tests.e2e.mask_sights import (
    facts,
    field,
    files,
    in_front,
    layers,
    listed,
    made,
    pixels,
    view,
    visible,
    written,
)

# -- Object Review ----------------------------------------------------------------------------------


def review_rows(hand: Masks) -> list[tuple[object, ...]]:
    """What is listed: layer, value, status, class."""
    return [(row.layer, row.value, row.mark.status, row.mark.class_name) for row in hand.masks.review.state.rows]


def assigned(hand: Masks) -> object:
    """What a layer says once a class was assigned to it."""
    reviewing(0)(hand)
    hand.masks.review.assign_class()
    return facts(hand)


def judged_next(hand: Masks) -> object:
    """Which row is selected once the first one was judged."""
    review = hand.masks.review
    reviewing(0)(hand)
    review.mark("unreviewed")
    review.judge(ACCEPTED)
    return review.state.selected


def marked(status: str, *rows: int):
    return after(reviewing(*rows), lambda hand: hand.masks.review.mark(status))


def rejected_object(hand: Masks) -> None:
    objects(hand)
    marked(REJECTED, 0)(hand)


def told_by_hand(hand: Masks) -> None:
    hand.layer(TARGET).metadata = {"sam3_role": "accepted_object", "review_status": "accepted", "class_name": "told"}


def in_review(*steps):
    return after(lambda hand: hand.open("Object Review"), *steps)


NAMED = setting("review.state.class_name", "named")
REVIEW = tuple(
    Row(f"review.{path}", act, seen, in_review(*steps))
    for path, act, seen, *steps in (
        ("kind", choose(OBJECTS), review_rows),
        ("layer", choose("nuclei preview"), review_rows, objects),
        ("status", choose("Accepted"), review_rows, marked(ACCEPTED, 0)),
        ("class_filter", type_in("axon"), review_rows),
        ("text_filter", type_in("nuclei"), review_rows),
        ("include", press, review_rows),
        ("table", click_row(1), field("review.state.selected")),
        ("class_name", type_in("typed"), assigned, NAMED),
        ("class_value", set_to(7), assigned, NAMED),
        ("assign", press, facts, NAMED, reviewing(2)),
        ("accept", press, review_rows, reviewing(2)),
        ("reject", press, facts, reviewing(2)),
        ("needs_edit", press, facts, reviewing(2)),
        ("unreview", press, facts, marked(ACCEPTED, 2)),
        ("locate", press, view, reviewing(2)),
        ("delete_layer", press, layers, lambda hand: hand.viewer.add_labels(cells(), name="spare"), reviewing(-1)),
        ("delete_rejected", press, pixels, rejected_object),
        ("previous", press, field("review.state.selected"), reviewing(2)),
        ("next", press, field("review.state.selected")),
        ("only", press, visible, reviewing(1)),
        ("hide_rejected", press, visible, setting("review.state.auto_hide", False), marked(REJECTED, 1)),
        ("show_all", press, visible, marked(REJECTED, 1)),
        ("refresh", press, review_rows, told_by_hand),
        ("auto_hide", press, visible, marked(REJECTED, 1)),
        ("go_on", press, judged_next),
    )
)

# -- Accepted Objects -------------------------------------------------------------------------------

SAVED = made("accepting.save")


def in_accepted(*steps):
    return after(lambda hand: hand.open("Accepted Objects"), *steps)


def append_to(hand: Masks) -> None:
    hand.masks.accepting.state.mode = SaveMode.APPEND
    hand.masks.accepting.state.target = hand.id("a myelin")


LIST_ONE = after(setting("accepting.state.conversion", Conversion.KEEP), setting("accepting.state.values", "1"))
RANGE = setting("accepting.scope.reach", Reach.RANGE)
ACCEPTED_TAB = tuple(
    Row(f"accepted.{path}", act, seen, in_accepted(*steps))
    for path, act, seen, *steps in (
        ("source", choose("nuclei preview"), SAVED),
        ("object_name", type_in("mine"), SAVED),
        ("class_name.name", type_in("myelin"), SAVED),
        ("class_name.color", press, SAVED),
        ("value", set_to(7), SAVED),
        ("conversion", choose("Preserve source labels"), SAVED),
        ("values", type_in("2"), SAVED, LIST_ONE),
        ("mode", choose("Append to existing accepted layer"), SAVED),
        ("target", choose("b axon"), SAVED, append_to),
        ("save", press, layers),
        ("refresh", press, listed("accepted.target"), told_by_hand),
    )
) + rows(
    "stack",
    Row("accepted.scope.reach", choose("Current slice"), SAVED, in_accepted()),
    Row("accepted.scope.first", set_to(1), SAVED, in_accepted(RANGE, setting("accepting.scope.last", 2))),
    Row("accepted.scope.last", set_to(2), SAVED, in_accepted(RANGE)),
)

# -- Class Merge, Final Merge / Export ---------------------------------------------------------------

TWO = ("a myelin", "b axon")
MERGED, JOINED = made("merging.merge"), made("final.merge")


def in_merge(*steps):
    return after(lambda hand: hand.open("Class Merge"), *steps)


def in_final(*steps):
    return after(lambda hand: hand.open("Final Merge / Export"), *steps)


def type_path(hand: Masks, line) -> None:
    type_in(str(hand.folder / "typed.tif"))(hand, line)


def zarr_written(hand: Masks) -> None:
    """The folder that the dialog answers is there."""
    writes_to("given.ome.zarr")(hand)
    hand.masks.exporting.export()
    hand.wait_until_idle()


CHOSEN_TWO, CHOSEN_MASKS = picked("merging", *TWO), picked("final", *TWO)
MERGE = tuple(
    Row(f"merging.{path}", act, seen, in_merge(*steps))
    for path, act, seen, *steps in (
        ("class_filter", type_in("axon"), listed("merging.layers")),
        ("layer_filter", type_in("myelin"), listed("merging.layers")),
        ("every.buttons[False]", press, listed("merging.layers"), setting("merging.state.all_labels", True)),
        ("every.buttons[True]", press, listed("merging.layers")),
        ("layers", click_row(1), MERGED),
        ("become", choose("Preserve source label values"), MERGED, CHOSEN_TWO),
        ("class_name.name", type_in("typed"), MERGED, CHOSEN_TWO),
        ("class_name.color", press, MERGED, CHOSEN_TWO),
        ("value", set_to(7), MERGED, CHOSEN_TWO),
        ("rule", choose("Set overlap to background"), MERGED, CHOSEN_TWO),
        ("output", type_in("mine"), MERGED, CHOSEN_TWO),
        ("merge", press, layers, CHOSEN_TWO),
        ("reject", press, facts, CHOSEN_TWO),
        ("refresh", press, listed("merging.layers"), told_by_hand),
    )
)
FINAL = tuple(
    Row(f"final.{path}", act, seen, in_final(*steps))
    for path, act, seen, *steps in (
        ("layers", click_row(1), JOINED),
        ("mode", choose("Binary"), JOINED, CHOSEN_MASKS),
        ("rule", choose("Set overlap to background"), JOINED, CHOSEN_MASKS),
        ("priority", move_down, JOINED, CHOSEN_MASKS),
        ("output", type_in("mine"), JOINED, CHOSEN_MASKS),
        ("merge", press, layers, CHOSEN_MASKS),
        ("map", press, layers, CHOSEN_MASKS),
        ("refresh", press, listed("final.layers"), told_by_hand),
        ("export.layer", choose("nuclei preview"), written, writes_to("mask.tif")),
        ("export.format", choose("PNG"), written, writes_to("mask.tif")),
        ("export.meaning", choose("Classes"), written, writes_to("mask.json")),
        ("export.path", type_path, written, writes_to("mask.tif")),
        ("export.browse", press, field("exporting.state.path")),
        ("export.merge", press, files, CHOSEN_MASKS, writes_to("merged.tif")),
        ("export.export", press, files, writes_to("exported.tif")),
        ("export.read", press, layers),
        ("export.read_folder", press, layers, zarr_written),
    )
)

# -- all --------------------------------------------------------------------------------------------

TABS = ("Object Review", "Accepted Objects", "Mask Cleanup", "Mask Isolation", "Class Merge", "Final Merge / Export")
ROWS = (
    *(
        Row(f"pages.buttons[{tab}]", press, in_front, lambda hand, tab=tab: hand.open(TABS[TABS.index(tab) - 1]))
        for tab in TABS
    ),
    Row("cancel", press, field("state.busy"), works),
    *REVIEW,
    *ACCEPTED_TAB,
    *CLEANUP_TAB,
    *COMPONENTS,
    *VALUES_PAGE,
    *MENUS,
    *ISOLATION,
    *ISOLATION_MENU,
    *MERGE,
    *FINAL,
)
