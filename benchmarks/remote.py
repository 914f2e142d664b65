"""What a server costs an engine that lives on it, beside the same engine in this process.

``python -m benchmarks remote``: a click at 1080p over loopback, bytes of a click up and down, and the time until a
picture is there.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.rows import Row, show
from benchmarks.served import served, share
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import PointPrompt, Prompts
from napari_sam3_assistant.engines.protocol import Embedding, ImageEngine
from napari_sam3_assistant.engines.remote.engine import RemoteEngine
from napari_sam3_assistant.testing import blobs
from tests.engines.cutting import Cutter
from tests.server.stub import StubEngine

DISC: dict[str, Any] = {"radius": 200, "wave": 12, "alternatives": 2}
"""The engine answers at once: what is measured is what a server costs."""
HD, SQUARE = (1080, 1920), (2048, 2048)


def encoded(engine: ImageEngine, image: npt.NDArray[np.uint8]) -> tuple[Embedding, float]:
    """Return an embedding, and how many milliseconds it took."""
    start = time.perf_counter()
    made = engine.encode(image, progress=no_progress, cancel=CancelToken())
    return made, (time.perf_counter() - start) * 1000


def clicked(engine: ImageEngine, embedding: Embedding, times: int) -> list[float]:
    """Return how long clicks took, in milliseconds; not more of them than a session may ask."""
    waits = []
    for number in range(times):
        prompts = Prompts((PointPrompt(540 + number % 40, 960 + number % 30),))
        start = time.perf_counter()
        engine.segment(embedding, prompts)
        waits.append((time.perf_counter() - start) * 1000)
        time.sleep(0.03)
    return waits


def rows(port: int, times: int) -> list[Row]:
    """Return what was measured against a server whose engine takes no time."""
    here: ImageEngine = StubEngine(**DISC)
    made = []
    with Cutter(port) as wire:
        there, counted = RemoteEngine(f"127.0.0.1:{port}"), RemoteEngine(f"127.0.0.1:{wire.port}")
        for engine in (there, counted):
            engine.load(progress=no_progress, cancel=CancelToken())
        for shape, name in ((HD, "1080p"), (SQUARE, "2,048 px squared")):
            image = blobs(shape, seed=shape[0])
            _, first_ms = encoded(there, image)
            _, again_ms = encoded(there, image)
            made.append(Row(f"a picture of {name} sent and encoded", first_ms))
            made.append(Row(f"a picture of {name} that the server has", again_ms))
        image = blobs(HD, seed=HD[0])
        local = clicked(here, encoded(here, image)[0], times)
        remote = clicked(there, encoded(there, image)[0], times)
        for part in (50, 99):
            beyond = share(remote, part) - share(local, part)
            target = 15 if part == 50 else None
            made.append(Row(f"a click at 1080p beyond the engine, p{part}", beyond, target=target))
        known, _ = encoded(counted, image)
        up, down = wire.up, wire.down
        clicked(counted, known, times)
        made.append(Row("bytes of a click, up", (wire.up - up) / times, "B"))
        made.append(Row("bytes of a click, down, mask and other readings", (wire.down - down) / times, "B"))
        there.close()
        counted.close()
    return made


def main(arguments: list[str]) -> int:
    """Print the table; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks remote", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each thing fewer times")
    quick = parser.parse_args(arguments).quick
    with served(DISC) as server:
        table = rows(server.port, 30 if quick else 200)
    show("An engine on a server", table)
    return int(any(row.held is False for row in table))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
