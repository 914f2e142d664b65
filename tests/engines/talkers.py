"""Servers that are none of ours: they say what they were told to, or answer as they like."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from napari_sam3_assistant.wire.frames import unpacked

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


VIDEO = {"points": True, "boxes": True, "masks": True, "text": False, "mixes": True}
OURS = NEWER | {"protocol": 1, "capabilities": NEWER["capabilities"] | {"video": VIDEO}}


@contextmanager
def answering(answer: Callable[[dict], list[dict | str | bytes]]) -> Iterator[int]:
    """Run a server that says hello as ours does, has every picture, and answers the rest as told; yield its port."""

    def talk(socket) -> None:
        try:
            socket.send(json.dumps({"type": "session_created", "session_id": "x", "features": ["predict"]}))
            for said in socket:
                asked = json.loads(said) if isinstance(said, str) else unpacked(said)
                match asked["type"]:
                    case "hello":
                        replies = [OURS]
                    case "encode":
                        replies = [
                            {
                                "type": "encoded",
                                "image_id": asked["image_id"],
                                "width": 80,
                                "height": 64,
                                "cached": True,
                            }
                        ]
                    case _:
                        replies = answer(asked)
                for one in replies:
                    if isinstance(one, dict):
                        one = json.dumps({"id": asked.get("id"), **one})
                    socket.send(one)
        except ConnectionClosed:
            return

    with _serving(talk) as port:
        yield port


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

    with _serving(talk, **options) as port:
        yield port


@contextmanager
def _serving(talk, **options) -> Iterator[int]:
    with serve(talk, "127.0.0.1", 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever, name="talker", daemon=True)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
    thread.join(10)
