"""A server that is broken, or means ill: every answer of it is a mask of the picture or an error, and soon."""

from __future__ import annotations

import base64
import socket
import threading
import time
import zlib

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import AssistantError, Cancelled, EngineError, ServerUnreachable
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, Query
from napari_sam3_assistant.engines.remote import link, pictures, talk
from napari_sam3_assistant.engines.remote.engine import RemoteEngine
from napari_sam3_assistant.testing import click
from tests.engines.talkers import answering
from tests.server.conftest import running, until
from tests.server.stub import StubEngine

SHAPE = (64, 80)
FULL = zlib.compress(bytes(10 * 10 // 8 + 1))
BOMB = zlib.compress(bytes(2**25))


def found(bits=FULL, bbox=(0, 0, 10, 10), score=0.5, **more):
    mask = base64.b64encode(bits).decode()
    return {"score": score, "bbox": bbox, "area": 1, "mask": mask, "mask_format": "bits", **more}


def prediction(*objects, **more):
    return {"type": "prediction", "objects": objects, **more}


@pytest.fixture
def asking(monkeypatch):
    """Return what an engine answers about a click on a server that answers as told."""
    monkeypatch.setattr(link, "ANSWER_S", 0.5)

    def ask(answer):
        with answering(answer) as port:
            engine = loaded(port)
            try:
                return engine.segment(encoded(engine), click(15, 15))
            finally:
                engine.close()

    return ask


def loaded(port, **options):
    engine = RemoteEngine(f"127.0.0.1:{port}", **options)
    engine.load(progress=no_progress, cancel=CancelToken())
    return engine


def encoded(engine, shape=SHAPE, cancel=None):
    image = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    return engine.encode(image, progress=no_progress, cancel=cancel or CancelToken())


@pytest.mark.parametrize(
    "reply",
    [
        prediction(found(bbox=(0, 0, 81, 10))),
        prediction(found(bbox=(-1, 0, 9, 10))),
        prediction(found(bbox=(0, 0, 10**9, 10**9))),
        prediction(found(bbox=(10, 10, 0, 0))),
        prediction(found(BOMB)),
        prediction(found(b"what")),
        prediction(found(), alternatives=[found(BOMB)]),
        prediction(found(score=float("nan"))),
        prediction(found(score=7.0)),
        prediction({"score": 0.5}),
        prediction(),
        prediction(found() | {"mask": "?"}),
        {"type": "candidates", "threshold": 0.5, "objects": []},
        {"type": "prediction"},
        "what",
        b"what",
        "[" * 1000,
    ],
    ids=lambda reply: str(reply)[:60],
)
def test_an_answer_that_is_no_mask_of_the_picture_is_an_error(asking, reply):
    with pytest.raises(EngineError) as caught:
        asking(lambda asked: [reply])

    assert "Built-in" in caught.value.hint


@pytest.mark.parametrize(
    "replies",
    [
        [],
        [prediction(found()) | {"id": "another"}],
        [{"type": "progress", "stage": "queued", "position": 1}] * 3,
        [{"type": "news", "what": [1, 2, 3]}] * 3,
    ],
    ids=["silence", "the answer to another question", "progress alone", "types of a later version"],
)
def test_a_server_that_does_not_answer_is_given_up(asking, replies):
    with pytest.raises(EngineError, match=r"not answered"):
        asking(lambda asked: [one if one.get("type") != "news" else one | {"id": None} for one in replies])


def test_what_is_not_known_beside_an_answer_is_passed_over(asking):
    answer = asking(lambda asked: [{"type": "news", "id": None}, prediction(found(more=1), more=2)])

    assert answer.mask.area == 0
    assert answer.score == 0.5


def test_many_masks_take_no_more_memory_than_they_may(monkeypatch):
    monkeypatch.setattr("napari_sam3_assistant.engines.remote.reading.MOST_CELLS", 1000)
    many = {"type": "candidates", "threshold": 0.5, "objects": [found()] * 11}

    with answering(lambda asked: [many]) as port:
        engine = loaded(port)
        with pytest.raises(EngineError, match="no mask of this picture"):
            engine.find(encoded(engine), Query(exemplars=(BoxPrompt(Box(1, 1, 9, 9)),)))
        engine.close()


@pytest.mark.parametrize("code", ["not_found", "bad_mask"])
def test_a_refinement_that_is_refused_again_and_again_is_given_up(code):
    asked = []

    def answer(message):
        asked.append(message)
        if "previous" in message:
            return [{"type": "error", "code": code, "message": "no"}]
        return [prediction(found(refinement="r"))]

    with answering(answer) as port:
        engine = loaded(port)
        picture = encoded(engine)
        first = engine.segment(picture, click(15, 15))
        with pytest.raises(AssistantError):
            engine.segment(picture, click(15, 15, (20, 20, True)), first)
        engine.close()

    assert len(asked) <= 2 * pictures.MOST_TIMES + 1


@pytest.mark.parametrize(
    "other", [{"index": 7}, {"objects": [found(bbox=(0, 0, 90, 10))]}, {"objects": [], "index": 0}]
)
def test_a_film_is_answered_by_the_frame_that_was_asked_for(other):
    def answer(message):
        match message["type"]:
            case "video_open":
                return [{"type": "video_opened", "video_id": "v"}]
            case "video_prompt":
                result = {"type": "frame_result", "video_id": "v", "index": 3, "objects": [found(object_id=1)]} | other
                return [result]
        return []

    with answering(answer) as port:
        engine = loaded(port)
        session = engine.start()
        with pytest.raises(EngineError):
            session.prompt(3, encoded(engine), 1, click(15, 15))
        session.close()
        engine.close()


# -- networks that swallow --------------------------------------------------------------------------


class Swallower:
    """Passes on to a server, until it is told to take nothing more, and to hold the connection all the same."""

    def __init__(self, port):
        self._target, self._holds = port, threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**14)
        self.port, self._open = self._listener.getsockname()[1], []
        threading.Thread(target=self._run, name="swallower", daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for one in (*self._open, self._listener):
            one.close()

    def hold(self):
        self._holds.set()

    def _run(self):
        try:
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open += [client, server]
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=ends, name="swallower: one", daemon=True).start()
        except OSError:
            return

    def _pass_on(self, source, target):
        try:
            while (data := source.recv(2**12)) and not self._holds.is_set():
                target.sendall(data)
        except OSError:
            return


@pytest.fixture
def swallower():
    with running(StubEngine()) as server, Swallower(server.port) as between:
        yield between


LARGE = (2000, 3000)
"""More than what the system keeps of what nobody takes."""


def test_cancel_is_heard_while_nobody_takes_the_picture(swallower):
    engine, cancel = loaded(swallower.port, patience_s=0.1), CancelToken()
    swallower.hold()
    threading.Timer(0.5, cancel.cancel).start()

    start = time.monotonic()
    with pytest.raises(Cancelled):
        encoded(engine, LARGE, cancel)
    waited = time.monotonic() - start
    engine.close()

    assert waited < 10  # without a network that takes it, the system tries for a quarter of an hour


def test_a_picture_that_nobody_takes_is_given_up(swallower, monkeypatch):
    monkeypatch.setattr(talk, "DEAD_S", 0.3)
    monkeypatch.setattr(link, "ANSWER_S", 1.0)
    engine = loaded(swallower.port, patience_s=0.1)
    swallower.hold()

    with pytest.raises((ServerUnreachable, EngineError)):
        encoded(engine, LARGE)
    engine.close()


def test_closing_ends_a_picture_that_nobody_takes(swallower):
    engine = loaded(swallower.port, patience_s=0.1)
    swallower.hold()
    threading.Timer(0.5, engine.close).start()

    with pytest.raises(AssistantError):
        encoded(engine, LARGE)
    until(lambda: not [one for one in threading.enumerate() if "remote-link" in one.name])
