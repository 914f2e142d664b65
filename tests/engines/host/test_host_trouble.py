"""An engine's process that crashes, is killed, runs out of memory, raises anything, or does not listen."""

import gc
import logging
import os
import signal
import sys
import time

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import (
    Cancelled,
    EmbeddingLost,
    EngineError,
    OutOfMemory,
    PromptError,
)
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.core.prompts import BoxPrompt, Query
from napari_sam3_assistant.core.results import Segmentation
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.hosting import NICE
from napari_sam3_assistant.testing import noise
from tests.engines.host import odd
from tests.engines.host.conftest import gone, in_thread, until
from tests.engines.host.odd import click, encode

CRASHES = {odd.EXIT: EngineError, odd.SEGFAULT: EngineError, odd.KILLED: OutOfMemory}


def works(engine):
    """Whether a click is answered."""
    return engine.segment(encode(engine), click()).mask.area == 16 * 16


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has classes of priority")
def test_the_window_is_served_before_the_model(engine):
    mine = os.getpriority(os.PRIO_PROCESS, 0)

    assert os.getpriority(os.PRIO_PROCESS, engine.pid) == min(mine + NICE, 19)


# -- crashes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("does", CRASHES)
def test_crash_while_encoding_is_an_error_of_ours_and_the_next_image_is_encoded(engine, does):
    before = engine.pid

    with pytest.raises(EngineError) as caught:
        encode(engine, does)

    assert type(caught.value) is CRASHES[does]
    assert caught.value.hint
    assert works(engine)
    assert engine.pid != before
    assert gone(before)


@pytest.mark.parametrize("does", CRASHES)
def test_crash_in_the_middle_of_a_click_is_an_error_of_ours_and_the_next_click_works(engine, does):
    embedding = encode(engine)

    with pytest.raises(EngineError) as caught:
        engine.segment(embedding, click(does))

    assert type(caught.value) is CRASHES[does]
    with pytest.raises(EmbeddingLost) as lost:
        engine.segment(embedding, click())
    assert lost.value.hint
    assert works(engine)


def test_process_killed_in_the_middle_of_a_click_is_an_error_and_the_next_click_works(engine):
    embedding = encode(engine)
    thread, outcome = in_thread(lambda: engine.segment(embedding, click(odd.DEAF)))
    time.sleep(0.1)

    os.kill(engine.pid, signal.SIGKILL)
    thread.join(30)

    assert [type(one) for one in outcome] == [OutOfMemory]
    assert works(engine)


def test_crash_says_how_and_what_the_process_said_last(engine, caplog):
    with caplog.at_level(logging.ERROR), pytest.raises(EngineError) as caught:
        encode(engine, odd.EXIT)
    with pytest.raises(EngineError) as fault:
        encode(engine, odd.SEGFAULT)

    assert "Odd has crashed (exit code 3). It said: no more of this." in caught.value.message
    assert "no more of this" in caplog.text
    assert "SIGSEGV" in fault.value.message and "Segmentation fault" in fault.value.message


def test_process_that_was_killed_while_nobody_asked_is_started_again(engine):
    embedding = encode(engine)
    before = engine.pid

    os.kill(before, signal.SIGKILL)
    until(lambda: engine.pid is None)

    for ask in (lambda: engine.segment(embedding, click()), lambda: engine.find(embedding, find(1))):
        with pytest.raises(EmbeddingLost):
            ask()
    assert works(engine)
    assert engine.pid != before


def find(n, does=odd.WELL):
    """Return a query that is answered by ``n`` candidates."""
    return Query(exemplars=(BoxPrompt(Box(does, n, 300, 300)),))


# -- who is told ----------------------------------------------------------------------------------


def test_loss_of_embeddings_is_told_once_however_the_process_ends(hosting):
    told = []
    engine = odd.load(hosting(on_lost=lambda: told.append(1)))

    kept = encode(engine)
    os.kill(engine.pid, signal.SIGKILL)
    until(lambda: told)
    kept = encode(engine)
    with pytest.raises(EngineError):
        engine.segment(kept, click(odd.EXIT))
    in_click = len(told)
    odd.load(engine)
    kept = encode(engine)
    engine.close()

    assert in_click == 2
    assert len(told) == 3
    assert kept.lost


