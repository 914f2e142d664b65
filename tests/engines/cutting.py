"""A network that breaks: what lies between a client and a server, and cuts the connection every so often."""

from __future__ import annotations

import selectors
import socket
import threading
from typing import Self


class Cutter:
    """Passes bytes on to a port of this machine, and cuts a connection after so many pieces from the server.

    Parameters
    ----------
    port : int
        Of the server.
    every : int
        After so many pieces; half of the last one still goes through. 0 never cuts.

    Attributes
    ----------
    port : int
        Of the proxy.
    cuts, up, down : int
        How often it has cut; how many bytes went to the server and came from it.
    """

    def __init__(self, port: int, every: int = 0) -> None:
        self._target, self.every = port, every
        self.cuts = self.up = self.down = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._ended = False
        self._threads = [threading.Thread(target=self._accept, name="cutter", daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended = True
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in list(self._open):
            _hang_up(one)
        for thread in self._threads:
            thread.join(10)

    def cut(self) -> None:
        """Cut all connections now."""
        self.cuts += bool(self._open)
        for one in list(self._open):
            _hang_up(one)

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._pass_on, args=(client,), name="cutter: one", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _pass_on(self, client: socket.socket) -> None:
        with (
            client,
            socket.create_connection(("127.0.0.1", self._target)) as server,
            selectors.DefaultSelector() as any,
        ):
            self._open |= {client, server}
            any.register(client, selectors.EVENT_READ, server)
            any.register(server, selectors.EVENT_READ, client)
            pieces = 0
            try:
                while True:
                    for key, _ in any.select():
                        data = key.fileobj.recv(2**16)
                        if not data:
                            return
                        if key.fileobj is server:
                            pieces, self.down = pieces + 1, self.down + len(data)
                        else:
                            self.up += len(data)
                        if self.every and pieces >= self.every:
                            self.cuts += 1
                            key.data.sendall(data[: len(data) // 2])
                            return
                        key.data.sendall(data)
            except OSError:
                return
            finally:
                self._open -= {client, server}
                _hang_up(server)
                _hang_up(client)


def _hang_up(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
