"""The door to the engine: one encode a picture, turns for all, failures with curated words, and a watchdog."""

import asyncio
import gc
import logging
import threading
import time
from contextlib import asynccontextmanager

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import Cancelled, EngineError, OutOfMemory, PromptError, Unsupported
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.prompts import BoxPrompt, PointPrompt, Prompts, Query, TextPrompt
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.proposing import completed
from napari_sam3_assistant.engines.protocol import Capabilities, Proposals
from napari_sam3_assistant.engines.stored import stored
from napari_sam3_assistant.engines.storing import StoreOptions
from napari_sam3_assistant.server.model.inference import Inference
from napari_sam3_assistant.server.session.finding import objects_in
from napari_sam3_assistant.server.settings import Limits, ServerSettings
from napari_sam3_assistant.tasks.everything import NOWHERE, EverythingOptions
from napari_sam3_assistant.tasks.view import LEAST_SIDE
from napari_sam3_assistant.wire.refusals import Refusal
from tests.conftest import squares
from tests.engines.storing import Plain
from tests.server.pictures import file_of
from tests.server.stub import Gate, StubEngine, gated

FILE = file_of(squares())
CLICK = Prompts((PointPrompt(40, 30, True),))
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@asynccontextmanager
async def asking(engine, *, ready=True, observer=None, warm_up=False, **settings):
    """An inference that runs; ``ready`` waits until the engine is loaded."""
    inference = Inference(engine, ServerSettings(warm_up=warm_up, **settings), observer)
    await inference.start()
    try:
        if ready:
            await until(lambda: inference.state == "ready")
        yield inference
    finally:
        await inference.stop()


async def until(happened, seconds=10.0):
    async with asyncio.timeout(seconds):
        while not happened():
            await asyncio.sleep(0.005)


async def refusal(asked) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await asyncio.wait_for(asked, 10)
    return caught.value


async def test_a_picture_is_encoded_once_for_all_who_bring_it():
    engine = StubEngine(encode_s=0.1)
    async with asking(engine) as inference:

        async def come(name):
            picture = await inference.take_in(FILE)
            return picture, (await inference.encode(picture, name)).value[0]

        answers = await asyncio.gather(*(come(f"session {number}") for number in range(8)))

        assert engine.encodes == 1
        assert sorted(cached for _, cached in answers) == [False] + [True] * 7
        assert len({id(picture) for picture, _ in answers}) == 1
        assert (inference.kept.misses, inference.kept.hits) == (1, 7)


async def test_two_tenants_share_neither_picture_nor_embedding():
    engine = StubEngine()
    async with asking(engine) as inference:
        for tenant in ("one", "two"):
            picture = await inference.take_in(FILE, tenant)
            assert not (await inference.encode(picture, tenant)).value[0]

        assert engine.encodes == 2
        assert inference.picture(picture.image_id, "two") is picture
        assert inference.picture(picture.image_id) is None


async def test_a_forgotten_embedding_is_made_again_with_the_next_click():
    engine = StubEngine()
    async with asking(engine, cache_bytes=1500) as inference:
        first = await inference.take_in(FILE)
        await inference.encode(first, "a")
        await inference.encode(await inference.take_in(file_of(squares()[::-1])), "a")

        answer = await inference.segment(first, CLICK, "a")

        assert answer.value.segmentation.mask.value_at(40, 30)
        assert (engine.encodes, inference.kept.evictions) == (3, 2)


async def test_a_click_waits_for_one_click_of_each_other_and_not_for_all_of_them():
    engine, gate = gated()
    async with asking(engine) as inference:
        picture = await inference.take_in(FILE)
        await inference.encode(picture, "a")
        order = []

        async def click(session):
            await inference.segment(picture, CLICK, session)
            order.append(session)

        clicks = [asyncio.create_task(click("a")) for _ in range(8)]
        await asyncio.to_thread(gate.reached.wait, 5)
        clicks.append(asyncio.create_task(click("b")))
        await until(lambda: inference.backlog == 8)
        assert inference.waiting("b") == 1
        gate.opened.set()
        await asyncio.gather(*clicks)

        assert order[:2] == ["a", "b"] or order[:3] == ["a", "a", "b"]
        assert engine.decodes == 9


