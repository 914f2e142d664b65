"""How a process starts and ends: with its engine, with its parent, and with nothing left behind."""

import gc
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest

from napari_sam3_assistant.core.errors import EngineError, ModelFolderError, Unsupported
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.host import HostedEngine
from tests.engines.host import odd
from tests.engines.host.conftest import PATIENCE_S, gone, in_thread, until, zombies
from tests.engines.host.odd import click, encode, load

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PARENT = """
import sys, threading, time
from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.engines.host import HostedEngine
from tests.engines.host import odd

engine = odd.load(HostedEngine(odd.FACTORY, name="odd"))
kept = odd.encode(engine, shape=(1500, 1500))
print(engine.pid, flush=True)
{what}
"""
IDLE = "time.sleep(60)"
ENCODING = "odd.encode(engine, odd.DEAF, shape=(1500, 1500), progress=lambda *told: print(*told, flush=True))"
IN_THREAD = f"""
def work():
    try:
        {ENCODING}
    except EngineError:  # as a scheduler's worker does
        pass

threading.Thread(target=work, daemon=True).start()
time.sleep(0.5)
"""


def shared_memory():
    folder = Path("/dev/shm")
    return sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []


def memory_here():
    """Return the memory that this process takes, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024


def parent(what):
    """Start a Python that hosts an engine and then does ``what``; return it and the engine's process."""
    started = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(what=what)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    return started, int(started.stdout.readline())


# -- with its engine ------------------------------------------------------------------------------


@linux
def test_close_gives_all_memory_back(hosting):
    before = memory_here()
    engine = load(hosting(large=True))
    pid = engine.pid
    there = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    while_loaded = memory_here()

    engine.close()

    assert there > odd.MODEL_BYTES
    assert while_loaded - before < odd.MODEL_BYTES / 4
    assert memory_here() - before < odd.MODEL_BYTES / 4
    assert gone(pid)
    assert pid not in zombies()


@linux
def test_neither_threads_nor_files_nor_zombies_are_left(hosting):
    load(hosting()).close()
    threads, files = set(threading.enumerate()), len(os.listdir("/proc/self/fd"))

    for end in ("close", "crash", "killed", "refused"):
        engine = hosting(**({"folder": Path("/nowhere"), "no_such": 1} if end == "refused" else {}))
        if end == "refused":
            with pytest.raises(EngineError):
                load(engine)
            continue
        load(engine)
        if end == "crash":
            with pytest.raises(EngineError):
                encode(engine, odd.EXIT)
        elif end == "killed":
            os.kill(engine.pid, signal.SIGKILL)
            until(lambda engine=engine: engine.pid is None)
        engine.close()

    assert set(threading.enumerate()) <= threads
    assert len(os.listdir("/proc/self/fd")) == files
    assert zombies() == []


def test_closed_engine_may_be_closed_again_and_loaded(hosting):
    engine = load(hosting())
    first = engine.pid
    engine.close()
    engine.close()

    with pytest.raises(EngineError):
        encode(engine)
    load(engine)
    load(engine)

    assert engine.pid not in (None, first)
    assert encode(engine).shape == (16, 16)


def test_engine_that_nobody_closes_ends_its_process_when_it_is_collected(hosting):
    engine = load(HostedEngine(odd.FACTORY, name="odd"))
    pid, dead = engine.pid, weakref.ref(engine)

    del engine
    gc.collect()

    assert dead() is None
    until(lambda: gone(pid))


def test_engine_and_embedding_may_be_collected_together():
    engine = load(HostedEngine(odd.FACTORY, name="odd"))
    pid, ring = engine.pid, [engine, encode(engine)]
    ring.append(ring)

    del engine, ring
    gc.collect()

    until(lambda: gone(pid))


def test_close_on_another_thread_ends_an_encode(hosting):
    engine = load(hosting())
    started = threading.Event()
    thread, outcome = in_thread(lambda: encode(engine, odd.DEAF, progress=lambda fraction, message="": started.set()))
    started.wait(PATIENCE_S)

    engine.close()
    thread.join(PATIENCE_S)

    assert [type(one) for one in outcome] == [EngineError]
    assert "closed" in outcome[0].message


def test_close_on_another_thread_ends_loading(hosting):
    engine, started = hosting(loading=odd.DEAF), threading.Event()
    thread, outcome = in_thread(lambda: load(engine, progress=lambda fraction, message="": started.set()))
    started.wait(PATIENCE_S)

    engine.close()
    thread.join(PATIENCE_S)

    assert [type(one) for one in outcome] == [EngineError]
    assert engine.pid is None
    with pytest.raises(EngineError):
        encode(engine)


def test_two_threads_that_load_start_one_process(hosting):
    engine = hosting()

    threads = [in_thread(lambda: load(engine).pid) for _ in range(3)]
    for thread, _ in threads:
        thread.join(PATIENCE_S)

    assert {outcome[0] for _, outcome in threads} == {engine.pid}


# -- with its parent ------------------------------------------------------------------------------


@linux
@pytest.mark.parametrize("what", [IDLE, ENCODING], ids=["idle", "encoding"])
def test_kill_of_the_parent_ends_the_process_and_leaves_nothing(what):
    before = shared_memory()
    started, pid = parent(what)
    if what == ENCODING:
        assert "deaf" in started.stdout.readline()

    started.kill()
    said = started.communicate(timeout=PATIENCE_S)[1]

    until(lambda: gone(pid))
    assert shared_memory() == before
    assert said == ""


