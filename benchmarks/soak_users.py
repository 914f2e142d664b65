"""Users of a soak: a page, a program with objects, an engine elsewhere, and requests over HTTP.

Each asks, and asks again where its connection is lost, until it is answered. What the same prompts on the same picture
were answered once they must be answered always, by whoever answers.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import httpx2
import numpy as np
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from tests.server.client import example

PATIENCE_S = 60.0
"""A prompt that has no answer for so long is lost."""
HEIGHT, WIDTH = 120, 160
HELLO: Mapping[str, Any] = MappingProxyType({"mask_formats": ["png1"], "protocol": 1})
PLACES = ((40, 30), (110, 40), (60, 90), (130, 95), (5, 5))
LOST = (OSError, ConnectionClosed, InvalidHandshake, httpx2.HTTPError)


@dataclass
class Tally:
    """What all users have seen.

    Attributes
    ----------
    known : dict
        From picture and prompts to the digest of the mask.
    counts : Counter of str
        ``"said"``, ``"answered"``, ``"lost"``, ``"wrong"``, ``"cut"``, ``"connections"``.
    errors : Counter of str
        What went wrong on the way, and was tried again.
    """

    known: dict[tuple[Any, ...], str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, name: str, number: int = 1) -> None:
        with self._lock:
            self.counts[name] += number

    def went_wrong(self, error: Exception) -> None:
        name = type(error).__name__
        if isinstance(error, ConnectionClosed) and error.rcvd is not None:
            name = f"closed with {error.rcvd.code}"
        elif isinstance(error, example.Refused):
            name = error.code or str(error)
        with self._lock:
            self.errors[name] += 1

    def check(self, picture: int, prompts: object, mask: np.ndarray) -> None:
        """Compare an answer with that of the first who asked the same."""
        digest = hashlib.sha256(np.packbits(mask).tobytes() + repr(mask.shape).encode()).hexdigest()
        with self._lock:
            self.counts["answered"] += 1
            self.counts["wrong"] += self.known.setdefault((picture, prompts), digest) != digest


@dataclass
class Place:
    """Where the server is, and what there is to look at."""

    address: str
    url: str
    token: str
    tls: ssl.SSLContext | None
    pictures: list[bytes]


class User:
    """One user, who is a thread; ``turn`` says and checks a few prompts.

    Parameters
    ----------
    place : Place
    tally : Tally
    seed : int
        Of what it does.
    """

    def __init__(self, place: Place, tally: Tally, seed: int) -> None:
        self.place, self.tally, self.random = place, tally, random.Random(seed)

    def run(self, over: threading.Event) -> None:
        """Take turns until told to end."""
        while not over.wait(self.random.uniform(0.3, 1.2)):
            self.insist()
        self.leave()

    def insist(self) -> None:
        """Take a turn, again and again until it is answered; or give its prompts up as lost."""
        clicks = tuple((*place, 1) for place in self.random.sample(PLACES, self.random.randint(1, 3)))
        picture, end = self.random.randrange(len(self.place.pictures)), time.monotonic() + PATIENCE_S
        self.tally.count("said", len(clicks))
        answered = 0
        while answered < len(clicks):
            try:
                self.turn(picture, clicks[: answered + 1])
                answered += 1
            except (*LOST, example.Refused) as error:
                self.tally.went_wrong(error)
                self.leave()
                if time.monotonic() > end:
                    self.tally.count("lost", len(clicks) - answered)
                    return
                time.sleep(self.random.uniform(0, 0.5))

    def turn(self, picture: int, clicks: tuple[tuple[int, int, int], ...]) -> None:
        """Ask about one object, and check the answer."""
        raise NotImplementedError

    def leave(self) -> None:
        """Let go of what is connected."""

    def cut(self, one: Any) -> None:
        """Now and then, cut a connection as a network does."""
        if self.random.random() < 0.03:
            self.tally.count("cut")
            one.socket.shutdown(socket.SHUT_RDWR)


class Speaker(User):
    """A user with a connection of its own; the parent of those who speak the protocol themselves."""

    hello: Mapping[str, Any] | None = None

    def __init__(self, place: Place, tally: Tally, seed: int) -> None:
        super().__init__(place, tally, seed)
        self._stack, self._socket, self._shown = ExitStack(), None, -1
        self._ids: dict[int, str] = {}

    def leave(self) -> None:
        self._stack.close()
        self._socket, self._shown = None, -1

    def say(self, until: str, type: str, **fields: Any) -> dict[str, Any]:
        """Send a message and return the answer of a type; an error is raised."""
        self._socket.send(json.dumps({"type": type, **fields}))
        self.cut(self._socket)
        while (answer := json.loads(self._socket.recv(PATIENCE_S)))["type"] not in (until, "image_needed"):
            if answer["type"] == "error":
                raise example.Refused(answer["message"], answer.get("code") or "")
        return answer

    def show(self, picture: int) -> None:
        """Connect where that is needed, and send a picture where it is not there."""
        if self._socket is None:
            headers = {"Authorization": f"Bearer {self.place.token}"}
            options = {"additional_headers": headers, "compression": None, "max_size": None}
            if self.place.tls is not None:
                options["ssl"] = self.place.tls
            self._socket = self._stack.enter_context(connect(self.place.address, **options))
            self.tally.count("connections")
            first = json.loads(self._socket.recv(PATIENCE_S))
            if first["type"] == "error":
                raise example.Refused(first["message"], first["code"])
            if self.hello is not None:
                self.say("welcome", "hello", **self.hello)
        if self._shown != picture:
            self._shown = -1
            self.send_picture(picture)
            self._shown = picture

    def send_picture(self, picture: int) -> None:
        answer = {"type": "image_needed"}
        if self.hello is not None and picture in self._ids:
            answer = self.say("image_loaded", "init", image_id=self._ids[picture])
        if answer["type"] == "image_needed":
            image = base64.b64encode(self.place.pictures[picture]).decode()
            answer = self.say("image_loaded", "init", image=image)
        self._ids[picture] = answer["image_id"]


class Page(Speaker):
    """The seed's page: it sends the picture and ``reset``, and all clicks again after a lost connection."""

    def turn(self, picture: int, clicks: tuple[tuple[int, int, int], ...]) -> None:
        self.show(picture)
        self.say("points_cleared", "reset")
        for count, (x, y, label) in enumerate(clicks, 1):
            result = self.say("segmentation_result", "click", x=x, y=y, label=label)
            if result["num_points"] != count:
                raise example.Refused("the server has counted other points", "points")
        self.tally.check(picture, clicks, mask_of(result["mask"]))


