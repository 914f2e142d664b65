"""What goes wrong between a client and a server: what is said, what goes on by itself, and that nothing is left."""

from __future__ import annotations

import gc
import json
import os
import socket
import ssl
import threading
import time

import numpy as np
import pytest
import trustme
from websockets.exceptions import ConnectionClosedError

from napari_sam3_assistant.core.errors import (
    Cancelled,
    EngineError,
    ServerUnreachable,
    TokenRefused,
    TooLargeError,
)
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.engines.remote import link, trial
from napari_sam3_assistant.engines.remote.addresses import server_address
from napari_sam3_assistant.engines.remote.dialling import _introduced
from napari_sam3_assistant.engines.remote.engine import RemoteEngine
from napari_sam3_assistant.engines.remote.trial import try_server
from napari_sam3_assistant.testing import blobs, click, rgb, two_squares
from tests.engines.cutting import Cutter
from tests.engines.talkers import talking
from tests.server.conftest import running, until
from tests.server.stub import StubEngine

HANG_S = 20


def loaded(port, token=None, **options):
    engine = RemoteEngine(f"127.0.0.1:{port}", token, **options)
    engine.load(progress=no_progress, cancel=CancelToken())
    return engine


def encoded(engine, image=None, cancel=None):
    image = rgb(two_squares()) if image is None else image
    return engine.encode(image, progress=no_progress, cancel=cancel or CancelToken())


# -- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("gpu-box", "ws://gpu-box:8000/ws/realtime"),
        (" gpu-box:9000 ", "ws://gpu-box:9000/ws/realtime"),
        ("http://127.0.0.1:8000/app#token=a%2Fb", "ws://127.0.0.1:8000/ws/realtime"),
        ("https://lab.example.org/sam3/", "wss://lab.example.org/sam3/ws/realtime"),
        ("wss://lab.example.org:8443/sam3/ws/realtime", "wss://lab.example.org:8443/sam3/ws/realtime"),
        ("[::1]:8000", "ws://[::1]:8000/ws/realtime"),
    ],
)
def test_an_address_is_taken_as_people_type_or_paste_it(typed, url):
    assert server_address(typed).socket_url == url
    assert server_address(str(server_address(typed))).socket_url == url


def test_an_address_that_a_server_has_printed_brings_its_token():
    assert server_address("http://127.0.0.1:8000/app#token=a%2Fb").token == "a/b"


@pytest.mark.parametrize("typed", ["", "  ", "ftp://x", "http://", "a b", "x:99999", "x:0", "http://me@x", "x:port"])
def test_what_is_no_address_is_an_error_that_shows_one(typed):
    with pytest.raises(EngineError) as caught:
        server_address(typed)

    assert "gpu-box:8000" in caught.value.hint


# -- who is there -----------------------------------------------------------------------------------


def test_a_server_says_what_it_is(serving):
    with serving(StubEngine(capabilities=Capabilities(text=True))) as server:
        report = try_server(f"127.0.0.1:{server.port}")

    assert report.address == f"http://127.0.0.1:{server.port}"
    assert report.server.startswith("napari-sam3-assistant ")
    assert (report.protocol, report.capabilities.text) == (1, True)
    assert 0 < report.latency_s < HANG_S


def test_where_nobody_listens_the_builtin_engine_is_offered(free_port):
    for ask in (lambda: try_server(f"127.0.0.1:{free_port}"), lambda: loaded(free_port)):
        with pytest.raises(ServerUnreachable, match="Nothing listens") as caught:
            ask()
        assert "Built-in" in caught.value.hint


def test_a_wrong_token_is_said_and_not_tried_again(serving):
    with serving(tokens=("right",)) as server:
        for token, said in ((None, "asks for a token"), ("wrong", "does not know this token")):
            with pytest.raises(TokenRefused, match=said) as caught:
                loaded(server.port, token)
            assert "--token" in caught.value.in_shell
        engine = loaded(server.port, "right")

        assert engine.segment(encoded(engine), click(15, 15)).mask.area
        engine.close()


@pytest.mark.parametrize("token", ["schlüssel", "two\nlines"])
def test_what_can_be_no_token_is_said_to_be_none(token):
    with pytest.raises(TokenRefused, match="This is no token"):
        try_server("127.0.0.1:1", token)


