"""What the page says and keeps while the server is slow, gone, full, or of another kind."""

import json
import socket
import threading

import pytest
from playwright.sync_api import expect

from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.server.settings import Limits
from tests.conftest import squares
from tests.server.pictures import file_of
from tests.server.stub import StubEngine

FIRST, SECOND = (35, 35), (95, 95)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_a_lost_connection_keeps_points_and_resumes_with_the_same_mask(serving, tab_of):
    port = free_port()
    with serving(StubEngine(radius=10), port=port) as server:
        tab = tab_of(server).open().load().segment(*FIRST).segment(*SECOND)
        tab.forgive()
        before, session = tab.saved(), tab.session.inner_text()
    tab.waits_for("reconnecting")
    expect(tab.points).to_have_text("2")
    assert tab.shown(SECOND[0] + 8, SECOND[1])[3] > 0

    engine = StubEngine(radius=10)
    with serving(engine, port=port):
        tab.page.evaluate("dispatchEvent(new Event('online'))")
        tab.waits_for("ready")

        expect(tab.points).to_have_text("2")
        expect(tab.session).not_to_have_text(session)
        assert (tab.saved() == before).all()
        assert engine.encodes == 1
        tab.undo.click()
        expect(tab.points).to_have_text("1")
        tab.waits_for("ready")
        assert tab.saved()[FIRST] == 255


def test_a_connection_that_comes_back_to_the_same_server_uploads_nothing_again(serving, tab_of):
    engine, sent, routes = StubEngine(radius=10), [], []

    def through(route) -> None:
        server = route.connect_to_server()
        routes.append(route)
        route.on_message(lambda data: (sent.append(data), server.send(data)))

    with serving(engine) as server:
        tab = tab_of(server)
        tab.page.route_web_socket("**/ws/realtime", through)
        tab.open().load().segment(*FIRST)
        session = tab.session.inner_text()
        sent.clear()

        routes[0].close(code=1012)

        expect(tab.session).not_to_have_text(session)
        tab.waits_for("ready")
        assert not [data for data in sent if isinstance(data, bytes)]
        assert [json.loads(data)["type"] for data in sent] == ["hello", "set", "init", "restore"]
        assert engine.encodes == 1


def test_a_picture_that_could_not_be_encoded_this_time_stays_and_a_click_tries_again(serving, tab_of):
    fails = [True]

    def fail(what: str) -> None:
        if what == "encode" and fails:
            raise RuntimeError

    with serving(StubEngine(radius=10, fail=fail)) as server:
        tab = tab_of(server).open().give(file_of(squares()))
        expect(tab.error).to_contain_text("Segmentation failed: internal error")
        expect(tab.status).to_have_text("The server does not have the picture. Click on it to try again.")
        expect(tab.size).to_have_text("128 × 128")
        tab.click(*FIRST)
        expect(tab.error).to_contain_text("Segmentation failed: internal error")
        fails.clear()

        tab.click(*SECOND).waits_for("ready")

        expect(tab.points).to_have_text("2")
        expect(tab.error).to_be_hidden()
        assert tab.saved()[SECOND] == 255


def test_a_picture_that_was_put_away_does_not_come_back(serving, tab_of):
    fails = []

    def fail(what: str) -> None:
        if what == "encode" and fails:
            raise RuntimeError

    with serving(StubEngine(fail=fail)) as server:
        tab = tab_of(server).open().load()
        fails.append(True)
        tab.give(file_of(squares(64)))
        expect(tab.error).to_contain_text("internal error")
        tab.clear.click()
        expect(tab.size).to_have_text("128 × 128")

        tab.give(file_of(squares(64), "AVIF"), name="new.avif", media="image/avif")

        expect(tab.error).to_contain_text("Failed to load image")
        expect(tab.size).to_have_text("128 × 128")


def test_points_set_while_the_server_is_gone_are_told_to_the_next(serving, tab_of):
    port = free_port()
    with serving(StubEngine(radius=10), port=port) as server:
        tab = tab_of(server).open().load().segment(*FIRST)
        tab.forgive()
    tab.waits_for("reconnecting")

    tab.click(*SECOND)

    expect(tab.points).to_have_text("2")
    with serving(StubEngine(radius=10), port=port):
        tab.page.evaluate("dispatchEvent(new Event('online'))")
        tab.waits_for("ready")
        assert tab.saved()[SECOND] == 255


