"""What is taken back while it is computed is not answered any more."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.server.session import prompting
from napari_sam3_assistant.server.session.bounds import mask_on
from tests.server.extended import extended
from tests.server.stub import StubEngine
from tests.server.test_session_words import FOUND


class Gate(StubEngine):
    """Waits in each answer until it is let through."""

    def __init__(self):
        super().__init__(capabilities=Capabilities(text=True), found=FOUND, fail=self.wait)
        self.reached, self.open = threading.Event(), threading.Event()

    def wait(self, what: str) -> None:
        if what in ("segment", "find"):
            self.reached.set()
            assert self.open.wait(20)


@contextmanager
def waiting(serving, *said):
    """Yield a client whose first message of ``said`` is being computed, and all of them acknowledged."""
    engine = Gate()
    try:
        with serving(engine) as server, extended(server) as client:
            for type, fields in said:
                client.send(type, **fields)
                if type != "text":
                    client.receive()
            assert engine.reached.wait(20)
            yield engine, client
    finally:
        engine.open.set()


def rest(engine: Gate, client) -> list[dict]:
    """Let the engine go on, and return all replies up to that of a question that is computed last."""
    engine.open.set()
    client.send("text", text="nothing", threshold=1.0, id="last")
    replies = []
    while not replies or replies[-1].get("id") != "last":
        replies.append(client.receive())
    return replies[:-1]


CLICK = ("click", {"x": 60, "y": 50, "id": "old"})


@pytest.mark.parametrize(
    ("type", "fields"),
    [("reset", {}), ("reset", {"object_id": 1}), ("undo", {}), ("remove_point", {"index": 0})],
    ids=["reset", "reset of one", "undo", "remove"],
)
def test_no_result_of_older_points_follows(serving, type, fields):
    with waiting(serving, CLICK) as (engine, client):
        told = client.ask(type, id="new", **fields)
        replies = rest(engine, client)

    assert told["type"] == ("points_cleared" if type == "reset" else "point_removed")
    assert [reply["id"] for reply in replies] == ([] if type == "reset" else ["new"])


def test_a_mask_that_is_unpacked_while_a_reset_waits_is_not_answered_after_it(serving, monkeypatch):
    unpacking, unpacked = threading.Event(), threading.Event()

    def slowly(*args):
        unpacking.set()
        assert unpacked.wait(20)
        return mask_on(*args)

    monkeypatch.setattr(prompting, "mask_on", slowly)
    with waiting(serving, CLICK) as (engine, client):
        client.send("mask_prompt", mask=[[[9, 9], [30, 9], [30, 30], [9, 30]]], mask_format="polygon", id="mask")
        assert unpacking.wait(20)
        client.send("reset", id="new")
        unpacked.set()
        told = [client.receive() for _ in range(2)]
        replies = rest(engine, client)

    assert [(reply["type"], reply["id"]) for reply in told] == [("mask_added", "mask"), ("points_cleared", "new")]
    assert replies == []


def test_a_deleted_object_is_not_answered(serving):
    with waiting(serving, CLICK) as (engine, client):
        client.ask("delete_object", object_id=1)
        replies = rest(engine, client)

    assert replies == []


def test_what_is_taken_back_of_one_object_leaves_the_answers_about_others(serving):
    with waiting(serving, CLICK, ("new_object", {}), ("click", {"x": 30, "y": 90, "id": "other"})) as (engine, client):
        client.ask("undo", object_id=2, id="new")
        replies = rest(engine, client)

    assert [(reply["id"], reply["object_id"]) for reply in replies] == [("old", 1), ("new", 2)]


def test_a_click_is_acknowledged_while_an_older_one_is_computed(serving):
    with waiting(serving, CLICK) as (engine, client):
        added = client.ask("click", x=61, y=50, id="second")
        replies = rest(engine, client)

    assert (added["type"], added["total_points"]) == ("point_added", 2)
    assert [(reply["id"], reply["num_points"]) for reply in replies] == [("old", 1), ("second", 2)]
    assert replies[0]["seq"] < replies[1]["seq"]


def test_words_that_are_found_after_a_reset_make_no_objects(serving):
    with waiting(serving, ("text", {"text": "square"})) as (engine, client):
        client.ask("reset")
        replies = rest(engine, client)
        state = client.ask("list")

    assert replies == []
    assert [one["object_id"] for one in state["objects"]] == [1]