def test_a_name_that_the_server_does_not_go_by_is_said(serving):
    with serving() as server, pytest.raises(EngineError, match="does not answer to the name") as caught:
        try_server(f"127.1:{server.port}")

    assert "--allow-host" in caught.value.hint


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([{"type": "session_created", "session_id": "seed's own"}], "plain real-time server"),
        ([{"type": "hi"}], "is no server of napari-sam3-assistant"),
        (["what"], "is no server of napari-sam3-assistant"),
        ([{"type": "error", "code": "server_full", "message": "full"}], "no room"),
        ([{"type": "session_created", "session_id": "x", "features": ["predict"]}, "newer"], "version 2"),
    ],
    ids=["the seed's", "another one", "no JSON", "full", "a newer one"],
)
def test_another_server_is_told_from_ours(said, expected):
    with talking(said) as port, pytest.raises(EngineError, match=expected) as caught:
        try_server(f"127.0.0.1:{port}")

    assert caught.value.hint


def test_a_server_that_hangs_up_before_it_is_greeted_is_gone_and_not_a_defect():
    class HangsUp:
        def recv(self, timeout):
            return json.dumps({"type": "session_created", "session_id": "x", "features": ["predict"]})

        def send(self, data):
            raise ConnectionClosedError(None, None)

    with pytest.raises(ServerUnreachable, match="has hung up"):
        _introduced(HangsUp(), server_address("here"), 1.0)


def test_a_defect_in_connecting_ends_a_test_of_a_server(monkeypatch):
    def defect(*_, **__):
        raise RuntimeError("a defect")

    monkeypatch.setattr(trial, "dial", defect)
    cancel, late = CancelToken(), threading.Timer(5.0, lambda: cancel.cancel())
    late.start()

    with pytest.raises(RuntimeError, match="a defect"):
        try_server("here", cancel=cancel)
    late.cancel()


def test_a_model_that_is_loading_is_waited_for_and_said():
    loads = threading.Event()
    stub = StubEngine(fail=lambda what: what == "load" and loads.wait(HANG_S))

    def told(fraction, message=""):
        if message == "The server is loading its model":
            loads.set()

    with running(stub, ready=False) as server:
        with pytest.raises(EngineError, match="still loads"):
            try_server(f"127.0.0.1:{server.port}")
        engine = RemoteEngine(f"127.0.0.1:{server.port}")
        engine.load(progress=told, cancel=CancelToken())
        engine.close()

    assert loads.is_set()
    assert engine.weights


# -- encryption -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def test_a_certificate_must_fit(authority, tmp_path, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    seed = [{"type": "session_created", "session_id": "seed's own"}]
    trusted = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))

    with talking(seed, ssl=context) as port:
        with pytest.raises(EngineError, match="signed by nobody"):
            try_server(f"https://localhost:{port}")
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        with pytest.raises(EngineError, match="for another name"):
            try_server(f"https://127.0.0.1:{port}")
        with pytest.raises(EngineError, match="plain real-time server"):
            try_server(f"https://localhost:{port}")
        with pytest.raises(EngineError, match="is no server of"):
            try_server(f"http://localhost:{port}")


def test_encryption_that_is_not_there_is_said(serving):
    with serving() as server, pytest.raises(EngineError, match="does not answer with encryption"):
        try_server(f"https://127.0.0.1:{server.port}")


# -- what breaks ------------------------------------------------------------------------------------


def test_a_server_that_starts_again_gets_the_picture_again_and_the_answer_is_the_same():
    states = []
    with running(StubEngine()) as server:
        engine = loaded(server.port, on_state=states.append)
        picture = encoded(engine)
        before = engine.segment(picture, click(15, 15))
        port = server.port
    with running(StubEngine(), port=port) as server:
        after = engine.segment(picture, click(15, 15))
        engine.close()

    np.testing.assert_array_equal(before.mask.mask, after.mask.mask)
    assert states[0] == "connecting"
    assert states.count("connected") == 2


def test_a_refined_answer_is_made_again_where_the_server_has_lost_it(server_that_refines):
    stub, server = server_that_refines
    with Cutter(server.port) as cutter:
        engine = loaded(cutter.port)
        picture = encoded(engine)
        first = engine.segment(picture, click(15, 15))
        second = engine.segment(picture, click(15, 15, (20, 20, True)), first)
        cutter.cut()
        engine.segment(picture, click(15, 15, (20, 20, True), (21, 21, False)), second)
        engine.close()

    points = [len(asked.points) for asked in stub.asked]
    assert points == [1, 2, 1, 2, 3]
    assert [one is None for one in stub.previous] == [True, False, True, False, False]


