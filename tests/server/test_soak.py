"""The users of the soak: each kind asks until it is answered, and notices another mask than before."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.rows import Row
from benchmarks.soak import Watched, verdict
from benchmarks.soak_users import KINDS, Place, Tally, pictures
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from tests.server.conftest import running
from tests.server.haproxy import TOKEN


@pytest.fixture(scope="module")
def place():
    with running(BuiltinEngine(), tokens=(TOKEN,)) as server:
        address = f"ws://127.0.0.1:{server.port}/ws/realtime"
        yield Place(address, server.url, TOKEN, None, pictures(2))


def test_users_of_all_kinds_get_the_same_masks_though_their_connections_are_cut(place, monkeypatch):
    tally = Tally()
    for kind in KINDS:
        user = kind(place, tally, 1)
        chances = iter([0.5, 0.0])  # the second time that it might, a user cuts its connection
        monkeypatch.setattr(user.random, "random", lambda chances=chances: next(chances, 0.5))
        for _ in range(2):
            user.insist()
        user.leave()

    assert tally.counts["said"] > 0 and tally.counts["answered"] >= tally.counts["said"]
    assert tally.counts["cut"] == len(KINDS) - 1, "requests over HTTP have no connection to cut"
    assert (tally.counts["lost"], tally.counts["wrong"]) == (0, 0), tally


def test_another_mask_for_the_same_prompts_is_counted_as_wrong():
    tally, mask = Tally(), np.zeros((4, 4), bool)

    tally.check(0, "prompts", mask)
    tally.check(0, "prompts", mask.copy())
    tally.check(1, "prompts", ~mask)
    assert tally.counts["wrong"] == 0

    tally.check(0, "prompts", ~mask)
    assert tally.counts["wrong"] == 1


def test_growth_is_told_between_the_second_and_the_last_fifth():
    watched = Watched("a process", None, memory_mb=[50.0, 90.0, 95.0, 99.0, 120.0])

    assert watched.grown_mb == 30
    assert Row("growth", watched.grown_mb, "MB", target=20).held is False


@pytest.mark.parametrize("fault", ["lost", "wrong", "died", "memory", "descriptors"])
def test_each_fault_alone_makes_the_verdict_fail(fault):
    tally = Tally()
    tally.counts["said"] = 100
    tally.counts[fault] += 1
    watched = Watched("a process", None, idle=9, memory_mb=[90.0] * 5, descriptors=[9] * 5)
    assert all(row.held is not False for row in verdict(Tally(), [watched], 3, 50, 60.0))
    watched.memory_mb[-1] += 30 * (fault == "memory")
    watched.descriptors[-1] += 9 * (fault == "descriptors")

    rows = verdict(tally, [watched], 3, 50, 60.0)

    assert [row.held for row in rows].count(False) == 1
