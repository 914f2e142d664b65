"""How a server ends: real processes, real signals."""

import json
import signal
import urllib.error
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.server.conftest import Client, until
from tests.server.pictures import SQUARES
from tests.server.process import process


@contextmanager
def client_of(server):
    with connect(f"ws://127.0.0.1:{server.port}/ws/realtime", max_size=None) as socket:
        yield Client(socket)


def readiness(server) -> dict:
    try:
        return json.loads(server.get("/readyz"))
    except urllib.error.HTTPError as error:
        with error:
            return json.loads(error.read())


def closed_with(client) -> int:
    """Return the code that a connection is closed with; what is said before is read."""
    try:
        while True:
            client.receive(30)
    except ConnectionClosed as ended:
        return ended.rcvd.code


def test_at_sigterm_who_is_there_goes_on_nobody_comes_in_and_the_last_one_ends_it():
    with process(drain_s=60) as server:
        with client_of(server) as client:
            client.ask("init", image=SQUARES)

            server.process.send_signal(signal.SIGTERM)

            until(lambda: readiness(server) == {"ready": False, "why": ["draining"]})
            with connect(f"ws://127.0.0.1:{server.port}/ws/realtime") as late:
                refused = json.loads(late.recv(10))
                with pytest.raises(ConnectionClosed) as ended:
                    late.recv(10)
            assert client.ask("click", x=30, y=40)["type"] == "point_added"
            assert client.receive()["type"] == "segmentation_result"
        code, said = server.end()

    assert refused["code"] == "server_full" and ended.value.rcvd.code == 1012
    assert code == 0
    assert said.endswith("ended by 15, closed True\n")
    assert "trace" not in said


def test_who_stays_is_let_go_with_1012_when_the_time_is_over():
    with process(drain_s=0.2) as server, client_of(server) as client:
        server.process.send_signal(signal.SIGTERM)

        assert closed_with(client) == 1012
        assert server.end()[0] == 0


@pytest.mark.parametrize("looks", [True, False], ids=["an engine that looks at Cancel", "an engine that does not"])
def test_sigterm_in_the_middle_of_an_encode_ends_it(looks):
    engine = {"encode_s": 300.0, "looks": looks}
    with process(engine, drain_s=0, heartbeat_s=1, warm_up=False) as server, client_of(server) as client:
        client.send("init", image=SQUARES)
        until(lambda: b"pictures 1.0" in server.get("/metrics"))

        server.process.send_signal(signal.SIGTERM)

        assert closed_with(client) == 1012
        code, said = server.end()

    assert code == 0
    assert f"ended by 15, closed {looks}\n" in said, "a thread that hangs is left behind"
    assert "trace" not in said


def test_a_second_sigterm_ends_it_at_once():
    hangs = {"encode_s": 300.0, "looks": False}
    with process(hangs, drain_s=300, warm_up=False) as server, client_of(server) as client:
        client.send("init", image=SQUARES)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: not readiness(server)["ready"])

        code, said = server.end(signal.SIGTERM)

    assert code == -signal.SIGTERM
    assert "ended by" not in said


def test_ctrl_c_does_not_wait_for_those_who_are_there():
    with process(drain_s=300) as server, client_of(server) as client:
        server.process.send_signal(signal.SIGINT)

        assert closed_with(client) == 1012
        code, said = server.end()

    assert code == 0
    assert said.endswith("ended by 2, closed True\n")
