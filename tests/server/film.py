"""A film, a client that has its frames, and what an engine of this process finds in them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.wire.masks import corners_of, decode, encode
from tests.server.conftest import Client, Running
from tests.server.pictures import data_url, file_of

SHAPE = (64, 80)
COUNT = 5
FIRST, SECOND = (20, 20), (44, 56)
"""Where two squares are on the first frame: a row and a column in each."""


def frame(index: int) -> np.ndarray:
    """Return a frame of shape (64, 80, 3): two squares that move, one pixel a frame, on a ramp."""
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    grey = 40 + (rows + cols) // 4
    grey[14 + index : 28 + index, 14 + index : 28 + index] = 220
    grey[38 - index : 52 - index, 50:64] = 160
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


class FilmClient(Client):
    """A client that answers ``frame_needed`` with frames of the film; ``needed`` are those it was asked for."""

    needed: list[int]
    video_id: str

    def answers(self, timeout: float = 20) -> dict:
        """Return the next message that is no ``frame_needed``; those are answered."""
        while (message := self.receive(timeout))["type"] == "frame_needed":
            self.needed.append(message["index"])
            image = data_url(file_of(frame(message["index"])))
            self.send("frame", video_id=message["video_id"], index=message["index"], image=image)
        return message

    def tell(self, type: str, **fields) -> dict:
        """Send a message about the video; return the first answer."""
        self.send(type, video_id=self.video_id, **fields)
        return self.answers()

    def until(self, type: str) -> list[dict]:
        """Return the messages up to one of a type, that one included."""
        messages = [self.answers()]
        while messages[-1]["type"] != type:
            assert messages[-1]["type"] != "error", messages[-1]
            messages.append(self.answers())
        return messages

    def propagate(self, start: int, end: int, **fields) -> list[dict]:
        """Follow the objects; return the result of each frame."""
        way = 1 if end >= start else -1
        self.send("propagate", video_id=self.video_id, start=start, end=end, direction=way, **fields)
        return self.until("propagated")[:-1]


@contextmanager
def following(server: Running, frames: int = COUNT, **fields) -> Iterator[FilmClient]:
    """Connect a client, say hello, and open a video."""
    with server.connect() as socket:
        client = FilmClient(socket)
        client.needed = []
        assert client.ask("hello", mask_formats=["bits"])["type"] == "welcome"
        opened = client.ask("video_open", frames=frames, shape=SHAPE, **fields)
        assert opened["type"] == "video_opened", opened
        client.video_id = opened["video_id"]
        yield client


def at(row: int, col: int, label: int = 1) -> dict:
    """Return a click as messages hold it."""
    return {"points": [{"x": col, "y": row, "label": label}]}


def drawn(mask: PlacedMask) -> dict:
    """Return a mask as messages hold it."""
    bits = encode(mask, SHAPE, "bits")
    return {"mask": base64.b64encode(bits).decode(), "mask_format": "bits", "bbox": corners_of(mask)}


def whole(mask: PlacedMask) -> np.ndarray:
    """Return a mask on the whole frame."""
    pixels = np.zeros(SHAPE, bool)
    top, left = mask.offset
    height, width = mask.mask.shape
    pixels[top : top + height, left : left + width] = mask.mask
    return pixels


def masks_of(result: dict) -> dict[int, np.ndarray]:
    """Return the objects of a ``frame_result`` on the whole frame."""
    return {
        one["object_id"]: whole(decode(base64.b64decode(one["mask"]), "bits", SHAPE, tuple(one["bbox"])))
        for one in result["objects"]
    }


class Own:
    """The session of an engine of this process, asked as a client asks a server."""

    def __init__(self, engine, query=None) -> None:
        self.engine = engine
        engine.load(progress=no_progress, cancel=CancelToken())
        self.session = engine.start(query)

    def embedding(self, index: int):
        return self.engine.encode(frame(index), progress=no_progress, cancel=CancelToken())

    def prompt(self, index: int, object_id: int, row: int, col: int, positive: bool = True, present=None):
        said = Prompts((PointPrompt(row, col, positive),))
        return self.session.prompt(index, self.embedding(index), object_id, said, present)

    def draw(self, index: int, object_id: int, mask: PlacedMask):
        return self.session.prompt(index, self.embedding(index), object_id, Prompts(mask=MaskPrompt(mask)))

    def begin(self, index: int, masks: dict[int, PlacedMask]) -> None:
        self.session.begin(index, self.embedding(index), masks)

    def steps(self, frames, ids=None) -> list:
        return [self.session.step(index, self.embedding(index), ids) for index in frames]
