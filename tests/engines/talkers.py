"""Servers that are none of ours: they say what they were told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

LIMITS = dict.fromkeys(
    ("message_bytes", "image_bytes", "image_pixels", "image_side", "points_per_object", "objects", "text_length"), 10**6
)
NEWER = {
    "type": "welcome",
    "protocol": 2,
    "mask_format": "bits",
    "binary": True,
    "coalesce": False,
    "progress": True,
    "limits": LIMITS,
    "capabilities": {
        "engine": "x",
        "weights": "",
        **dict.fromkeys(("points", "boxes", "masks", "exemplars", "text", "refines"), True),
        "threshold": 0.5,
    },
}


@contextmanager
def talking(said: list, **options) -> Iterator[int]:
    """Run a server that says something at once, and ``"newer"`` when it is spoken to; yield its port."""

    def talk(socket) -> None:
        try:
            for one in said:
                if one == "newer":
                    socket.recv()
                    one = NEWER
                socket.send(one if isinstance(one, str) else json.dumps(one))
            socket.recv()
        except ConnectionClosed:
            return

    with serve(talk, "127.0.0.1", 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever, name="talker", daemon=True)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
    thread.join(10)
