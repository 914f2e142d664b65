"""One connection, over a real socket: order, ends, limits."""

from __future__ import annotations

import signal
import threading

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from napari_sam3_assistant.server.settings import Limits
from napari_sam3_assistant.server.socket.reading import PARSED_AT_ONCE
from tests.server.conftest import until
from tests.server.pictures import SQUARES, data_url, file_of, mask_in
from tests.server.stub import StubEngine, gated

SMALL = data_url(file_of(np.zeros((40, 40), np.uint8)))
FRAMED = b'SM3\x01\x25\0\0\0{"type": "close", "encoding": "file"}'
LARGE = SQUARES + " " * 100_000  # parsed beside the loop, and longer than the frames before it


def closed(client) -> tuple[int, str]:
    """Return the code and reason of the close frame, after what came before it was read."""
    frame = None
    try:
        while True:
            client.receive()
    except ConnectionClosed as end:
        frame = end.rcvd
    assert frame is not None, "the server has sent no close frame"
    return frame.code, frame.reason


def received_until(client, type: str) -> list[dict]:
    """Return what comes, up to the first message of a type."""
    messages = [client.receive()]
    while messages[-1]["type"] != type:
        messages.append(client.receive())
    return messages


def waiting(server) -> int:
    """Return how many messages wait in the mailbox of the one client, refusals included."""
    (connection,) = server.app.state.sessions._connections
    return len(connection._mailbox)


def types(messages: list[dict]) -> list[str]:
    return [message["type"] for message in messages]


def test_answers_come_in_the_order_of_the_messages(serving):
    with serving(StubEngine(encode_s=0.2, decode_s=0.02)) as server, server.client() as client:
        client.send("init", image=LARGE)
        client.send("reset")
        client.send("click", x=1, y=1)
        client.send("dance")
        client.send("click", x=2, y=2)
        answers = [client.receive() for _ in range(7)]

    assert types(answers) == [
        "image_loaded",
        "points_cleared",
        "point_added",
        "segmentation_result",
        "error",
        "point_added",
        "segmentation_result",
    ]
    assert answers[4]["message"] == "Unknown message type: dance"


def test_after_hello_clicks_are_acknowledged_while_older_ones_are_computed(serving):
    engine, gate = gated()
    with serving(engine) as server, server.client() as client:
        client.ask("hello")
        client.ask("init", image=SQUARES)
        for column in range(3):
            client.send("click", x=column, y=1, id=str(column))
        answers = [client.receive() for _ in range(3)]
        gate.opened.set()
        answers += [client.receive() for _ in range(3)]

    assert types(answers) == ["point_added"] * 3 + ["segmentation_result"] * 3
    assert [answer["id"] for answer in answers] == ["0", "1", "2"] * 2


def test_clicks_behind_a_picture_wait_for_it_after_hello_too(serving):
    with serving(StubEngine(encode_s=0.2)) as server, server.client() as client:
        client.ask("hello")
        client.send("init", image=SQUARES)
        client.send("click", x=1, y=1)
        answers = [client.receive() for _ in range(3)]

    assert types(answers) == ["image_loaded", "point_added", "segmentation_result"]


def test_who_agreed_to_coalesce_gets_the_newest_result_and_every_answer(serving):
    engine, gate = gated()
    with serving(engine) as server, server.client() as client:
        client.ask("hello", coalesce=True)
        client.ask("init", image=SQUARES)
        client.send("click", x=0, y=1, id="0")
        assert gate.reached.wait(10)
        for column in range(1, 6):
            client.send("click", x=column, y=1, id=str(column))
        answers = [client.receive() for _ in range(10)]
        gate.opened.set()
        answers += [client.receive() for _ in range(2)]

    last = {answer["id"]: answer["type"] for answer in answers}
    assert last == {**dict.fromkeys("1234", "superseded"), "0": "segmentation_result", "5": "segmentation_result"}
    assert engine.decodes == 2