def test_end_of_a_process_without_embeddings_is_not_told(hosting):
    told = []
    engine = odd.load(hosting(on_lost=lambda: told.append(1)))
    encode(engine)
    gc.collect()

    engine.close()

    assert told == []


def test_cache_may_drop_the_lost_embeddings_when_it_is_told(hosting):
    cache = EmbeddingCache()
    engine = odd.load(hosting(on_lost=cache.clear))
    cache.get("key", lambda: encode(engine))
    assert cache.nbytes == 16 * 16 * 3

    with pytest.raises(EngineError):
        encode(engine, odd.EXIT)

    assert len(cache) == 0
    assert works(engine)


# -- errors of the engine -------------------------------------------------------------------------


def test_memory_error_is_ours_and_the_process_lives_on(engine):
    embedding, before = encode(engine), engine.pid

    for ask in (lambda: encode(engine, odd.MEMORY), lambda: engine.segment(embedding, click(odd.MEMORY))):
        with pytest.raises(OutOfMemory) as caught:
            ask()
        assert "Odd ran out of memory" in caught.value.message and caught.value.hint

    assert engine.segment(embedding, click()).mask.area
    assert engine.pid == before


def test_foreign_error_names_its_type_and_the_log_says_where(engine, caplog):
    with caplog.at_level(logging.WARNING), pytest.raises(EngineError) as caught:
        encode(engine, odd.FOREIGN)

    assert "KeyError: 'what'" in caught.value.message
    assert "in misbehave" in caplog.text


def test_error_of_ours_arrives_as_it_was_raised(engine):
    with pytest.raises(PromptError) as caught:
        encode(engine, odd.OURS)

    assert type(caught.value) is PromptError
    assert (caught.value.message, caught.value.hint, caught.value.in_shell) == ("Ours.", "Do that.", "Do this.")


def test_error_that_an_engine_has_derived_from_ours_arrives_as_ours(engine):
    with pytest.raises(PromptError, match="Derived") as caught:
        encode(engine, odd.DERIVED)

    assert type(caught.value) is PromptError


def test_answer_of_things_unknown_here_is_an_error_and_imports_nothing(engine):
    embedding = encode(engine)

    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, odd.__name__)
        with pytest.raises(EngineError, match=r"odd\.Stranger"):
            engine.segment(embedding, click(odd.STRANGER))

    assert engine.segment(embedding, click()).mask.area


# -- cancel ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("does", "stays"), [(odd.POLITE, True), (odd.DEAF, False)], ids=["listens", "deaf"])
def test_cancel_ends_an_encode_and_its_process_only_if_it_does_not_listen(engine, does, stays):
    kept, before, cancel = encode(engine), engine.pid, CancelToken()
    began = time.monotonic()

    with pytest.raises(Cancelled):
        encode(engine, does, progress=lambda fraction, message="": cancel.cancel(), cancel=cancel)

    assert time.monotonic() - began < odd.LONG_S / 2
    assert (engine.pid == before) == stays
    assert kept.lost != stays
    assert works(engine)


def test_cancel_ends_loading(hosting):
    engine, cancel = hosting(loading=odd.DEAF), CancelToken()

    with pytest.raises(Cancelled):
        odd.load(engine, progress=lambda fraction, message="": cancel.cancel(), cancel=cancel)

    assert engine.pid is None
    with pytest.raises(EngineError):
        encode(engine)


def test_cancel_before_the_start_starts_nothing(hosting):
    engine, cancel = hosting(), CancelToken()
    cancel.cancel()

    with pytest.raises(Cancelled):
        odd.load(engine, cancel=cancel)

    assert engine.pid is None


def test_cancel_of_one_encode_does_not_reach_the_next(engine):
    for _ in range(20):
        cancel = CancelToken()
        with pytest.raises(Cancelled):
            encode(engine, odd.CHATTY, progress=lambda fraction, message="", c=cancel: c.cancel(), cancel=cancel)

        assert works(engine)


def test_progress_is_thinned_and_its_last_report_arrives(engine):
    seen = []

    encode(engine, odd.CHATTY, progress=lambda fraction, message="": seen.append((fraction, message)))

    assert seen[0] == (0.0, "step 0")
    assert seen[-1] == (1.0, "step 5000")
    assert len(seen) < 500
    assert seen == sorted(seen, key=lambda one: one[0])


