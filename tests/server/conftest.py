"""A real server on a real port, in a thread of the test's process."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import uvicorn
from websockets.sync.client import ClientConnection, connect

from napari_sam3_assistant.server.running import server_of
from napari_sam3_assistant.server.settings import ServerSettings
from tests.server.stub import StubEngine


@dataclass
class Running:
    """A server that runs.

    Attributes
    ----------
    server : uvicorn.Server
    port : int
    """

    server: uvicorn.Server
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def app(self):
        return self.server.config.app

    @contextmanager
    def connect(self, **options) -> Iterator[ClientConnection]:
        """Open a socket of which the first message was not read yet."""
        options.setdefault("max_size", None)
        with connect(f"ws://127.0.0.1:{self.port}/ws/realtime", **options) as socket:
            yield socket

    @contextmanager
    def client(self, **options) -> Iterator[Client]:
        """Connect a client, whose session is created."""
        with self.connect(**options) as socket:
            yield Client(socket)


class Client:
    """A client that speaks JSON."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.created = self.receive()

    def send(self, type: str, **fields) -> None:
        self.socket.send(json.dumps({"type": type, **fields}))

    def receive(self, timeout: float = 10) -> dict:
        return json.loads(self.socket.recv(timeout))

    def ask(self, type: str, **fields) -> dict:
        """Send a message and return the first answer."""
        self.send(type, **fields)
        return self.receive()


@contextmanager
def running(engine=None, *, ready: bool = True, **settings):
    """Run a server with an engine; ``settings`` are those of :class:`ServerSettings`."""
    settings.setdefault("warm_up", False)  # so that a test counts what it asks for
    server = server_of(engine or StubEngine(), ServerSettings(**{"port": 0, **settings}))
    thread = threading.Thread(target=server.run, name="server", daemon=True)
    thread.start()
    try:
        until(lambda: server.started)
        it = Running(server, server.servers[0].sockets[0].getsockname()[1])
        if ready:
            until(lambda: it.app.state.inference.state == "ready")
        yield it
    finally:
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive()


def until(happened, seconds: float = 10.0) -> None:
    """Wait until ``happened()`` is true."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def serving():
    """:func:`running`, as a fixture."""
    return running
