"""The chime: when it sounds, what it is, and that no player is needed for it."""

from __future__ import annotations

import gc
import io
import sys
import wave

import numpy as np
import pytest
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication

from napari_sam3_assistant.app.state import AppState, Phase
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.widgets import chime, sound, store
from napari_sam3_assistant.widgets.bind import Bindings
from napari_sam3_assistant.widgets.chime import step

IDLE, LOADING, RUNNING = Phase.IDLE, Phase.LOADING, Phase.RUNNING
CANCELLING, FAILED = Phase.CANCELLING, Phase.FAILED


@pytest.mark.parametrize(
    ("phases", "wanted"),
    [
        ([(0, RUNNING), (61, IDLE)], 1),
        ([(0, LOADING), (50, RUNNING), (61, IDLE)], 1),
        ([(0, RUNNING), (60, IDLE)], 0),
        ([(0, RUNNING), (2, IDLE), (100, RUNNING), (102, IDLE)], 0),
        ([(0, RUNNING), (90, CANCELLING), (91, IDLE)], 0),
        ([(0, RUNNING), (90, CANCELLING), (91, RUNNING), (99, IDLE)], 0),
        ([(0, RUNNING), (90, FAILED)], 0),
        ([(0, RUNNING), (90, FAILED), (91, IDLE)], 0),
        ([(0, IDLE), (90, IDLE)], 0),
        ([(0, CANCELLING), (90, IDLE)], 0),
        ([(0, RUNNING), (70, IDLE), (71, IDLE), (80, RUNNING), (150, IDLE)], 2),
    ],
)
def test_a_chime_follows_a_run_of_more_than_a_minute_that_succeeded(phases, wanted):
    run, rung = None, 0
    for now, phase in phases:
        run, rings = step(run, phase, now)
        rung += rings

    assert rung == wanted


@pytest.mark.parametrize(
    ("ticked", "task", "wanted"),
    [(True, Task.TEXT, 1), (False, Task.TEXT, 0), (True, Task.LIVE_POINTS, 0)],
)
def test_it_rings_where_sound_is_ticked_and_not_for_clicks(qtbot, ticked, task, wanted):
    state, bindings, parent, rung, now = AppState(), Bindings(), QObject(), [], [0.0]
    state.panel.sound, state.task.task = ticked, task
    sound.Chime(state, bindings, parent, ring=lambda: rung.append(1), clock=lambda: now[0])

    state.run.phase = RUNNING
    now[0] = 200.0
    state.run.phase = IDLE
    bindings.close()
    state.run.phase = RUNNING
    now[0] = 400.0
    state.run.phase = IDLE

    assert len(rung) == wanted


@pytest.fixture
def watched(qtbot):
    """Return a state, and a function that lets something happen after some seconds and tells how often it has rung."""
    state, bindings, parent, rung, now = AppState(), Bindings(), QObject(), [], [0.0]
    state.panel.sound, state.task.task = True, Task.LIVE_POINTS
    sound.Chime(state, bindings, parent, ring=lambda: rung.append(1), clock=lambda: now[0])

    def after(seconds, part, **fields):
        now[0] += seconds
        for name, value in fields.items():
            setattr(part, name, value)
        qtbot.wait(5)
        return len(rung)

    yield state, after
    bindings.close()
    parent.deleteLater()


@pytest.mark.parametrize("batch", [True, False])
def test_it_rings_after_a_long_batch_and_a_long_propagation_though_one_clicks_meanwhile(watched, batch):
    state, after = watched
    part, begun, done = (state.run, {"batch": "1 of 2"}, {"batch": ""}) if batch else (
        state.video, {"running": True}, {"running": False})  # fmt: skip

    after(0, part, **begun)
    after(10, state.run, phase=RUNNING)
    after(1, state.run, phase=FAILED)
    after(1, state.run, phase=IDLE)

    assert after(50, part, **done) == 1
    after(0, part, **begun)
    assert after(59, part, **done) == 1, "a short one does not ring"


@pytest.mark.parametrize("ends", [CANCELLING, FAILED])
def test_it_does_not_ring_after_a_batch_that_was_stopped_or_has_failed(watched, ends):
    state, after = watched
    after(0, state.run, batch="1 of 2")
    if ends is CANCELLING:
        after(90, state.run, phase=CANCELLING)
        rung = after(0, state.run, batch="", phase=IDLE)
    else:
        rung = after(90, state.run, batch="", phase=FAILED)

    assert rung == 0


