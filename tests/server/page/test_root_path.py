"""The page behind a proxy that shows it under another path, and cuts that path off."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.server.stub import StubEngine


def test_the_page_works_under_a_root_path(serving, tab_of):
    with serving(StubEngine(radius=10), root_path="/sam3") as server, proxy(server.port) as port:
        asked, tab = [], tab_of(server)
        tab.url = f"http://127.0.0.1:{port}/sam3"
        tab.page.on("request", lambda request: asked.append(request.url))

        tab.open()
        tab.sample.click()
        tab.waits_for("ready").segment(215, 85)

        assert tab.saved()[85, 215] == 255
        assert all(url.startswith((tab.url, "blob:")) for url in asked)


@contextmanager
def proxy(behind: int) -> Iterator[int]:
    """Pass everything on to a port of this machine, ``/sam3/`` as ``/``; gives the port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=_serve, args=(door, behind), daemon=True).start()
        yield door.getsockname()[1]
        door.shutdown(socket.SHUT_RDWR)


def _serve(door: socket.socket, behind: int) -> None:
    with suppress(OSError):  # the door is shut
        while True:
            client, server = door.accept()[0], socket.create_connection(("127.0.0.1", behind))
            for ends in ((client, server), (server, client)):
                threading.Thread(target=_pass, args=ends, daemon=True).start()


def _pass(source: socket.socket, target: socket.socket) -> None:
    with source, suppress(OSError):  # one of both has left
        while data := source.recv(65536):
            target.sendall(data.replace(b"GET /sam3/", b"GET /", 1) if data.startswith(b"GET /sam3/") else data)
        target.shutdown(socket.SHUT_WR)
