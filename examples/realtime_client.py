"""Segment many objects of a picture on a real-time server, whatever becomes of the connection; save a labelled PNG.

Start a server first: napari-sam3-assistant serve. Then, with one --object for each object, x,y for a click on it, x,y,0
for one beside it, and x1,y1,x2,y2 for a box round it:

    python realtime_client.py picture.png labels.png --object 60,80 75,90 20,20,0 --object 120,40,180,90

:class:`RealtimeClient` needs websockets, Pillow and NumPy, and nothing else: copy it into a program of your own.
"""

from __future__ import annotations

import argparse
import base64
import io
import itertools
import json
import logging
import os
import random
import ssl
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

FIRST_S, LONGEST_S = 0.5, 15.0
"""How long is waited at most before the first try to connect again, and before any."""
NOT_AGAIN = {1003, 1007, 1008, 1009}
"""A connection closed with one of these codes was closed for what it said: to say it again would not help."""
ENDS = {"hello": "welcome", "init": "image_loaded", "new_object": "object_created", "restore": "object_selected"}
"""With what the answers to a message end, where that is no result."""


log = logging.getLogger(__name__)


class Refused(Exception):
    """The server does not do what it was asked for; ``code`` is for programs."""

    def __init__(self, message: str, code: str = "", retryable: bool = False) -> None:
        super().__init__(message)
        self.code, self.retryable = code, retryable


@dataclass(frozen=True)
class Prompts:
    """All that was said about one object: clicks as (x, y, label), and a box as (x1, y1, x2, y2)."""

    points: tuple[tuple[int, int, int], ...] = ()
    box: tuple[float, float, float, float] | None = None

    def state(self, object_id: int) -> dict[str, Any]:
        """Return the object as the message `restore` lists it."""
        points = [{"x": x, "y": y, "label": label} for x, y, label in self.points]
        boxes = [] if self.box is None else [dict(zip(("x1", "y1", "x2", "y2"), self.box, strict=True))]
        return {"object_id": object_id, "points": points, "boxes": boxes}


@dataclass(frozen=True, eq=False)
class Result:
    """A mask as booleans, shape (H, W), and how sure the server is of it, from 0 to 1."""

    mask: npt.NDArray[np.bool_]
    score: float


