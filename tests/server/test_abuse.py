"""Sockets that do not behave: bytes over plain TCP."""

from __future__ import annotations

import base64
import itertools
import json
import os
import socket
import struct
import time
import zlib
from contextlib import contextmanager

import numpy as np
import pytest

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.server.settings import Limits
from napari_sam3_assistant.server.socket import sockets
from napari_sam3_assistant.server.socket.reading import Reader
from napari_sam3_assistant.server.socket.sockets import GuardedSocket
from tests.server.conftest import running, until
from tests.server.pictures import SQUARES, data_url, file_of
from tests.server.stub import StubEngine

TEXT, BINARY, CONTINUED, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA
FIN, DEFLATED = 0x80, 0x40


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, masked: bool = True, bits: int = 0) -> bytes:
    """Return a frame of a client."""
    head = bytes([opcode | bits | (FIN if fin else 0)])
    mask = 0x80 if masked else 0
    if len(data) < 126:
        head += bytes([mask | len(data)])
    elif len(data) < 2**16:
        head += bytes([mask | 126]) + struct.pack("!H", len(data))
    else:
        head += bytes([mask | 127]) + struct.pack("!Q", len(data))
    # A mask of zeros leaves the data as they are.
    return head + (bytes(4) if masked else b"") + data


class Raw:
    """A WebSocket of plain bytes, whose handshake is done."""

    def __init__(self, tcp: socket.socket, extensions: str = "") -> None:
        self.tcp = tcp
        self.stream = tcp.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        more = f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else ""
        tcp.sendall(
            "GET /ws/realtime HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n".encode()
        )
        lines = iter(self.stream.readline, b"\r\n")
        self.head = b"".join(lines).decode().lower()
        assert self.head.startswith("http/1.1 101"), self.head
        assert self.receive()["type"] == "session_created"

    def send(self, *frames: bytes) -> None:
        self.tcp.sendall(b"".join(frames))

    def next(self) -> tuple[int, bytes]:
        """Return the opcode and the data of the next frame; raise EOFError at the end of the connection."""
        first, length = self._exactly(2)
        if length == 126:
            (length,) = struct.unpack("!H", self._exactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._exactly(8))
        return first & 0xF, self._exactly(length)

    def receive(self) -> dict:
        opcode, data = self.next()
        assert opcode == TEXT, (opcode, data)
        return json.loads(data)

    def end(self) -> int:
        """Return the code of the close frame; 0 where the connection ends without one."""
        try:
            while True:
                opcode, data = self.next()
                if opcode == CLOSE:
                    return int.from_bytes(data[:2], "big")
        except (EOFError, ConnectionResetError):
            return 0

    def _exactly(self, number: int) -> bytes:
        data = self.stream.read(number)
        if len(data) < number:
            raise EOFError
        return data


@contextmanager
def raw(server, extensions: str = "", **options):
    with socket.socket() as tcp:
        tcp.settimeout(10)
        for option, value in options.items():
            tcp.setsockopt(socket.SOL_SOCKET, getattr(socket, option), value)
        tcp.connect(("127.0.0.1", server.port))
        client = Raw(tcp, extensions)
        with client.stream:
            yield client


def text(type: str, **fields) -> bytes:
    return json.dumps({"type": type, **fields}).encode()


def nobody_left(server) -> None:
    until(lambda: len(server.app.state.sessions) == 0 and not server.server.server_state.connections)


@pytest.fixture(scope="module")
def server():
    """One server for all that does not need one of its own."""
    with running(StubEngine(), limits=Limits(message_bytes=2**20)) as it:
        yield it


@pytest.fixture(autouse=True)
def quiet(caplog):
    """Nothing that a client does is an error of the server."""
    yield
    assert not [record for record in caplog.records if record.exc_info or record.levelname in ("ERROR", "CRITICAL")]


