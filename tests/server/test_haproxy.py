"""Two real servers behind Debian's HAProxy: fair shares, TLS, draining, restarts and kills without a lost prompt."""

from __future__ import annotations

import itertools
import json
import signal
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.server import haproxy
from tests.server.client import example
from tests.server.haproxy import HAPROXY, START_S, TOKEN, wait_for
from tests.server.test_examples_client import CLICKS, PICTURE

pytestmark = pytest.mark.skipif(HAPROXY is None, reason="needs HAProxy: apt-get install haproxy")
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PLACES = [*CLICKS, (60, 45), (70, 130), (150, 90), (5, 5)]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    with haproxy.house(folder, "--forwarded-allow-ips", "127.0.0.1", "--drain-seconds", "0.5") as house:
        yield house


@pytest.fixture
def house(running):
    """Return the house with nobody there and both servers up, whatever the test before has ended; HAProxy knows it."""

    def both_are_used() -> bool:
        if any(node.sessions for node in running.nodes):  # those of the last try
            return False
        with socket_of(running), socket_of(running):
            return all(node.sessions == 1 for node in running.nodes)

    for node in running.nodes:
        if node.process.poll() is not None:
            node.start()
    for happened in (
        lambda: all(node.ready and node.sessions == 0 for node in running.nodes),
        both_are_used,
        lambda: not any(node.sessions for node in running.nodes),
    ):
        wait_for(happened)
    return running


@contextmanager
def socket_of(house):
    """Connect through the proxy; yields the socket and its first message."""
    with connect(house.address, ssl=house.tls, additional_headers=BEARER, open_timeout=START_S) as one:
        yield one, json.loads(one.recv(START_S))


def client_of(house):
    return example.RealtimeClient(house.address, TOKEN, tls=house.tls, patience_s=60)


def with_an_object(house, stack: ExitStack):
    """Return a client that has clicked on one object of the picture."""
    client = stack.enter_context(client_of(house))
    client.open(PICTURE)
    client.click(*CLICKS[0])
    return client


def test_the_configuration_has_neither_an_error_nor_a_warning(tmp_path):
    certificate = tmp_path / "sam3.pem"
    haproxy.trustme.CA().issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(certificate)
    given = haproxy.CONFIGURATION.read_text(encoding="utf-8").replace("/etc/haproxy/sam3.pem", str(certificate))
    (tmp_path / "haproxy.cfg").write_text(given, encoding="utf-8")

    looked = subprocess.run(
        [HAPROXY, "-c", "-dW", "-f", tmp_path / "haproxy.cfg"], capture_output=True, text=True, check=False
    )

    assert looked.returncode == 0, looked.stderr


def test_twelve_sessions_are_shared_out_fairly(house):
    with ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(socket_of(house))

        assert [node.sessions for node in house.nodes] == [6, 6]


def test_without_tls_one_is_sent_to_it_and_only_what_clients_use_is_let_through(house):
    with httpx2.Client(verify=house.tls, headers=BEARER) as client:
        plain = client.get(f"http://localhost:{house.plain}/app?a=b")
        paths = ["/app", "/static/main.js", "/health", "/openapi.json", "/metrics", "/healthz", "/readyz", "/%6detrics"]
        found = {path: client.get(f"https://localhost:{house.secure}{path}").status_code for path in paths}

    assert plain.status_code == 308
    assert plain.headers["location"] == f"https://localhost:{house.plain}/app?a=b"
    assert list(found.values()) == [200] * 4 + [404] * 4, found


def test_a_token_is_asked_for_behind_the_proxy_too(house):
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(
            house.address,
            ssl=house.tls,
            additional_headers={"Authorization": "Bearer another-token"},
            open_timeout=START_S,
        ),
    ):
        pass
    browser = connect(house.address, ssl=house.tls, subprotocols=["sam3.v1", f"bearer.{TOKEN}"], open_timeout=START_S)

    assert refused.value.response.status_code == 401
    with browser as one:
        assert one.subprotocol == "sam3.v1"


def test_the_limits_of_an_address_are_those_of_the_client_whatever_it_says_itself(house):
    def come(stack: ExitStack, address: str, says: str = "") -> dict:
        here = stack.enter_context(closing(socket.create_connection(("localhost", house.told))))
        here.sendall(f"PROXY TCP4 {address} 127.0.0.1 40000 443\r\n".encode())
        headers = BEARER | ({"X-Forwarded-For": says} if says else {})
        one = connect(house.address, sock=here, ssl=house.tls, additional_headers=headers, open_timeout=START_S)
        return json.loads(stack.enter_context(one).recv(START_S))

    with ExitStack() as stack:
        firsts = [come(stack, "203.0.113.5", f"198.51.100.{number}") for number in range(17)]

        assert [one["type"] for one in firsts] == ["session_created"] * 16 + ["error"]
        assert firsts[-1]["message"] == "Too many connections from your address, close one"
        assert come(stack, "203.0.113.6")["type"] == "session_created"


def test_a_server_that_drains_keeps_who_is_there_and_they_resume_at_another(house):
    first, second = house.nodes
    with ExitStack() as stack:
        plain = [stack.enter_context(socket_of(house))[0] for _ in range(2)]
        clients = [with_an_object(house, stack) for _ in range(2)]
        assert [node.sessions for node in house.nodes] == [2, 2]
        before = clients[0].results[1].mask.tobytes()

        assert first.end(signal.SIGTERM) == 0

        codes = []
        for one in plain:
            try:
                one.recv(0.1)
            except ConnectionClosed as closed:
                codes.append(closed.rcvd.code)
            except TimeoutError:
                codes.append(None)
        assert sorted(codes, key=str) == [1012, None], "who was on the other server notices nothing"
        clients[0].results.clear()
        for client in clients:
            client.click(*CLICKS[0], object_id=client.new_object())
            assert all(result.mask.tobytes() == before for result in client.results.values())
            assert client.objects.keys() == {1, 2}
        assert sorted(client.connections for client in clients) == [1, 2]
        assert second.sessions == 3


def work(client, over: threading.Event, known: dict) -> int:
    """Click until told to end, and return how often; the same prompts must give the same mask, whoever answers."""
    client.open(PICTURE)
    for turn in itertools.count(1):
        number = turn // 20 % 40 + 1
        if number not in client.objects:
            client.new_object()
        result = client.click(*PLACES[turn % len(PLACES)], int(turn % 3 != 2), object_id=number)
        mask = result.mask.tobytes()
        assert known.setdefault(client.objects[number].points, mask) == mask
        if over.wait(0.2):
            return turn


def test_one_server_is_restarted_and_then_the_other_one_killed_and_no_prompt_is_lost(house):
    first, second = house.nodes
    over, known = threading.Event(), {}
    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        stack.callback(over.set)
        clients = [stack.enter_context(client_of(house)) for _ in range(4)]
        working = [pool.submit(work, client, over, known) for client in clients]
        wait_for(lambda: all(client.results for client in clients))
        assert [node.sessions for node in house.nodes] == [2, 2]

        assert second.end(signal.SIGTERM) == 0
        second.start()
        wait_for(lambda: second.ready and first.sessions == 4)
        first.end(signal.SIGKILL)

        wait_for(lambda: second.sessions == 4)
        assert sum(client.connections for client in clients) == 4 + 2 + 4
        over.set()
        said = [one.result(60) for one in working]
        assert said == [sum(len(one.points) for one in client.objects.values()) for client in clients]
        assert all(len(client.results) == len(client.objects) for client in clients)
