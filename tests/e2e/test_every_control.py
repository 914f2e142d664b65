"""Every control of both modes does what its label says: pressed by a user, something differs that he would see.

The table names each control once. A control without a row fails, a row without an effect fails too.
"""

from __future__ import annotations

import gc
from itertools import count

import numpy as np
import pytest
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_sam3_assistant.app.model_state import ModelType
from napari_sam3_assistant.app.panel_state import OPEN_AT_FIRST
from napari_sam3_assistant.app.task_state import CropRegion, ExemplarSource, PromptKind
from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.engines.registry import EngineSpec
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.widgets import main_widget, sound
from tests.e2e.control_rows import ROWS
from tests.e2e.controls import (
    all_controls,
    interactive,
    pictures,
    tried,
)
from tests.e2e.hands import several
from tests.tasks.colours import ColourReader
from tests.tasks.colours import picture as red_picture

SIDE = 128
LARGE = 4096
PATIENCE_S = 180
"""Torch is imported by a process that gives way to all others: on a busy machine that takes its time."""


# -- scenes ---------------------------------------------------------------------------------------


@pytest.fixture
def dialogs(monkeypatch, tmp_path):
    """Dialogs answer at once, and a folder that is opened is noted."""
    opened: list[str] = []
    (tmp_path / "chosen").mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *told: str(tmp_path / "chosen"))
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *told: (str(tmp_path / "rows.csv"), ""))
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()) or True)
    return opened


def pictures_of(scene: str):
    if scene == "channels":
        return (
            (np.stack([several(), several()[::-1], several().T]), {"axis_labels": ("c", "y", "x"), "name": "cells"}),
        )
    if scene == "stack":
        return ((np.stack([several()] * 4), {"axis_labels": ("z", "y", "x"), "name": "cells"}),)
    if scene == "untold":
        return ((np.stack([several(), several()[::-1], several().T]), {"name": "cells"}),)
    if scene == "words":
        return ((red_picture(), {"name": "cells"}),)
    if scene == "large":
        wide = np.full((LARGE + 8, LARGE + 8), 20, np.uint8)
        wide[:SIDE, :SIDE] = several()
        return ((wide, {"name": "cells"}),)
    return (several()[::-1], {"name": "other"}), (several(), {"name": "cells"})


def anew(driver: Driver, scene: str) -> None:
    """Bring the widget back to where each row begins."""
    if driver.engine is not None:
        driver.engine.delay = 0.0
    driver.widget.controller.cancel()
    driver.wait_until_idle()
    controller, own = driver.widget.controller, driver.state
    own.task.local_side, own.task.local, own.task.whole_plane, own.task.channel_axis = 1024, False, False, -1
    own.task.threshold, own.task.text = None, ""
    own.task.positive = own.task.positive_box = True
    own.task.sheet = own.results.table = own.results.all_planes = own.activity.shown = own.output.everywhere = False
    own.output.folder, own.output.filename, own.output.format = str(driver.folder / "out"), "", "tiff"
    own.output.unload = own.output.while_running = False
    own.task.advanced = scene == "sam3"  # where Load model when running is off: nothing is loaded meanwhile
    own.task.batch, own.task.phrase_lines, own.task.direction = False, "", Direction.BOTH
    own.task.exemplar_source, own.task.crop_image = ExemplarSource.TARGET, None
    own.task.crop_region = CropRegion.WHOLE
    own.task.first_frame, own.task.last_frame, own.task.through, own.task.show_frames = 0, None, "", False
    own.panel.opened, own.panel.sound = OPEN_AT_FIRST, False
    controller.model.ask(False)
    controller.model.server.ask(False)
    controller.model.meta.ask(False)
    controller.model.choose_type(ModelType.SAM3)
    QApplication.clipboard().clear()
    (driver.folder / "rows.csv").unlink(missing_ok=True)
    docks = driver.viewer.window.dock_widgets
    for name in [one for one in docks if "Mask Operations" in one]:
        driver.viewer.window.remove_dock_widget(docks[name])
    engines = {"words": "colours", "sam3": registry.SAM3.name}
    controller.model.choose_engine(engines.get(scene, registry.AUTO))
    if not {"cells"} <= {layer.name for layer in driver.viewer.layers}:
        for data, about in pictures_of(scene):
            driver.viewer.add_image(data, **about)
    # Adding layers takes napari a second: those that can stay do, emptied.
    stay = {names.POINTS, names.BOXES, names.PREVIEW_LABELS, "cells", "other"}
    for layer in [one for one in driver.viewer.layers if one.name not in stay]:
        driver.viewer.layers.remove(layer)
    controller.asking.forget()
    for part in (controller.live, controller.boxes):
        part.restore(None)
    for place in list(controller.board.drafts):
        controller.board.forget(place[0])
    own.task.task, own.task.prompt = Task.LIVE_POINTS, PromptKind.POINTS
    controller.choose_image(str(driver.viewer.layers["cells"].unique_id), arm=True)
    controller.board.draw()
    driver.wait_until_idle()
    assert not pictures(driver)


