"""Any messages about videos in any order, over a real socket: each question has one end, and nothing is left behind."""

from __future__ import annotations

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

from napari_sam3_assistant.server.settings import Limits
from tests.server.conftest import Client, Running, running, until
from tests.server.film import COUNT, SHAPE, at, drawn, frame
from tests.server.follower import Follower
from tests.server.pictures import data_url, file_of
from tests.server.stub import StubEngine

FRAMES = [data_url(file_of(frame(index))) for index in range(COUNT)]
OF_ANOTHER_SIZE = data_url(file_of(frame(0)[:32]))
MASK = drawn(StubEngine().disc(SHAPE, 20, 20))
MOST_OBJECTS = 3
INDEX = st.integers(0, COUNT)
"""The last one is beyond the end."""
VIDEO = st.integers(0, 3)
ENDS = {
    "video_open": "video_opened",
    "video_prompt": "frame_result",
    "video_begin": "video_begun",
    "propagate": "propagated",
    "video_remove": "video_removed",
    "video_cancel": "video_cancelled",
    "video_close": "video_closed",
}


class VideoTalk(RuleBasedStateMachine):
    """One client that says much before it listens, and what it may be told."""

    server: Running
    engine: Follower

    @initialize()
    def connect(self) -> None:
        self.context = self.server.client()
        self.client: Client = self.context.__enter__()
        self.client.ask("hello", mask_formats=["bits"])
        self.asked: dict[str, tuple[str, str]] = {}
        """Type and video of what is not answered yet, by id, in the order in which it was said."""
        self.given_up: set[str] = set()
        """Ids of what may be answered no more."""
        self.videos: list[str] = []
        self.closed: set[str] = set()
        self.number = self.opens = self.closes = 0
        self.open()
        self.listen_to_the_end()

    # What was said, not what was heard: that comes sooner or later, and Hypothesis has to draw the same each time.
    @precondition(lambda self: self.opens - self.closes < 3)
    @rule()
    def open(self) -> None:
        self.opens += 1
        self.say("video_open", "", frames=COUNT, shape=SHAPE)

    @rule(video=VIDEO, index=INDEX, object_id=st.integers(0, MOST_OBJECTS + 1), way=st.sampled_from("pm-"))
    def prompt(self, video: int, index: int, object_id: int, way: str) -> None:
        prompts = {"p": at(20, 20), "m": {"mask": MASK}, "-": {}}[way]
        self.say("video_prompt", self.video(video), index=index, object_id=object_id, prompts=prompts)

    @rule(video=VIDEO, index=INDEX, ids=st.lists(st.integers(1, MOST_OBJECTS + 1), max_size=3))
    def begin(self, video: int, index: int, ids: list[int]) -> None:
        objects = [{"object_id": id, **MASK} for id in ids]
        self.say("video_begin", self.video(video), index=index, objects=objects)

    @rule(video=VIDEO, end=st.integers(1, COUNT - 1))
    def prompt_and_propagate(self, video: int, end: int) -> None:
        self.prompt(video, 0, 1, "p")
        self.propagate(video, 1, end, False)

    @rule(video=VIDEO, start=INDEX, end=INDEX, backward=st.booleans())
    def propagate(self, video: int, start: int, end: int, backward: bool) -> None:
        self.say("propagate", self.video(video), start=start, end=end, direction=-1 if backward else 1)

    @rule(video=VIDEO, object_id=st.integers(1, MOST_OBJECTS + 1))
    def remove(self, video: int, object_id: int) -> None:
        self.say("video_remove", self.video(video), object_id=object_id)

    @rule(video=VIDEO, type=st.sampled_from(["video_cancel", "video_close"]))
    def stop(self, video: int, type: str) -> None:
        self.closes += type == "video_close"
        self.say(type, self.video(video))

    @rule(video=VIDEO, index=INDEX)
    def send_a_frame_unasked(self, video: int, index: int) -> None:
        self.client.send("frame", video_id=self.video(video), index=index, image=OF_ANOTHER_SIZE)

    @rule(often=st.integers(1, 6), spoil=st.booleans())
    def listen(self, often: int, spoil: bool) -> None:
        for _ in range(min(often, len(self.asked))):
            if self.asked:
                self.take(self.client.receive(), spoil=spoil)

    @rule()
    def listen_to_the_end(self) -> None:
        while self.asked:
            self.take(self.client.receive())

    @invariant()
    def as_many_sessions_as_videos(self) -> None:
        assert sum(not one.closed for one in self.engine.sessions) <= 4, "two, and two that are being given back"

    def teardown(self) -> None:
        if not hasattr(self, "context"):
            return
        try:
            if self.number % 2:  # else it leaves in the middle
                self.listen_to_the_end()
        finally:
            self.context.__exit__(None, None, None)
        state = self.server.app.state
        until(lambda: not len(state.sessions) and not state.inference.backlog)
        until(lambda: all(one.closed for one in self.engine.sessions))
        self.engine.sessions.clear()

    def video(self, number: int) -> str:
        return self.videos[-1 - number % len(self.videos)]

    def say(self, type: str, video: str, **fields: object) -> None:
        self.number += 1
        id = str(self.number)
        self.asked[id] = type, video
        given = {"video_id": video} if video else {}
        self.client.send(type, id=id, **given, **fields)

    def take(self, message: dict, *, spoil: bool = False) -> None:
        """Look at a message, and send the frame that it asks for."""
        type, id, video = message["type"], message.get("id"), message.get("video_id")
        assert video not in self.closed or type == "error", message
        if type == "frame_needed":
            image = OF_ANOTHER_SIZE if spoil else FRAMES[message["index"]]
            self.client.send("frame", video_id=video, index=message["index"], image=image)
            return
        if id is None:
            assert (type, message["code"]) in {("error", "bad_frame"), ("error", "no_video")}, message
            return
        assert id in self.asked and id not in self.given_up, message
        said, of = self.asked[id]
        if type == "frame_result" and said == "propagate":
            return
        assert type in ("error", ENDS[said]), message
        del self.asked[id]
        if type == "video_opened":
            self.videos.append(video)
        if type in ("video_cancelled", "video_closed"):
            self.give_up(of, int(id), closed=type == "video_closed")

    def give_up(self, video: str, before: int, *, closed: bool) -> None:
        """Expect no answer any more to what was said of a video before it was stopped."""
        for id, (said, of) in list(self.asked.items()):
            lasting = said == "video_remove" and not closed  # it is done, and said
            if of == video and int(id) < before and not lasting:
                del self.asked[id]
                self.given_up.add(id)
        if closed:
            self.closed.add(video)


def test_the_promises_about_videos_hold_whatever_is_said():
    engine = Follower(radius=3)
    plenty = Limits(objects=MOST_OBJECTS, messages_per_s=1e6, messages_burst=10**6, waiting=10**3)
    with running(engine, limits=plenty) as server:
        VideoTalk.server, VideoTalk.engine = server, engine
        run_state_machine_as_test(VideoTalk, settings=settings(max_examples=20, stateful_step_count=25, deadline=None))
