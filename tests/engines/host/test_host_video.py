"""Sessions in the engine's own process: killed, hung, unloaded, and given back; the process of the tests lives on."""

import gc
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import Cancelled, EmbeddingLost, EngineError, OutOfMemory, PromptError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.labels import to_masks
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import MaskPrompt, Prompts
from napari_sam3_assistant.core.sources import array_source
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import VideoLimits
from napari_sam3_assistant.tasks.video import Video
from napari_sam3_assistant.tasks.view import View
from napari_sam3_assistant.testing import assert_same
from tests.engines.host import odd
from tests.engines.host.conftest import gone, in_thread, until
from tests.engines.host.odd import click, encode, frame, load

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

CRASHES = {odd.EXIT: EngineError, odd.SEGFAULT: EngineError, odd.KILLED: OutOfMemory}


def begun(engine):
    """A session with one object, and the frame where it is."""
    session, first = engine.start(), frame(engine)
    session.prompt(0, first, 1, click())
    return session, first


def mask(shape, offset=(0, 0), seed=0):
    return PlacedMask(np.random.default_rng(seed).random(shape) < 0.5, offset)


def test_capabilities_of_the_engine_arrive_with_its_video(hosting):
    engine = hosting()

    assert load(engine).capabilities.video == VideoLimits()


# -- an end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("does", CRASHES)
def test_crash_in_a_step_is_an_error_of_ours_and_the_session_is_lost_with_what_it_knew(engine, does):
    session, first = begun(engine)

    with pytest.raises(EngineError) as caught:
        session.step(1, frame(engine, does))

    assert type(caught.value) is CRASHES[does]
    assert caught.value.hint
    with pytest.raises(EmbeddingLost):
        session.step(1, first)
    with pytest.raises(EmbeddingLost) as lost:
        session.step(1, frame(engine))
    assert lost.value.hint
    session.close()
    assert sorted(begun(engine)[0].step(1, frame(engine)).objects) == [1]


def test_process_killed_in_the_middle_of_a_step_is_an_error_and_another_session_works(engine):
    session, _ = begun(engine)
    hangs, before = frame(engine, odd.DEAF), engine.pid
    thread, outcome = in_thread(lambda: session.step(1, hangs))
    time.sleep(0.1)

    os.kill(before, signal.SIGKILL)
    thread.join(30)

    assert [type(one) for one in outcome] == [OutOfMemory]
    with pytest.raises(EmbeddingLost):
        session.step(1, frame(engine))
    assert begun(engine)[0].step(1, frame(engine)).objects
    assert gone(before)


def test_process_killed_while_nobody_asked_loses_the_session(engine):
    session, first = begun(engine)

    os.kill(engine.pid, signal.SIGKILL)
    until(lambda: engine.pid is None)

    for ask in (
        lambda: session.step(1, first),
        lambda: session.begin(0, first, {1: mask((2, 2))}),
        lambda: session.prompt(0, first, 1, click()),
    ):
        with pytest.raises(EmbeddingLost):
            ask()
    session.remove(1)
    session.close()
    assert engine.start() is not None
    assert engine.pid is not None


def test_a_run_begins_anew_by_itself_after_the_process_was_killed():
    data = np.full((7, 64, 64), 20, np.uint8)
    for at in range(7):
        data[at, 20:36, 10 + 2 * at : 26 + 2 * at] = 200
    view = View(array_source(data, identity="film", rgb=False), Plane(1, 2, ((0, 0),)), whole((64, 64)))
    video, cache = Video(view, 0), EmbeddingCache()
    (square,) = to_masks((data[0] > 100).astype(np.int32)).values()
    video.give(0, {1: Prompts(mask=MaskPrompt(square))})
    run, engine = video.run(), registry.host("builtin")
    try:
        for _ in range(3):
            run.take(run.step(engine, cache))
        os.kill(engine.pid, signal.SIGKILL)
        until(lambda: engine.pid is None)
        steps = list(run.steps(engine, cache))
    finally:
        engine.close()

    assert [step.found.frame for step in steps] == [3, 4, 5, 6]
    (last,) = video.tracks.on(6)
    assert last.mask.within(view.window.box)[20:36, 22:38].mean() > 0.9


def test_memory_error_is_ours_and_the_session_lives_on(engine):
    session, _ = begun(engine)
    before = engine.pid

    with pytest.raises(OutOfMemory):
        session.step(1, frame(engine, odd.MEMORY))

    assert sorted(session.step(1, frame(engine)).objects) == [1]
    assert engine.pid == before


def test_errors_of_a_session_arrive_as_they_were_raised(engine):
    session, first = begun(engine)

    with pytest.raises(PromptError) as ours:
        session.step(1, frame(engine, odd.OURS))
    with pytest.raises(EngineError, match="KeyError: 'what'"):
        session.step(1, frame(engine, odd.FOREIGN))
    with pytest.raises(PromptError, match="Ours"):
        session.prompt(0, first, 2, click(odd.OURS))

    assert (ours.value.message, ours.value.hint) == ("Ours.", "Do that.")


# -- cancel and unload ----------------------------------------------------------------------------