async def test_a_picture_that_is_known_is_answered_before_one_that_is_not():
    engine, gate = gated()
    async with asking(engine) as inference:
        known = await inference.take_in(FILE)
        new = await inference.take_in(file_of(squares()[::-1]))
        await inference.encode(known, "a")
        order = []

        async def ask(name, what):
            await what
            order.append(name)

        first = asyncio.create_task(inference.segment(known, CLICK, "a"))
        await asyncio.to_thread(gate.reached.wait, 5)
        tasks = [
            asyncio.create_task(ask("new", inference.encode(new, "b"))),
            asyncio.create_task(ask("known", inference.encode(known, "c"))),
        ]
        await until(lambda: inference.backlog == 2)
        gate.opened.set()
        await asyncio.gather(first, *tasks)

        assert order == ["known", "new"]


async def test_the_newest_question_of_a_key_wins():
    engine, gate = gated()
    async with asking(engine) as inference:
        picture = await inference.take_in(FILE)
        running = asyncio.create_task(inference.segment(picture, CLICK, "a", key="hover"))
        await asyncio.to_thread(gate.reached.wait, 5)
        older = asyncio.create_task(inference.segment(picture, CLICK, "a", key="hover"))
        await until(lambda: inference.backlog == 1)
        newer = asyncio.create_task(inference.segment(picture, CLICK, "a", key="hover"))

        with pytest.raises(Cancelled):
            await asyncio.wait_for(older, 10)
        gate.opened.set()

        assert (await running).value.segmentation.mask.area and (await newer).value.segmentation.mask.area


async def test_cancelling_a_session_ends_what_it_asked_and_nothing_else():
    engine = StubEngine(encode_s=10)
    async with asking(engine) as inference:
        picture = await inference.take_in(FILE)
        running = asyncio.create_task(inference.encode(picture, "a"))
        waiting = asyncio.create_task(inference.segment(picture, CLICK, "a"))
        await until(lambda: "sam3-assistant-stub" in engine.threads and inference.backlog == 1)
        engine.encode_s = 0
        other = asyncio.create_task(inference.encode(picture, "b"))
        await until(lambda: inference.backlog == 2)

        inference.cancel("a")

        for asked in (running, waiting):
            with pytest.raises(Cancelled):
                await asyncio.wait_for(asked, 5)
        assert (await asyncio.wait_for(other, 5)).value[0] is False
        assert engine.encodes == 1


async def test_who_stops_waiting_takes_nothing_from_others():
    engine, gate = gated()
    async with asking(engine) as inference:
        picture = await inference.take_in(FILE)
        gone = asyncio.create_task(inference.segment(picture, CLICK, "a"))
        await asyncio.to_thread(gate.reached.wait, 5)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        gate.opened.set()

        assert (await inference.encode(picture, "b")).value[0] is True


def failing(error, times=1000):
    left = [times]

    def fail(what):
        if what in ("segment", "encode", "find") and left[0]:
            left[0] -= 1
            raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (PromptError("The box is empty.", hint="Draw it 1 px wide."), "bad_prompt", "The box is empty."),
        (Unsupported("This engine takes no masks.", hint="x"), "unsupported", "This engine takes no masks."),
        (OutOfMemory("CUDA out of memory at 0x1"), "oom", "Segmentation failed: out of GPU memory"),
        (MemoryError("no"), "oom", "Segmentation failed: out of GPU memory"),
    ],
)
async def test_what_fails_is_told_in_words_for_a_user(error, code, message):
    async with asking(StubEngine(fail=failing(error))) as inference:
        picture = await inference.take_in(FILE)

        told = [await refusal(inference.encode(picture, "a")), await refusal(inference.segment(picture, CLICK, "a"))]

    assert [(one.code, one.message) for one in told] == [(code, message)] * 2


@pytest.mark.parametrize("error", [RuntimeError("secret /root/path"), EngineError("secret"), SystemExit("secret")])
async def test_what_nobody_expected_is_told_by_a_number_that_stands_in_the_log(error, caplog):
    caplog.set_level(logging.ERROR)
    async with asking(StubEngine(fail=failing(error))) as inference:
        picture = await inference.take_in(FILE)

        told = await refusal(inference.segment(picture, CLICK, "a"))

    assert told.code == "inference_failed"
    head, reference = told.message[:-5], told.message[-5:-1]
    assert head == "Segmentation failed: internal error (ref " and int(reference, 16) >= 0
    assert [record.ref for record in caplog.records if hasattr(record, "ref")] == [reference]
    assert "secret" in caplog.text