def test_progress_that_raises_does_not_mix_up_answers(engine):
    def raises(fraction, message=""):
        raise ValueError("of the caller")

    with pytest.raises(ValueError, match="of the caller"):
        encode(engine, odd.CHATTY, progress=raises)

    assert works(engine)


# -- what stays where -----------------------------------------------------------------------------


def test_embedding_is_forgotten_when_it_is_collected(engine):
    gc.collect()
    first, second = encode(engine), encode(engine)
    both = engine.segment(first, click(odd.COUNT)).mask.area

    del second
    gc.collect()

    assert both == 2
    assert engine.segment(first, click(odd.COUNT)).mask.area == 1


def test_embedding_that_is_collected_while_a_message_is_sent_is_forgotten_after_it(engine):
    gc.collect()
    first, second = encode(engine), encode(engine)

    with engine._process._sending:
        del second
        gc.collect()
    engine.segment(first, click())

    assert engine.segment(first, click(odd.COUNT)).mask.area == 1


def test_embedding_of_a_cancelled_encode_is_forgotten(engine):
    gc.collect()
    kept, cancel = encode(engine), CancelToken()

    with pytest.raises(Cancelled):  # it ends well all the same: it does not look at the token
        encode(engine, odd.CHATTY, progress=lambda fraction, message="": cancel.cancel(), cancel=cancel)
    gc.collect()

    assert engine.segment(kept, click(odd.COUNT)).mask.area == 1


def test_embeddings_may_be_collected_on_another_thread_while_one_asks(engine):
    kept, others = encode(engine), [encode(engine) for _ in range(200)]

    thread, outcome = in_thread(lambda: [others.pop() and None for _ in range(200)])
    areas = {engine.segment(kept, click()).mask.area for _ in range(200)}
    thread.join(30)

    assert not isinstance(outcome[0], Exception)
    assert areas == {16 * 16}
    assert engine.segment(kept, click(odd.COUNT)).mask.area == 1


def test_state_comes_back_and_survives_a_new_process(engine):
    answer = engine.segment(encode(engine), click(odd.STATE))

    with pytest.raises(EngineError):
        encode(engine, odd.EXIT)
    refined = engine.segment(encode(engine), click(odd.STATE), answer)

    assert refined.mask.area == 2


def test_state_of_another_engine_stays_here(engine):
    class Local:
        """Cannot be pickled."""

    embedding = encode(engine)
    answer = engine.segment(embedding, click())
    foreign = Segmentation(answer.mask, 0.5, state=Local())

    again = engine.segment(embedding, click(odd.ARGUMENTS), foreign)

    np.testing.assert_array_equal(again.mask.mask, answer.mask.mask)


@pytest.mark.parametrize("shape", [(1, 1), (300, 200), (1100, 1300)])
def test_pixels_arrive_as_they_are(engine, shape):
    picture = noise(shape)
    picture[0, 0] = 0

    embedding = engine.encode(picture, progress=lambda fraction, message="": None, cancel=CancelToken())
    mask = engine.segment(embedding, click()).mask

    np.testing.assert_array_equal(mask.mask, picture[..., 0] == 0)


def test_part_of_an_image_arrives_as_it_is(engine):
    picture = noise((900, 900))
    part = picture[10:800:2, 800:20:-1]
    part[0, 0] = 0

    embedding = engine.encode(part, progress=lambda fraction, message="": None, cancel=CancelToken())

    np.testing.assert_array_equal(engine.segment(embedding, click()).mask.mask, part[..., 0] == 0)


def test_many_candidates_arrive_whole(engine):
    found = engine.find(encode(engine), find(200))

    assert len(found) == 200
    assert [int(grid[0, 0]) for grid in found.logits] == list(range(200))
    assert found.logits[7].shape == (288, 288) and found.logits[7].flags.writeable


def test_embedding_of_another_process_is_refused(engine, hosting):
    other = encode(odd.load(hosting()))

    with pytest.raises(EngineError, match="another engine") as caught:
        engine.segment(other, click())

    assert not isinstance(caught.value, EmbeddingLost)