@pytest.fixture
def plain(open_driver, engine, reading, dialogs, chime, tmp_path, monkeypatch):
    monkeypatch.setattr(gc, "collect", lambda *told: 0)  # vispy calls it for each layer that goes
    driver = open_driver(show=False)
    driver.engine, driver.opened, driver.rung, driver.folder = engine, dialogs, chime, tmp_path
    return driver


@pytest.fixture
def chime(monkeypatch):
    """Notes when it rings; by its clock a minute and a second go by between any two looks."""
    rung: list[int] = []
    told = {"ring": lambda: rung.append(1), "clock": count(0, 61).__next__}
    monkeypatch.setattr(main_widget, "Chime", lambda *given: sound.Chime(*given, **told))
    return rung


@pytest.fixture
def reading(monkeypatch):
    """An engine that reads the word red can be chosen."""
    reader = ColourReader({"red": [("red", 0.9)]})
    reads = EngineSpec("colours", "Colours", factory="nowhere:made", capabilities=Capabilities(text=True))
    monkeypatch.setattr(registry, "_OURS", (*registry._OURS, reads))
    usual = registry.create
    monkeypatch.setattr(registry, "create", lambda name, **o: reader if name == "colours" else usual(name, **o))


def test_every_control_has_a_row_and_every_row_a_control(plain):
    anew(plain, "plain")
    there, told = all_controls(plain), [row.path for row in ROWS]

    unnamed = [one for part in (plain.widget.top, plain.widget.resume, plain.widget.simple, plain.widget.advanced)
               for one in interactive(part) if one not in there.values()]  # fmt: skip

    assert not unnamed, [(type(one).__name__, one.toolTip()) for one in unnamed]
    assert sorted(told) == sorted(set(told)), "a control has two rows"
    assert set(told) == set(there), (set(there) - set(told), set(told) - set(there))


def dead_rows(driver: Driver, scene: str) -> list[str]:
    """Return the rows of a scene that had no effect, and why."""
    dead = []
    for row in (one for one in ROWS if one.scene == scene):
        anew(driver, scene)
        driver.state.task.advanced = row.path.startswith("advanced") or (scene == "sam3" and row.path.startswith("top"))
        dead.append(tried(row, driver, lambda path: all_controls(driver)[path]))
    return [one for one in dead if one]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scene", ["plain", "channels", "untold", "large", "words", "stack"])
def test_every_control_has_an_effect(plain, scene):
    dead = dead_rows(plain, scene)

    assert not dead, "\n".join(dead)


@pytest.fixture
def sam3(open_driver, sam3_folder, dialogs, tmp_path, monkeypatch):
    """A widget that knows the folder of a small SAM3, and has not loaded it."""
    monkeypatch.setattr(gc, "collect", lambda *told: 0)
    monkeypatch.setattr("napari_sam3_assistant.demo.driver.TIMEOUT_S", PATIENCE_S)
    driver = open_driver(show=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    driver.engine, driver.folder = None, tmp_path
    driver.state.task.advanced, driver.state.model.load_on_run = True, False
    driver.widget.controller.model.choose_folder(sam3_folder)
    driver.wait(lambda: driver.state.model.in_use == "sam3", "The folder")
    return driver


@pytest.mark.timeout(600)
def test_every_control_of_sam3_has_an_effect(sam3):
    dead = dead_rows(sam3, "sam3")

    assert not dead, "\n".join(dead)
