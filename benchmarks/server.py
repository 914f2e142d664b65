"""What the users of a server wait for, with an engine of set delays: clicks, other users, a full house, memory.

python -m benchmarks server            # everything, two minutes
python -m benchmarks server --quick    # each thing fewer times
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import struct
import time
import zlib
from collections.abc import Coroutine
from typing import Any

import httpx2
import numpy as np
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from benchmarks.rows import Row, show
from benchmarks.served import MIB, Clicker, Served, clicker, picture, served, share
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.server.metrics import PREFIX

HD = 1080, 1920
MANY = {"sessions": 1000, "sessions_per_address": 1000, "inits_per_s": 1000, "inits_burst": 1000}
"""Limits that let one machine stand for many users."""


def clicks(times: int) -> list[Row]:
    """Return how long a click takes beyond the model at 1080p, in the seed's form and as bits."""
    rows = []
    with served({"radius": 200, "wave": 12}) as server:
        bare = asyncio.run(_echoed(times))
        for name, hello in (("PNG, the seed's", None), ("bits in a binary frame", {"mask_formats": ["bits"]})):
            before = server.cpu_s
            waits = asyncio.run(_clicked(server, times, hello))
            spent = (server.cpu_s - before) * 1000 / times
            what = f"click to result at 1080p beyond the model, {name}"
            for part, target in ((50, 10), (99, 40)):
                beside = {"bare": share(bare, part), "bare_name": "the mask as PNG by Pillow, base64, JSON, echoed"}
                rows.append(Row(f"{what}, p{part}", share(waits, part), **beside, target=target))
            rows.append(Row(f"{what}, work of the server's process a click, the picture's included", spent))
    return rows


async def _clicked(server: Served, times: int, hello: dict[str, Any] | None) -> list[float]:
    async with clicker(server) as one:
        if hello is not None:
            await one.say("hello", protocol=1, binary=True, **hello)
            await one.until("welcome")
        await one.init(picture(*HD))
        waits = []
        for number in range(times):
            if number % 50 == 49:
                await one.say("reset")
                await one.until("points_cleared")
            waited, result = await one.click(400 + 7 * (number % 150), 540)
            waits.append(waited - result["timing_ms"]["decode"])
            await asyncio.sleep(0.03)  # a session may say so much a second
    return waits


async def _echoed(times: int) -> list[float]:
    """Return how long the least takes that any server would do for such a click."""
    from PIL import Image

    from tests.server.stub import StubEngine

    mask = StubEngine(radius=200, wave=12).disc(HD, 540, 960).within(Box(0, 0, *HD))

    async def answer(socket: Any) -> None:
        async for _ in socket:
            file = io.BytesIO()
            Image.fromarray(mask * np.uint8(255)).save(file, "PNG", compress_level=1)
            data = base64.b64encode(file.getvalue()).decode("ascii")
            await socket.send(json.dumps({"type": "segmentation_result", "mask": data, "score": 0.9, "num_points": 1}))

    waits = []
    async with serve(answer, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}", max_size=None, compression=None) as socket:
            for _ in range(times):
                start = time.perf_counter()
                await socket.send(json.dumps({"type": "click", "x": 960, "y": 540, "label": 1}))
                json.loads(await socket.recv())
                waits.append((time.perf_counter() - start) * 1000)
                await asyncio.sleep(0.03)
    return waits


def behind_another(clicks: int = 8) -> list[Row]:
    """Return how long user B waits behind A's clicks of a second each, and what ``/healthz`` takes meanwhile."""

    async def run(server: Served) -> tuple[float, list[float]]:
        async with clicker(server) as a, clicker(server) as b:
            await a.init(picture(240, 320, 1))
            await b.init(picture(240, 320, 2))
            for number in range(clicks):
                await a.say("click", x=100 + number, y=100)
            await asyncio.sleep(0.2)
            asking = asyncio.create_task(_health(server, 100))
            waited, _ = await b.click(50, 50)
            return waited, await asking

    with served({"decode_s": 1.0}, heartbeat_s=30) as server:
        waited, health = asyncio.run(run(server))
    return [
        Row(f"user B's click behind user A's {clicks} clicks of a second each", waited, target=2100),
        Row("/healthz meanwhile, p99", share(health, 99), target=100, note=f"{len(health)} times"),
    ]


async def _health(server: Served, times: int) -> list[float]:
    waits = []
    async with httpx2.AsyncClient(base_url=server.url) as client:
        for _ in range(times):
            start = time.perf_counter()
            (await client.get("/healthz")).raise_for_status()
            waits.append((time.perf_counter() - start) * 1000)
            await asyncio.sleep(0.01)
    return waits


def encoded_once(users: int) -> list[Row]:
    """Return how often a picture is encoded that several users open at once, and again."""

    async def one(server: Served, image: str) -> None:
        async with clicker(server) as client:
            await client.init(image)
            await client.click(10, 10)
            await client.init(image)

    async def run(server: Served) -> None:
        image = picture(480, 640)
        await asyncio.gather(*(one(server, image) for _ in range(users)))

    with served({"encode_s": 0.2}, limits=MANY) as server:
        asyncio.run(run(server))
        count = _metric(server, "encode_seconds_count")
    return [Row(f"encodes of one picture by {users} users, twice each", count, "", target=1)]


