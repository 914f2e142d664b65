"""Several processes kept going: programs of a few lines stand for servers."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from napari_sam3_assistant.server.fleet import ANSWERS, DRAIN, STOP, Fleet, Member, Pace, tagged

QUICK = Pace(first_s=0.01, longest_s=0.02, tries=3)
SERVES = f"import sys; told = input(); print({ANSWERS!r}, flush=True); print('told', told, input(), flush=True)"
DIES = "import sys; input(); sys.exit('no such device')"
HANGS = f"import time; input(); print({ANSWERS!r}, flush=True); time.sleep(300)"


def member(name: str, code: str) -> Member:
    return Member(name, (sys.executable, "-c", code), dict(os.environ), f"I am {name}")


def run(members, *, on_start=None, pace=QUICK):
    """Run a fleet that is told to drain once it has started; return whether all went well, and what was written."""
    lines: list[tuple[str, str]] = []
    starts: list[int] = []

    async def running() -> bool:
        def started() -> None:
            starts.append(1)
            (on_start or (lambda fleet: fleet.end(DRAIN)))(fleet)

        fleet = Fleet(members, lambda name, line: lines.append((name, line)), started, pace)
        return await asyncio.wait_for(fleet.run(), 60)

    well = asyncio.run(running())
    assert len(starts) <= 1
    return well, lines


def test_each_is_told_what_to_do_and_all_end_when_they_are_told():
    well, lines = run([member("a", SERVES), member("b", SERVES)])

    assert well
    assert sorted(lines) == [("a", "told I am a drain"), ("b", "told I am b drain")]


def test_one_that_dies_is_started_again(tmp_path, monkeypatch, caplog):
    first = "import pathlib, sys; input(); been = pathlib.Path('been'); been.exists() or (been.touch(), sys.exit(3))"
    monkeypatch.chdir(tmp_path)

    well, lines = run([member("a", f"{first}; print({ANSWERS!r}, flush=True); print('told', input(), flush=True)")])

    assert well and lines == [("a", "told drain")]
    assert "a has ended with exit code 3: it is started again in 0.01 s" in caplog.text


def test_one_that_dies_again_and_again_is_given_up_and_the_others_go_on(caplog):
    well, lines = run([member("a", SERVES), member("b", DIES)])

    assert not well
    assert lines.count(("b", "no such device")) == 3
    assert ("a", "told I am a drain") in lines
    assert "b has ended with exit code 1, 3 times in a row: it is given up" in caplog.text


def test_where_all_are_given_up_it_ends_and_nothing_has_started():
    def never(fleet):
        pytest.fail("nothing answers")

    well, _ = run([member("a", DIES), member("b", DIES)], on_start=never)

    assert not well


def test_told_twice_it_ends_those_that_hang():
    def twice(fleet):
        fleet.end(STOP)
        fleet.end(STOP)

    assert run([member("a", HANGS)], on_start=twice)[0]


def test_told_to_end_it_does_not_wait_for_the_next_try():
    dies_once_started = f"input(); print({ANSWERS!r}, flush=True)"

    def later(fleet):
        asyncio.get_running_loop().call_later(0.2, fleet.end, DRAIN)

    assert run([member("a", dies_once_started)], on_start=later, pace=Pace(first_s=600))[0]


@pytest.mark.parametrize(
    ("line", "as_json", "expected"),
    [
        ("a line", False, "cuda:0  a line"),
        ('{"event": "a line"}', True, '{"device": "cuda:0", "event": "a line"}'),
        ("no JSON", True, '{"device": "cuda:0", "event": "no JSON"}'),
        ("3", True, '{"device": "cuda:0", "event": "3"}'),
    ],
)
def test_each_line_names_its_device(line, as_json, expected):
    assert tagged("cuda:0", line, as_json=as_json) == expected
