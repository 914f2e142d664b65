"""Objects that words find on every frame, and what becomes of them when they are corrected or removed."""

from __future__ import annotations

import pytest

from napari_sam3_assistant.core.errors import Unsupported
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts, Query, TextPrompt
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.video import Video
from tests.tasks.doubles import Shifting, bar, numbered, view_at

QUERY = Query((TextPrompt("cell"), TextPrompt("rod")))
COUNT = 6


def finding(**words) -> Shifting:
    engine = Shifting()
    engine.words = {int(frame[1:]): found for frame, found in words.items()}
    return engine


def run_all(video, engine, cache=None, **how) -> list[int]:
    return [step.found.frame for step in video.run(**how).steps(engine, cache or EmbeddingCache())]


def rows(video, id) -> dict[int, int]:
    """By frame, on which row an object lies."""
    seen = {frame: video.tracks.seen(video.plane_at(frame)) for frame in video.tracks.frames}
    return {frame: items[id].offset[0] for frame, items in seen.items() if id in items}


def test_objects_are_found_on_the_frame_in_view_first_then_on_all_both_ways_and_keep_their_phrase():
    engine = finding(f2=[(0, "cell", bar(4)), (1, "rod", bar(9))], f4=[(5, "cell", bar(20))], f1=[(7, "rod", bar(30))])
    video = Video(view_at(numbered(COUNT), 2), 0, query=QUERY)

    assert run_all(video, engine) == [2, 3, 4, 5, 1, 0]

    assert video.tracks.ids == {1, 2, 5, 7}  # the session calls its first one 0, and 1 is then taken
    assert rows(video, 1) == dict.fromkeys(range(COUNT), 4)
    assert rows(video, 5) == {4: 20, 5: 20}
    assert rows(video, 7) == {1: 30, 0: 30}
    assert {item.origin.prompt for item in video.tracks.seen(video.plane_at(4)).values()} == {"cell", "rod"}
    assert video.by_words == {1, 2, 5, 7}


def test_the_phrases_come_with_each_step():
    engine = finding(f0=[(3, "cell", bar(4))])
    video = Video(view_at(numbered(COUNT)), 0, query=QUERY)

    steps = list(video.run().steps(engine, EmbeddingCache()))

    assert [dict(step.found.names) for step in steps] == [{3: "cell"}] * COUNT
    assert all(step.asked == {3} for step in steps)


def test_numbers_that_are_in_use_are_not_given_again():
    engine = finding(f0=[(1, "cell", bar(4))])
    video = Video(view_at(numbered(COUNT)), 0, query=QUERY)
    video.give(0, {1: Prompts(mask=MaskPrompt(bar(20)))})

    run_all(video, engine)

    assert rows(video, 1) == dict.fromkeys(range(COUNT), 20)
    assert rows(video, 2) == dict.fromkeys(range(COUNT), 4)


def test_a_correction_takes_an_object_from_the_finder_and_it_is_followed_by_itself():
    engine = finding(f0=[(1, "cell", bar(4)), (2, "rod", bar(9))])
    video, cache = Video(view_at(numbered(COUNT)), 0, query=QUERY), EmbeddingCache()
    run_all(video, engine, cache)

    video.give(3, {1: Prompts(mask=MaskPrompt(bar(22)))})
    frames = run_all(video, engine, cache)

    assert frames == [3, 4, 5, 2, 1, 0]
    assert rows(video, 1) == dict.fromkeys(range(COUNT), 22)
    assert rows(video, 2) == dict.fromkeys(range(COUNT), 9)
    assert video.by_words == {2}
    assert engine.open == 2


def test_a_correction_between_two_frames_keeps_what_the_finder_says_of_that_object_out():
    engine = finding(f0=[(1, "cell", bar(4)), (2, "rod", bar(9))])
    video, cache = Video(view_at(numbered(COUNT)), 0, query=QUERY), EmbeddingCache()
    run = video.run()
    for _ in range(3):
        run.take(run.step(engine, cache))
    step = run.step(engine, cache)

    video.give(1, {1: Prompts(mask=MaskPrompt(bar(22)))})
    run.take(step)
    for _ in run.steps(engine, cache):
        pass

    assert rows(video, 1) == dict.fromkeys(range(COUNT), 22)
    assert rows(video, 2) == dict.fromkeys(range(COUNT), 9)


def test_an_object_that_is_removed_does_not_come_back_while_the_finder_goes_on():
    engine = finding(f0=[(1, "cell", bar(4)), (2, "rod", bar(9))], f3=[(1, "cell", bar(4))])
    video, cache = Video(view_at(numbered(COUNT)), 0, query=QUERY), EmbeddingCache()
    run = video.run()
    for _ in range(2):
        run.take(run.step(engine, cache))

    video.remove(1)
    for _ in run.steps(engine, cache):
        pass

    assert video.tracks.ids == {2}
    assert rows(video, 2) == dict.fromkeys(range(COUNT), 9)


def test_a_finder_that_was_stopped_and_closed_goes_on_with_what_it_has_found():
    engine = finding(f2=[(4, "cell", bar(4))], f5=[(9, "rod", bar(30))])
    video, cache = Video(view_at(numbered(COUNT), 2), 0, query=QUERY), EmbeddingCache()
    run = video.run(Direction.FORWARD)
    for _ in range(2):
        run.take(run.step(engine, cache))
    video.close()
    assert engine.open == 0

    assert run_all(video, engine, cache, direction=Direction.FORWARD) == [4, 5]
    assert run_all(video, engine, cache) == [1, 0]
    assert rows(video, 4) == dict.fromkeys(range(COUNT), 4)
    assert rows(video, 9) == {5: 30}


def test_frames_on_which_nothing_is_found_end_nothing():
    engine = finding(f4=[(1, "cell", bar(4))])
    video = Video(view_at(numbered(COUNT)), 0, query=QUERY)

    assert run_all(video, engine) == list(range(COUNT))
    assert rows(video, 1) == {4: 4, 5: 4}


def test_an_engine_that_finds_nothing_by_words_says_what_to_do_instead():
    video = Video(view_at(numbered(COUNT)), 0, query=QUERY)

    with pytest.raises(Unsupported) as caught:
        video.run().step(BuiltinEngine(), EmbeddingCache())

    assert "one frame first" in caught.value.hint