async def test_memory_that_ran_out_once_is_no_failure():
    engine = StubEngine(fail=failing(OutOfMemory("full"), times=1))
    async with asking(engine) as inference:
        picture = await inference.take_in(FILE)

        assert (await inference.encode(picture, "a")).value[0] is False
        assert engine.encodes == 1


async def test_after_a_failure_the_next_question_is_answered():
    async with asking(StubEngine(fail=failing(RuntimeError("once"), times=1))) as inference:
        picture = await inference.take_in(FILE)
        await refusal(inference.segment(picture, CLICK, "a"))

        assert (await inference.segment(picture, CLICK, "a")).value.segmentation.mask.area


async def test_words_are_refused_where_the_engine_reads_none():
    async with asking(StubEngine()) as inference:
        picture = await inference.take_in(FILE)

        told = await refusal(inference.find(picture, Query((TextPrompt("cell"),)), "a"))

    assert told.code == "unsupported"
    assert told.message == "This server's engine does not read words. Use points or a box."


async def test_while_loading_questions_are_refused_and_pictures_taken_in():
    gate = Gate("load")
    async with asking(StubEngine(fail=gate), ready=False) as inference:
        picture = await inference.take_in(FILE)

        assert (await refusal(inference.encode(picture, "a"))).message == "Model not loaded yet. Please wait."
        gate.opened.set()
        await until(lambda: inference.state == "ready")
        assert (await inference.encode(picture, "a")).value[0] is False


async def test_a_model_that_cannot_be_loaded_is_told_and_the_reason_logged(caplog):
    def fail(what):
        raise RuntimeError("no weights")

    async with asking(StubEngine(fail=fail), ready=False) as inference:
        picture = await inference.take_in(FILE)
        await until(lambda: inference.state == "failed")

        told = await refusal(inference.encode(picture, "a"))

    assert told.message == "Model failed to load. See the server log."
    assert "no weights" in caplog.text


@pytest.mark.parametrize(("warm_up", "asked"), [(True, (1, 1)), (False, (0, 0))])
async def test_a_loaded_engine_is_asked_once_before_it_is_ready(warm_up, asked):
    engine = StubEngine()
    async with asking(engine, warm_up=warm_up) as inference:
        assert (engine.encodes, engine.decodes) == asked
        assert inference.kept.misses == inference.kept.embeddings == 0


async def test_the_first_question_is_no_picture_that_is_kept_on_disk(tmp_path):
    engine = stored(Plain(), StoreOptions(tmp_path))
    async with asking(engine, warm_up=True):
        assert engine.encodes == 1

    assert list(tmp_path.iterdir()) == []


async def test_a_first_question_that_fails_is_no_reason_not_to_serve(caplog):
    async with asking(StubEngine(fail=failing(RuntimeError("cold"), times=1)), warm_up=True) as inference:
        picture = await inference.take_in(FILE)

        assert (await inference.segment(picture, CLICK, "a")).value.segmentation.mask.area
    assert "cold" in caplog.text


async def test_an_engine_that_hangs_is_told_to_all_until_it_lives_again(caplog):
    engine, gate = gated()
    async with asking(engine, heartbeat_s=0.3) as inference:
        picture = await inference.take_in(FILE)
        await inference.encode(picture, "a")
        asked = [asyncio.create_task(inference.segment(picture, CLICK, name)) for name in "abc"]

        told = [await refusal(one) for one in asked]
        now = await refusal(inference.encode(picture, "d"))

        assert {one.code for one in (*told, now)} == {"engine_stuck"} and inference.state == "stuck"
        assert inference.silent_s > 0.3
        gate.opened.set()
        await until(lambda: inference.state == "ready")
        assert (await inference.encode(picture, "a")).value[0] is True
        assert engine.decodes == 1  # the others' questions, which waited, were dropped
    assert "no sign of life" in caplog.text and "answers again" in caplog.text


