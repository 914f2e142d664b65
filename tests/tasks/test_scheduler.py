"""The scheduler: the newest click wins, none is lost, and nothing ends a worker but its owner."""

import threading
import time
from concurrent.futures import CancelledError, Future

import pytest

from napari_sam3_assistant.core.errors import Cancelled, EngineError
from napari_sam3_assistant.tasks.jobs import Job, Kind
from napari_sam3_assistant.tasks.scheduler import AGE_S, Scheduler


@pytest.fixture
def scheduler():
    made = Scheduler()
    yield made
    made.close(timeout=5)


class Gate:
    """A job that holds its worker until it is opened, and says when it has started."""

    def __init__(self) -> None:
        self.started, self.opened = threading.Event(), threading.Event()

    def __call__(self, progress, cancel):
        self.started.set()
        while not self.opened.wait(0.002):
            cancel.raise_if_cancelled()
        return "gate"


@pytest.fixture
def gate(scheduler):
    """A worker of engine "e" that is busy, so that what is submitted waits."""
    held = Gate()
    scheduler.submit(Job("e", held), session="holder", kind=Kind.BATCH)
    assert held.started.wait(5)
    yield held
    held.opened.set()


def note(log, name):
    return Job("e", lambda progress, cancel: log.append(name) or name)


def test_the_newest_job_of_a_key_wins_and_the_older_is_cancelled(scheduler, gate):
    log: list[str] = []
    futures = [scheduler.submit(note(log, k), session="s", kind=Kind.DECODE, key="click") for k in "abc"]

    gate.opened.set()

    assert futures[2].result(5) == "c" and log == ["c"]
    for older in futures[:2]:
        with pytest.raises(CancelledError):
            older.result(0)


def test_without_a_key_every_job_is_done_in_order(scheduler, gate):
    log: list[int] = []
    futures = [scheduler.submit(note(log, k), session="s", kind=Kind.DECODE) for k in range(20)]

    gate.opened.set()

    assert [one.result(5) for one in futures] == list(range(20)) == log


def test_keys_of_other_sessions_are_left_alone(scheduler, gate):
    log: list[str] = []
    futures = [scheduler.submit(note(log, s), session=s, kind=Kind.DECODE, key="click") for s in ("x", "y")]

    gate.opened.set()

    assert [one.result(5) for one in futures] == ["x", "y"]


def test_decoding_goes_before_encoding_before_batches(scheduler, gate):
    log: list[str] = []
    last = [scheduler.submit(note(log, kind.name), session=kind.name, kind=kind) for kind in sorted(Kind, reverse=True)]

    gate.opened.set()

    for one in last:
        one.result(5)
    assert log == ["DECODE", "ENCODE", "BATCH"]


def test_sessions_take_turns(scheduler, gate):
    log: list[str] = []
    futures = [scheduler.submit(note(log, f"x{k}"), session="x", kind=Kind.DECODE) for k in range(3)]
    futures += [scheduler.submit(note(log, f"y{k}"), session="y", kind=Kind.DECODE) for k in range(3)]

    gate.opened.set()

    for one in futures:
        one.result(5)
    assert log == ["x0", "y0", "x1", "y1", "x2", "y2"]


def test_what_has_waited_long_goes_before_what_is_quick():
    now = [0.0]
    scheduler, held, log = Scheduler(clock=lambda: now[0]), Gate(), []
    scheduler.submit(Job("e", held), session="holder", kind=Kind.DECODE)
    assert held.started.wait(5)
    slow = scheduler.submit(note(log, "batch"), session="a", kind=Kind.BATCH)
    now[0] += 2.5 * AGE_S
    quick = scheduler.submit(note(log, "decode"), session="b", kind=Kind.DECODE)

    held.opened.set()
    slow.result(5), quick.result(5)
    scheduler.close(timeout=5)

    assert log == ["batch", "decode"]


def test_one_engine_answers_while_another_is_busy(scheduler, gate):
    other = scheduler.submit(Job("other", lambda p, c: threading.current_thread().name), session="s", kind=Kind.DECODE)

    assert "other" in other.result(5)
    assert not gate.opened.is_set()


