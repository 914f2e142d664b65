"""One SAM3 in memory at a time, in a process of its own, given back when it is not wanted."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from napari_sam3_assistant.app.runtime import Runtime
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.registry import BUILTIN, EngineSpec
from napari_sam3_assistant.tasks.jobs import Job, Kind
from tests.engines.weights import small

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0


@pytest.fixture
def started(monkeypatch):
    """Return a runtime whose SAM3 is the tests' own, and end it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    spec = EngineSpec("sam3", "SAM3", needs=("json",), factory="tests.widgets.double:Double")
    monkeypatch.setattr(registry, "_OURS", (BUILTIN, spec))
    made = Runtime()
    yield made
    made.close()
    assert not [one for one in threading.enumerate() if one.name == "sam3-assistant-sam3"]


@pytest.fixture
def folder(tmp_path):
    return small.write_sam3(tmp_path / "sam3")


def load(runtime: Runtime, folder: Path):
    """Load SAM3 as a question does, and return it."""
    handle = runtime.handle("sam3", folder)

    def run(progress, cancel):
        engine = handle.get()
        engine.load(progress=no_progress, cancel=CancelToken())
        return engine

    return runtime.scheduler.submit(Job("sam3", run), session="test", kind=Kind.DECODE).result(PATIENCE_S)


def until(condition) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_nothing_is_loaded_until_it_is_and_everybody_is_told(started, folder):
    told = []
    started.changed.connect(told.append)
    handle = started.handle("sam3", folder)
    assert started.loaded("sam3") is None and handle.loaded() is None and handle.slow

    engine = load(started, folder)

    assert handle.loaded() is engine and started.loaded("sam3").points and told == ["sam3"]
    assert not started.handle("builtin").slow


def test_the_same_folder_is_loaded_once_and_another_closes_it(started, folder, tmp_path):
    first = load(started, folder)
    assert load(started, folder) is first

    second = load(started, small.write_sam3(tmp_path / "other"))

    assert second is not first and not first.ready and second.ready
    assert first._engine.pid is None and started.handle("sam3", folder).loaded() is None


def test_unload_ends_the_process_drops_its_embeddings_and_loads_again(started, folder):
    engine = load(started, folder)
    process = engine._engine.pid

    started.unload("sam3").result(PATIENCE_S)

    assert started.loaded("sam3") is None and not Path(f"/proc/{process}").exists()
    assert load(started, folder).ready


def test_unloading_what_is_not_loaded_is_done_at_once_and_starts_no_thread(started):
    assert started.unload("sam3").done()
    assert not [one for one in threading.enumerate() if one.name == "sam3-assistant-sam3"]


def test_a_process_that_is_killed_is_no_longer_loaded(started, folder):
    engine = load(started, folder)
    embedding = engine.encode(np.zeros((32, 32, 3), np.uint8), progress=no_progress, cancel=CancelToken())

    os.kill(engine._engine.pid, signal.SIGKILL)

    until(lambda: started.loaded("sam3") is None)
    assert embedding.lost
    again = engine.encode(np.zeros((32, 32, 3), np.uint8), progress=no_progress, cancel=CancelToken())
    assert started.loaded("sam3") is not None and not again.lost


def test_an_engine_that_is_made_while_all_is_closed_is_closed_too(monkeypatch, folder):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    runtime, closed = Runtime(), []
    host = registry.host

    def slowly(name, **options):
        runtime.close()
        made = host(name, **options)
        monkeypatch.setattr(made, "close", lambda: closed.append(True))
        return made

    spec = EngineSpec("sam3", "SAM3", needs=("json",), factory="tests.widgets.double:Double")
    monkeypatch.setattr(registry, "_OURS", (BUILTIN, spec))
    monkeypatch.setattr(registry, "host", slowly)
    with pytest.raises(Exception, match="Cancelled"):
        runtime.handle("sam3", folder).get()

    assert closed == [True] and runtime.loaded("sam3") is None