async def test_slow_work_that_looks_at_its_token_is_no_hang():
    engine = StubEngine(encode_s=1.2)
    async with asking(engine, heartbeat_s=0.5) as inference:
        picture = await inference.take_in(FILE)

        assert (await inference.encode(picture, "a")).value[1] > 1000
        assert inference.state == "ready"
        await until(lambda: inference.silent_s == 0)  # the thread tells the answer, and only then rests


async def test_an_engine_that_is_slow_on_this_machine_may_be_silent_for_longer():
    engine = StubEngine(decode_s=1.0, looks=False, capabilities=Capabilities(encode_s=60.0))
    async with asking(engine, heartbeat_s=0.2) as inference:
        picture = await inference.take_in(FILE)

        assert (await inference.segment(picture, CLICK, "a")).value.segmentation.score > 0
        assert inference.state == "ready"


async def test_an_engine_that_hangs_does_not_keep_a_server_from_ending():
    engine, gate = gated()
    async with asking(engine, heartbeat_s=0.2) as inference:
        asked = asyncio.create_task(inference.segment(await inference.take_in(FILE), CLICK, "a"))
        await asyncio.to_thread(gate.reached.wait, 5)

    assert inference.state == "closed" and not engine.closed
    gate.opened.set()
    await until(lambda: engine.closed)
    with pytest.raises((Refusal, Cancelled)):
        await asked


async def test_stopping_ends_what_runs_and_closes_the_engine_on_its_thread():
    engine = StubEngine(encode_s=20)
    async with asking(engine) as inference:
        asked = asyncio.create_task(inference.encode(await inference.take_in(FILE), "a"))
        await until(lambda: inference.silent_s > 0 or engine.threads)
        await asyncio.sleep(0.05)

    assert engine.closed
    with pytest.raises((Refusal, Cancelled)):
        await asyncio.wait_for(asked, 5)


async def test_examples_find_their_like():
    async with asking(BuiltinEngine()) as inference:
        picture = await inference.take_in(FILE)

        answer = await inference.find(picture, Query((), (BoxPrompt(Box(20, 20, 50, 50), True),)), "a", threshold=0.25)

        assert answer.value.threshold == 0.25
        assert any(one.mask.value_at(40, 30) for one in answer.value.above(0.25))


async def test_everything_is_found_in_steps_and_told():
    told = []
    async with asking(BuiltinEngine()) as inference:
        picture = await inference.take_in(FILE)

        answer = await inference.everything(
            picture,
            EverythingOptions(points_per_side=8),
            "a",
            progress=lambda fraction, message="": told.append(fraction),
        )

        assert any(one.mask.value_at(40, 30) for one in answer.value)
        assert told[-1] == 1 and told == sorted(told)


class Slow(BuiltinEngine):
    """Takes 50 ms for each of ten steps, and notes what it is asked."""

    capabilities = Capabilities(proposals=Proposals(steps=True))

    def __init__(self):
        super().__init__()
        self.asked = []

    def propose_in_steps(self, embedding):
        for k in range(10):
            self.asked.append("step")
            time.sleep(0.05)
            yield k / 10
        return self.propose(embedding, NOWHERE)

    def propose(self, embedding, places):
        self.asked.append("end")
        return completed(super().propose_in_steps(embedding))

    def segment(self, embedding, prompts, previous=None):
        self.asked.append("click")
        return super().segment(embedding, prompts, previous)


async def test_a_click_slips_in_between_an_engines_own_steps():
    engine = Slow()
    async with asking(engine) as inference:
        picture = await inference.take_in(FILE)
        await inference.encode(picture, "a")
        everything = asyncio.create_task(inference.everything(picture, EverythingOptions(), "a"))
        await until(lambda: engine.asked)

        await inference.segment(picture, CLICK, "b")
        found = (await everything).value

    assert 1 <= engine.asked.index("click") < engine.asked.index("end")
    assert any(one.mask.value_at(40, 30) for one in found)


async def test_everything_ends_with_its_session():
    engine = StubEngine(decode_s=0.02)
    async with asking(engine) as inference:
        picture = await inference.take_in(FILE)
        asked = asyncio.create_task(inference.everything(picture, EverythingOptions(points_per_side=32), "a"))
        await until(lambda: engine.decodes > 3)

        inference.cancel("a")

        with pytest.raises(Cancelled):
            await asyncio.wait_for(asked, 5)