def test_queued_work_can_be_cancelled_and_nothing_else_comes_for_it(serving):
    engine, gate = gated()
    with serving(engine) as server, server.client() as client:
        client.ask("hello")
        client.ask("init", image=SQUARES)
        for id in "abc":
            client.send("click", x=1, y=1, id=id)
        client.send("cancel", id="b")
        client.send("cancel", id="zzz")
        answers = [client.receive() for _ in range(5)]
        gate.opened.set()
        answers += [client.receive() for _ in range(2)]

    about_b = [answer["type"] for answer in answers if answer.get("id") == "b"]
    assert about_b == ["point_added", "cancelled"]
    assert [answer["code"] for answer in answers if answer.get("id") == "zzz"] == ["not_found"]
    assert sorted(answer["id"] for answer in answers if answer["type"] == "segmentation_result") == ["a", "c"]
    assert engine.decodes == 2


def test_pictures_on_their_way_can_be_cancelled_and_the_last_one_stays(serving):
    engine = StubEngine()
    with serving(engine) as server, server.client() as client:
        client.ask("hello")
        client.ask("init", image=SQUARES)
        engine.encode_s = 30.0
        client.send("init", image=SMALL, id="slow")
        client.send("click", x=100, y=100)
        client.send("init", image=LARGE, id="late")
        client.send("cancel", id="late")
        client.send("cancel", id="slow")
        answers = received_until(client, "point_added")

    assert [(answer["type"], answer["id"]) for answer in answers[:2]] == [("cancelled", "late"), ("cancelled", "slow")]
    assert answers[-1]["x"] == 100


@pytest.mark.parametrize("image", [SQUARES, LARGE], ids=["short", "long"])
@pytest.mark.parametrize(("coalesce", "answer"), [(True, "superseded"), (False, "cancelled")])
def test_a_picture_on_its_way_gives_way_to_a_newer_one(serving, coalesce, answer, image):
    began = threading.Event()
    engine = StubEngine(encode_s=30.0, fail=lambda what: began.set() if what == "encode" else None)
    with serving(engine) as server, server.client() as client:
        client.ask("hello", coalesce=coalesce)
        client.send("init", image=SMALL, id="old")
        assert began.wait(10)
        engine.encode_s = 0.0
        client.send("init", image=image, id="new")
        client.send("click", x=100, y=100)
        answers = received_until(client, "segmentation_result")

    assert [(one["type"], one.get("id")) for one in answers[:2]] == [(answer, "old"), ("image_loaded", "new")]
    assert types(answers[2:]) == ["point_added", "segmentation_result"]
    assert engine.encodes == 1


def test_a_picture_that_waits_for_its_turn_gives_way_and_what_was_asked_before_does_not(serving):
    engine, gate = gated()
    with serving(engine) as server, server.client() as client:
        client.ask("hello")
        client.ask("init", image=SQUARES)
        client.ask("click", x=1, y=1, id="click")
        assert gate.reached.wait(10)
        client.send("init", image=SMALL, id="old")
        client.send("init", image=SQUARES, id="new")
        dropped = client.receive()
        gate.opened.set()
        answers = [client.receive() for _ in range(2)]

    assert dropped == {"type": "cancelled", "id": "old"}
    assert [(one["type"], one["id"]) for one in answers] == [("segmentation_result", "click"), ("image_loaded", "new")]
    assert engine.encodes == 1


def test_a_picture_does_not_give_way_to_one_that_is_refused_at_once(serving):
    engine, gate = gated("encode")
    with serving(engine, limits=Limits(inits_per_s=0.01, inits_burst=1)) as server, server.client() as client:
        client.ask("hello", coalesce=True)
        client.send("init", image=SQUARES, id="first")
        assert gate.reached.wait(10)
        refused = client.ask("init", image=SMALL, id="second")
        gate.opened.set()
        loaded = client.receive()

    assert (refused["id"], refused["code"]) == ("second", "rate_limited")
    assert (loaded["type"], loaded["id"]) == ("image_loaded", "first")


