"""Any messages in any order, over a real socket: what the protocol promises holds after each."""

from __future__ import annotations

import base64
import contextlib

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from websockets.exceptions import ConnectionClosed

from napari_sam3_assistant.server.settings import Limits
from tests.conftest import squares
from tests.server.conftest import Client, Running, running
from tests.server.pictures import data_url, file_of, mask_in
from tests.server.stub import StubEngine

POINTS = 4
"""Most points: few, so that the limit is met."""
PICTURES = {
    (64, 48): data_url(file_of(squares(64)[:48])),  # (width, height)
    (32, 96): data_url(file_of(np.tile(squares(32), (3, 1)))),
    (1, 1): data_url(file_of(np.zeros((1, 1), np.uint8))),
}
NO_PICTURES = (None, "", 7, "not base64!", "data:image/png;base64," + base64.b64encode(b"no picture").decode())
GARBAGE = ("", "{", "[]", "null", '{"type": 3}', '{"type": "dance"}', '{"type": "undo"}', b"SM3\x01", "\u0000" * 9)
BAD_CLICKS = (
    {},
    {"x": 1},
    {"x": "1", "y": 1},
    {"x": True, "y": 1},
    {"x": 1, "y": 1, "label": 2},
    {"x": -1, "y": 0},
    {"x": 5000, "y": 0},
)


class Protocol(RuleBasedStateMachine):
    """One client of the seed's kind, and what it must have been told."""

    server: Running
    engine: StubEngine

    def __init__(self) -> None:
        super().__init__()
        self.sessions: set[str] = set()
        self.client: Client | None = None

    @initialize()
    def connect(self) -> None:
        self.context = self.server.client()
        self.client = self.context.__enter__()
        created = self.client.created
        assert created["type"] == "session_created"
        assert created["session_id"] not in self.sessions
        self.sessions.add(created["session_id"])
        self.size: tuple[int, int] | None = None
        self.points = 0
        self.sure = False
        """Whether a foreground point is among them."""

    @rule(size=st.sampled_from(list(PICTURES)))
    def load(self, size: tuple[int, int]) -> None:
        answer = self.client.ask("init", image=PICTURES[size])

        assert (answer["type"], answer["width"], answer["height"]) == ("image_loaded", *size)
        self.size, self.points, self.sure = size, 0, False

    @rule(image=st.sampled_from(NO_PICTURES))
    def load_what_is_no_picture(self, image: object) -> None:
        self.refused("init", image=image)

    @precondition(lambda self: self.size is not None and self.points < POINTS)
    @rule(share=st.tuples(st.floats(0, 1), st.floats(0, 1)), label=st.sampled_from([0, 1]))
    def click(self, share: tuple[float, float], label: int) -> None:
        width, height = self.size
        x, y = share[0] * width, share[1] * height

        added, result = self.client.ask("click", x=x, y=y, label=label), self.client.receive()

        self.points += 1
        self.sure |= bool(label)
        expected = ("point_added", min(int(x), width - 1), min(int(y), height - 1), label, self.points)
        assert tuple(added[key] for key in ("type", "x", "y", "label", "total_points")) == expected
        self.is_result(result)

    @precondition(lambda self: self.size is not None and self.points == POINTS)
    @rule()
    def click_once_too_often(self) -> None:
        self.refused("click", x=0, y=0)

    @rule(click=st.sampled_from(BAD_CLICKS))
    def click_badly(self, click: dict) -> None:
        self.refused("click", **click)

    @precondition(lambda self: self.size is None)
    @rule()
    def click_on_nothing(self) -> None:
        assert self.refused("click", x=0, y=0)["message"] == "No image loaded"

    @precondition(lambda self: self.size is not None and self.points < POINTS)
    @rule()
    def click_while_the_engine_fails(self) -> None:
        self.engine.failing = True
        try:
            added, answer = self.client.ask("click", x=0, y=0), self.client.receive()
        finally:
            self.engine.failing = False

        self.points += 1
        self.sure = True
        assert (added["type"], added["total_points"]) == ("point_added", self.points)
        assert (answer["type"], answer["code"]) == ("error", "inference_failed")

    @rule()
    def segment(self) -> None:
        if self.points:
            self.is_result(self.client.ask("segment"))
        else:
            self.refused("segment")

    @rule()
    def reset(self) -> None:
        assert self.client.ask("reset")["type"] == "points_cleared"
        self.points, self.sure = 0, False

    @rule(text=st.sampled_from(GARBAGE))
    def say_garbage(self, text: str | bytes) -> None:
        self.client.socket.send(text)

        assert self.client.receive()["type"] == "error"

    @rule(clicks=st.integers(1, 3))
    def say_much_without_waiting(self, clicks: int) -> None:
        """As the seed's page, which resets right after ``init``."""
        size, image = next(iter(PICTURES.items()))
        self.client.send("init", image=image)
        self.client.send("reset")
        for _ in range(clicks):
            self.client.send("click", x=0, y=0)
        kinds = [self.client.receive()["type"] for _ in range(2 + 2 * clicks)]

        assert kinds == ["image_loaded", "points_cleared", *["point_added", "segmentation_result"] * clicks]
        self.size, self.points, self.sure = size, clicks, True

    @rule(politely=st.booleans(), busy=st.booleans())
    def leave_and_come_again(self, politely: bool, busy: bool) -> None:
        if busy:
            self.client.send("init", image=next(iter(PICTURES.values())))
        if politely:
            self.client.send("close")
            with contextlib.suppress(ConnectionClosed):  # it may be closed already
                self.client.send("reset")
            self.is_closed()
        self.teardown()
        self.connect()

    @invariant()
    def nothing_is_said_unasked(self) -> None:
        """Whatever was said before is answered: the next answer is that to the next question."""
        if self.client is not None:
            answer = self.client.ask("segment", id="now") if not self.points else self.client.ask("nothing", id="now")
            assert (answer["type"], answer["id"]) == ("error", "now")

    def teardown(self) -> None:
        if self.client is not None:
            self.context.__exit__(None, None, None)

    def refused(self, type: str, **fields: object) -> dict:
        answer = self.client.ask(type, **fields)
        assert answer["type"] == "error", answer
        return answer

    def is_result(self, result: dict) -> None:
        assert (result["type"], result["num_points"]) == ("segmentation_result", self.points)
        mask = mask_in(result)
        assert mask.shape == self.size[::-1]
        assert 0 <= result["score"] <= 1
        assert mask.any() == self.sure

    def is_closed(self) -> None:
        """Assert that nothing comes but what was said before, and a close frame."""
        kinds, frame = [], None
        while frame is None:
            try:
                kinds.append(self.client.receive()["type"])
            except ConnectionClosed as end:
                frame = end.rcvd
        assert frame.code == 1000
        assert kinds in ([], ["image_loaded"])


class Failing(StubEngine):
    """Fails while it is told to."""

    failing = False

    def segment(self, embedding, prompts, previous=None):
        if self.failing:
            raise RuntimeError("out of order")
        return super().segment(embedding, prompts, previous)


def test_the_promises_of_the_protocol_hold_whatever_is_said():
    engine = Failing(radius=3)
    plenty = Limits(
        points_per_object=POINTS, messages_per_s=1e6, messages_burst=10**6, inits_per_s=1e6, inits_burst=10**6
    )
    with running(engine, limits=plenty) as server:
        Protocol.server, Protocol.engine = server, engine
        run_state_machine_as_test(Protocol, settings=settings(max_examples=30, stateful_step_count=20, deadline=None))
    assert engine.encodes == len(PICTURES)