class Stepping(Speaker):
    """Somebody who hovers, and takes back every second click."""

    hello = HELLO

    def turn(self, picture: int, clicks: tuple[tuple[int, int, int], ...]) -> None:
        self.show(picture)
        self.say("points_cleared", "reset")
        for x, y, label in clicks:
            # More often than 20 times a second it is not answered: nothing waits for it.
            self._socket.send(json.dumps({"type": "hover", "x": x, "y": y}))
            self.say("segmentation_result", "click", x=x, y=y, label=label)
            self.say("segmentation_result", "undo")
            result = self.say("segmentation_result", "redo")
        self.tally.check(picture, clicks, mask_of(result["mask"]))


class Remote(Speaker):
    """An engine elsewhere: stateless questions about one object, and all that look like one."""

    hello = HELLO

    def turn(self, picture: int, clicks: tuple[tuple[int, int, int], ...]) -> None:
        self.show(picture)
        points = [{"x": x, "y": y, "label": label} for x, y, label in clicks]
        answer = self.say("prediction", "predict", image_id=self._ids[picture], prompts={"points": points})
        self.tally.check(picture, clicks, mask_of(answer["objects"][0]["mask"]))
        example_box = {"x1": 25, "y1": 15, "x2": 55, "y2": 45}
        self.say("candidates", "find", image_id=self._ids[picture], exemplars=[example_box], threshold=0.5)


class Program(User):
    """The Python client of examples/: several objects; it comes back by itself."""

    def __init__(self, place: Place, tally: Tally, seed: int) -> None:
        super().__init__(place, tally, seed)
        self._client = example.RealtimeClient(place.address, place.token, tls=place.tls, patience_s=PATIENCE_S)
        self._picture, self._counted = -1, 0

    def turn(self, picture: int, clicks: tuple[tuple[int, int, int], ...]) -> None:
        if picture != self._picture or len(self._client.objects) > 10:
            self._picture = -1
            self._client.open(self.place.pictures[picture])
            self._picture = picture
        number = self._client.new_object()
        for x, y, label in clicks:
            self.cut(self._client._socket)
            self._client.click(x, y, label, number)
        self.tally.count("connections", self._client.connections - self._counted)
        self._counted = self._client.connections
        for object_id, said in self._client.objects.items():
            if said.points:
                self.tally.check(picture, said.points, self._client.results[object_id].mask)

    def leave(self) -> None:
        self._client.close()
        self._picture = -1


class Rest(User):
    """Requests over HTTP, each with its picture."""

    def __init__(self, place: Place, tally: Tally, seed: int) -> None:
        super().__init__(place, tally, seed)
        headers = {"Authorization": f"Bearer {place.token}"}
        self._options = {"base_url": place.url, "verify": place.tls or True, "headers": headers, "timeout": PATIENCE_S}
        self._http: httpx2.Client | None = None

    def leave(self) -> None:
        if self._http is not None:
            self._http.close()
            self._http = None

    def turn(self, picture: int, clicks: tuple[tuple[int, int, int], ...]) -> None:
        xs, ys, labels = (list(column) for column in zip(*clicks, strict=True))
        image = base64.b64encode(self.place.pictures[picture]).decode()
        asked = {"image_base64": image, "points_x": xs, "points_y": ys, "labels": labels}
        if self._http is None:
            self._http = httpx2.Client(**self._options)
        answer = self._http.post("/segment/points/base64", json=asked)
        if answer.status_code != 200:
            raise example.Refused(f"HTTP {answer.status_code}", f"HTTP {answer.status_code}")
        self.tally.check(picture, clicks, mask_of(answer.json()["masks"][0]))


KINDS: tuple[type[User], ...] = (Page, Program, Remote, Stepping, Rest)


def mask_of(data: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image.convert("L")) > 0


def pictures(count: int) -> list[bytes]:
    """Return files of pictures with bright rectangles on a dark ground."""
    files = []
    for number in range(count):
        chance = np.random.default_rng(number)
        pixels = chance.integers(20, 40, (HEIGHT, WIDTH, 3), np.uint8)
        for x, y in PLACES[:4]:
            half = chance.integers(8, 16)
            pixels[y - half : y + half, x - half : x + half] += np.uint8(chance.integers(100, 200))
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        files.append(file.getvalue())
    return files