def test_a_hover_is_answered_by_its_newest_place_and_changes_nothing(serving):
    engine, gate = gated()
    with serving(engine) as server, server.client() as client:
        client.ask("hello")
        client.ask("init", image=SQUARES)
        client.send("click", x=1, y=1)
        for column in range(10):
            client.send("hover", x=column, y=1, id=str(column))
        assert client.ask("ping")["type"] == "point_added"
        assert client.receive()["type"] == "pong"  # all that was sent before is taken
        gate.opened.set()
        answers = [client.receive() for _ in range(2)]
        after = client.ask("ping", t=1)

    assert types(answers) == ["segmentation_result", "preview"]
    assert answers[-1]["id"] == "9"
    assert (after["type"], after["t"], after["queue"]) == ("pong", 1, 0)
    assert engine.decodes == 2


def test_hovers_come_no_faster_than_the_limit(serving):
    engine = StubEngine()
    with serving(engine, limits=Limits(hovers_per_s=1.0)) as server, server.client() as client:
        client.ask("hello")
        client.ask("init", image=SQUARES)
        first = client.ask("hover", x=1, y=1)
        for column in range(50):
            client.send("hover", x=column, y=1)
        second = client.receive()
        pong = client.ask("ping")

    assert types([first, second, pong]) == ["preview", "preview", "pong"]
    assert second["x"] == 49


def test_a_ping_is_answered_while_a_picture_is_encoded(serving):
    engine, gate = gated("encode")
    with serving(engine) as server, server.client() as client:
        client.ask("hello")
        client.send("init", image=SQUARES)
        assert gate.reached.wait(10)
        pong = client.ask("ping", t=3)
        gate.opened.set()
        loaded = client.receive()

    assert (pong["type"], pong["t"], pong["queue"]) == ("pong", 3, 1)
    assert loaded["type"] == "image_loaded"


def test_progress_says_how_many_works_are_ahead(serving):
    engine, gate = gated()
    with serving(engine) as server, server.client() as client:
        client.ask("hello", progress=True)
        client.ask("init", image=SQUARES)
        for id in "ab":
            client.send("click", x=1, y=1, id=id)
        answers = [client.receive() for _ in range(5)]
        gate.opened.set()
        answers += received_until(client, "segmentation_result") + received_until(client, "segmentation_result")

    queued = [answer for answer in answers if answer["type"] == "progress" and answer["stage"] == "queued"]
    assert [(answer["id"], answer["position"]) for answer in queued] == [("b", 1)]


def test_what_finds_the_mailbox_full_is_answered_busy_in_its_turn(serving):
    limits = Limits(waiting=3)
    engine, gate = gated("encode")
    with serving(engine, limits=limits) as server, server.client() as client:
        client.send("init", image=SQUARES)
        assert gate.reached.wait(10)
        for id in range(6):
            client.send("click", x=1, y=1, id=str(id))
        until(lambda: waiting(server) == 6)
        gate.opened.set()
        answers = [client.receive() for _ in range(9)]

    assert types(answers) == ["image_loaded"] + ["point_added", "segmentation_result"] * 2 + ["error"] * 4
    assert {(answer["code"], answer["message"]) for answer in answers[5:]} == {("busy", "Busy: 3 requests are waiting")}
    assert [answer["id"] for answer in answers[5:]] == ["2", "3", "4", "5"]


def test_waiting_messages_take_a_bounded_memory(serving):
    limits = Limits(message_bytes=len(LARGE) + 100)
    engine, gate = gated("encode")
    with serving(engine, limits=limits) as server, server.client() as client:
        client.send("init", image=SQUARES)
        assert gate.reached.wait(10)
        for _ in range(4):
            client.send("init", image=LARGE)
        until(lambda: waiting(server) == 4)
        gate.opened.set()
        answers = [client.receive() for _ in range(5)]

    assert types(answers) == ["image_loaded"] * 3 + ["error"] * 2
    assert {answer["code"] for answer in answers[3:]} == {"busy"}


def test_more_than_the_limit_without_an_answer_ends_the_connection(serving):
    limits = Limits(waiting=2, refused=30)
    with serving(StubEngine(encode_s=30), limits=limits) as server, server.client() as client:
        client.send("init", image=SQUARES)
        for _ in range(30):
            client.send("click", x=1, y=1)

        assert closed(client) == (1008, "Too many messages")