def _metric(server: Served, name: str) -> float:
    lines = httpx2.get(f"{server.url}/metrics").raise_for_status().text.splitlines()
    values = [float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{PREFIX}_{name} ")]
    if not values:
        raise LookupError(f"The server has no metric {name}.")
    return sum(values)


def bomb(times: int) -> list[Row]:
    """Return how long a server takes to refuse a picture of 400 megapixels in 50 kB, and what that costs."""
    file = _bomb(20_000)
    data = "data:image/png;base64," + base64.b64encode(file).decode("ascii")

    async def run(server: Served) -> list[float]:
        waits = []
        async with clicker(server) as client:
            for _ in range(times):
                start = time.perf_counter()
                await client.say("init", image=data)
                refusal = await client.until("error")
                if refusal["code"] != "image_too_large":
                    raise RuntimeError(refusal["message"])
                waits.append((time.perf_counter() - start) * 1000)
        return waits

    with served(limits=MANY) as server:
        asyncio.run(run(server))
        before = server.memory_mb
        waits = asyncio.run(run(server))
        grown = server.memory_mb - before
    return [
        Row(f"a bomb of {len(file) / 1000:.0f} kB refused, longest", max(waits), target=50),
        Row("memory that it took", grown, "MB", target=10),
    ]


def _bomb(side: int) -> bytes:
    """Return a PNG file that says it has ``side`` squared pixels, and holds a few."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(16 * MIB), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def idle(sockets: int) -> list[Row]:
    """Return what sockets cost that only stay open."""

    async def run(server: Served) -> float:
        async with clicker(server):
            before = server.memory_mb
        clients = [clicker(server) for _ in range(sockets)]
        for client in clients:
            await client.__aenter__()
        grown = server.memory_mb - before
        for client in clients:
            await client.__aexit__(None, None, None)
        return grown

    with served(limits=MANY) as server:
        return [Row(f"{sockets} idle sockets", asyncio.run(run(server)), "MB", target=50)]


def cycles(times: int) -> list[Row]:
    """Return what is left of users who came, opened a picture of their own, clicked and left."""

    async def run(server: Served, first: int, count: int) -> None:
        for number in range(first, first + count):
            async with clicker(server) as client:
                await client.init(picture(120, 160, number))
                await client.click(20, 20)

    with served(limits=MANY, picture_bytes=4 * MIB, cache_bytes=1 * MIB) as server:
        asyncio.run(run(server, 0, 100))  # the caches are full now
        before = server.memory_mb
        asyncio.run(run(server, 100, times))
        time.sleep(1)
        grown, sessions = server.memory_mb - before, _metric(server, "sessions")
    return [
        Row(f"sessions left after {times} users", sessions, "", target=0),
        Row("memory left by them", grown, "MB", target=10),
    ]


def many(users: int, seconds: float, decode_ms: float = 20.0) -> tuple[list[float], list[float], dict[str, int]]:
    """Return how long results and answers of any kind took ``users`` who click once a second; and what was said."""
    said: dict[str, int] = {}

    async def listen(client: Clicker, clicked: list[float], waits: list[float], gaps: list[float]) -> None:
        answered = 0
        while True:
            start = time.perf_counter()
            unanswered = len(clicked) > answered
            message = await client.hear()
            now = time.perf_counter()
            if unanswered:
                gaps.append((now - max(start, clicked[answered])) * 1000)
            if message["type"] in ("segmentation_result", "error"):
                waits.append((now - clicked[answered]) * 1000)
                answered += 1
                what = message.get("code") or message["type"]
                said[what] = said.get(what, 0) + 1

    async def user(server: Served, number: int, waits: list[float], gaps: list[float]) -> None:
        async with clicker(server) as client:
            await client.init(picture(480, 640, 0))
            clicked: list[float] = []
            listener = asyncio.create_task(listen(client, clicked, waits, gaps))
            await asyncio.sleep(number / users)
            for click in range(int(seconds)):
                clicked.append(time.perf_counter())
                await client.say("click", x=10 + click, y=20)
                await asyncio.sleep(1)
            await asyncio.sleep(2)
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def run(server: Served) -> tuple[list[float], list[float]]:
        waits: list[float] = []
        gaps: list[float] = []
        jobs: list[Coroutine[Any, Any, None]] = [user(server, number, waits, gaps) for number in range(users)]
        await asyncio.gather(*jobs)
        return waits, gaps

    with served({"decode_s": decode_ms / 1000}, limits=MANY) as server:
        waits, gaps = asyncio.run(run(server))
    return waits, gaps, said


def crowds(seconds: float) -> list[Row]:
    """Return how long 24 users wait, and 64, who are more than the model can serve."""
    waits, _, said = many(24, seconds)
    rows = [Row("24 users, a click a second each, 20 ms a decode: p95", share(waits, 95), target=60, note=str(said))]
    _, gaps, said = many(64, seconds)
    rows.append(Row("64 users: longest time without any answer", max(gaps), target=2000, note=str(said)))
    return rows


def main(arguments: list[str]) -> int:
    """Print the table; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks server", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each thing fewer times")
    quick = parser.parse_args(arguments).quick
    missed = 0
    for title, rows in (
        ("A click", clicks(60 if quick else 300)),
        ("Other users", behind_another() + encoded_once(8)),
        ("A full house", crowds(5 if quick else 20)),
        ("What is refused, and what is left", bomb(5) + idle(200) + cycles(50 if quick else 500)),
    ):
        show(title, rows)
        missed += sum(row.held is False for row in rows)
    return int(missed > 0)
