"""A server with an engine of set delays, in a process of its own; and sockets that click."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
from websockets.asyncio.client import ClientConnection, connect

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Served:
    """A server that runs.

    Attributes
    ----------
    port : int
    process : psutil.Process
    """

    port: int
    process: psutil.Process

    @property
    def memory_mb(self) -> float:
        """What the process holds, in MB."""
        return float(self.process.memory_info().rss) / 1e6

    @property
    def cpu_s(self) -> float:
        """How long the process has computed, in seconds: what a busy machine does not change."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    @property
    def address(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/realtime"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served(stub: dict[str, Any] | None = None, **settings: Any) -> Iterator[Served]:
    """Run a server; ``stub`` are fields of the engine, ``settings`` those of the server."""
    told = json.dumps([stub or {}, {"port": 0, **settings}])
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.served", told], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Served(int(process.stdout.readline()), psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(30)


def _serve(stub: dict[str, Any], settings: dict[str, Any]) -> None:
    """Serve until told to end; the port, once the model is there, goes to standard output."""
    from napari_sam3_assistant.server.running import server_of
    from napari_sam3_assistant.server.settings import ServerSettings
    from tests.server.stub import StubEngine

    server = server_of(StubEngine(**stub), ServerSettings(**settings))

    async def tell() -> None:
        while not (server.started and server.config.app.state.inference.state == "ready"):
            await asyncio.sleep(0.01)
        print(server.servers[0].sockets[0].getsockname()[1], flush=True)

    async def both() -> None:
        await asyncio.gather(server.serve(), tell())

    asyncio.run(both())


class Clicker:
    """A client of the seed's protocol, or after ``hello`` of the newer one."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.gaps_ms: list[float] = []
        """How long each answer was waited for, while something was not answered."""

    async def say(self, type: str, **fields: Any) -> None:
        await self._socket.send(json.dumps({"type": type, **fields}))

    async def hear(self) -> dict[str, Any]:
        start = time.perf_counter()
        data = await self._socket.recv()
        self.gaps_ms.append((time.perf_counter() - start) * 1000)
        if isinstance(data, bytes):
            length = int.from_bytes(data[4:8], "little")
            return dict(json.loads(data[8 : 8 + length]))
        return dict(json.loads(data))

    async def until(self, *types: str) -> dict[str, Any]:
        """Return the next message of one of these types."""
        while (message := await self.hear())["type"] not in types:
            pass
        return message

    async def init(self, image: str) -> None:
        await self.say("init", image=image)
        answer = await self.until("image_loaded", "error")
        if answer["type"] == "error":
            raise RuntimeError(answer["message"])

    async def click(self, x: int, y: int) -> tuple[float, dict[str, Any]]:
        """Click, and return how many milliseconds the result took, and the result."""
        start = time.perf_counter()
        await self.say("click", x=x, y=y)
        answer = await self.until("segmentation_result", "error")
        return (time.perf_counter() - start) * 1000, answer


class clicker:
    """``async with clicker(server) as one``: a client that is connected."""

    def __init__(self, server: Served) -> None:
        self._connect = connect(server.address, max_size=None, ping_interval=None, compression=None)

    async def __aenter__(self) -> Clicker:
        client = Clicker(await self._connect.__aenter__())
        await client.until("session_created")
        return client

    async def __aexit__(self, *error: Any) -> None:
        await self._connect.__aexit__(*error)


def picture(height: int, width: int, seed: int = 0) -> str:
    """Return a picture of soft spots as a data URL of a JPEG file."""
    from PIL import Image

    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8), np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize((width, height)).convert("RGB").save(file, "JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def share(values: list[float], percent: float) -> float:
    """Return a percentile."""
    return float(np.percentile(values, percent))


if __name__ == "__main__":
    _serve(*json.loads(sys.argv[1]))