def test_the_status_says_encoding_and_then_busy(serving, tab_of):
    with serving(StubEngine(encode_s=0.6, decode_s=0.6)) as server:
        tab = tab_of(server).open().give(file_of(squares()))

        tab.waits_for("encoding").waits_for("ready")
        tab.click(*FIRST)
        tab.waits_for("busy").waits_for("ready")
        assert tab.saved().any()


def test_a_picture_that_comes_before_the_model_is_sent_when_the_model_is_there(serving, tab_of):
    may_load = threading.Event()
    engine = StubEngine(fail=lambda what: what == "load" and may_load.wait(20))
    with serving(engine, ready=False) as server:
        tab = tab_of(server).open().give(file_of(squares()))
        expect(tab.status).to_contain_text("The model is loading")

        may_load.set()

        tab.waits_for("ready").segment(*FIRST)


def test_an_error_of_the_server_stays_until_the_next_action(serving, tab_of):
    def fail(what: str) -> None:
        if what == "segment" and engine.decodes == 1:
            engine.decodes = 2
            raise RuntimeError("not for users")

    engine = StubEngine(fail=fail)
    with serving(engine) as server:
        tab = tab_of(server).open().load().segment(*FIRST).segment(*SECOND)

        expect(tab.error).to_contain_text("Segmentation failed")
        expect(tab.error).not_to_contain_text("not for users")
        tab.segment(*FIRST)
        expect(tab.error).to_be_hidden()


def test_an_engine_without_boxes_says_so_and_a_click_goes_on(serving, tab_of):
    with serving(StubEngine(radius=10, capabilities=Capabilities(boxes=False))) as server:
        tab = tab_of(server).open().load()
        expect(tab.boxes_help).to_be_hidden()

        tab.drag(FIRST, SECOND)

        expect(tab.error).to_have_text("This server's engine takes no boxes. Click on the object.")
        tab.segment(*FIRST)
        expect(tab.error).to_be_hidden()


def test_too_large_a_file_is_refused_before_it_is_sent(serving, tab_of):
    with serving(StubEngine(), limits=Limits(image_bytes=1000)) as server:
        tab = tab_of(server).open().give(file_of(squares()))

        expect(tab.error).to_contain_text("the server takes 0.00 MB")
        tab.waits_for("idle")


def test_a_picture_that_closes_the_connection_is_too_large_and_put_away(serving, tab_of):
    with serving(StubEngine()) as server:
        tab = tab_of(server)
        tab.page.route_web_socket("**/ws/realtime", _too_small)
        tab.open().give(file_of(squares()))

        expect(tab.error).to_contain_text("is too large for the server")
        expect(tab.canvas).to_be_hidden()
        tab.waits_for("idle")


def _too_small(route) -> None:
    """Close the connection when a picture comes."""
    server = route.connect_to_server()
    route.on_message(lambda data: route.close(code=1009) if isinstance(data, bytes) else server.send(data))


def test_a_file_that_was_changed_meanwhile_is_told_again_as_it_was(serving, tab_of, tmp_path):
    port, file = free_port(), tmp_path / "squares.png"
    file.write_bytes(file_of(squares()))
    with serving(StubEngine(radius=10), port=port) as server:
        tab = tab_of(server).open()
        tab.forgive()
        tab.file.set_input_files(file)
        tab.waits_for("ready").segment(*FIRST)
    tab.waits_for("reconnecting")

    file.write_bytes(b"something else")

    with serving(StubEngine(radius=10), port=port):
        tab.page.evaluate("dispatchEvent(new Event('online'))")
        tab.waits_for("ready")
        assert tab.saved()[FIRST] == 255


def test_a_connection_on_which_nobody_answers_is_lost(discs, tab_of):
    routes, tab = [], tab_of(discs)
    tab.forgive()
    tab.page.clock.install()
    tab.page.route_web_socket("**/ws/realtime", lambda route: routes.append((route, route.connect_to_server())))
    tab.open().load().segment(*FIRST)
    session = tab.session.inner_text()

    routes[0][1].on_message(lambda data: None)  # as when a cable is pulled: nothing comes, nothing is closed
    tab.page.context.set_offline(True)
    tab.page.clock.fast_forward(10_000)
    tab.waits_for("reconnecting")
    tab.page.context.set_offline(False)
    tab.page.clock.fast_forward(1000)

    expect(tab.session).not_to_have_text(session)
    tab.waits_for("ready")
    assert tab.saved()[FIRST] == 255


