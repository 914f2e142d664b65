"""What a video knows after anything was said, removed, stopped and gone on with, in any order."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import EmbeddingLost, EngineError, OutOfMemory, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box, mask_iou
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import BoxPrompt, MaskPrompt, PointPrompt, Prompts
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.video import Video
from tests.tasks.doubles import SIDE, Shifting, bar, numbered, view_at

COUNT = 8
FRAME = st.integers(0, COUNT - 1)


def said(row: int, how: int = 0, col: int = 10) -> Prompts:
    """A prompt that the double answers with a bar of two rows."""
    ways = (
        Prompts(mask=MaskPrompt(bar(row, col))),
        Prompts(box=BoxPrompt(Box(row, col, row + 2, col + 4))),
        Prompts((PointPrompt(row, col),)),
    )
    return ways[how]


SAY = st.tuples(st.just("say"), FRAME, st.dictionaries(st.integers(1, 3), st.integers(0, 2), min_size=1))
RUN = st.tuples(st.just("run"), st.sampled_from(Direction), st.tuples(FRAME, st.integers(1, COUNT)), st.integers(0, 12))
REMOVE = st.tuples(st.just("remove"), st.integers(1, 3))
BETWEEN = st.tuples(st.just("between"), st.one_of(SAY, REMOVE))
CLOSE = st.tuples(st.just("close"))
ACTS = st.lists(st.one_of(SAY, RUN, REMOVE, BETWEEN, CLOSE), max_size=10)


def masks(video: Video) -> dict[int, dict[int, tuple]]:
    """By frame and object, where it is."""

    def places(frame: int) -> dict[int, tuple]:
        seen = video.tracks.seen(video.plane_at(frame))
        return {id: (item.offset, item.shape, item.area) for id, item in seen.items()}

    return {frame: places(frame) for frame in video.tracks.frames}


def all_of(video: Video, engine: Shifting, cache: EmbeddingCache) -> None:
    try:
        run = video.run()
    except PromptError:
        return
    for _ in run.steps(engine, cache):
        pass


class Doing:
    """Does to a video what a user might, and notes what stands of it."""

    def __init__(self) -> None:
        self.video = Video(view_at(numbered(COUNT)), 0)
        self.engine, self.cache, self.row, self.stands = Shifting(), EmbeddingCache(), 0, []

    def say(self, frame, prompts) -> None:
        made = {}
        for id, how in prompts.items():
            self.row = (self.row + 1) % (SIDE - 2)
            made[id] = said(self.row, how)
        self.video.give(frame, made)
        self.stands.append((frame, made))

    def remove(self, id) -> None:
        self.video.remove(id)
        left = [(frame, {one: p for one, p in made.items() if one != id}) for frame, made in self.stands]
        self.stands = [(frame, made) for frame, made in left if made]

    def run(self, direction, where, steps, between=None) -> None:
        frames = range(where[0], min(where[0] + where[1], COUNT))
        try:
            run = self.video.run(direction, frames)
        except PromptError:
            return
        for number in range(steps):
            if run.next_frame is None:
                break
            step = run.step(self.engine, self.cache)
            if between is not None and number == steps // 2:
                getattr(self, between[0])(*between[1:])
            run.take(step)


@settings(max_examples=120, deadline=None)
@given(ACTS)
def test_what_is_known_in_the_end_is_what_a_run_from_scratch_finds(acts):
    doing, between = Doing(), None
    for name, *rest in acts:
        if name == "between":
            (between,) = rest
        elif name == "run":
            doing.run(*rest, between=between)
            between = None
        elif name == "close":
            doing.video.close()
        else:
            getattr(doing, name)(*rest)
    all_of(doing.video, doing.engine, doing.cache)

    fresh = Video(view_at(numbered(COUNT)), 0)
    for frame, made in doing.stands:
        fresh.give(frame, made)
    all_of(fresh, Shifting(), EmbeddingCache())

    assert masks(doing.video) == masks(fresh)
    assert not doing.video.unanswered
    with pytest.raises(PromptError):
        doing.video.run()


def test_a_correction_that_is_made_while_a_run_goes_on_is_answered_by_it():
    video, engine, cache = Video(view_at(numbered(COUNT)), 0), Shifting(), EmbeddingCache()
    video.give(0, {1: said(4)})
    run = video.run()
    run.take(run.step(engine, cache))
    step = run.step(engine, cache)

    video.give(5, {1: said(20, 1)})
    run.take(step)
    rest = [step.found.frame for step in run.steps(engine, cache)]

    assert rest == [5, 6, 7, 4, 3, 2, 1]  # what was under way when it was said is done again
    assert [video.tracks.on(frame)[0].mask.offset[0] for frame in range(COUNT)] == [4, *[20] * 7]


def test_an_object_that_is_removed_while_its_frame_is_worked_on_does_not_come_back():
    video, engine, cache = Video(view_at(numbered(COUNT)), 0), Shifting(), EmbeddingCache()
    video.give(0, {1: said(4), 2: said(8)})
    run = video.run()
    run.take(run.step(engine, cache))
    step = run.step(engine, cache)

    video.remove(1)
    run.take(step)
    rest = [step.found.frame for step in run.steps(engine, cache)]

    assert video.tracks.ids == {2}
    assert rest == [2, 3, 4, 5, 6, 7]
    assert engine.steps[-1] == (7, (2,))


def test_a_number_that_was_removed_can_be_given_anew_between_two_steps():
    video, engine, cache = Video(view_at(numbered(COUNT)), 0), Shifting(), EmbeddingCache()
    video.give(0, {1: said(4)})
    run = video.run()
    for _ in range(3):
        run.take(run.step(engine, cache))

    video.remove(1)
    video.give(6, {1: said(12)})
    frames = [step.found.frame for step in run.steps(engine, cache)]

    assert frames in ([], [6, 7, 5, 4, 3, 2, 1, 0])  # a run without anything left is at its end
    all_of(video, engine, cache)
    assert {item[1][0][0] for item in masks(video).values()} == {12}


def test_an_object_that_was_lost_can_be_given_on_a_later_frame_and_is_followed_to_both_sides():
    video, engine, cache = Video(view_at(numbered(COUNT)), 0), Shifting(), EmbeddingCache()
    video.give(0, {1: said(4, col=SIDE - 2)})
    all_of(video, engine, cache)
    assert video.tracks.frames == [0, 1]

    video.give(5, {1: said(20)})
    all_of(video, engine, cache)

    assert [video.tracks.on(frame)[0].mask.offset[0] for frame in range(COUNT)] == [4, *[20] * 7]


def test_an_object_that_leaves_and_returns_keeps_its_number():
    video, engine, cache = Video(view_at(numbered(COUNT)), 0), Shifting(), EmbeddingCache()
    engine.hidden = {3: {1}, 4: {1}}
    video.give(0, {1: said(4), 2: said(8)})
    run = video.run()
    for _ in range(5):
        run.take(run.step(engine, cache))
    video.close()  # stopped while it is hidden: what is known is where it was last

    frames = [step.found.frame for step in video.run().steps(engine, cache)]

    assert frames == [5, 6, 7]
    assert [frame for frame in range(COUNT) if 1 in video.tracks.seen(video.plane_at(frame))] == [0, 1, 2, 5, 6, 7]


@pytest.mark.parametrize("error", [EngineError("It broke."), EmbeddingLost("Gone."), OutOfMemory("Full.")])
def test_a_session_that_fails_in_the_middle_of_its_objects_is_begun_anew(error):
    class Failing(Shifting):
        failures = 0

        def start(self, query=None):
            session = super().start(query)
            step = session.step

            def failing(frame, embedding, ids=None, cancel=None):
                if frame == 3 and self.failures < 2:
                    self.failures += 1
                    session.masks.clear()
                    raise error
                return step(frame, embedding, ids)

            session.step = failing
            return session

    video, engine, cache = Video(view_at(numbered(COUNT)), 0), Failing(), EmbeddingCache()
    video.give(0, {1: said(4)})
    run = video.run()
    for _ in range(3):
        run.take(run.step(engine, cache))

    for _ in range(2 if type(error) is EngineError else 1):  # the others are tried twice within a step
        with pytest.raises(EngineError):
            run.step(engine, cache)
    all_of(video, engine, cache)

    assert video.tracks.frames == list(range(COUNT))
    assert engine.open == 1


def test_prompts_that_are_refused_leave_what_was_followed_as_it_is():
    class Refusing(Shifting):
        refuse = False

        def start(self, query=None):
            session = super().start(query)
            prompt = session.prompt

            def refusing(frame, embedding, object_id, prompts, present=None, cancel=None):
                if self.refuse and object_id == 2:
                    raise Unsupported("No.", hint="Draw a box.")
                return prompt(frame, embedding, object_id, prompts, present)

            session.prompt = refusing
            return session

    video, engine, cache = Video(view_at(numbered(COUNT)), 0), Refusing(), EmbeddingCache()
    video.give(0, {1: said(4)})
    run = video.run(Direction.FORWARD)
    for _ in range(3):
        run.take(run.step(engine, cache))
    engine.refuse = True
    video.give(2, {1: said(9, 1), 2: said(20, 1)})

    with pytest.raises(Unsupported):
        run.step(engine, cache)
    video.remove(2)
    all_of(video, engine, cache)

    assert [video.tracks.on(frame)[0].mask.offset[0] for frame in range(COUNT)] == [4, *[9] * 7]


def test_an_engine_that_was_loaded_anew_gets_a_session_of_its_own():
    video, first, second, cache = Video(view_at(numbered(COUNT)), 0), Shifting(), Shifting(), EmbeddingCache()
    video.give(0, {1: said(4)})
    run = video.run()
    for _ in range(3):
        run.take(run.step(first, cache))

    for _ in run.steps(second, cache):
        pass

    assert (first.open, second.open) == (0, 1)
    assert video.tracks.frames == list(range(COUNT))
    video.close()
    assert second.open == 0


def test_closing_while_a_frame_is_worked_on_waits_for_nobody_and_happens_after_it():
    began, go_on = threading.Event(), threading.Event()

    class Slow(Shifting):
        def encode(self, image, **options):
            began.set()
            assert go_on.wait(5)
            return super().encode(image, **options)

    video, engine = Video(view_at(numbered(COUNT)), 0), Slow()
    video.give(0, {1: said(4)})
    run = video.run()
    worker = threading.Thread(target=lambda: run.step(engine, EmbeddingCache()))
    worker.start()
    assert began.wait(5)

    video.close()
    assert engine.open == 1
    go_on.set()
    worker.join(5)

    assert engine.open == 0


def test_each_frame_is_encoded_once_and_the_first_not_again_for_the_way_back():
    video, engine, cache = Video(view_at(numbered(COUNT)), 0), Shifting(), EmbeddingCache()
    video.give(3, {id: said(2 * id) for id in range(1, 4)})

    all_of(video, engine, cache)

    assert engine.asked["encode"] == COUNT
    assert engine.asked["begin"] == 1 + 3  # the way back, and the double's own at each prompt
    assert engine.steps == [(frame, (1, 2, 3)) for frame in (4, 5, 6, 7, 2, 1, 0)]


def test_a_step_that_was_not_taken_gives_the_same_when_it_is_done_again():
    video, engine, cache = Video(view_at(numbered(COUNT)), 0), Shifting(), EmbeddingCache()
    video.give(0, {1: said(4)})
    run = video.run()
    run.take(run.step(engine, cache))

    one, two = run.step(engine, cache), run.step(engine, cache)

    assert mask_iou(one.found.objects[1].mask, two.found.objects[1].mask) == 1
    run.take(two)
    assert (run.done, run.next_frame) == (2, 2)


def test_a_picture_of_one_frame_answers_prompts_and_goes_nowhere():
    video, engine, cache = Video(view_at(numbered(1)), 0), Shifting(), EmbeddingCache()
    video.give(0, {1: said(4, 1)})

    assert [step.found.frame for step in video.run().steps(engine, cache)] == [0]
    with pytest.raises(PromptError, match="one frame"):
        video.run()


def test_nothing_is_said_by_prompts_that_are_none():
    video = Video(view_at(numbered(COUNT)), 0)
    with pytest.raises(PromptError):
        video.give(COUNT, {1: said(4)})
    video.give(0, {})
    with pytest.raises(PromptError):
        video.run()
    assert not video.given
    video.give(0, {1: said(4, 1)})
    token = CancelToken()
    run = video.run()
    token.cancel()
    with pytest.raises(Exception, match="Cancelled"):
        run.step(Shifting(), EmbeddingCache(), cancel=token)
    assert video.unanswered
