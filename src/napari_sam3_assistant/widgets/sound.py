"""The chime that tells that a long run has succeeded.

Players are tried one after another, none of them waited for; where there is none, the computer beeps.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import platformdirs
from qtpy.QtCore import QObject, QProcess, QTimer, QUrl
from qtpy.QtWidgets import QApplication, QCheckBox, QSizePolicy

from napari_sam3_assistant.app.panel_state import PanelState
from napari_sam3_assistant.app.state import AppState, Phase
from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.export.atomic import write_file
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.widgets import chime
from napari_sam3_assistant.widgets.bind import Bindings

FILE = "task_complete_chime_1.wav"
PLAYERS = (("pw-play",), ("paplay",), ("aplay", "-q"))
VOLUME = 0.24
TIP = "Play a short completion chime when a SAM3 task finishes."

_log = logging.getLogger(__name__)


def sound_box(panel: PanelState, bindings: Bindings) -> QCheckBox:
    """Return the check box ``Sound``."""
    box = QCheckBox("Sound")
    box.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    box.setToolTip(f"{TIP}\nOnly after one of more than a minute.")
    bindings.field(panel, "sound", box.toggled, box.setChecked)
    return box


class Chime(QObject):
    """Rings when a run of more than a minute has succeeded, while ``Sound`` is ticked. Live Points never ring.

    A batch and a propagation are runs too, whatever the user does meanwhile.

    Parameters
    ----------
    state : AppState
    bindings : Bindings
    parent : QObject
    ring : callable or None
        In place of the sound.
    clock : callable
        Returns seconds.
    """

    def __init__(
        self,
        state: AppState,
        bindings: Bindings,
        parent: QObject,
        ring: Callable[[], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(parent)
        self._state, self._clock = state, clock
        self._ring = Player(self).play if ring is None else ring
        self._run: chime.Timed | None = None
        self._in_steps = False
        self._later = QTimer(self)  # what ends in steps says afterwards whether it has failed
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._look)
        bindings.connect(state.run.events.phase, lambda _: self._look())
        for said in (state.run.events.batch, state.video.events.running):
            bindings.connect(said, lambda _: self._later.start(0))

    def _look(self) -> None:
        """See what goes on now, and ring if it has succeeded."""
        run, in_steps = self._state.run, bool(self._state.run.batch) or self._state.video.running
        self._in_steps = self._in_steps or in_steps
        phase = Phase.RUNNING if in_steps and run.phase in (Phase.IDLE, Phase.FAILED) else run.phase
        self._run, rings = chime.step(self._run, phase, self._clock())
        live = self._state.task.task is Task.LIVE_POINTS and not self._in_steps
        self._in_steps = self._in_steps and self._run is not None
        if rings and self._state.panel.sound and not live:
            self._ring()


class Player(QObject):
    """Plays the chime by the first of several ways that works."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ways: Iterator[Callable[[], bool]] = iter(())
        self._effect: QObject | None = None

    def play(self) -> None:
        """Begin to play, and return."""
        file = chime_file()
        ways = [QApplication.beep] if file is None else [*self._ways_of(file), QApplication.beep]
        self._ways = iter(ways)
        self._next()

    def _next(self) -> None:
        """Try ways until one is on its way; a process that fails calls this again."""
        for way in self._ways:
            if way() is not False:
                return

    def _ways_of(self, file: Path) -> list[Callable[[], bool]]:
        if sys.platform == "win32":
            return [lambda: _by_winsound(file), lambda: self._by_qt(file)]
        found = [(path, *options) for name, *options in PLAYERS if (path := shutil.which(name))]
        ways = [partial(self._by_process, *words, str(file)) for words in found]
        return [*ways, lambda: self._by_qt(file)]

    def _by_process(self, program: str, *arguments: str) -> bool:
        process = QProcess(self)

        def failed() -> None:
            process.deleteLater()
            self._next()

        def ended(code: int, status: QProcess.ExitStatus) -> None:
            try:
                process.deleteLater()
            except RuntimeError:  # the player is deleted, which ends its process
                return
            if status != QProcess.ExitStatus.NormalExit or code != 0:
                self._next()

        process.finished.connect(ended)
        process.errorOccurred.connect(lambda error: failed() if error == QProcess.ProcessError.FailedToStart else None)
        process.start(program, list(arguments))
        return True

    def _by_qt(self, file: Path) -> bool:
        if lacks_alsa():
            return False
        try:
            from qtpy.QtMultimedia import QSoundEffect
        except ImportError:  # not installed, or without the sound library of the system
            return False
        effect = QSoundEffect(self)
        effect.setSource(QUrl.fromLocalFile(str(file)))
        effect.setVolume(VOLUME)
        effect.play()
        self._effect = effect
        return True


def lacks_alsa() -> bool:
    """Return whether Qt's sound would only print errors: in conda on Linux, without PipeWire's plugin for ALSA."""
    prefix = os.environ.get("CONDA_PREFIX", "")
    plugin = Path(prefix) / "lib" / "alsa-lib" / "libasound_module_pcm_pipewire.so"
    return sys.platform.startswith("linux") and bool(prefix) and not plugin.is_file()


def chime_file() -> Path | None:
    """Return the file of the chime, made where it is not there; None where it cannot be written."""
    path = platformdirs.user_cache_path("napari-sam3-assistant", appauthor=False) / FILE
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            content = chime.wav()
            write_file(path, lambda file: file.write(content), overwrite=True)
    except (OSError, SaveError) as error:
        _log.warning("The chime cannot be written: %s", error)
        return None
    return path


def _by_winsound(file: Path) -> bool:
    import winsound  # there on Windows alone

    try:
        winsound.PlaySound(str(file), winsound.SND_FILENAME | winsound.SND_ASYNC)  # type: ignore[attr-defined,unused-ignore]
    except RuntimeError as error:
        _log.warning("Windows cannot play the chime: %s", error)
        return False
    return True