@linux
def test_kill_of_the_process_leaves_nothing(engine):
    before = shared_memory()
    kept = encode(engine, shape=(1500, 1500))

    os.kill(engine.pid, signal.SIGKILL)
    until(lambda: kept.lost)

    assert shared_memory() == before


@linux
@pytest.mark.parametrize("what", ["", IN_THREAD], ids=["idle", "encoding"])
def test_interpreter_that_ends_takes_its_process_along_at_once(what):
    started, pid = parent(what)

    said = started.communicate(timeout=PATIENCE_S)[1]

    assert started.returncode == 0
    assert said == ""
    until(lambda: gone(pid))


def test_interrupt_from_the_keyboard_does_not_reach_the_process(engine):
    kept = encode(engine)

    os.kill(engine.pid, signal.SIGINT)

    assert engine.segment(kept, click()).mask.area


@linux
def test_system_that_runs_out_of_memory_ends_the_process_before_its_parent(engine):
    def score(pid):
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    assert score(engine.pid) > score(os.getpid())


# -- how it starts --------------------------------------------------------------------------------


def test_interpreter_that_does_not_exist_is_named(hosting, tmp_path):
    engine = hosting(interpreter=str(tmp_path / "python"))

    with pytest.raises(EngineError) as caught:
        load(engine)

    assert str(tmp_path / "python") in caught.value.message and caught.value.hint


def script(folder, text):
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.skipif(os.name != "posix", reason="a script of the shell")
def test_process_that_never_answers_is_given_up_and_ended(hosting, tmp_path):
    engine = hosting(interpreter=script(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 60"), start_s=1.0)

    with pytest.raises(EngineError, match="did not answer within 1 s"):
        load(engine)

    assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.skipif(os.name != "posix", reason="a script of the shell")
def test_process_that_ends_at_once_says_why(hosting, tmp_path):
    engine = hosting(interpreter=script(tmp_path, "echo 'No module named napari_sam3_assistant' >&2; exit 1"))

    with pytest.raises(EngineError, match="No module named napari_sam3_assistant") as caught:
        load(engine)

    assert "installed" in caught.value.hint


def test_what_lies_in_the_working_folder_is_not_imported(hosting, tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise RuntimeError('taken for numpy')")
    monkeypatch.chdir(tmp_path)

    assert encode(load(hosting())).shape == (16, 16)


@pytest.mark.parametrize(
    ("factory", "named"),
    [
        ("no_such_module_anywhere:Engine", "no_such_module_anywhere"),
        ("tests.engines.host.odd:NoSuch", "NoSuch"),
    ],
)
def test_engine_that_cannot_be_imported_is_named(hosting, factory, named):
    with pytest.raises(EngineError, match=named) as caught:
        load(hosting(factory))

    assert caught.value.hint


def test_options_that_the_engine_does_not_take_are_an_error(hosting):
    with pytest.raises(EngineError, match="colour"):
        load(hosting(colour="red"))


def test_options_that_cannot_be_handed_over_are_an_error(hosting):
    engine = hosting(folder=lambda: None)

    with pytest.raises(EngineError, match="cannot be handed"):
        load(engine)

    assert engine.pid is None


def test_crash_while_loading_is_an_error_and_it_may_be_tried_again(hosting):
    engine = hosting(loading=odd.EXIT)

    for _ in range(2):
        with pytest.raises(EngineError, match="crashed"):
            load(engine)

    assert engine.pid is None


def test_registry_hosts_an_engine_and_knows_what_it_can_before_it_is_loaded():
    engine = registry.host("sam3", folder="/nowhere") if importlib.util.find_spec("torch") else None
    builtin = registry.host("builtin")

    assert builtin.pid is None and builtin.name == "builtin"
    if engine is not None:
        assert engine.capabilities.text and engine.capabilities.refines and not engine.capabilities.devices
    with pytest.raises(Unsupported):
        registry.host("sam4")


def test_folder_that_is_missing_arrives_as_such(tmp_path):
    pytest.importorskip("torch")
    engine = registry.host("sam3", folder=tmp_path / "gone")

    with pytest.raises(ModelFolderError, match="gone") as caught:
        load(engine)

    assert caught.value.hint
    assert engine.pid is None


def test_hosting_sam3_imports_no_torch_here(tiny_folder):
    code = f"""
import sys
from napari_sam3_assistant.engines import registry
from tests.engines.host.odd import encode, load
from napari_sam3_assistant.testing import click
from napari_sam3_assistant.core.prompts import Query, TextPrompt

engine = load(registry.host("sam3", folder={str(tiny_folder)!r}, device="cpu", precision="float32"))
embedding = encode(engine)
answer = engine.segment(embedding, click(5, 5))
engine.segment(embedding, click(5, 5, (9, 9, False)), answer)
found = engine.find(embedding, Query((TextPrompt("cell"),)))
engine.close()
print(answer.state is not None, len(found) > 0, {{"torch", "transformers", "safetensors"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout == "True True set()\n"
    assert done.stderr == ""