async def test_a_session_that_was_cancelled_between_two_steps_gets_no_third():
    engine = StubEngine()
    async with asking(engine) as inference:
        picture = await inference.take_in(FILE)

        with pytest.raises(Cancelled):
            await inference.everything(
                picture,
                EverythingOptions(points_per_side=32),
                "a",
                progress=lambda fraction, message="": inference.cancel("a"),
            )


async def test_what_is_found_and_too_large_for_memory_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr("napari_sam3_assistant.tasks.view.MOST_MASK", 10)
    long = file_of(np.zeros((60, 2 * LEAST_SIDE + 1), np.uint8))
    async with asking(StubEngine(found=((0.9, (0, 0, 4, 4)),))) as inference:
        picture = await inference.take_in(long)

        found = (await inference.find(picture, Query((), (BoxPrompt(Box(0, 0, 4, 4)),)), "a")).value
        refused = [
            await refusal(inference.everything(picture, EverythingOptions(points_per_side=1), "a")),
            await refusal(inference.codec(objects_in, found, 0.5)),
            await refusal(inference.segment(picture, CLICK, "a")),
        ]

    text = "Segmentation failed: what was found is too large for memory. Send a smaller picture."
    assert [(told.code, told.message) for told in refused] == [("image_too_large", text)] * 3


class Proposing(StubEngine):
    """Needs no grid of points; each step takes its time, and none is the last."""

    def propose_in_steps(self, embedding):
        while True:
            time.sleep(0.02)
            yield 0.5


@pytest.mark.parametrize(
    ("engine", "hint"),
    [
        (StubEngine(decode_s=0.05), "Use fewer points per side."),
        (Proposing(capabilities=Capabilities(proposals=Proposals(steps=True))), "Send a smaller picture."),
    ],
    ids=["points", "none"],
)
async def test_everything_that_takes_too_long_is_refused(engine, hint):
    async with asking(engine, limits=Limits(everything_s=0.2)) as inference:
        picture = await inference.take_in(FILE)

        told = await refusal(inference.everything(picture, EverythingOptions(points_per_side=32), "a"))

        assert told.code == "too_slow"
        assert told.message == f"Segmentation failed: it takes longer than 0.2 s. {hint}"


class Counting:
    """An observer that remembers what it was told."""

    def __init__(self):
        self.told = []

    def __getattr__(self, what):
        return lambda value: self.told.append((what, value))


async def test_an_observer_is_told_what_took_how_long():
    counting = Counting()
    async with asking(StubEngine(encode_s=0.05, decode_s=0.02), observer=counting) as inference:
        picture = await inference.take_in(FILE)
        await inference.encode(picture, "a")
        await inference.segment(picture, CLICK, "a")
        await refusal(inference.segment(picture, Prompts((PointPrompt(-900, -900, True),)), "a"))

    assert [what for what, _ in counting.told] == ["waited", "encoded", "waited", "decoded", "failed"]
    values = dict(counting.told)
    assert 0.05 <= values["encoded"] < 5 and 0.02 <= values["decoded"] < 5 and values["failed"] == "bad_prompt"


async def test_progress_is_told_on_the_loop():
    class Telling(StubEngine):
        def encode(self, image, *, progress, cancel):
            progress(0.5, "half")
            return super().encode(image, progress=progress, cancel=cancel)

    told = []
    async with asking(Telling()) as inference:
        picture = await inference.take_in(FILE)
        await inference.encode(
            picture, "a", progress=lambda *what: told.append((*what, threading.current_thread().name))
        )
        await until(lambda: told)

    assert told == [(0.5, "half", threading.current_thread().name)]


async def test_taking_pictures_in_and_letting_them_go_leaves_what_may_be_kept():
    async with asking(StubEngine(), picture_bytes=4 * 128 * 128 * 3, cache_bytes=3000) as inference:
        random = np.random.default_rng(0)
        for number in range(40):
            noise = random.integers(0, 255, (128, 128, 3), np.uint8)
            picture = await inference.take_in(file_of(noise, "BMP"))
            await inference.segment(picture, CLICK, f"session {number}")
            inference.cancel(f"session {number}")
        del picture
        gc.collect()

        kept = inference.kept
        assert (kept.pictures, kept.picture_bytes) == (4, 4 * 128 * 128 * 3)
        assert (kept.embeddings, kept.embedding_bytes, inference.backlog) == (3, 3000, 0)
