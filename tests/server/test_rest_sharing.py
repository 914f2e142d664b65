"""Requests over HTTP among others: what arrives, what is given up, what is shared, and what fails."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import numpy as np
import pytest

from napari_sam3_assistant.core.errors import EngineError, OutOfMemory
from napari_sam3_assistant.server.rest.problems import Problem
from napari_sam3_assistant.server.rest.turns import Seats
from napari_sam3_assistant.server.settings import MIB, Limits
from tests.conftest import squares
from tests.server.conftest import until
from tests.server.pictures import SQUARES, file_of
from tests.server.stub import StubEngine, gated
from tests.server.test_rest import BOX, PNG, client_of, send

NOT_LOADED = "SAM3 model not loaded. Please check server logs and ensure SAM3 is properly installed."


@pytest.fixture(scope="module")
def small():
    """A server that takes bodies and pictures of a megabyte."""
    from tests.server.conftest import running

    limits = Limits(body_bytes=MIB, json_body_bytes=MIB, image_bytes=MIB // 2, image_pixels=100_000)
    with running(StubEngine(), limits=limits, send_s=0.5) as server:
        yield server


def raw(server, head: str, body: bytes = b"") -> socket.socket:
    """Return a connection on which the head of a request, and what there is of its body, were sent."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
    return connection


