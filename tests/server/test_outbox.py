"""What waits for a client that does not read: a few messages, and not too many bytes."""

from __future__ import annotations

import asyncio

import pytest

from napari_sam3_assistant.server.socket import outbox
from napari_sam3_assistant.server.socket.outbox import MOST_WAITING, Outbox


class Socket:
    """A client that reads when it is told to."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.read: list[str] = []

    async def send_text(self, data: str) -> None:
        await self.reads.wait()
        self.read.append(data)


async def put_all(messages: list[str]) -> tuple[int, list[str]]:
    """Return how many messages were taken before the client has read, and what it read in the end."""
    socket = Socket()
    box, taken = Outbox(socket, 30), 0

    async def put() -> None:
        nonlocal taken
        for message in messages:
            await box.put(message)
            taken += 1

    writer, putting = asyncio.create_task(box.run()), asyncio.create_task(put())
    for _ in range(10 * len(messages)):
        await asyncio.sleep(0)
    before = taken
    socket.reads.set()
    await putting
    await box.flushed()
    writer.cancel()
    return before, socket.read


@pytest.mark.parametrize(("size", "waiting"), [(1, MOST_WAITING), (300, 3), (2000, 1)])
def test_messages_wait_as_long_as_there_is_room_and_come_in_order(monkeypatch, size, waiting):
    monkeypatch.setattr(outbox, "MOST_BYTES", 1000)
    messages = [f"{number:0{size}}" for number in range(40)]

    before, read = asyncio.run(put_all(messages))

    assert before == waiting
    assert read == messages


def test_what_a_client_can_do_without_is_dropped_where_there_is_no_room(monkeypatch):
    monkeypatch.setattr(outbox, "MOST_BYTES", 1000)

    async def offered() -> list[str]:
        socket = Socket()
        box = Outbox(socket, 30)
        await box.put("a" * 900)
        box.offer("b" * 200)
        box.offer("c" * 50)
        socket.reads.set()
        writer = asyncio.create_task(box.run())
        await box.flushed()
        writer.cancel()
        return [text[0] for text in socket.read]

    assert asyncio.run(offered()) == ["a", "c"]