def test_a_server_that_stays_away_is_said_after_a_while_and_found_when_it_is_back():
    with running(StubEngine()) as server:
        engine = loaded(server.port, patience_s=0.3)
        picture, port = encoded(engine), server.port
    with pytest.raises(ServerUnreachable) as caught:
        engine.segment(picture, click(15, 15))
    until(lambda: engine.state == "offline")
    with running(StubEngine(), port=port):
        answer = engine.segment(picture, click(15, 15))
        engine.close()

    assert "Built-in" in caught.value.hint
    assert answer.mask.area


def test_another_model_behind_the_address_is_told():
    lost = []
    with running(StubEngine()) as server:
        engine, port = loaded(server.port, on_lost=lambda: lost.append(1)), server.port
        weights = engine.weights
    other = StubEngine()
    other.weights = "others"
    with running(other, port=port):
        engine.load(progress=no_progress, cancel=CancelToken())
        engine.close()

    assert lost == [1]
    assert engine.weights != weights


def test_a_picture_over_the_servers_limit_is_refused_here_and_a_smaller_window_offered(serving):
    with serving(limits={"image_side": 100}) as server:
        engine = loaded(server.port)
        with pytest.raises(TooLargeError) as caught:
            encoded(engine, blobs((90, 120)))
        engine.close()

    assert "smaller window" in caught.value.hint


def test_a_picture_is_not_sent_again_and_again_to_a_server_that_asks_to_slow_down(serving):
    image = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    with serving(limits={"encodes_per_s": 2, "encodes_burst": 1}) as server, Cutter(server.port) as cutter:
        engine = loaded(cutter.port)
        encoded(engine, image)
        engine.close()

    assert cutter.up < 3 * image.nbytes


def test_cancel_is_heard_while_the_server_works(serving):
    with serving(StubEngine(encode_s=30)) as server:
        engine, cancel = loaded(server.port), CancelToken()
        threading.Timer(0.3, cancel.cancel).start()
        start = time.monotonic()
        with pytest.raises(Cancelled):
            encoded(engine, cancel=cancel)
        waited = time.monotonic() - start
        engine.close()

    assert waited < HANG_S


def test_closing_on_another_thread_ends_what_is_asked(serving):
    with serving(StubEngine(encode_s=30)) as server:
        engine = loaded(server.port)
        threading.Timer(0.3, engine.close).start()
        with pytest.raises(EngineError, match="closed"):
            encoded(engine)


def test_nothing_is_left_of_an_engine_that_is_closed_or_forgotten(serving):
    with serving() as server:
        loaded(server.port).close()
        forgotten = loaded(server.port)
        assert forgotten.latency_s is not None
        del forgotten
        gc.collect()

        until(lambda: not [one for one in threading.enumerate() if "remote-link" in one.name])
        until(lambda: len(server.app.state.sessions) == 0)


def test_closing_does_not_wait_for_a_server_that_takes_its_time_to_answer(monkeypatch):
    monkeypatch.setattr(link, "GONE_S", HANG_S)
    dialled, answered = threading.Event(), threading.Event()

    def dial():
        dialled.set()
        time.sleep(0.5)
        answered.set()
        raise ServerUnreachable("It did not answer.", hint="")

    made = link.Link(dial)

    def ask():
        with pytest.raises(EngineError, match="closed"):
            made.connected()

    asks = threading.Thread(target=ask)
    asks.start()
    assert dialled.wait(HANG_S)

    made.close()

    assert not answered.is_set()
    asks.join(HANG_S)
    assert answered.wait(HANG_S)


def test_two_clients_with_one_token_do_not_touch_each_other(serving):
    with serving(tokens=("both",)) as server:
        first, second = loaded(server.port, "both"), loaded(server.port, "both")
        here, there = encoded(first), encoded(second, blobs())
        answers = [
            first.segment(here, click(15, 15)),
            second.segment(there, click(60, 60)),
            first.segment(here, click(15, 15)),
        ]
        first.close()
        assert second.segment(there, click(60, 60)).mask.area
        second.close()

    np.testing.assert_array_equal(answers[0].mask.mask, answers[2].mask.mask)


def test_a_fork_is_refused_and_does_not_end_what_its_parent_has(serving, monkeypatch):
    with serving() as server:
        engine = loaded(server.port)
        picture = encoded(engine)
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)
            with pytest.raises(EngineError, match="another process"):
                engine.segment(picture, click(15, 15))
            engine._link.close()

        assert engine.segment(picture, click(15, 15)).mask.area
        engine.close()


@pytest.fixture
def serving():
    return running


@pytest.fixture
def server_that_refines():
    stub = StubEngine(capabilities=Capabilities(refines=True))
    with running(stub) as server:
        yield stub, server


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]
