"""What a client and a server say to each other about a video: order, stopping, ends, and all that goes wrong."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import EmbeddingLost, EngineError, OutOfMemory
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.engines.protocol import Capabilities, VideoLimits
from napari_sam3_assistant.server.session import videos
from napari_sam3_assistant.server.session.bounds import mask_on
from napari_sam3_assistant.server.settings import Limits
from tests.server.conftest import running, until
from tests.server.extended import extended
from tests.server.film import SHAPE, at, drawn, following, frame, masks_of
from tests.server.follower import Follower
from tests.server.pictures import data_url, file_of
from tests.server.stub import StubEngine

PROMPT = {"index": 0, "object_id": 1, "prompts": at(20, 20)}


@pytest.fixture(scope="module")
def engine():
    return Follower()


@pytest.fixture(scope="module")
def server(engine):
    with running(engine) as server:
        yield server


class Hold:
    """Holds a step of the engine until it is let go."""

    def __init__(self, index: int) -> None:
        self._index, self.reached, self.opened = index, threading.Event(), threading.Event()

    def __call__(self, index: int) -> None:
        if index == self._index:
            self.reached.set()
            assert self.opened.wait(20)


def give(client, *indices: int) -> None:
    """Answer so many questions for frames, which come next."""
    for index in indices:
        assert client.receive()["index"] == index
        client.send("frame", video_id=client.video_id, index=index, image=data_url(file_of(frame(index))))


def kinds(messages: list[dict]) -> list[str]:
    return [message["type"] for message in messages]


# -- what is answered ---------------------------------------------------------------------------------


def test_a_server_says_that_it_follows_objects_and_what_it_takes(server):
    with server.client() as client:
        welcome = client.ask("hello")

    assert {"video", "encode"} <= set(client.created["features"])
    assert welcome["capabilities"]["video"] == {
        "points": True, "boxes": True, "masks": True, "text": True, "mixes": True,
    }  # fmt: skip


def test_a_server_whose_engine_follows_nothing_says_so(serving):
    with serving(StubEngine()) as server, extended(server) as client:
        answer = client.ask("video_open", frames=3, shape=SHAPE)

    assert "video" not in client.created["features"]
    assert (answer["code"], answer["retryable"]) == ("unsupported", False)


def test_words_lost_objects_and_scores_come_through(server, engine):
    with following(server, text="cells") as client:
        (result,) = client.propagate(3, 3)

    assert [(one["object_id"], one["name"], one["score"]) for one in result["objects"]] == [(103, "cells", 0.5)]
    assert result["lost"] == [99]
    assert engine.sessions[-1].query.texts[0].text == "cells"


def test_results_carry_the_id_of_what_was_asked(server):
    with following(server) as client:
        client.tell("video_prompt", **PROMPT)
        client.send("propagate", id="run", video_id=client.video_id, start=1, end=2)
        messages = client.until("propagated")

    assert kinds(messages) == ["frame_result", "frame_result", "propagated"]
    assert {message["id"] for message in messages} == {"run"}


def test_a_frame_may_be_named_that_was_made_ready_before(server, engine):
    with following(server) as client:
        image = data_url(file_of(frame(0)))
        known = client.ask("encode", image=image, id="e")
        encodes = engine.encodes
        client.send("video_prompt", video_id=client.video_id, **PROMPT)
        needed = client.receive()
        client.send("frame", video_id=client.video_id, index=0, image_id=known["image_id"])
        result = client.receive()

    assert (known["type"], known["id"], known["width"], known["height"]) == ("encoded", "e", SHAPE[1], SHAPE[0])
    assert needed == {"type": "frame_needed", "video_id": client.video_id, "index": 0}
    assert masks_of(result)[1].any()
    assert engine.encodes == encodes


def test_a_frame_that_is_named_and_not_there_is_asked_for_with_its_picture(server):
    with following(server) as client:
        client.send("video_prompt", video_id=client.video_id, **PROMPT)
        client.receive()
        client.send("frame", video_id=client.video_id, index=0, image_id="no such picture")
        again = client.receive()
        client.send("frame", video_id=client.video_id, index=0, image=data_url(file_of(frame(0))))
        result = client.receive()

    assert (again["type"], again["index"], again["image"]) == ("frame_needed", 0, True)
    assert result["type"] == "frame_result"


def test_what_is_asked_of_a_video_is_answered_in_order_though_nobody_waits(server):
    with following(server) as client:
        for type, fields in (
            ("video_prompt", PROMPT),
            ("propagate", {"start": 1, "end": 2}),
            ("video_remove", {"object_id": 1}),
            ("video_begin", {"index": 2, "objects": []}),
        ):
            client.send(type, video_id=client.video_id, **fields)
        messages = client.until("video_begun")

    assert kinds(messages) == [
        "frame_result", "frame_result", "frame_result", "propagated", "video_removed", "video_begun",
    ]  # fmt: skip


def test_the_next_frame_is_asked_for_while_one_is_looked_at_and_no_other(serving):
    hold = Hold(1)
    engine = Follower(before_step=hold)
    with serving(engine) as server, following(server) as client:
        client.tell("video_prompt", **PROMPT)
        client.send("propagate", video_id=client.video_id, start=1, end=4)
        give(client, 1, 2)
        assert hold.reached.wait(10)
        pong = client.ask("ping", t=1)
        hold.opened.set()
        messages = client.until("propagated")

    assert pong["type"] == "pong"  # and not a third frame
    assert kinds(messages) == ["frame_result"] * 4 + ["propagated"]


def test_clicks_of_the_same_client_and_of_others_go_between_the_frames(serving):
    hold = Hold(1)
    with serving(Follower(before_step=hold)) as server, extended(server) as other, following(server) as client:
        client.ask("init", image=data_url(file_of(frame(0))))
        client.tell("video_prompt", **PROMPT)
        client.send("propagate", video_id=client.video_id, start=1, end=3)
        give(client, 1, 2)
        assert hold.reached.wait(10)
        client.send("click", x=20, y=20)
        other.send("click", x=20, y=20)
        assert (client.receive()["type"], other.receive()["type"]) == ("point_added", "point_added")
        hold.opened.set()
        theirs = other.receive()
        messages = client.until("propagated")

    assert theirs["type"] == "segmentation_result"
    assert sorted(kinds(messages)[:2]) == ["frame_result", "segmentation_result"]


def test_a_picture_is_made_ready_without_touching_the_session(serving):
    engine = Follower()
    with serving(engine) as server, extended(server) as client:
        client.ask("click", x=20, y=20)
        client.receive()
        needed = client.ask("encode", image_id="no such picture", id="n")
        first = client.ask("encode", image=data_url(file_of(frame(1))))
        again = client.ask("encode", image_id=first["image_id"])
        state = client.ask("list")

    assert (needed["type"], needed["id"]) == ("image_needed", "n")
    assert (first["cached"], again["cached"], engine.encodes) == (False, True, 2)
    assert state["image_id"] == client.image_id
    assert len(state["objects"][0]["points"]) == 1


def test_making_a_picture_ready_is_cancelled_by_its_id(serving):
    reached = threading.Event()
    engine = Follower(encode_s=20, fail=lambda what: reached.set() if what == "encode" else None)
    with serving(engine) as server, server.client() as client:
        client.ask("hello", progress=True)
        client.send("encode", image=data_url(file_of(frame(0))), id="e")
        stages = [client.receive()["stage"] for _ in range(2)]
        assert reached.wait(10)
        answer = client.ask("cancel", id="e")

    assert stages == ["decoding", "encoding"]
    assert (answer["type"], answer["id"]) == ("cancelled", "e")


# -- how it is stopped --------------------------------------------------------------------------------


def test_a_propagation_that_runs_is_cancelled_and_the_video_goes_on(serving):
    hold = Hold(1)
    engine = Follower(before_step=hold)
    with serving(engine) as server, following(server) as client:
        client.tell("video_prompt", **PROMPT)
        client.send("propagate", video_id=client.video_id, start=1, end=4)
        give(client, 1, 2)
        assert hold.reached.wait(10)
        client.send("video_cancel", video_id=client.video_id, id="c")
        until_cancelled = client.until("video_cancelled")
        hold.opened.set()
        again = client.propagate(1, 2)

    assert kinds(until_cancelled) == ["video_cancelled"]
    assert until_cancelled[0]["id"] == "c"
    assert [result["index"] for result in again] == [1, 2]


def test_what_waits_for_a_frame_is_cancelled_and_the_frame_may_come_late(server):
    with following(server) as client:
        client.send("video_prompt", video_id=client.video_id, **PROMPT)
        assert client.receive()["type"] == "frame_needed"
        cancelled = client.ask("video_cancel", video_id=client.video_id)
        client.send("frame", video_id=client.video_id, index=0, image=data_url(file_of(frame(0))))
        result = client.tell("video_prompt", **PROMPT)

    assert cancelled["type"] == "video_cancelled"
    assert result["type"] == "frame_result"


def test_nothing_is_said_of_what_fails_after_it_was_cancelled(serving):
    hold = Hold(1)

    def fails(index: int) -> None:
        hold(index)
        raise EngineError("Too late to matter.")

    with serving(Follower(before_step=fails)) as server, following(server) as client:
        client.tell("video_prompt", **PROMPT)
        client.send("propagate", video_id=client.video_id, start=1, end=4)
        give(client, 1, 2)
        assert hold.reached.wait(10)
        assert client.ask("video_cancel", video_id=client.video_id)["type"] == "video_cancelled"
        hold.opened.set()
        after = client.tell("video_prompt", **PROMPT)

    assert after["type"] == "frame_result", after


def test_a_video_that_does_nothing_may_be_cancelled(server):
    with following(server) as client:
        assert client.tell("video_cancel")["type"] == "video_cancelled"
        assert client.tell("video_prompt", **PROMPT)["type"] == "frame_result"


def test_an_object_that_is_removed_while_objects_are_followed_is_in_no_later_result(serving):
    hold = Hold(2)
    engine = Follower(before_step=hold)
    with serving(engine) as server, following(server) as client:
        client.tell("video_prompt", **PROMPT)
        client.tell("video_prompt", index=0, object_id=2, prompts=at(40, 50))
        client.send("propagate", video_id=client.video_id, start=1, end=4)
        client.answers()
        client.send("video_remove", video_id=client.video_id, object_id=2)
        hold.opened.set()
        messages = client.until("propagated")

    after = messages[kinds(messages).index("video_removed") :]
    assert len(after) > 2
    assert {one["object_id"] for message in after for one in message.get("objects", [])} == {1}


def test_objects_are_removed_though_the_video_is_stopped_meanwhile(serving):
    hold = Hold(1)
    with serving(Follower(before_step=hold)) as server, following(server) as client:
        for object_id in (1, 2, 3):
            client.tell("video_prompt", **{**PROMPT, "object_id": object_id})
        client.send("propagate", video_id=client.video_id, start=1, end=4)
        give(client, 1)
        assert hold.reached.wait(10)
        client.send("video_remove", video_id=client.video_id, object_id=1)
        client.send("video_remove", video_id=client.video_id, object_id=2)
        cancelled = client.tell("video_cancel")
        hold.opened.set()
        removed = [client.answers() for _ in range(2)]
        (result,) = client.propagate(1, 1)

    assert (cancelled["type"], kinds(removed)) == ("video_cancelled", ["video_removed"] * 2)
    assert [one["object_id"] for one in result["objects"]] == [3]


def test_a_video_that_is_closed_is_given_back_and_known_no_more(serving):
    engine = Follower()
    with serving(engine) as server, following(server) as client:
        client.tell("video_prompt", **PROMPT)
        closed = client.tell("video_close", id="z")
        refused = client.tell("video_prompt", **PROMPT)
        until(lambda: engine.sessions[0].closed)

    assert (closed["type"], closed["id"]) == ("video_closed", "z")
    assert refused["code"] == "no_video"


def test_a_client_that_leaves_in_the_middle_gives_its_videos_back(serving):
    hold = Hold(1)
    engine = Follower(before_step=hold, step_s=20)
    with serving(engine) as server:
        with following(server) as client:
            client.tell("video_prompt", **PROMPT)
            client.send("propagate", video_id=client.video_id, start=1, end=4)
            give(client, 1)
            assert hold.reached.wait(10)
        hold.opened.set()
        until(lambda: engine.sessions[0].closed)
        until(lambda: not len(server.app.state.sessions))

    assert engine.sessions[0].steps == []


def test_a_server_ends_in_the_middle_of_a_propagation(serving):
    engine = Follower(step_s=0.02)
    with serving(engine) as server, following(server, frames=1000) as client:
        client.tell("video_prompt", **PROMPT)
        client.send("propagate", video_id=client.video_id, start=1, end=999)
        client.answers()
        server.server.should_exit = True
        until(lambda: engine.closed)

    assert engine.sessions[0].closed


def test_a_video_that_nobody_uses_is_closed_and_its_client_is_told(serving):
    engine = Follower()
    with serving(engine, limits=Limits(video_idle_s=0.1)) as server, following(server) as client:
        told = client.receive()
        refused = client.tell("propagate", start=1, end=1)
        until(lambda: engine.sessions[0].closed)

    assert (told["type"], told["reason"]) == ("video_closed", "Closed after 0.1 s without use. Open it again.")
    assert (refused["code"], refused["message"]) == ("no_video", "No such video. Open it again.")


# -- what goes wrong ----------------------------------------------------------------------------------


def test_a_frame_that_does_not_come_ends_what_was_asked_and_the_video_goes_on(serving):
    with serving(Follower(), limits=Limits(frame_s=0.2)) as server, following(server) as client:
        client.send("video_prompt", video_id=client.video_id, id="p", **PROMPT)
        assert client.receive()["type"] == "frame_needed"
        missing = client.receive()
        result = client.tell("video_prompt", **PROMPT)

    assert (missing["id"], missing["code"], missing["retryable"]) == ("p", "frame_missing", True)
    assert missing["message"] == "Frame 0: It did not come within 0.2 s. Ask again."
    assert result["type"] == "frame_result"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"image": "data:image/png;base64,AAAA"}, "bad_image"),
        ({"image": data_url(file_of(frame(0)[:32]))}, "bad_frame"),
    ],
)
def test_a_frame_that_is_none_ends_what_was_asked_and_the_video_goes_on(server, sent, code):
    with following(server) as client:
        client.send("video_prompt", video_id=client.video_id, **PROMPT)
        client.receive()
        client.send("frame", video_id=client.video_id, index=0, **sent)
        refused = client.receive()
        result = client.tell("video_prompt", **PROMPT)

    assert refused["code"] == code
    assert refused["message"].startswith("Frame 0: ")
    assert result["type"] == "frame_result"


REFUSED = {
    "another video": ("video_prompt", {"video_id": "none", **PROMPT}, "no_video"),
    "a frame beyond the last": ("video_prompt", {**PROMPT, "index": 5}, "bad_frame"),
    "a frame that was not asked for": ("frame", {"index": 3, "image_id": "x"}, "bad_frame"),
    "no picture": ("frame", {"index": 3}, "no_image_data"),
    "no prompt": ("video_prompt", {**PROMPT, "prompts": {}}, "no_points"),
    "a point outside": ("video_prompt", {**PROMPT, "prompts": at(20, 99)}, "out_of_bounds"),
    "a broken mask": ("video_begin", {"index": 0, "objects": [{"object_id": 1, "mask": "AAAA"}]}, "bad_mask"),
    "an object twice": ("video_begin", {"index": 0, "objects": [{"object_id": 1, "mask": "AAAA"}] * 2}, "bad_message"),
    "object 0": ("video_prompt", {**PROMPT, "object_id": 0}, "bad_message"),
    "a way that leads nowhere": ("propagate", {"start": 3, "end": 1}, "bad_message"),
    "a direction that is none": ("propagate", {"start": 1, "end": 3, "direction": 2}, "bad_message"),
    "an end beyond the last": ("propagate", {"start": 1, "end": 5}, "bad_frame"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused_and_changes_nothing(server, case):
    type, fields, code = REFUSED[case]

    with following(server) as client:
        refused = client.ask(type, **{"video_id": client.video_id, "id": "r", **fields})
        result = client.tell("video_prompt", **PROMPT)

    assert (refused["type"], refused["code"], refused["id"]) == ("error", code, "r")
    assert result["type"] == "frame_result"


def test_what_the_engine_does_not_take_is_refused_before_a_frame_is_asked_for(serving):
    takes = Capabilities(video=VideoLimits(boxes=False, max_points=1, mixes=False))
    both = {**at(20, 20), "mask": drawn(StubEngine().disc(SHAPE, 20, 20))}
    with serving(Follower(capabilities=takes)) as server, following(server) as client:
        box = {"box": {"x1": 1, "y1": 1, "x2": 9, "y2": 9}}
        two = {"points": at(20, 20)["points"] * 2}
        codes = [client.tell("video_prompt", **{**PROMPT, "prompts": one})["code"] for one in (box, two, both)]
        words = client.ask("video_open", frames=3, shape=SHAPE, text="cells")

    assert (codes, client.needed) == (["unsupported", "limit_points", "unsupported"], [])
    assert words["code"] == "unsupported"


def test_too_many_objects_are_refused(serving):
    with serving(Follower(), limits=Limits(objects=1)) as server, following(server) as client:
        client.tell("video_prompt", **PROMPT)
        refused = client.tell("video_prompt", index=0, object_id=2, prompts=at(40, 50))
        client.tell("video_remove", object_id=1)
        result = client.tell("video_prompt", index=0, object_id=2, prompts=at(40, 50))

    assert refused["code"] == "limit_objects"
    assert result["type"] == "frame_result"


def test_masks_that_wait_are_not_unpacked_and_of_one_message_only_so_many(serving, monkeypatch):
    looked: list[object] = []
    monkeypatch.setattr(videos, "mask_on", lambda *given: (looked.append(given), mask_on(*given))[1])
    monkeypatch.setattr(videos, "MOST_UNPACKED", 3000)
    hold, mask = Hold(1), drawn(PlacedMask(np.ones((40, 50), bool)))
    few, many, wrong = (
        [{"object_id": number, **mask} for number in range(1, count + 1)] for count in (1, 2, Limits().objects + 1)
    )
    with serving(Follower(before_step=hold)) as server, following(server) as client:
        client.tell("video_begin", index=0, objects=few)
        client.send("propagate", video_id=client.video_id, start=1, end=1)
        give(client, 1)
        assert hold.reached.wait(10)
        client.send("video_begin", video_id=client.video_id, index=1, objects=many)
        refused = client.tell("video_begin", index=1, objects=wrong)
        waiting = len(looked)
        hold.opened.set()
        client.until("propagated")
        too_large = client.answers()

    assert (refused["code"], waiting) == ("limit_objects", 1)
    assert (too_large["code"], len(looked)) == ("bad_mask", 3)


@pytest.mark.parametrize(
    ("failure", "first"), [(EmbeddingLost("It is gone."), "video_lost"), (OutOfMemory("None is left."), "oom")]
)
def test_a_video_that_the_engine_has_lost_says_so_until_it_is_opened_again(serving, failure, first):
    def fail(frame: int) -> None:
        raise failure

    engine = Follower(before_step=fail)
    with serving(engine) as server, following(server) as client:
        client.tell("video_prompt", **PROMPT)
        codes = [client.tell("propagate", start=1, end=1)["code"] for _ in range(2)]
        assert engine.sessions[0].closed
        client.tell("video_close")
        opened = client.ask("video_open", frames=3, shape=SHAPE)

    assert codes == [first, "video_lost"]
    assert opened["type"] == "video_opened"


def test_an_engine_that_cannot_begin_leaves_room_for_another_try(serving):
    failures = [EngineError("It cannot."), EngineError("It cannot.")]

    def fail(what: str) -> None:
        if what == "start" and failures:
            raise failures.pop()

    with serving(Follower(fail=fail)) as server, server.client() as client:
        client.ask("hello")
        answers = [client.ask("video_open", frames=3, shape=SHAPE) for _ in range(4)]

    assert [answer.get("code", answer["type"]) for answer in answers] == [
        "inference_failed", "inference_failed", "video_opened", "video_opened",
    ]  # fmt: skip
    assert "It cannot" not in answers[0]["message"]


def test_frames_are_no_offence_however_many_there_are(serving):
    limits = Limits(messages_burst=8, messages_per_s=0.001)
    with serving(Follower(), limits=limits) as server, following(server, frames=40) as client:
        client.tell("video_prompt", **PROMPT)
        results = client.propagate(1, 39)

    assert len(results) == 39


def test_frames_that_objects_were_followed_onto_are_counted(serving):
    with serving(Follower()) as server, following(server) as client:
        client.tell("video_prompt", **PROMPT)
        client.propagate(1, 3)
        counted = server.app.state.metrics.text().decode()

    assert "napari_sam3_frames_total 3.0" in counted
