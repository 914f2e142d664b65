"""Undo and redo, boxes, drawn masks: over a real socket, after hello."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.server.session import objects
from napari_sam3_assistant.server.session.kept import kept
from napari_sam3_assistant.wire.masks import corners_of, encode
from napari_sam3_assistant.wire.values import Run
from tests.server.conftest import running
from tests.server.extended import both, extended
from tests.server.pictures import mask_in
from tests.server.stub import StubEngine

ROUGH = PlacedMask(np.tri(20, 30, 5, dtype=bool), (40, 50))


@pytest.fixture(scope="module")
def server():
    with running(StubEngine()) as server:
        yield server


def test_undo_takes_back_the_last_point_and_redo_brings_it_back(server):
    with extended(server) as client:
        _, one = both(client, "click", x=60, y=50)
        _, two = both(client, "click", x=90, y=80, label=0)
        removed, after = both(client, "undo", id="u")
        added, again = both(client, "redo", id="r")

    assert removed == {
        "type": "point_removed",
        "x": 90,
        "y": 80,
        "label": 0,
        "total_points": 1,
        "object_id": 1,
        "point_index": 1,
        "id": "u",
    }
    assert added == {**removed, "type": "point_added", "total_points": 2, "id": "r"}
    assert (after["mask"], again["mask"]) == (one["mask"], two["mask"])
    assert one["seq"] < two["seq"] < after["seq"] < again["seq"]


def test_undo_of_the_only_point_leaves_an_empty_mask_and_then_nothing(server):
    with extended(server) as client:
        both(client, "click", x=60, y=50)
        removed, empty = both(client, "undo")
        refused = client.ask("undo")

    assert removed["total_points"] == 0
    assert not mask_in(empty).any()
    assert (empty["num_points"], empty["score"]) == (0, 0.0)
    assert "warning" not in empty
    assert (refused["message"], refused["code"]) == ("Nothing to undo", "nothing_to_undo")


def test_what_was_taken_back_cannot_be_done_again_after_something_new(server):
    with extended(server) as client:
        both(client, "click", x=60, y=50)
        both(client, "undo")
        both(client, "click", x=30, y=50)
        refused = client.ask("redo")

    assert (refused["message"], refused["code"]) == ("Nothing to redo", "nothing_to_redo")


def test_a_removed_point_comes_back_in_its_place(server):
    with extended(server) as client:
        for x in (60, 70, 80):
            both(client, "click", x=x, y=50)
        removed, _ = both(client, "remove_point", index=1)
        back, result = both(client, "undo")
        client.send("list")
        state = client.receive()
        refused = client.ask("remove_point", index=3)

    assert (removed["x"], removed["point_index"], removed["total_points"]) == (70, 1, 2)
    assert (back["type"], back["x"], back["point_index"]) == ("point_added", 70, 1)
    assert result["num_points"] == 3
    assert [point["x"] for point in state["objects"][0]["points"]] == [60, 70, 80]
    assert (refused["message"], refused["code"]) == ("No such point: 3", "not_found")


def test_a_box_is_cut_to_the_picture_and_a_later_one_takes_its_place(server):
    with extended(server) as client:
        first, _ = both(client, "box", x1=-20, y1=10.5, x2=300, y2=90)
        second, _ = both(client, "box", x1=20, y1=20, x2=50, y2=50)
        client.send("list")
        state = client.receive()
        back, _ = both(client, "undo")
        gone, empty = both(client, "undo")

    assert [first[corner] for corner in ("x1", "y1", "x2", "y2")] == [0, 10.5, 128, 90]
    assert (first["type"], first["object_id"], first["label"]) == ("box_added", 1, 1)
    assert [second[corner] for corner in ("x1", "y1", "x2", "y2")] == [20, 20, 50, 50]
    assert len(state["objects"][0]["boxes"]) == 1
    assert (back["type"], back["x2"]) == ("box_added", 128)
    assert gone == {"type": "box_removed", "object_id": 1}
    assert empty["area"] == 0


@pytest.mark.parametrize(
    ("corners", "code", "text"),
    [
        ((50, 10, 50, 90), "bad_box", "Invalid bounding box: x1 must be < x2 and y1 must be < y2"),
        ((10, 90, 50, 20), "bad_box", "Invalid bounding box: x1 must be < x2 and y1 must be < y2"),
        ((10.7, 10, 10.9, 90), "bad_box", "Invalid bounding box: it holds no pixel"),
        ((10, 90.5, 50, 91), "bad_box", "Invalid bounding box: it holds no pixel"),
        ((127.5, 10, 200, 90), "bad_box", "Invalid bounding box: it holds no pixel"),
        ((128, 10, 200, 90), "out_of_bounds", "Bounding box out of image bounds. Image size: 128x128"),
        ((-20, 10, 0, 90), "out_of_bounds", "Bounding box out of image bounds. Image size: 128x128"),
    ],
)
def test_a_box_that_is_none_is_refused_and_changes_nothing(server, corners, code, text):
    with extended(server) as client:
        refused = client.ask("box", **dict(zip(("x1", "y1", "x2", "y2"), corners, strict=True)))
        nothing = client.ask("undo")

    assert (refused["code"], refused["message"]) == (code, text)
    assert nothing["code"] == "nothing_to_undo"


def test_a_box_of_one_pixel_is_taken(server):
    with extended(server) as client:
        added, _ = both(client, "box", x1=9.5, y1=20, x2=10.5, y2=20.1)

    assert added["type"] == "box_added"


def test_a_box_of_what_is_not_meant_is_refused(server):
    with extended(server) as client:
        refused = client.ask("box", x1=1, y1=1, x2=9, y2=9, label=0)

    assert refused["code"] == "unsupported"
    assert "label 0" in refused["message"]


@pytest.mark.parametrize("format", ["png", "png1", "rle", "bits", "polygon"])
def test_a_drawn_mask_of_any_format_is_what_the_engine_gets(server, format):
    data = encode(ROUGH, (128, 128), format)
    fields = {"mask": data, "mask_format": format}
    if isinstance(data, Run):
        fields["mask"] = data.model_dump()
    if format == "bits":
        fields |= {"mask": base64.b64encode(data).decode(), "bbox": corners_of(ROUGH)}
    with extended(server) as client:
        added, result = both(client, "mask_prompt", **fields)
        gone, _ = both(client, "undo")

    assert added == {"type": "mask_added", "object_id": 1, "area": ROUGH.area}
    assert result["area"] == ROUGH.area
    assert np.array_equal(mask_in(result)[40:60, 50:80] > 0, ROUGH.mask)
    assert gone == {"type": "mask_removed", "object_id": 1}


def test_an_empty_or_broken_mask_is_refused(server):
    nothing = PlacedMask(np.zeros((3, 3), bool))
    with extended(server) as client:
        empty = client.ask("mask_prompt", mask=encode(nothing, (128, 128), "png"))
        broken = client.ask("mask_prompt", mask="AAAA")
        other = client.ask("mask_prompt", mask=encode(nothing, (64, 64), "png"))

    assert {reply["code"] for reply in (empty, broken, other)} == {"bad_mask"}
    assert empty["message"] == "Invalid mask: it is empty"


def test_masks_that_are_too_much_to_keep_are_refused(server, monkeypatch):
    drawn = {"mask": encode(ROUGH, (128, 128), "png")}
    monkeypatch.setattr(objects, "MOST_MASK_BYTES", kept(ROUGH, (128, 128)).nbytes * 3 // 2)
    with extended(server) as client:
        both(client, "mask_prompt", **drawn)
        again, _ = both(client, "mask_prompt", **drawn)
        client.ask("new_object")
        refused = client.ask("mask_prompt", **drawn)
        restored = client.ask("restore", objects=[{"object_id": k, "mask": drawn} for k in (1, 2)])

    assert again["type"] == "mask_added"
    assert {refused["message"], restored["message"]} == {
        "The masks of this session are too large. Delete an object first."
    }


@pytest.mark.parametrize(
    ("takes", "message"),
    [
        ({"boxes": False}, {"type": "box", "x1": 1, "y1": 1, "x2": 9, "y2": 9}),
        ({"masks": False}, {"type": "mask_prompt", "mask": "AAAA"}),
        ({"points": False}, {"type": "click", "x": 1, "y": 1}),
    ],
)
def test_what_the_engine_does_not_take_is_refused(serving, takes, message):
    with serving(StubEngine(capabilities=Capabilities(**takes))) as server, extended(server) as client:
        refused = client.ask(**message)

    assert refused["code"] == "unsupported"


def test_reset_of_all_forgets_the_steps_too(server):
    with extended(server) as client:
        both(client, "click", x=60, y=50)
        cleared = client.ask("reset")
        refused = client.ask("undo")

    assert cleared == {"type": "points_cleared"}
    assert refused["code"] == "nothing_to_undo"


def test_undo_before_a_picture_has_nothing_to_undo(server):
    with server.client() as client:
        client.ask("hello")
        refused = client.ask("undo")

    assert refused["code"] == "nothing_to_undo"