def test_a_server_on_this_machine_stays_there_without_a_network(discs, tab_of):
    tab = tab_of(discs)
    tab.page.clock.install()
    tab.open().load()
    session = tab.session.inner_text()

    tab.page.evaluate("dispatchEvent(new Event('offline'))")
    tab.segment(*FIRST)
    tab.page.clock.fast_forward(20_000)

    tab.segment(*SECOND)
    expect(tab.session).to_have_text(session)


@pytest.mark.parametrize(
    ("notice", "words"),
    [
        ({"type": "expiring", "seconds": 60}, "The session ends in 60 s without an action; your work is kept here."),
        ({"type": "draining"}, "The server is about to restart; the page then connects again."),
        ({"type": "of tomorrow"}, "Ready. Click on an object."),
    ],
)
def test_a_notice_of_the_server_is_said_until_the_next_action_and_disturbs_nobody(discs, tab_of, notice, words):
    routes, tab = [], tab_of(discs)
    tab.page.route_web_socket("**/ws/realtime", lambda route: (routes.append(route), route.connect_to_server()))
    tab.open().load()

    routes[0].send(json.dumps(notice))

    expect(tab.status).to_have_text(words)
    tab.segment(*FIRST)
    expect(tab.status).to_have_text("Ready")
    expect(tab.error).to_be_hidden()


def test_a_full_server_is_called_full_and_tried_again(serving, tab_of):
    with serving(StubEngine(), limits=Limits(sessions=1)) as server:
        tab = tab_of(server)
        tab.forgive()
        with server.client():
            tab.page.goto(f"{server.url}/app")
            tab.waits_for("full")

        tab.waits_for("idle").load()


def test_a_session_that_expired_goes_on_with_the_next_click(serving, tab_of):
    with serving(StubEngine(radius=10), idle_s=1.5, warn_s=0.5) as server:
        tab = tab_of(server).open().load().segment(*FIRST)
        tab.waits_for("asleep")

        tab.click(*SECOND)

        expect(tab.points).to_have_text("2")
        tab.waits_for("ready")
        assert tab.saved()[SECOND] == 255


def test_a_token_lets_the_page_in_and_leaves_the_address_bar(serving, tab_of):
    with serving(StubEngine(), tokens=("let-me-in",)) as server:
        tab = tab_of(server)
        tab.page.goto(f"{server.url}/app#token=let-me-in")
        tab.waits_for("idle")
        assert tab.page.url == f"{server.url}/app"

        tab.page.reload()

        tab.waits_for("idle").load()


@pytest.mark.parametrize("address", ["app", "app#token=let-him-in"])
def test_a_missing_or_wrong_token_is_named(serving, tab_of, address):
    with serving(StubEngine(), tokens=("let-me-in",)) as server:
        tab = tab_of(server)
        tab.forgive(r"WebSocket connection to .* failed|401")
        tab.page.goto(f"{server.url}/{address}")

        tab.waits_for("refused")
        expect(tab.status).to_contain_text("token is missing or wrong")


@pytest.mark.parametrize("points", [1, 12])
def test_a_server_that_knows_the_seeds_messages_alone_is_spoken_to_in_them(discs, tab_of, points):
    sent: list[dict] = []
    tab = tab_of(discs)
    tab.page.route_web_socket("**/ws/realtime", lambda route: only_the_seed(route, sent))
    tab.open().load()

    for at in range(points):
        tab.click(20 + 6 * at, 64)
    expect(tab.points).to_have_text(str(points))
    tab.waits_for("ready").segment(*SECOND)
    assert tab.saved()[SECOND] == 255
    tab.undo.click()

    expect(tab.points).to_have_text(str(points))
    tab.waits_for("ready")
    assert tab.saved()[64, 20 + 6 * (points - 1)] == 255
    assert {message["type"] for message in sent} == {"hello", "init", "click", "reset"}


def only_the_seed(route, sent: list[dict]) -> None:
    """Pass on what the seed's server knows; it echoes no ids."""
    server = route.connect_to_server()

    def up(data: str) -> None:
        message = json.loads(data)
        message.pop("id", None)
        sent.append(message)
        if message["type"] == "hello":
            route.send(json.dumps({"type": "error", "message": "Unknown message type: hello"}))
        else:
            server.send(json.dumps(message))

    route.on_message(up)
    server.on_message(route.send)