BAD = {
    "an unmasked frame": (frame(TEXT, text("reset"), masked=False), 1002),
    "a continuation of nothing": (frame(CONTINUED, b"x"), 1002),
    "a second start before the end": (frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), 1002),
    "an opcode that does not exist": (frame(0x5, b"x"), 1002),
    "reserved bits": (frame(TEXT, b"x", bits=0x20), 1002),
    "a long ping": (frame(PING, b"x" * 126), 1002),
    "a ping in pieces": (frame(PING, b"x", fin=False), 1002),
    "bad UTF-8": (frame(TEXT, b'{"type": "\xff"}'), 1007),
    "bad UTF-8 over two pieces": (frame(TEXT, b'{"type": "\xc3', fin=False) + frame(CONTINUED, b'("}'), 1007),
    "garbage": (b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", 1002),
    "a frame above the limit": (frame(TEXT, b" " * (2**20 + 1)), 1009),
    "pieces above the limit": (frame(TEXT, b" " * 2**19, fin=False) + frame(CONTINUED, b" " * (2**19 + 1)), 1009),
    "a length without a body": (frame(BINARY)[:1] + b"\xff" + struct.pack("!Q", 2**62) + bytes(4), 1009),
    "a close frame of one byte": (frame(CLOSE, b"x"), 1002),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_websocket_is_closed_with_its_code_and_hurts_nobody(server, case):
    data, code = BAD[case]
    with server.client() as other, raw(server) as bad:
        bad.send(data)

        assert bad.end() == code

        assert other.ask("reset")["type"] == "points_cleared"
    nobody_left(server)


def test_a_message_above_the_usual_limit_is_closed_with_1009(serving):
    with serving() as server, raw(server) as bad:
        bad.send(frame(TEXT, b" " * 29 * 2**20)[:10])  # its head says 29 MiB: nothing of it needs to be read

        assert bad.end() == 1009


def test_compression_is_not_agreed_on_so_nothing_small_grows_large(server):
    squeezer = zlib.compressobj(9, zlib.DEFLATED, -12)
    bomb = squeezer.compress(b" " * 10 * 2**20) + squeezer.flush(zlib.Z_SYNC_FLUSH)[:-4]
    with raw(server, "permessage-deflate") as bad:
        assert "sec-websocket-extensions" not in bad.head
        bad.send(frame(TEXT, bomb, bits=DEFLATED))

        assert bad.end() == 1002
    nobody_left(server)


def test_a_message_in_many_pieces_with_pings_between_is_one_message(server):
    data = text("init", image=SQUARES)
    pieces = [data[at : at + 40] for at in range(0, len(data), 40)]
    with raw(server) as client:
        client.send(frame(TEXT, pieces[0], fin=False))
        for piece in pieces[1:-1]:
            client.send(frame(CONTINUED, piece, fin=False))
        client.send(frame(PING, b"there?"), frame(CONTINUED, pieces[-1]))
        pong, loaded = client.next(), client.receive()

    assert pong == (PONG, b"there?")
    assert loaded["type"] == "image_loaded"
    nobody_left(server)


def test_a_message_that_comes_byte_by_byte_is_answered(server):
    with raw(server) as client:
        client.tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in frame(TEXT, text("reset")):
            client.send(bytes([byte]))

        assert client.receive()["type"] == "points_cleared"


def test_who_closes_its_half_is_let_go(server):
    with raw(server) as client:
        client.tcp.shutdown(socket.SHUT_WR)

        assert client.end() in (0, 1002, 1006)
    nobody_left(server)


def test_who_stops_in_the_middle_of_a_message_is_let_go_by_the_ping(serving):
    with serving(ping_s=0.2) as server, raw(server) as client:
        client.send(frame(TEXT, text("reset"))[:-3])

        assert client.end() in (0, 1011)
        nobody_left(server)


def test_who_gives_no_sign_of_life_is_let_go(serving):
    """As a telephone in a tunnel: no frame, no end, and the pings are not answered."""
    with serving(ping_s=0.2) as server, raw(server) as client:
        assert client.next()[0] == PING
        assert client.end() == 1011
        nobody_left(server)


def test_a_flood_of_pings_is_answered_and_others_are_served(server):
    with raw(server) as flood, server.client() as other:
        flood.send(*[frame(PING, b"x")] * 2000)
        answer = other.ask("reset")
        pongs = [flood.next() for _ in range(2000)]

    assert answer["type"] == "points_cleared"
    assert set(pongs) == {(PONG, b"x")}
    nobody_left(server)


def test_of_a_burst_of_tiny_frames_some_are_parsed_and_then_others_have_their_turn(serving, monkeypatch):
    seen = []
    monkeypatch.setattr(sockets, "TURN_S", 0.0)
    monkeypatch.setattr(GuardedSocket, "handle_text", seeing(seen, "parsed", GuardedSocket.handle_text))
    monkeypatch.setattr(Reader, "_take", seeing(seen, "taken", Reader._take))
    many = dict.fromkeys(("messages_burst", "waiting", "refused", "invalid_in_a_row"), 100_000)
    with serving(limits=Limits(**many)) as server, raw(server) as flood:
        flood.send(*[frame(TEXT, b"{}")] * 5000)
        until(lambda: seen.count("taken") == 5000)

    runs = [len(list(run)) for what, run in itertools.groupby(seen) if what == "parsed"]
    assert max(runs) <= sockets.PART
    assert sum(runs) == 5000


def seeing(seen, what, method):
    """Return a method that does the same and notes ``what``."""

    def noted(*arguments):
        seen.append(what)
        return method(*arguments)

    return noted


def test_a_burst_that_ends_with_its_connection_leaves_nothing(server):
    with raw(server) as flood, server.client() as other:
        flood.send(*[frame(TEXT, b"{}")] * 20_000)
        flood.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
        flood.tcp.close()
        flood.stream.close()

        assert other.ask("reset")["type"] == "points_cleared"
    nobody_left(server)


def test_who_sends_pings_and_reads_no_pongs_is_let_go(server):
    with raw(server, SO_RCVBUF=4096) as flood:
        megabytes = 0
        try:
            while megabytes < 40:
                flood.send(*[frame(PING, b"x" * 125)] * 8000)
                megabytes += 1
        except ConnectionError:
            nobody_left(server)

    assert megabytes < 40, "the pongs fill the memory of the server"


class NoiseEngine(StubEngine):
    """Finds noise, which no format makes small: a few answers fill the buffers of both ends."""

    def _disc(self, shape, prompts):
        return PlacedMask(np.random.default_rng(0).random(shape) > 0.5, (0, 0))


def ask_for_much(client: Raw) -> None:
    """Ask for some 20 MB, and read nothing of it."""
    picture = data_url(file_of(np.zeros((1000, 1000), np.uint8)))
    segment = frame(TEXT, text("segment"))
    client.send(frame(TEXT, text("init", image=picture)), frame(TEXT, text("click", x=1, y=1)), *[segment] * 70)


MUCH = Limits(waiting=100)


def test_a_slow_reader_holds_nobody_and_is_let_go(serving, monkeypatch):
    monkeypatch.setattr(sockets, "LINGER_S", 0.3)
    engine = NoiseEngine()
    with serving(engine, send_s=0.5, limits=MUCH) as server, raw(server, SO_RCVBUF=4096) as slow:
        ask_for_much(slow)
        until(lambda: engine.decodes > 5)
        with server.client() as other:
            assert other.ask("init", image=SQUARES)["type"] == "image_loaded"
            assert other.ask("click", x=1, y=1)["type"] == "point_added"
        nobody_left(server)

    assert engine.decodes < 70, "what nobody reads was computed to its end"


def test_a_server_stops_though_a_client_does_not_read(serving, monkeypatch):
    monkeypatch.setattr(sockets, "LINGER_S", 0.3)
    engine = NoiseEngine()
    with serving(engine, limits=MUCH) as server, raw(server, SO_RCVBUF=4096) as slow:
        ask_for_much(slow)
        until(lambda: engine.decodes > 20)
        server.server.should_exit = True
        until(lambda: engine.closed)
        assert not server.server.server_state.connections


def test_a_connection_without_a_request_does_not_hold_the_server(serving):
    with serving() as server, socket.create_connection(("127.0.0.1", server.port)) as tcp:
        tcp.sendall(b"GET /ws/realtime HTTP/1.1\r\nHost: local")
        with server.client() as other:
            assert other.ask("reset")["type"] == "points_cleared"


@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"], ids=["first", "second"])
@pytest.mark.parametrize("begun", [b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: loc"], ids=["line", "header"])
def test_a_request_whose_head_does_not_end_is_let_go(serving, monkeypatch, before, begun):
    monkeypatch.setattr(sockets, "HEAD_S", 0.3)
    with serving() as server, socket.create_connection(("127.0.0.1", server.port), timeout=10) as tcp:
        tcp.sendall(before)
        answer = tcp.recv(2**16) if before else b""
        tcp.sendall(begun)

        answer += b"".join(iter(lambda: tcp.recv(2**16), b""))

    assert answer.count(b"HTTP/1.1 ") == bool(before)


def test_a_connection_that_asks_nothing_is_let_go(serving, monkeypatch):
    monkeypatch.setattr(sockets, "HEAD_S", 0.3)
    with serving() as server, socket.create_connection(("127.0.0.1", server.port), timeout=10) as tcp:
        assert tcp.recv(1) == b""


def test_a_websocket_outlives_the_time_for_a_head(serving, monkeypatch):
    monkeypatch.setattr(sockets, "HEAD_S", 0.3)
    with serving() as server, server.client() as client:
        time.sleep(0.6)

        assert client.ask("reset")["type"] == "points_cleared"