def test_sound_is_off_at_first_and_remembered_under_the_key_of_earlier_versions():
    assert not store.load(AppState(), "auto").panel.sound

    store.settings().setValue("task_complete_sound_enabled_v2", True)

    assert store.load(AppState(), "auto").panel.sound


def test_the_chime_is_1_1_seconds_of_345_hz_with_a_little_888_and_never_loud():
    with wave.open(io.BytesIO(chime.wav())) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, 44_100, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float) / 32_767

    spectrum, hz = np.abs(np.fft.rfft(samples)), np.fft.rfftfreq(len(samples), 1 / 44_100)
    overtone = spectrum[(hz > 850) & (hz < 930)].max() / spectrum.max()
    assert len(samples) == round(1.1 * 44_100)
    assert abs(hz[spectrum.argmax()] - 345) < 1 and 0.02 < overtone < 0.035
    assert 0.1 < np.abs(samples).max() <= 0.13
    assert abs(samples[0]) < 0.001 and abs(samples[-1]) < 0.001, "no click at either end"


@pytest.fixture
def beeps(monkeypatch, tmp_path):
    """Count beeps; the cache is a folder of its own."""
    made: list[int] = []
    monkeypatch.setattr(QApplication, "beep", lambda: made.append(1))
    monkeypatch.setattr(sound.platformdirs, "user_cache_path", lambda *_args, **_options: tmp_path / "cache")
    monkeypatch.setitem(sys.modules, "qtpy.QtMultimedia", None)
    return made


def test_without_any_player_the_computer_beeps(qtbot, beeps, monkeypatch, tmp_path):
    monkeypatch.setattr(sound.shutil, "which", lambda _name: None)
    parent = QObject()

    sound.Player(parent).play()

    assert beeps == [1] and (tmp_path / "cache" / sound.FILE).read_bytes() == chime.wav()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows plays by itself")
def test_a_player_that_fails_or_is_gone_gives_way_to_the_next_one(qtbot, beeps, monkeypatch, tmp_path):
    played = tmp_path / "played"
    broken, works = tmp_path / "broken", tmp_path / "works"
    broken.write_text("#!/bin/sh\nexit 1\n")
    works.write_text(f'#!/bin/sh\necho "$@" > {played}\n')
    for one in (broken, works):
        one.chmod(0o755)
    found = {"pw-play": str(tmp_path / "gone"), "paplay": str(broken), "aplay": str(works)}
    monkeypatch.setattr(sound.shutil, "which", found.get)
    parent = QObject()

    sound.Player(parent).play()

    qtbot.waitUntil(lambda: played.is_file() and played.read_text().endswith("\n"), timeout=10_000)
    assert played.read_text().split() == ["-q", str(tmp_path / "cache" / sound.FILE)] and not beeps


@pytest.mark.skipif(sys.platform == "win32", reason="Windows plays by itself")
def test_a_player_that_is_deleted_while_it_plays_says_nothing(qtbot, beeps, monkeypatch, tmp_path):
    playing, plays = tmp_path / "playing", tmp_path / "plays"
    plays.write_text(f"#!/bin/sh\ntouch {playing}\nexec sleep 60\n")
    plays.chmod(0o755)
    monkeypatch.setattr(sound.shutil, "which", {"aplay": str(plays)}.get)
    parent = QObject()
    sound.Player(parent).play()
    qtbot.waitUntil(playing.is_file, timeout=10_000)

    with qtbot.capture_exceptions() as raised:
        del parent
        gc.collect()
        qtbot.wait(50)

    assert not raised and not beeps


def test_a_cache_that_cannot_be_written_beeps(qtbot, beeps, monkeypatch, tmp_path):
    (tmp_path / "cache").write_text("a file in its place")
    parent = QObject()

    sound.Player(parent).play()

    assert beeps == [1]


def test_qt_is_not_asked_in_conda_without_its_plugin(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path))
    assert sound.lacks_alsa()

    plugin = tmp_path / "lib" / "alsa-lib" / "libasound_module_pcm_pipewire.so"
    plugin.parent.mkdir(parents=True)
    plugin.touch()

    assert not sound.lacks_alsa()