def test_messages_beyond_the_rate_are_refused_one_by_one(serving):
    limits = Limits(messages_per_s=0.01, messages_burst=3)
    with serving(limits=limits) as server, server.client() as client:
        answers = [client.ask("reset", id=str(number)) for number in range(5)]

    assert types(answers) == ["points_cleared"] * 3 + ["error"] * 2
    assert [(answer["code"], answer["id"], answer["retryable"]) for answer in answers[3:]] == [
        ("rate_limited", "3", True),
        ("rate_limited", "4", True),
    ]


def test_who_goes_on_beyond_the_rate_is_let_go(serving):
    limits = Limits(messages_per_s=0.01, messages_burst=1, refused=10)
    with serving(limits=limits) as server, server.client() as client:
        answers = [client.ask("reset") for _ in range(11)]
        client.send("reset")

        assert closed(client)[0] == 1008

    assert types(answers) == ["points_cleared"] + ["error"] * 10


def test_pictures_have_a_rate_of_their_own(serving):
    limits = Limits(inits_per_s=0.01, inits_burst=2)
    with serving(limits=limits) as server, server.client() as client:
        answers = [client.ask("init", image=SQUARES) for _ in range(3)]
        still = client.ask("click", x=1, y=1)

    assert types(answers) == ["image_loaded"] * 2 + ["error"]
    assert answers[2]["code"] == "rate_limited"
    assert still["type"] == "point_added"


def test_twenty_invalid_messages_in_a_row_end_the_connection(serving):
    with serving() as server, server.client() as client:
        for _ in range(19):
            client.socket.send("nonsense")
        client.send("reset")
        for _ in range(20):
            client.socket.send("nonsense")
        answers = [client.receive() for _ in range(40)]

        assert closed(client) == (1008, "Too many invalid messages")

    assert types(answers) == ["error"] * 19 + ["points_cleared"] + ["error"] * 20
    assert {answer["message"] for answer in answers if answer["type"] == "error"} == {"Invalid JSON"}


def test_messages_that_are_refused_for_another_reason_do_not_end_the_connection(serving):
    with serving(limits=Limits(invalid_in_a_row=2)) as server, server.client() as client:
        refused = [client.ask("click", x=1, y=1) for _ in range(4)]
        still = client.ask("reset")

    assert {answer["code"] for answer in refused} == {"no_image"}
    assert still["type"] == "points_cleared"


def test_close_is_answered_by_a_close_frame_alone_even_during_an_encode(serving):
    engine = StubEngine(encode_s=30)
    with serving(engine) as server, server.client() as client:
        client.send("init", image=SQUARES)
        until(lambda: engine.threads)
        client.send("close")
        client.send("click", x=1, y=1)

        with pytest.raises(ConnectionClosed) as end:
            client.receive(timeout=5)
        until(lambda: len(server.app.state.sessions) == 0)

    assert end.value.rcvd.code == 1000


@pytest.mark.parametrize("goodbye", [FRAMED, '{"type": "close"' + " " * PARSED_AT_ONCE + "}"], ids=["frame", "long"])
def test_close_ends_the_connection_in_whatever_form_it_is_said(serving, goodbye):
    with serving() as server, server.client() as client:
        client.ask("hello", binary=True)
        client.socket.send(goodbye)

        with pytest.raises(ConnectionClosed) as end:
            client.receive(timeout=5)

    assert end.value.rcvd.code == 1000


@pytest.mark.parametrize("leave", ["abort", "close"])
def test_who_leaves_is_forgotten_at_once_and_its_picture_is_kept(serving, caplog, leave):
    engine = StubEngine(decode_s=0.3)
    with serving(engine) as server:
        with server.client() as client:
            client.ask("init", image=SQUARES)
            client.send("click", x=1, y=1)
            client.receive()
            if leave == "abort":
                client.socket.socket.shutdown(2)
        until(lambda: len(server.app.state.sessions) == 0, 5)
        with server.client() as client:
            again = client.ask("init", image=SQUARES)

    assert again["cached"] is True
    assert engine.encodes == 1
    assert not [record for record in caplog.records if record.exc_info or record.levelname in ("WARNING", "ERROR")]