@pytest.mark.parametrize(("does", "stays"), [(odd.POLITE, True), (odd.DEAF, False)], ids=["listens", "deaf"])
@pytest.mark.parametrize("call", ["step", "prompt"])
def test_cancel_ends_a_call_and_its_process_only_if_it_does_not_listen(engine, does, stays, call):
    session, first = begun(engine)
    hangs, before, cancel = frame(engine, does), engine.pid, CancelToken()
    calls = {
        "step": lambda: session.step(1, hangs, cancel=cancel),
        "prompt": lambda: session.prompt(0, first, 1, click(does), cancel=cancel),
    }
    began = time.monotonic()
    threading.Timer(0.1, cancel.cancel).start()

    with pytest.raises(Cancelled):
        calls[call]()

    assert time.monotonic() - began < odd.LONG_S / 2
    assert (engine.pid == before) == stays
    if stays:
        assert sorted(session.step(1, frame(engine)).objects) == [1]
    else:
        with pytest.raises(EmbeddingLost):
            session.step(1, frame(engine))


def test_unload_in_the_middle_of_a_step_ends_it(hosting):
    engine = load(hosting())
    session, _ = begun(engine)
    hangs, pid = frame(engine, odd.DEAF), engine.pid
    thread, outcome = in_thread(lambda: session.step(1, hangs))
    time.sleep(0.1)

    engine.close()
    thread.join(30)

    assert [type(one) for one in outcome] == [EngineError]
    assert gone(pid)
    with pytest.raises(EngineError):
        session.step(1, hangs)
    with pytest.raises(EngineError):
        engine.start()
    session.close()


def test_closing_a_session_or_removing_an_object_waits_for_no_step(engine):
    session, _ = begun(engine)
    session.begin(0, frame(engine), {2: mask((2, 2))})
    hangs, cancel = frame(engine, odd.POLITE), CancelToken()
    thread, outcome = in_thread(lambda: session.step(1, hangs, cancel=cancel))
    time.sleep(0.1)

    session.remove(2)
    alive = thread.is_alive()
    cancel.cancel()
    thread.join(30)

    assert alive
    assert [type(one) for one in outcome] == [Cancelled]
    assert sorted(session.step(1, frame(engine)).objects) == [1]


# -- what stays where -----------------------------------------------------------------------------


def sessions_there(engine):
    """How many sessions the process keeps, but the one that asks."""
    gc.collect()
    asking = engine.start()
    count = asking.prompt(0, frame(engine), 1, click(odd.SESSIONS)).mask.area - 1
    asking.close()
    return count


def test_a_session_is_given_back_when_it_is_closed_or_collected(engine):
    gc.collect()
    before = sessions_there(engine)
    first, second = engine.start(), engine.start()
    both = sessions_there(engine) - before

    first.close()
    first.close()
    one = sessions_there(engine) - before
    del second

    assert both == 2
    assert one == 1
    assert sessions_there(engine) == before


@linux
def test_a_hundred_sessions_leave_nothing_behind():
    engine = registry.host("builtin")
    load(engine)
    here = BuiltinEngine.capabilities.video

    def memory(pid):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def left():
        gc.collect()
        files = [len(os.listdir(f"/proc/{pid}/fd")) for pid in (os.getpid(), engine.pid)]
        return threading.active_count(), files, len(os.listdir(f"/proc/{engine.pid}/task"))

    picture = np.random.default_rng(0).integers(0, 256, (112, 112, 3)).astype(np.uint8)

    def once():
        session = engine.start()
        embedding = engine.encode(picture, progress=lambda *_: None, cancel=CancelToken())
        session.prompt(0, embedding, 1, Prompts(mask=MaskPrompt(mask((40, 40), (50, 50)))))
        session.step(1, embedding)
        session.close()
        return embedding.nbytes

    for _ in range(10):
        size = once()
    before, taken, pid = left(), memory(engine.pid), engine.pid
    for _ in range(100):
        once()

    try:
        assert here == engine.capabilities.video
        assert engine.pid == pid
        assert left() == before
        assert memory(pid) - taken < 10 * size  # of a hundred
    finally:
        engine.close()


def test_large_masks_arrive_as_they_are_both_ways(engine):
    session, first, large = engine.start(), encode(engine), mask((3000, 2500), (7, 9))

    answer = session.prompt(0, first, 1, Prompts(mask=MaskPrompt(large)))
    session.begin(0, first, {id: mask((1200, 1100), (id, id), seed=id) for id in range(2, 6)})
    found = session.step(1, first)

    assert answer.state is None
    for id, one in found.objects.items():
        wanted = large if id == 1 else mask((1200, 1100), (id, id), seed=id)
        assert one.mask.offset == wanted.offset and one.state is None
        np.testing.assert_array_equal(one.mask.mask, wanted.mask)
    assert_same(answer, found.objects[1])
    assert sorted(found.objects) == [1, 2, 3, 4, 5]


def test_embeddings_of_others_are_refused(engine, hosting):
    other = load(hosting())
    session, foreign = engine.start(), encode(other)

    with pytest.raises(EngineError, match="another engine"):
        session.prompt(0, foreign, 1, click())