@pytest.mark.parametrize("error", [ValueError("a"), MemoryError(), SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_an_error_reaches_its_future_and_the_worker_goes_on(scheduler, error):
    def fail(progress, cancel):
        raise error

    failed = scheduler.submit(Job("e", fail), session="s", kind=Kind.DECODE)
    with pytest.raises(EngineError if not isinstance(error, Exception) else type(error)):
        failed.result(5)

    assert scheduler.submit(note([], "fine"), session="s", kind=Kind.DECODE).result(5) == "fine"


def test_a_callback_that_fails_does_not_end_the_worker(scheduler, caplog):
    future = scheduler.submit(note([], "a"), session="s", kind=Kind.DECODE)
    future.add_done_callback(lambda done: 1 / 0)

    assert scheduler.submit(note([], "b"), session="s", kind=Kind.DECODE).result(5) == "b"


def test_cancelling_a_session_drops_what_waits_and_stops_what_runs(scheduler):
    held, log = Gate(), []
    running = scheduler.submit(Job("e", held), session="s", kind=Kind.ENCODE)
    assert held.started.wait(5)
    waiting = scheduler.submit(note(log, "mine"), session="s", kind=Kind.DECODE)
    others = scheduler.submit(note(log, "theirs"), session="t", kind=Kind.DECODE)

    scheduler.cancel("s")

    with pytest.raises(Cancelled):
        running.result(5)
    assert waiting.cancelled()
    assert others.result(5) == "theirs" and log == ["theirs"]
    assert not scheduler.busy("s")


def test_what_runs_is_told_by_a_number_that_nothing_else_has(scheduler):
    held, then = Gate(), Gate()
    first = scheduler.submit(Job("e", held), session="s", kind=Kind.ENCODE)
    assert held.started.wait(5)
    before = scheduler.running("s")
    second = scheduler.submit(Job("e", then), session="s", kind=Kind.ENCODE)
    assert len(before) == 1 and scheduler.running("s") == before and not scheduler.running("t")

    scheduler.cancel("s")
    third = scheduler.submit(Job("e", then), session="s", kind=Kind.ENCODE)
    assert then.started.wait(5)

    assert len(scheduler.running("s")) == 1 and scheduler.running("s") != before
    scheduler.cancel("s")
    for one in (first, third):
        with pytest.raises(Cancelled):
            one.result(5)
    assert second.cancelled() and not scheduler.busy("s")


def test_cancelling_one_key_leaves_the_others(scheduler, gate):
    log: list[str] = []
    kept = scheduler.submit(note(log, "kept"), session="s", kind=Kind.DECODE, key="a")
    dropped = scheduler.submit(note(log, "dropped"), session="s", kind=Kind.DECODE, key="b")

    scheduler.cancel("s", "b")
    gate.opened.set()

    assert kept.result(5) == "kept" and dropped.cancelled()


def test_closing_ends_the_threads_and_refuses_new_work():
    before, scheduler, held = threading.active_count(), Scheduler(), Gate()
    running = scheduler.submit(Job("e", held), session="s", kind=Kind.ENCODE)
    assert held.started.wait(5)
    waiting = scheduler.submit(note([], "x"), session="s", kind=Kind.DECODE)
    scheduler.submit(note([], "x"), session="s", kind=Kind.DECODE, key="k")

    scheduler.close(timeout=5)
    scheduler.close(timeout=5)

    assert threading.active_count() == before
    assert waiting.cancelled() and isinstance(running.exception(5), Cancelled)
    with pytest.raises(EngineError):
        scheduler.submit(note([], "y"), session="s", kind=Kind.DECODE)


def test_closing_waits_for_what_keeps_a_user_s_work_and_drops_the_rest():
    made, first, log = Scheduler(), Gate(), []
    writes = made.submit(Job("e", first, keeps=True), session="s", kind=Kind.BATCH)
    assert first.started.wait(5)
    next_one = made.submit(
        Job("e", lambda progress, cancel: log.append("kept"), keeps=True), session="s", kind=Kind.BATCH
    )
    other = made.submit(note(log, "dropped"), session="s", kind=Kind.DECODE)
    threading.Timer(0.3, first.opened.set).start()

    made.close(timeout=0.01)

    assert writes.result(0) == "gate" and next_one.done() and other.cancelled() and log == ["kept"]


def test_closing_one_engine_runs_what_ends_it_on_its_own_thread(scheduler):
    names: list[str] = []
    scheduler.submit(note([], "x"), session="s", kind=Kind.DECODE).result(5)

    scheduler.close_engine("e", lambda: names.append(threading.current_thread().name), timeout=5)

    assert names == ["sam3-assistant-e"]
    assert scheduler.submit(note([], "again"), session="s", kind=Kind.DECODE).result(5) == "again"


def test_a_finished_job_is_not_kept_alive(scheduler):
    import gc
    import weakref

    class Picture:
        pass

    def submit() -> tuple[weakref.ref, Future]:
        picture = Picture()
        return weakref.ref(picture), scheduler.submit(
            Job("e", lambda p, c, kept=picture: None), session="s", kind=Kind.DECODE
        )

    alive, future = submit()
    future.result(5)
    del future
    for _ in range(100):
        gc.collect()
        if alive() is None:
            break
        time.sleep(0.01)

    assert alive() is None


def test_two_hundred_clicks_from_many_threads_are_each_answered_or_replaced(scheduler):
    answered: list[int] = []
    futures: list[Future] = []
    lock = threading.Lock()

    def click(start: int) -> None:
        for k in range(start, start + 50):
            job = Job("e", lambda p, c, k=k: time.sleep(0.0005) or answered.append(k))
            future = scheduler.submit(job, session=f"s{start}", kind=Kind.DECODE, key="click")
            with lock:
                futures.append(future)

    threads = [threading.Thread(target=click, args=(start,)) for start in (0, 50, 100, 150)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    for future in futures:
        if not future.cancelled():
            future.exception(10)
    assert {49, 99, 149, 199} <= set(answered)  # the newest of each session
    assert sum(future.cancelled() for future in futures) + len(answered) == 200


def test_ageing_is_as_told():
    now = [0.0]
    scheduler, held, log = Scheduler(clock=lambda: now[0], age_s=0.5), Gate(), []
    scheduler.submit(Job("e", held), session="holder", kind=Kind.BATCH)
    assert held.started.wait(5)
    old = scheduler.submit(note(log, "encode"), session="a", kind=Kind.ENCODE)
    now[0] += 0.6
    new = scheduler.submit(note(log, "decode"), session="b", kind=Kind.DECODE)

    held.opened.set()

    assert (old.result(5), new.result(5)) == ("encode", "decode")
    assert log == ["encode", "decode"]
    scheduler.close(timeout=5)


def test_the_place_in_the_queue_counts_what_runs_and_one_job_of_each_other_session(scheduler, gate):
    log: list[str] = []
    assert scheduler.ahead("a") == 0
    for session in ("a", "a", "a", "b", "c"):
        last = scheduler.submit(note(log, session), session=session, kind=Kind.DECODE)
    batch = scheduler.submit(note(log, "d"), session="d", kind=Kind.BATCH)

    assert [scheduler.ahead(session) for session in "abcd"] == [1, 2, 3, 4]
    assert scheduler.backlog() == 6

    gate.opened.set()
    last.result(5)
    batch.result(5)
    assert (scheduler.ahead("d"), scheduler.backlog()) == (0, 0)


def test_a_job_that_gives_no_sign_of_life_is_silent_until_it_does():
    now = [0.0]
    scheduler = Scheduler(clock=lambda: now[0])
    began, say, said, end = (threading.Event() for _ in range(4))
    sign = []

    def job(progress, cancel):
        began.set()
        while not end.is_set():
            assert say.wait(5)
            say.clear()
            if sign:
                sign.pop()(progress, cancel)
            said.set()

    def tell(how):
        sign.append(how)
        say.set()
        assert said.wait(5)
        said.clear()

    assert scheduler.silent_s("e") == 0
    done = scheduler.submit(Job("e", job), session="s", kind=Kind.ENCODE)
    assert began.wait(5)
    for how in (
        lambda progress, cancel: cancel.raise_if_cancelled(),
        lambda progress, cancel: cancel.cancelled,
        lambda progress, cancel: progress(0.5),
    ):
        now[0] += 7
        assert scheduler.silent_s("e") == 7
        tell(how)
        assert scheduler.silent_s("e") == 0
    end.set()
    tell(lambda progress, cancel: None)
    done.result(5)
    now[0] += 7
    wait_until(lambda: scheduler.silent_s("e") == 0)
    scheduler.close(timeout=5)


def test_a_job_that_waited_long_is_alive_when_it_begins():
    now = [0.0]
    scheduler, first, second = Scheduler(clock=lambda: now[0]), Gate(), Gate()
    scheduler.submit(Job("e", first), session="a", kind=Kind.DECODE)
    assert first.started.wait(5)
    scheduler.submit(
        Job("e", lambda progress, cancel: second.started.set() or second.opened.wait(5)), session="b", kind=Kind.DECODE
    )
    now[0] += 60
    first.opened.set()
    assert second.started.wait(5)

    assert scheduler.silent_s("e") == 0
    second.opened.set()
    scheduler.close(timeout=5)


def wait_until(happened) -> None:
    end = time.monotonic() + 5
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)