def test_an_idle_session_expires_and_pings_do_not_count(serving):
    with serving(idle_s=1.0) as server, server.client() as client:
        client.ask("hello")
        client.send("ping")
        messages = received_until(client, "error")

        assert closed(client) == (4408, "Session expired after 1 second without activity")

    assert types(messages) == ["pong", "expiring", "error"]
    assert 0 < messages[1]["seconds"] <= 0.5
    assert (messages[2]["code"], messages[2]["message"]) == (
        "session_expired",
        "Session expired after 1 second without activity",
    )


def test_a_session_does_not_expire_while_it_waits_for_an_answer(serving):
    with serving(StubEngine(encode_s=1.8), idle_s=1.0) as server, server.client() as client:
        loaded = client.ask("init", image=SQUARES)

    assert loaded["type"] == "image_loaded"


def test_a_long_encode_drops_no_client(serving):
    with serving(StubEngine(encode_s=2.0), ping_s=0.5) as server, server.client() as client:
        loaded = client.ask("init", image=SQUARES)

    assert loaded["type"] == "image_loaded"


def test_a_full_server_says_so_and_closes(serving):
    with serving(limits=Limits(sessions=1)) as server, server.client():
        with server.client() as second:
            end = closed(second)
        sessions = len(server.app.state.sessions)

    assert (second.created["type"], second.created["code"], second.created["retryable"]) == (
        "error",
        "server_full",
        True,
    )
    assert second.created["message"] == "Server is full, try again later"
    assert end[0] == 1013
    assert sessions == 1


def test_one_address_may_not_take_every_place_but_this_machine_may(serving):
    limits = Limits(sessions_per_address=1)
    with serving(limits=limits, forwarded_allow_ips="127.0.0.1") as server:
        header = {"X-Forwarded-For": "192.0.2.7"}
        with server.client(additional_headers=header) as first, server.client(additional_headers=header) as second:
            other = {"X-Forwarded-For": "192.0.2.8"}
            with server.client(additional_headers=other) as third, server.client() as fourth, server.client() as fifth:
                kinds = [client.created["type"] for client in (first, second, third, fourth, fifth)]
        until(lambda: len(server.app.state.sessions) == 0)
        with server.client(additional_headers=header) as again:
            kinds.append(again.created["type"])

    assert kinds == ["session_created", "error", *["session_created"] * 4]


def test_a_server_that_drains_tells_who_understands_and_lets_nobody_in(serving):
    with serving() as server, server.client() as old, server.client() as new:
        new.ask("hello")
        server.server.handle_exit(signal.SIGTERM, None)
        told = new.receive()
        with server.client() as late:
            end = closed(late)
        still = old.ask("reset")

    assert told["type"] == "draining"
    assert (late.created["code"], end[0]) == ("server_full", 1012)
    assert still["type"] == "points_cleared"


def test_a_server_that_stops_closes_with_service_restart_and_leaves_no_thread(serving, caplog):
    before = set(threading.enumerate())
    with serving(StubEngine(encode_s=30)) as server, server.client() as idle, server.client() as busy:
        busy.send("init", image=SQUARES)
        until(lambda: server.app.state.inference.engine.threads)
        server.server.should_exit = True
        ends = [closed(idle)[0], closed(busy)[0]]

    assert ends == [1012, 1012]
    until(lambda: {thread for thread in set(threading.enumerate()) - before if thread.name != "server"} == set())
    assert not [record for record in caplog.records if record.exc_info or record.levelname in ("WARNING", "ERROR")]


def test_two_sessions_never_see_each_others_results(serving):
    """One has a picture of 40 pixels, the other of 128: the size of each mask says whose it is."""
    seen: dict[str, set[tuple[int, int]]] = {"small": set(), "large": set()}

    def click(name: str, picture: str) -> None:
        with server.client() as client:
            client.ask("init", image=picture)
            for number in range(10):
                client.ask("click", x=number, y=5)
                result = client.receive()
                seen[name].add((mask_in(result).shape, result["num_points"] == number + 1))

    with serving(StubEngine(decode_s=0.005)) as server:
        threads = [
            threading.Thread(target=click, args=one) for one in [("small", SMALL), ("large", SQUARES)] for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert seen == {"small": {((40, 40), True)}, "large": {((128, 128), True)}}
