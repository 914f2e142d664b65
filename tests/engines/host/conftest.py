"""Hosted engines, closed after use, and processes to look at."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.engines.host import HostedEngine
from tests.engines.host import odd
from tests.engines.sam3.conftest import tiny_folder  # noqa: F401  # a fixture

ROOT = Path(__file__).parents[3]
PATIENCE_S = 30.0


@pytest.fixture(scope="session", autouse=True)
def reaches_our_tests():
    """Let the processes import the engines of these tests, and compute as this one does: on one thread."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture
def hosting():
    """Return a function that makes a hosted odd engine; all are closed at the end."""
    made = []

    def make(factory=odd.FACTORY, *, start_s=PATIENCE_S, interpreter="", on_lost=None, **options):
        kept = {"name": "odd", "title": "Odd", "start_s": start_s, "interpreter": interpreter, "on_lost": on_lost}
        made.append(HostedEngine(factory, options, **kept))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


@pytest.fixture(scope="module")
def shared():
    """An odd engine for all tests of a module; who ends its process finds it started again."""
    engine = HostedEngine(odd.FACTORY, name="odd", title="Odd")
    yield engine
    engine.close()


@pytest.fixture
def engine(shared):
    """The shared engine, loaded."""
    shared.load(progress=no_progress, cancel=CancelToken())
    return shared


def until(happened):
    """Wait until ``happened()`` is true; fail if it does not get true."""
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process has ended; one that has and that nobody asks about has."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return not Path("/proc/self").exists() or not Path(f"/proc/{pid}").exists()


def zombies() -> list[int]:
    """Return the processes of this one that have ended and were not asked about."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it is gone meanwhile
            continue
        if state == "Z" and int(parent) == os.getpid():
            found.append(int(stat.parent.name))
    return found


def in_thread(ask):
    """Run ``ask`` on a thread; return the thread and a list that gets what it returned or raised."""
    outcome = []

    def run():
        try:
            outcome.append(ask())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, outcome
