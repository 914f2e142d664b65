"""Words: over a real socket, with an engine that reads."""

from __future__ import annotations

import threading

import pytest

from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.server.session.kept import KeptMask
from tests.server.conftest import running
from tests.server.extended import both, extended
from tests.server.pictures import mask_in
from tests.server.stub import StubEngine

FOUND = ((0.6, (80, 80, 110, 110)), (0.9, (20, 20, 50, 50)), (0.2, (0, 0, 5, 5)))


def reader(**more) -> StubEngine:
    return StubEngine(capabilities=Capabilities(text=True), found=FOUND, **more)


@pytest.fixture(scope="module")
def server():
    with running(reader()) as server:
        yield server


def test_words_make_objects_the_best_first_and_select_it(server):
    with extended(server) as client:
        result = client.ask("text", text="square", threshold=0.5, id="t")
        state = client.ask("list")
        point, refined = both(client, "click", x=30, y=30)

    assert (result["type"], result["prompt"], result["id"]) == ("text_result", "square", "t")
    assert [found["score"] for found in result["objects"]] == pytest.approx([0.9, 0.6])
    assert [found["object_id"] for found in result["objects"]] == [2, 3]
    assert result["objects"][0]["bbox"] == [20, 20, 50, 50]
    assert mask_in(result["objects"][0]).sum() == 900 * 255
    assert [one["area"] for one in state["objects"]] == [0, 900, 900]
    assert [one.get("name") for one in state["objects"]] == [None, "square", "square"]
    assert (state["selected"], point["object_id"], refined["object_id"]) == (2, 2, 2)


def test_what_several_phrases_find_comes_the_best_first(serving):
    class Reader(StubEngine):
        def find(self, embedding, query):
            self.found = FOUND[:1] if query.texts[0].text == "circle" else FOUND[1:2]
            return super().find(embedding, query)

    with serving(Reader(capabilities=Capabilities(text=True))) as server, extended(server) as client:
        result = client.ask("text", text="circle, square")

    assert [(found["name"], found["object_id"]) for found in result["objects"]] == [("square", 2), ("circle", 3)]


def test_a_click_on_what_words_found_starts_from_its_mask(serving):
    engine = reader()
    with serving(engine) as server, extended(server) as client:
        client.ask("text", text="square")
        as_found = client.ask("segment")
        both(client, "click", x=30, y=30)

    assert as_found["area"] == 900
    assert engine.decodes == 1
    assert engine.asked[-1].mask.mask.area == 900
    assert len(engine.asked[-1].points) == 1


def test_an_engine_without_masks_refines_by_points_alone(serving):
    engine = StubEngine(capabilities=Capabilities(text=True, masks=False), found=FOUND)
    with serving(engine) as server, extended(server) as client:
        client.ask("text", text="square")
        both(client, "click", x=30, y=30)

    assert engine.asked[-1].mask is None


def test_what_is_not_there_is_an_empty_list_and_no_error(server):
    with extended(server) as client:
        result = client.ask("text", text="circle", threshold=0.95)
        refused = client.ask("undo")

    assert result["objects"] == []
    assert refused["code"] == "nothing_to_undo"


def test_at_most_so_many_objects_come_as_are_wanted_and_have_room(serving):
    with serving(reader(), limits={"objects": 3}) as server, extended(server) as client:
        wanted = client.ask("text", text="square", threshold=0.0, max_objects=1)
        room = client.ask("text", text="square", threshold=0.0)
        full = client.ask("text", text="square", threshold=0.0)

    assert (len(wanted["objects"]), len(room["objects"])) == (1, 1)
    assert full["code"] == "limit_objects"


def test_undo_takes_all_objects_of_a_phrase_back_in_one_step(server):
    with extended(server) as client:
        found = client.ask("text", text="square")
        removed = client.ask("undo")
        state = client.ask("list")
        again = client.ask("redo")
        one = client.ask("undo", object_id=3)
        point, _ = both(client, "click", x=30, y=30)

    assert removed == {"type": "text_removed", "object_ids": [2, 3]}
    assert [one["object_id"] for one in state["objects"]] == [1]
    assert again["objects"] == found["objects"]
    assert one == {"type": "text_removed", "object_ids": [3]}
    assert point["object_id"] == 2


def test_a_found_object_is_restored_as_it_was_found(server):
    with extended(server) as client:
        client.ask("text", text="square")
        state = client.ask("list")
    with extended(server) as client:
        told = client.ask("restore", objects=state["objects"], selected=3)
        results = [client.receive(), client.receive()]

    assert told["objects"] == state["objects"]
    assert [(result["bbox"], result["score"]) for result in results] == [
        ([20, 20, 50, 50], pytest.approx(0.9)),
        ([80, 80, 110, 110], pytest.approx(0.6)),
    ]


def test_no_mask_is_unpacked_where_messages_are_read(server, monkeypatch):
    threads, placed = [], KeptMask.placed
    monkeypatch.setattr(
        KeptMask, "placed", lambda mask: threads.append(threading.current_thread().name) or placed(mask)
    )

    with extended(server) as client:
        client.ask("text", text="square")
        state = client.ask("list")
        client.ask("restore", objects=state["objects"], selected=3)
        client.receive()

    assert threads and {name.partition("_")[0] for name in threads} == {"codec"}


def test_words_are_refused_by_an_engine_that_does_not_read(serving):
    with serving() as server, extended(server) as client:
        refused = client.ask("text", text="square")

    assert refused["message"] == "This server's engine does not read words. Use points or a box."
    assert refused["code"] == "unsupported"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" , ", "There is no phrase to look for. Type a short noun."),
        ("x" * 257, "Text too long: 257 characters (max 256)"),
    ],
)
def test_what_is_no_phrase_is_refused(server, text, message):
    with extended(server) as client:
        refused = client.ask("text", text=text)

    assert refused["message"] == message