class RealtimeClient:
    """A picture and its objects, on a server that may go away and come back.

    What was said is kept here. When the connection is lost, the next one, to the same server or to another one behind
    the same address, is given the picture's hash, the picture itself only if it is not known there, and all prompts.
    So nothing that was said is lost, and the masks are the same ones.

    Parameters
    ----------
    address : str
        ``ws://HOST:PORT/ws/realtime``, or ``wss://`` where a proxy speaks TLS.
    token : str or None
        Where the server asks for one.
    patience_s : float
        A server that cannot be reached for so long, in seconds, is given up.
    tls : ssl.SSLContext or None
        For a certificate of your own; the usual one if None.

    Attributes
    ----------
    objects : dict of int to Prompts
    results : dict of int to Result
        The newest answer about each object that has one.
    connections : int
        How often it has connected.
    """

    def __init__(
        self, address: str, token: str | None = None, *, patience_s: float = 120.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.objects: dict[int, Prompts] = {}
        self.results: dict[int, Result] = {}
        self.size = (0, 0)
        self.connections = 0
        self._options: dict[str, Any] = {"max_size": None, "compression": None}
        if token is not None:
            self._options["additional_headers"] = {"Authorization": f"Bearer {token}"}
        if tls is not None:
            self._options["ssl"] = tls
        self._address, self._patience_s = address, patience_s
        self._image, self._image_id = b"", ""
        self._socket: ClientConnection | None = None
        self._connected = ExitStack()
        self._ids = map(str, itertools.count(1))

    def __enter__(self) -> RealtimeClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, image: bytes) -> tuple[int, int]:
        """Send the file of a picture, forget the objects of the last one, and return its width and height."""
        self._image, self._image_id, self.objects, self.results = image, "", {1: Prompts()}, {}
        try:
            if self._socket is None:
                self._resume()
            else:
                self._send_picture()
        except (OSError, ConnectionClosed) as lost:
            self._resume(lost)
        return self.size

    def new_object(self) -> int:
        """Begin another object, and return its number, which the server gives it too: the next one."""
        number = max(self.objects) + 1
        self.objects[number] = Prompts()
        self._tell({"type": "new_object"})
        return number

    def click(self, x: int, y: int, label: int = 1, object_id: int = 1) -> Result:
        """Say with a click where an object is (1) or is not (0); return the object as it is now."""
        before = self.objects[object_id]
        said = replace(before, points=(*before.points, (x, y, label)))
        return self._say(object_id, said, {"type": "click", "x": x, "y": y, "label": label})

    def box(self, x1: float, y1: float, x2: float, y2: float, object_id: int = 1) -> Result:
        """Draw the box round an object; return the object as it is now."""
        said = replace(self.objects[object_id], box=(x1, y1, x2, y2))
        return self._say(object_id, said, {"type": "box", "x1": x1, "y1": y1, "x2": x2, "y2": y2})

    def labels(self) -> npt.NDArray[np.uint16]:
        """Return an image of all objects by their numbers, 0 elsewhere; of two masks at one place the surer one's."""
        width, height = self.size
        labels = np.zeros((height, width), np.uint16)
        for number, result in sorted(self.results.items(), key=lambda one: one[1].score):
            labels[result.mask] = number
        return labels

    def close(self) -> None:
        """End the session."""
        self._socket = None
        self._connected.close()

    def _say(self, object_id: int, said: Prompts, message: dict[str, Any]) -> Result:
        before, self.objects[object_id] = self.objects[object_id], said
        try:
            self._tell({**message, "object_id": object_id})
        except Refused:
            self.objects[object_id] = before
            raise
        return self.results[object_id]

    def _tell(self, message: dict[str, Any]) -> None:
        """Send what :attr:`objects` holds already; if it does not arrive, connecting again sends all of it."""
        try:
            self._exchange(message)
        except (OSError, ConnectionClosed) as lost:
            self._resume(lost)
        except Refused as error:
            if not error.retryable:
                raise
            self._resume(error)

    def _exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message and return the last of its answers; masks go into :attr:`results`."""
        socket, end, id = self._socket, ENDS.get(message["type"], "segmentation_result"), next(self._ids)
        if socket is None:
            raise ConnectionError("not connected")
        socket.send(json.dumps({**message, "id": id}))
        while True:
            answer = json.loads(socket.recv())
            # A server of the first protocol knows no ids; it does not know `hello` either.
            if answer["type"] == "error" and (answer.get("id") == id or message["type"] == "hello"):
                raise Refused(answer["message"], answer.get("code") or "", bool(answer.get("retryable")))
            if answer["type"] == "segmentation_result":
                self.results[answer["object_id"]] = Result(_mask(answer["mask"]), answer["score"])
            if answer.get("id") == id and answer["type"] in (end, "image_needed"):
                return answer

    def _resume(self, reason: Exception | None = None) -> None:
        """Connect, and say everything again; where that fails wait, each time up to twice as long, and try again."""
        end = time.monotonic() + self._patience_s
        for attempt in itertools.count():
            if reason is not None:
                _check(reason)
                if time.monotonic() > end:
                    raise ConnectionError(f"{self._address} has not answered for {self._patience_s:.0f} s.") from reason
                if attempt == 1:
                    why = reason if isinstance(reason, Refused) else f"{self._address} cannot be reached"
                    log.warning("%s; trying again for %.0f s.", str(why).rstrip("."), self._patience_s)
                # Anything between no time and the longest: or all clients of a server come back at once.
                time.sleep(random.uniform(0, min(LONGEST_S, FIRST_S * 2**attempt)))
            try:
                self._connect()
                self._send_picture()
                self._exchange(self._restoring())
            except (OSError, ConnectionClosed, InvalidHandshake, Refused) as error:
                reason = error
            else:
                return

    def _connect(self) -> None:
        self.close()
        self._socket = self._connected.enter_context(connect(self._address, **self._options))
        self.connections += 1
        first = json.loads(self._socket.recv())
        if first["type"] == "error":
            raise Refused(first["message"], first.get("code") or "", bool(first.get("retryable")))
        self._exchange({"type": "hello", "protocol": 1, "client": "realtime_client", "mask_formats": ["png1", "png"]})

    def _send_picture(self) -> None:
        answer = {"type": "image_needed"}
        if self._image_id:
            answer = self._exchange({"type": "init", "image_id": self._image_id})
        if answer["type"] == "image_needed":
            answer = self._exchange({"type": "init", "image": base64.b64encode(self._image).decode()})
        self._image_id, self.size = answer["image_id"], (answer["width"], answer["height"])

    def _restoring(self) -> dict[str, Any]:
        return {"type": "restore", "objects": [said.state(number) for number, said in self.objects.items()]}


def _check(error: Exception) -> None:
    """Raise what another try would end with as well."""
    if isinstance(error, InvalidStatus) and error.response.status_code in (401, 403):
        raise Refused("The server does not let this client in: look at the token, and at the server's --allow-host.")
    if isinstance(error, ssl.SSLCertVerificationError) or (isinstance(error, Refused) and not error.retryable):
        raise error
    if isinstance(error, ConnectionClosed) and error.rcvd is not None and error.rcvd.code in NOT_AGAIN:
        raise Refused(f"The server has ended the connection: {error.rcvd.reason or error.rcvd.code}.")


def _mask(data: str) -> npt.NDArray[np.bool_]:
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image.convert("L")) > 0


def save_labels(labels: npt.NDArray[np.uint16], file: Path) -> None:
    """Write a labelled PNG, of 8 bits where they are enough."""
    Image.fromarray(labels.astype(np.uint8) if labels.max() < 256 else labels).save(file, "PNG")


def address(text: str) -> str:
    """Return an address of a WebSocket as it was typed."""
    if not text.startswith(("ws://", "wss://")):
        raise argparse.ArgumentTypeError(f"{text} does not begin with ws:// or wss://")
    return text


def prompt(text: str) -> tuple[int, ...]:
    """Return ``x,y``, ``x,y,label`` or ``x1,y1,x2,y2`` as numbers."""
    numbers = tuple(int(part) for part in text.split(",") if part.strip().lstrip("-").isdecimal())
    if len(numbers) not in (2, 3, 4) or len(numbers) != text.count(",") + 1:
        raise argparse.ArgumentTypeError(f"{text} is none of x,y and x,y,0 and x1,y1,x2,y2, in whole pixels")
    return numbers


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--server", type=address, default="ws://localhost:8000/ws/realtime")
    parser.add_argument("--object", dest="objects", type=prompt, action="append", nargs="+", required=True)
    asked = parser.parse_args()
    try:
        with RealtimeClient(asked.server, os.environ.get("NAPARI_SAM3_SERVER_TOKEN")) as client:
            client.open(asked.picture.read_bytes())
            for number, said in enumerate(asked.objects, 1):
                object_id = number if number in client.objects else client.new_object()
                for one in said:
                    result = client.box(*one, object_id) if len(one) == 4 else client.click(*one, object_id=object_id)
                print(f"object {object_id}: {np.count_nonzero(result.mask)} pixels, score {result.score:.2f}")
            save_labels(client.labels(), asked.labels)
    except (OSError, Refused) as error:
        sys.exit(str(error))
    print(f"saved {asked.labels.name}")


if __name__ == "__main__":
    main()
