"""The cache of embeddings."""

import threading
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import Cancelled, EngineError
from napari_sam3_assistant.core.intensity import Limits
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.engines import embeddings
from napari_sam3_assistant.engines.embeddings import EmbeddingCache, EmbeddingKey, default_bytes
from napari_sam3_assistant.engines.protocol import Embedding


class Block:
    """An embedding of a given size."""

    def __init__(self, nbytes=10):
        self.nbytes, self.shape = nbytes, (1, 1)


def key(identity="a", engine="builtin", **other):
    made = EmbeddingKey(
        engine=engine,
        weights="1",
        identity=identity,
        version=0,
        checksum=0,
        plane=Plane(0, 1),
        channels=(),
        level=0,
        window=Window(0, 0, 8, 8),
        limits=Limits((0.0,), (255.0,)),
    )
    return replace(made, **other)


def never():
    raise AssertionError("made twice")


def run(*functions):
    """Start each function on a thread of its own; returns the threads."""
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    return threads


def join(threads):
    for thread in threads:
        thread.join(timeout=10)
        assert not thread.is_alive()


def test_second_call_gets_the_first_result():
    cache, made = EmbeddingCache(100), Block()

    assert cache.get(key(), lambda: made) is made
    assert cache.get(key(), never) is made
    assert len(cache) == 1
    assert key() in cache


@pytest.mark.parametrize(
    "other",
    [
        {"engine": "other"},
        {"weights": "2"},
        {"identity": "b"},
        {"version": 1},
        {"checksum": 1},
        {"plane": Plane(1, 0)},
        {"channels": (0,)},
        {"level": 1},
        {"window": Window(0, 0, 8, 9)},
        {"limits": Limits((0.0,), (254.0,))},
    ],
)
def test_every_part_of_the_key_counts(other):
    cache, second = EmbeddingCache(100), Block()
    cache.get(key(), Block)

    assert cache.get(key(**other), lambda: second) is second


def test_least_recently_used_is_given_up_first():
    cache = EmbeddingCache(30)
    for name in "abc":
        cache.get(key(name), Block)
    cache.get(key("a"), never)

    cache.get(key("d"), Block)

    assert [name for name in "abcd" if key(name) in cache] == ["a", "c", "d"]
    assert cache.nbytes == 30


def test_embedding_larger_than_the_cache_is_returned_and_not_kept():
    cache, large = EmbeddingCache(30), Block(31)
    cache.get(key("a"), Block)

    assert cache.get(key("b"), lambda: large) is large
    assert key("b") not in cache
    assert key("a") in cache


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 40)), max_size=30))
def test_bound_holds_and_the_newest_is_kept(asked):
    cache = EmbeddingCache(60)
    for name, size in asked:
        cache.get(key(name), lambda size=size: Block(size))

        assert cache.nbytes <= 60
        assert key(name) in cache


def test_drop_by_engine_and_by_predicate():
    cache = EmbeddingCache(100)
    for identity, engine in (("a", "builtin"), ("b", "builtin"), ("a", "sam3")):
        cache.get(key(identity, engine), Block)

    assert cache.drop("sam3") == 1
    assert cache.drop(lambda one: one.identity == "b") == 1
    assert key("a") in cache
    cache.clear()
    assert len(cache) == cache.nbytes == 0


def test_callers_of_one_key_wait_for_one_making():
    cache, release, count, got = EmbeddingCache(100), threading.Event(), [], []

    def make():
        count.append(1)
        release.wait(10)
        return Block()

    threads = run(*[lambda: got.append(cache.get(key(), make))] * 4)
    release.set()
    join(threads)

    assert len(count) == 1
    assert len(got) == 4
    assert len({id(one) for one in got}) == 1


def test_other_keys_do_not_wait():
    cache, release, entered = EmbeddingCache(100), threading.Event(), threading.Event()

    def slow():
        entered.set()
        release.wait(10)
        return Block()

    threads = run(lambda: cache.get(key("a"), slow))
    entered.wait(10)

    assert cache.get(key("b"), Block).nbytes == 10
    release.set()
    join(threads)


@pytest.mark.parametrize("error", [EngineError("No."), Cancelled(), KeyboardInterrupt()])
def test_error_goes_to_its_caller_and_one_that_waits_makes_it(error):
    cache, entered, release = EmbeddingCache(100), threading.Event(), threading.Event()
    raised, got = [], []

    def fail():
        entered.set()
        release.wait(10)
        raise error

    def first():
        with pytest.raises(type(error)) as caught:
            cache.get(key(), fail)
        raised.append(caught.value)

    threads = run(first)
    entered.wait(10)
    threads += run(*[lambda: got.append(cache.get(key(), Block))] * 2)
    release.set()
    join(threads)

    assert raised == [error]
    assert len({id(one) for one in got}) == 1


def test_what_is_dropped_while_it_is_made_reaches_its_caller_and_is_not_kept():
    cache = EmbeddingCache(100)

    def make():
        cache.drop("builtin")
        return Block()

    assert cache.get(key(), make).nbytes == 10
    assert len(cache) == 0


def test_asked_after_a_drop_is_made_anew():
    cache, entered, release, second = EmbeddingCache(100), threading.Event(), threading.Event(), Block()

    def slow():
        entered.set()
        release.wait(10)
        return Block()

    threads = run(lambda: cache.get(key(), slow))
    entered.wait(10)
    cache.clear()

    assert cache.get(key(), lambda: second) is second
    release.set()
    join(threads)
    assert cache.get(key(), never) is second


def test_default_bound_is_the_smaller_of_2_gib_and_15_percent(monkeypatch):
    monkeypatch.setattr(embeddings, "memory_bytes", lambda: 4 * 1024**3)
    assert default_bytes() == int(0.15 * 4 * 1024**3)

    monkeypatch.setattr(embeddings, "memory_bytes", lambda: 64 * 1024**3)
    assert default_bytes() == 2 * 1024**3


def test_memory_is_guessed_where_the_system_does_not_tell(monkeypatch):
    assert embeddings.memory_bytes() > 2**20

    monkeypatch.delattr("os.sysconf")

    assert embeddings.memory_bytes() == 8 * 1024**3


def test_built_in_embedding_is_one():
    from napari_sam3_assistant.engines.builtin.grow import grow
    from napari_sam3_assistant.testing import blobs

    made: Embedding = grow(blobs())

    assert EmbeddingCache(10**6).get(key(), lambda: made) is made


def test_a_smaller_cache_gives_up_the_least_recently_used_at_once():
    cache = EmbeddingCache(30)
    for name in "abc":
        cache.get(key(name), Block)
    cache.get(key("a"), never)

    cache.resize(20)

    assert key("b") not in cache and cache.nbytes == 20
    cache.resize(None)
    assert cache.most_bytes == default_bytes() and cache.nbytes == 20


def test_what_was_found_made_and_given_up_is_counted():
    cache = EmbeddingCache(25)
    for name in ("a", "a", "b", "c", "a"):
        cache.get(key(name), Block)

    counts = cache.counts

    assert (counts.hits, counts.misses, counts.evictions) == (1, 4, 2)


def test_who_waited_for_an_embedding_has_found_it():
    cache, making, made = EmbeddingCache(100), threading.Event(), threading.Event()

    def make():
        making.set()
        assert made.wait(5)
        return Block()

    first = run(lambda: cache.get(key(), make))
    assert making.wait(5)
    second = run(lambda: cache.get(key(), never))
    made.set()
    join(first + second)

    assert (cache.counts.hits, cache.counts.misses) == (1, 1)
