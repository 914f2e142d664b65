"""Many clients, one engine: nobody waits for all that another has asked."""

from __future__ import annotations

import threading

from tests.server.conftest import until
from tests.server.extended import both, extended
from tests.server.film import at, following, frame
from tests.server.follower import Follower
from tests.server.pictures import SQUARES, data_url, file_of
from tests.server.stub import Gate, StubEngine


def test_a_click_behind_eight_of_somebody_else_is_answered_after_at_most_two_of_them(serving):
    begun = threading.Event()
    engine = StubEngine(decode_s=0.1, fail=lambda what: what == "segment" and begun.set())
    with serving(engine) as server, server.client() as many, server.client() as one:
        for client in (many, one):
            client.ask("init", image=SQUARES)
        for _ in range(8):
            many.send("click", x=1, y=1)
        assert begun.wait(10)
        one.ask("click", x=2, y=2)
        one.receive()
        before = engine.decodes
        results = [many.receive()["type"] for _ in range(16)].count("segmentation_result")

    assert before <= 3
    assert results == 8


def test_clients_take_turns(serving):
    """Each of three has four clicks waiting: after any number of answers nobody is two ahead of another."""
    order: list[int] = []
    lock = threading.Lock()

    def click(number: int) -> None:
        client = clients[number]
        for _ in range(4):
            client.send("click", x=1, y=1)
        start.wait(10)
        for _ in range(4):
            client.receive()
            assert client.receive()["type"] == "segmentation_result"
            with lock:
                order.append(number)

    start = threading.Barrier(3)
    with (
        serving(StubEngine(decode_s=0.08)) as server,
        server.client() as first,
        server.client() as second,
        server.client() as third,
    ):
        clients = [first, second, third]
        for client in clients:
            client.ask("init", image=SQUARES)
        threads = [threading.Thread(target=click, args=[number]) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert len(order) == 12
    for end in range(1, 13):
        counts = [order[:end].count(number) for number in range(3)]
        assert max(counts) - min(counts) <= 2, order


def test_one_picture_is_encoded_once_for_all(serving):
    engine = StubEngine(encode_s=0.2)

    def load() -> None:
        with server.client() as client:
            loaded.append(client.ask("init", image=SQUARES)["type"])

    loaded: list[str] = []
    with serving(engine) as server:
        threads = [threading.Thread(target=load) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert loaded == ["image_loaded"] * 5
    assert engine.encodes == 1


def test_a_click_that_comes_later_goes_before_a_step_through_a_video_that_waits(serving):
    gate, armed, done = Gate(), threading.Event(), []

    def look(what: str) -> None:
        if what != "load":
            done.append(what)
        if armed.is_set():
            gate(what)

    with (
        serving(Follower(fail=look), age_s=60) as server,
        extended(server) as first,
        extended(server) as second,
        following(server) as client,
    ):
        client.tell("video_prompt", index=0, object_id=1, prompts=at(20, 20))
        for one in (first, second):  # these were served later: by turns alone the video would be next
            both(one, "click", x=20, y=20)
        done.clear()
        armed.set()
        first.ask("click", x=20, y=20)
        assert gate.reached.wait(10)
        client.send("propagate", video_id=client.video_id, start=1, end=1)
        assert client.receive()["type"] == "frame_needed"
        client.send("frame", video_id=client.video_id, index=1, image=data_url(file_of(frame(1))))
        inference = server.app.state.inference
        until(lambda: inference.backlog == 1)
        second.ask("click", x=20, y=20)
        until(lambda: inference.backlog == 2)
        gate.opened.set()
        client.until("propagated")

    assert done == ["segment", "segment", "encode", "step"]