def answer_on(connection: socket.socket) -> bytes:
    """Return all that comes until the server closes the connection."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:  # of what was sent after the answer
        pass
    return b"".join(parts)


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("box", {"files": {"image": bytes(2 * MIB)}, "data": BOX}),
        ("box/base64", {"json": {"image_base64": "A" * 2 * MIB, **BOX}}),
    ],
)
def test_a_body_that_is_too_long_is_refused_in_words(small, path, options):
    with client_of(small) as client:
        answer = client.post(f"/segment/{path}", **options)

    assert answer.status_code == 413
    assert answer.json() == {"detail": "Request too large. Maximum size is 1MB."}


def test_who_asks_before_sending_a_long_body_need_not_send_it(small):
    head = "POST /segment/box HTTP/1.1\nHost: localhost\nContent-Type: multipart/form-data; boundary=b"

    with raw(small, f"{head}\nContent-Length: 99999999\nExpect: 100-continue") as connection:
        answer = answer_on(connection)

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"100 Continue" not in answer


@pytest.mark.parametrize(
    ("path", "media", "status"),
    [
        ("box/base64", "application/json", 413),
        ("box", "multipart/form-data; boundary=b", 413),
        ("box", "application/json", 422),
    ],
)
def test_a_body_that_never_ends_is_cut_off(small, path, media, status):
    head = f"POST /segment/{path} HTTP/1.1\nHost: localhost\nContent-Type: {media}\nTransfer-Encoding: chunked"
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    start = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    given: list[int] = []

    with raw(small, head, b"%x\r\n%s\r\n" % (len(start), start)) as connection:

        def feed():
            try:
                while True:
                    connection.sendall(chunk)
                    given.append(len(chunk))
            except OSError:
                return

        feeding = threading.Thread(target=feed)
        feeding.start()
        answer = answer_on(connection)
        feeding.join(20)

    assert not feeding.is_alive()
    assert sum(given) > MIB or status == 422
    assert not answer or answer.startswith(b"HTTP/1.1 %d" % status)


def test_a_body_that_stops_arriving_is_given_up(small):
    head = "POST /segment/box/base64 HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: 100"

    with raw(small, head, b'{"image') as connection:
        answer = answer_on(connection)

    assert answer.startswith(b"HTTP/1.1 408")
    assert b"The request did not arrive in time" in answer


def test_a_picture_with_too_many_bytes_is_refused_with_both_numbers(small):
    with client_of(small) as client:
        file = send(client, "box", image=bytes(int(0.7 * MIB)), **BOX)
        text = send(client, "box/base64", image=bytes(int(0.7 * MIB)), **BOX)

    for answer in (file, text):
        assert answer.status_code == 400
        assert answer.json()["detail"] == "Image too large (0.7 MB). Maximum size is 0.5MB."


def test_a_picture_with_too_many_pixels_is_refused(small):
    bomb = file_of(squares(400))

    with client_of(small) as client:
        answer = send(client, "box", image=bomb, **BOX)

    assert answer.status_code == 400
    assert answer.json()["detail"] == "Image too large: 400x400 exceeds the limit of 0.1 megapixels"


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"", "application/json", 422),
        (b"{", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"\xff", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"image_base64": NaN, "x1": NaN}', "application/json", 422),
        (b"image_base64=a", "application/x-www-form-urlencoded", 422),
    ],
)
def test_malformed_json_is_refused_and_not_sent_back(small, body, media, status):
    with client_of(small) as client:
        answer = client.post("/segment/box/base64", content=body, headers={"content-type": media})

    assert answer.status_code in (status, 415)
    assert "input" not in answer.text
    assert len(answer.content) < 1000


@pytest.mark.parametrize(
    "body", [b"", b"--b--", b"nonsense", b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\nx']
)
def test_malformed_forms_are_refused(small, body):
    headers = {"content-type": "multipart/form-data; boundary=b"}

    with client_of(small) as client:
        answer = client.post("/segment/box", content=body, headers=headers)

    assert answer.status_code in (400, 422)


def test_a_form_without_a_picture_names_it(small):
    with client_of(small) as client:
        missing = client.post("/segment/box", files={"other": b"x"}, data=BOX)
        as_text = client.post("/segment/box", files={"x": b"x"}, data={"image": "text", **BOX})

    for answer in (missing, as_text):
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["body", "image"]


def test_fields_twice_or_unknown_do_no_harm(small):
    body = b'{"image_base64": "%s", "x1": 99, "x1": 15, "y1": 15, "x2": 55, "y2": 55, "model": "other"}'

    with client_of(small) as client:
        content = body % SQUARES.encode()
        answer = client.post("/segment/box/base64", content=content, headers={"content-type": "application/json"})

    assert answer.json()["boxes"] == [[15, 15, 55, 55]]


def test_a_picture_is_encoded_once_over_requests_and_sockets(serving):
    engine = StubEngine()

    with serving(engine, warm_up=False) as server, client_of(server) as http, server.client() as client:
        client.ask("init", image=SQUARES)
        answers = [send(http, path, **BOX) for path in ("box", "box/base64", "box")]

    assert [one.status_code for one in answers] == [200] * 3
    assert (engine.encodes, engine.decodes) == (1, 3)


def test_the_work_of_a_client_that_leaves_is_stopped(serving):
    engine = StubEngine(encode_s=20)

    with serving(engine, warm_up=False) as server:
        inference = server.app.state.inference
        with client_of(server) as client, pytest.raises(httpx2.ReadTimeout):
            send_within(client, 1.0)
        until(lambda: inference.silent_s == 0 and inference.backlog == 0)

    assert (engine.encodes, engine.decodes) == (0, 0)


def send_within(client: httpx2.Client, seconds: float) -> httpx2.Response:
    return client.post("/segment/box", files={"image": PNG}, data=BOX, timeout=seconds)


def test_a_click_does_not_wait_for_all_pictures_that_another_client_has_sent(serving):
    engine = StubEngine(encode_s=0.4)
    pictures = [file_of(np.full((32, 32), value, np.uint8)) for value in range(6)]

    def ask(client, picture):
        return send(client, "points", image=picture, points_x="3", points_y="3", labels="1").status_code

    # What has waited for a moment counts as a click does: only taking turns brings the click before most of them.
    with serving(engine, warm_up=False, age_s=0.01) as server, client_of(server) as http, server.client() as client:
        client.ask("init", image=SQUARES)
        with ThreadPoolExecutor(6) as pool:
            asked = [pool.submit(ask, http, picture) for picture in pictures]
            until(lambda: engine.encodes > 1)
            before = engine.encodes
            client.ask("click", x=30, y=30)
            result = client.receive()
            between = engine.encodes - before
            assert [one.result() for one in asked] == [200] * 6

    assert result["type"] == "segmentation_result"
    assert between <= 2  # the one that ran, and the one whose turn it was


def test_a_request_takes_one_turn_and_two_of_an_address_are_asked_side_by_side(serving):
    engine, gate = gated()

    with serving(engine, warm_up=False) as server, client_of(server) as client, ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(send, client, "box", **BOX) for _ in range(3)]
        assert gate.reached.wait(10)
        until(lambda: server.app.state.inference.backlog == 1)  # one is answered, one waits for the engine
        gate.opened.set()
        assert [one.result().status_code for one in asked] == [200] * 3
        turns = client.get("/metrics").text

    assert "napari_sam3_queue_seconds_count 3.0" in turns


def test_who_still_waits_when_the_server_has_ended_is_told_to_try_again(serving, monkeypatch):
    monkeypatch.setattr("napari_sam3_assistant.server.running.LEAVING_S", 0.1)
    encoding = threading.Event()
    engine = StubEngine(encode_s=20, fail=lambda what: encoding.set() if what == "encode" else None)

    with ThreadPoolExecutor(1) as pool, serving(engine, warm_up=False) as server, client_of(server) as client:
        waiting = pool.submit(send, client, "box", **BOX)
        assert encoding.wait(10)
        server.server.should_exit = True
        answer = waiting.result()

    assert (answer.status_code, answer.json()["detail"]) == (503, "The request was stopped. Try again.")
    assert int(answer.headers["retry-after"]) > 0


def test_more_requests_than_there_is_room_for_are_told_to_wait(serving):
    encoding = threading.Event()
    engine = StubEngine(encode_s=20, fail=lambda what: encoding.set() if what == "encode" else None)

    with serving(engine, warm_up=False, limits=Limits(requests=1)) as server, client_of(server) as client:
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(send_within, client, 2.0)
            assert encoding.wait(10)
            second = send(client, "box", **BOX)
            with pytest.raises(httpx2.ReadTimeout):
                first.result()
        until(lambda: send(client, "text", text="x").status_code == 501)

    assert second.status_code == 503
    assert second.json() == {"detail": "Server is full, try again later"}
    assert int(second.headers["retry-after"]) > 0


def test_one_address_may_not_take_every_seat():
    seats = Seats(Limits(requests=4, requests_per_address=1))

    with seats.taken("203.0.113.7"):
        with pytest.raises(Problem) as caught, seats.taken("203.0.113.7"):
            pass
        with seats.taken("203.0.113.8"), seats.taken("127.0.0.1"), seats.taken("127.0.0.1"):
            pass
    with seats.taken("203.0.113.7"):
        pass

    assert caught.value.status_code == 429
    assert caught.value.headers["Retry-After"]
    assert caught.value.detail == "Too many requests at once (1). Wait for an answer first."


def test_nothing_is_answered_before_the_model_is_there(serving):
    with serving(StubEngine(load_s=20), ready=False) as server, client_of(server) as client:
        answer = send(client, "box", **BOX)

    assert (answer.status_code, answer.json()) == (503, {"detail": NOT_LOADED})
    assert int(answer.headers["retry-after"]) > 0


def test_a_model_that_cannot_be_loaded_is_told(serving, caplog):
    def fail(what):
        if what == "load":
            raise EngineError("secret/path is gone")

    with serving(StubEngine(fail=fail), ready=False) as server, client_of(server) as client:
        until(lambda: server.app.state.inference.state == "failed")
        answer = send(client, "box", **BOX)

    assert (answer.status_code, answer.json()) == (503, {"detail": NOT_LOADED})


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (OutOfMemory("cuda:0 /secret"), 503, "Segmentation failed: out of GPU memory"),
        (EngineError("/secret"), 500, "Segmentation failed: internal error (ref "),
        (ZeroDivisionError("/secret"), 500, "Segmentation failed: internal error (ref "),
    ],
)
def test_what_an_engine_fails_with_is_not_told(serving, error, status, says):
    def fail(what):
        if what == "segment":
            raise error

    with serving(StubEngine(fail=fail), warm_up=False) as server, client_of(server) as client:
        answer = send(client, "box", **BOX)

    assert answer.status_code == status
    assert answer.json()["detail"].startswith(says)
    assert "secret" not in answer.text


def test_an_engine_that_does_not_answer_is_told_to_who_waits(serving):
    engine = StubEngine(decode_s=2.0, looks=False)

    with serving(engine, warm_up=False, heartbeat_s=0.4) as server, client_of(server) as client:
        answer = send(client, "box", **BOX)

    assert answer.status_code == 503
    assert answer.json()["detail"] == "The engine does not answer. See the server log."


def test_finding_everything_ends_in_time(serving):
    engine = StubEngine(decode_s=0.1)
    limits = Limits(everything_s=0.5)

    with serving(engine, warm_up=False, limits=limits) as server, client_of(server) as client:
        answer = send(client, "auto", points_per_side=16)
        decodes = engine.decodes
        time.sleep(0.5)

    assert answer.status_code == 504
    assert "Use fewer points per side." in answer.json()["detail"]
    assert engine.decodes <= decodes + 3


def test_the_grid_has_no_more_points_than_the_server_allows(serving):
    with serving(StubEngine(), limits=Limits(points_per_side=8)) as server, client_of(server) as client:
        answer = send(client, "auto", points_per_side=9)

    assert (answer.status_code, answer.json()["detail"]) == (400, "points_per_side must be at most 8")
