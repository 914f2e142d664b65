"""Several objects in one session: begun, selected, given up, listed, restored."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from tests.server.conftest import running
from tests.server.extended import both, extended
from tests.server.pictures import SQUARES, mask_in
from tests.server.stub import StubEngine


@pytest.fixture(scope="module")
def server():
    with running(StubEngine()) as server:
        yield server


def test_a_new_object_is_selected_and_has_points_of_its_own(server):
    with extended(server) as client:
        both(client, "click", x=60, y=50)
        created = client.ask("new_object", id="n")
        point, result = both(client, "click", x=30, y=90)
        other, _ = both(client, "click", x=61, y=50, object_id=1)
        still, _ = both(client, "click", x=31, y=90)

    assert created == {"type": "object_created", "object_id": 2, "id": "n"}
    assert (point["object_id"], point["total_points"], result["object_id"]) == (2, 1, 2)
    assert (other["object_id"], other["total_points"]) == (1, 2)
    assert (still["object_id"], still["total_points"]) == (2, 2)


def test_an_object_is_selected_again(server):
    with extended(server) as client:
        client.ask("new_object")
        selected = client.ask("select_object", object_id=1)
        point, _ = both(client, "click", x=60, y=50)
        refused = client.ask("select_object", object_id=9)

    assert selected == {"type": "object_selected", "object_id": 1}
    assert point["object_id"] == 1
    assert (refused["code"], refused["message"]) == ("no_object", "No such object: 9")


def test_a_deleted_object_comes_back_with_undo(server):
    with extended(server) as client:
        both(client, "click", x=60, y=50)
        client.ask("new_object")
        _, before = both(client, "click", x=30, y=90)
        deleted = client.ask("delete_object", object_id=2)
        back, result = both(client, "undo")
        again = client.ask("redo")

    assert deleted == {"type": "object_deleted", "object_id": 2, "selected": 1}
    assert back == {"type": "object_created", "object_id": 2}
    assert (result["mask"], result["num_points"]) == (before["mask"], 1)
    assert again == deleted


def test_the_newest_object_left_is_selected(server):
    with extended(server) as client:
        client.ask("new_object")
        client.ask("new_object")
        deleted = client.ask("delete_object", object_id=3)

    assert deleted["selected"] == 2


def test_there_is_always_an_object(server):
    with extended(server) as client:
        deleted = client.ask("delete_object", object_id=1)
        point, _ = both(client, "click", x=60, y=50)

    assert deleted["selected"] == point["object_id"] == 2


def test_undo_of_one_object_leaves_the_others(server):
    with extended(server) as client:
        both(client, "click", x=60, y=50)
        client.ask("new_object")
        both(client, "click", x=30, y=90)
        removed, result = both(client, "undo", object_id=1)
        last, _ = both(client, "undo")
        added, _ = both(client, "redo", object_id=1)

    assert (removed["object_id"], result["object_id"], removed["x"]) == (1, 1, 60)
    assert (last["object_id"], last["x"]) == (2, 30)
    assert (added["object_id"], added["type"]) == (1, "point_added")


def test_reset_of_one_object_leaves_the_others_and_their_steps(server):
    with extended(server) as client:
        both(client, "click", x=60, y=50)
        client.ask("new_object")
        both(client, "click", x=30, y=90)
        cleared = client.ask("reset", object_id=2)
        removed, _ = both(client, "undo")
        refused = client.ask("reset", object_id=5)

    assert cleared == {"type": "points_cleared", "object_id": 2}
    assert (removed["object_id"], removed["x"]) == (1, 60)
    assert refused["code"] == "no_object"


def test_reset_of_all_begins_with_object_1_again(server):
    with extended(server) as client:
        client.ask("new_object")
        client.ask("reset")
        point, _ = both(client, "click", x=60, y=50)

    assert point["object_id"] == 1


def test_objects_are_limited(serving):
    with serving(limits={"objects": 2}) as server, extended(server) as client:
        client.ask("new_object")
        refused = client.ask("new_object")

    assert (refused["message"], refused["code"]) == ("Max objects (2) reached", "limit_objects")


def test_the_state_lists_what_was_said_and_found(server):
    with server.client() as client:
        client.ask("hello")
        before = client.ask("list")
        loaded = client.ask("init", image=SQUARES)
        _, result = both(client, "click", x=60, y=50)
        client.ask("new_object")
        state = client.ask("list", id="s")

    assert (before["width"], before["height"]) == (0, 0)
    assert (state["image_id"], state["width"], state["selected"], state["id"]) == (loaded["image_id"], 128, 2, "s")
    first, second = state["objects"]
    assert first["points"] == [{"x": 60, "y": 50, "label": 1}]
    assert (first["score"], first["bbox"], first["area"]) == (0.9, result["bbox"], result["area"])
    assert (second["object_id"], second["points"], second["area"]) == (2, [], 0)


def test_a_restored_session_has_the_same_masks_and_steps(serving):
    with serving(BuiltinEngine()) as server:
        with extended(server) as client:
            both(client, "click", x=30, y=30)
            _, one = both(client, "click", x=90, y=90, label=0)
            client.ask("new_object")
            _, two = both(client, "box", x1=75, y1=75, x2=115, y2=115)
            client.ask("select_object", object_id=1)
            state = client.ask("list")
        with server.client() as client:
            client.ask("hello")
            loaded = client.ask("init", image_id=state["image_id"])
            told = client.ask("restore", objects=state["objects"], selected=1)
            results = [client.receive(), client.receive()]
            selected = client.receive()
            removed, _ = both(client, "undo", object_id=1)
            point, _ = both(client, "click", x=31, y=31)
            created = client.ask("new_object")

    assert created["object_id"] == 3
    assert loaded["cached"] is True
    assert [one["points"] for one in told["objects"]] == [one["points"] for one in state["objects"]]
    assert [result["mask"] for result in results] == [one["mask"], two["mask"]]
    assert [result["object_id"] for result in results] == [1, 2]
    assert selected == {"type": "object_selected", "object_id": 1}
    assert (removed["x"], removed["label"]) == (90, 0)
    assert (point["object_id"], point["total_points"]) == (1, 2)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"object_id": 3, "points": [{"x": 500, "y": 1}]}, "out_of_bounds"),
        ({"object_id": 3, "boxes": [{"x1": 5, "y1": 5, "x2": 5, "y2": 9}]}, "bad_box"),
        ({"object_id": 3, "boxes": [{"x1": 1, "y1": 1, "x2": 5, "y2": 9}] * 2}, "bad_box"),
        ({"object_id": 3, "points": [{"x": 1, "y": 1}] * 101}, "limit_points"),
        ({"object_id": 3, "mask": {"mask": "AAAA"}}, "bad_mask"),
        ({"object_id": 2, "points": []}, "bad_message"),
        ({"object_id": 3, "name": "n" * 257}, "bad_message"),
    ],
)
def test_a_state_that_cannot_be_restored_changes_nothing(server, bad, code):
    with extended(server) as client:
        both(client, "click", x=60, y=50)
        refused = client.ask("restore", objects=[{"object_id": 2, "points": [{"x": 1, "y": 1}]}, bad])
        state = client.ask("list")

    assert refused["code"] == code
    assert [one["object_id"] for one in state["objects"]] == [1]
    assert state["objects"][0]["points"] == [{"x": 60, "y": 50, "label": 1}]


def test_a_selection_that_is_not_restored_is_refused(server):
    with extended(server) as client:
        refused = client.ask("restore", objects=[{"object_id": 2}], selected=3)

    assert refused["code"] == "no_object"


def test_restoring_nothing_leaves_one_empty_object(server):
    with extended(server) as client:
        both(client, "click", x=60, y=50)
        state, selected = both(client, "restore", objects=[])

    assert [one["points"] for one in state["objects"]] == [[]]
    assert selected["object_id"] == 1


def test_a_result_may_carry_every_object(server):
    with extended(server) as client:
        _, one = both(client, "click", x=60, y=50)
        client.ask("new_object")
        client.ask("new_object")
        options = client.ask("set", **{"return": "all", "multimask": False})
        _, result = both(client, "click", x=30, y=90)

    assert options == {"type": "options", "multimask": False, "mask_format": "png", "return": "all"}
    assert [found["object_id"] for found in result["objects"]] == [1, 3]
    assert result["objects"][0]["mask"] == one["mask"]
    assert result["objects"][1]["mask"] == result["mask"]
    assert np.array_equal(mask_in(result["objects"][1]), mask_in(result))


def test_an_object_that_was_not_answered_since_is_looked_at_again(serving):
    engine = StubEngine()
    with serving(engine) as server, extended(server) as client:
        client.ask("set", **{"return": "all"})
        _, old = both(client, "click", x=60, y=50)
        engine.fail = broken
        assert both(client, "click", x=30, y=90)[1]["code"] == "inference_failed"
        engine.fail = None
        client.ask("new_object")
        _, result = both(client, "click", x=90, y=90)

    (first,) = [found for found in result["objects"] if found["object_id"] == 1]
    assert engine.asked[-1].positive[-1].pixel == (90, 30), "the other object, after its own"
    assert first["mask"] != old["mask"]


def broken(what: str) -> None:
    if what == "segment":
        raise ValueError("broken")


def test_every_object_costs_one_decode_the_first_time_only(serving):
    engine = StubEngine()
    with serving(engine) as server, extended(server) as client:
        both(client, "click", x=60, y=50)
        client.ask("new_object")
        client.ask("set", **{"return": "all"})
        both(client, "click", x=30, y=90)
        first = engine.decodes
        both(client, "click", x=31, y=90)

    assert (first, engine.decodes) == (3, 4)
