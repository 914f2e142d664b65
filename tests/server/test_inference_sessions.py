"""What many clients at once leave behind, and take from each other: over real sockets."""

import gc
import threading
from contextlib import ExitStack

import numpy as np

from tests.server.conftest import until
from tests.server.pictures import SQUARES, data_url, file_of
from tests.server.stub import StubEngine


def test_eight_clients_with_the_same_picture_cost_one_encode(serving):
    engine = StubEngine(encode_s=0.2)
    with serving(engine) as server, ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for _ in range(8)]
        for client in clients:
            client.send("init", image=SQUARES)
        loaded = [client.receive() for client in clients]

    assert {one["type"] for one in loaded} == {"image_loaded"}
    assert sorted(one["cached"] for one in loaded) == [False] + [True] * 7
    assert engine.encodes == 1


def test_a_picture_is_held_by_its_session_and_let_go_with_it(serving):
    with serving(picture_bytes=0) as server:
        inference = server.app.state.inference
        with server.client() as client:
            loaded = client.ask("init", image=SQUARES)
            assert inference.kept.pictures == 1
            assert inference.picture(loaded["image_id"]) is not None

        until(lambda: gc.collect() >= 0 and inference.kept.pictures == 0)


def test_clients_that_come_and_go_leave_what_may_be_kept(serving):
    random = np.random.default_rng(0)
    with serving(picture_bytes=3 * 64 * 64 * 3, cache_bytes=2000) as server:
        inference, threads = server.app.state.inference, threading.active_count()
        for number in range(30):
            with server.client() as client:
                client.ask("init", image=data_url(file_of(random.integers(0, 255, (64, 64, 3), np.uint8), "BMP")))
                if number % 2:
                    client.send("click", x=30, y=30)

        until(lambda: gc.collect() >= 0 and inference.kept.pictures == 3 and inference.backlog == 0)
        assert inference.kept.embeddings == 2
        assert threading.active_count() <= threads + 6  # the pools, once filled


class Noting(StubEngine):
    """Notes where it was clicked, and waits with the first answer until it may go on."""

    def segment(self, embedding, prompts, previous=None):
        self.clicked.append(prompts.newest())
        assert self.opened.wait(20)
        return super().segment(embedding, prompts, previous)


def test_a_click_is_answered_before_the_many_of_another_client(serving):
    engine = Noting()
    engine.clicked, engine.opened = [], threading.Event()
    with serving(engine) as server, server.client() as many, server.client() as one:
        for client in (many, one):
            client.ask("init", image=SQUARES)
        for _ in range(8):
            many.send("click", x=30, y=40)
        until(lambda: engine.clicked)
        one.send("click", x=90, y=90)
        until(lambda: server.app.state.inference.backlog == 1)  # in this mode a client's clicks come one by one
        engine.opened.set()

        assert [one.receive()["type"] for _ in range(2)] == ["point_added", "segmentation_result"]
        assert [many.receive()["type"] for _ in range(16)] == ["point_added", "segmentation_result"] * 8

    assert engine.clicked.index((90, 90)) == 1
