"""A client that said hello and has a picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.server.conftest import Client, Running
from tests.server.pictures import SQUARES


@contextmanager
def extended(server: Running, **hello) -> Iterator[Client]:
    """Connect a client, say hello, and send a picture."""
    with server.client() as client:
        assert client.ask("hello", **hello)["type"] == "welcome"
        client.image_id = client.ask("init", image=SQUARES)["image_id"]
        yield client


def both(client: Client, type: str, **fields) -> tuple[dict, dict]:
    """Send a message and return its acknowledgement and its result."""
    return client.ask(type, **fields), client.receive()
