"""Every control of both modes does what its label says: pressed by a user, something differs that he would see.

The table names each control once. A control without a row fails, a row without an effect fails too.
"""

from __future__ import annotations

import gc
from itertools import count

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QDesktopServices
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QTableView

from napari_sam3_assistant.app import runtime
from napari_sam3_assistant.app.panel_state import OPEN_AT_FIRST, Section
from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import CropRegion, ExemplarSource, PromptKind
from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.engines.registry import EngineSpec
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.widgets import main_widget, sound
from tests.e2e.controls import (
    Row,
    accepted,
    aimed,
    all_controls,
    choose,
    clipboard,
    files,
    interactive,
    job,
    layers,
    masks,
    pictures,
    press,
    rows,
    said,
    saves,
    set_to,
    shown,
    state,
    type_in,
)
from tests.e2e.hands import add, add_box, points, several
from tests.tasks.colours import ColourReader
from tests.tasks.colours import picture as red_picture

SIDE = 128
LARGE = 4096
PATIENCE_S = 180
"""Torch is imported by a process that gives way to all others: on a busy machine that takes its time."""


# -- what has to be there first -------------------------------------------------------------------


def one_object(driver: Driver) -> None:
    add(driver, 30, 30)


def two_objects(driver: Driver) -> None:
    one_object(driver)
    driver.widget.controller.board.begin_object()
    add(driver, 95, 95)


def corrected(driver: Driver) -> None:
    """One object with several readings."""
    one_object(driver)
    assert driver.state.results.reading[1] > 1


def undone(driver: Driver) -> None:
    one_object(driver)
    driver.widget.controller.board.undo()
    driver.wait_until_idle()


def accepted_one(driver: Driver) -> None:
    one_object(driver)
    driver.widget.controller.accepting.accept(clear=False)
    driver.wait_until_idle()


def task(wanted: Task, kind: PromptKind = PromptKind.POINTS):
    def before(driver: Driver) -> None:
        driver.widget.controller.choose_task(wanted)
        driver.widget.controller.choose_prompt(kind)
        driver.widget.controller.arm()
        driver.wait_until_idle()

    return before


def box_drawn(driver: Driver) -> None:
    task(Task.IMAGE, PromptKind.BOX)(driver)
    add_box(driver.viewer.layers[names.BOXES], 15, 15, 55, 55)
    driver.pump(0.05)


def example_drawn(driver: Driver) -> None:
    task(Task.EXEMPLAR)(driver)
    add_box(driver.viewer.layers[names.BOXES], 18, 18, 52, 52)
    driver.pump(0.05)


def example_found(driver: Driver) -> None:
    example_drawn(driver)
    driver.widget.controller.run()
    driver.wait_until_idle()
    assert masks(driver)


def other_selected(driver: Driver) -> None:
    driver.widget.controller.choose_image(str(driver.viewer.layers["cells"].unique_id))
    driver.viewer.layers.selection.active = driver.viewer.layers["other"]
    driver.widget.controller.choose_image(str(driver.viewer.layers["cells"].unique_id))


def two_pictures_with_masks(driver: Driver) -> None:
    one_object(driver)
    driver.widget.controller.choose_image(str(driver.viewer.layers["other"].unique_id), arm=True)
    driver.widget.controller.board.begin_object()
    add(driver, 95, 95)
    driver.wait(lambda: len(driver.state.results.previews) == 2, "Two previews")
    driver.pump(0.1)


def running(driver: Driver) -> None:
    driver.engine.delay = 0.4
    add(driver, 30, 30, wait=False)
    driver.wait(lambda: driver.state.run.phase is Phase.RUNNING, "A run")


def table_open(driver: Driver) -> None:
    two_objects(driver)
    driver.state.results.table = True
    driver.widget.controller.board.select(None)
    driver.pump(0.1)


def table_of_two_pictures(driver: Driver) -> None:
    two_pictures_with_masks(driver)
    driver.state.results.table = True
    driver.pump(0.1)


def log_open(driver: Driver) -> None:
    driver.state.activity.shown = True
    driver.state.panel.opened = frozenset(Section)
    driver.widget.controller.status.idle("Something was said.")
    driver.pump(0.1)


# -- what users do --------------------------------------------------------------------------------


def click_first_row(driver: Driver, table) -> None:
    driver.pump(0.1)
    index = table.model().index(0, 0)
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(index).center())


def next_polarity(driver: Driver) -> str:
    return str(points(driver).feature_defaults["polarity"].iloc[0])


def next_box(driver: Driver) -> str:
    return str(driver.viewer.layers[names.BOXES].feature_defaults["polarity"].iloc[0])


def rows_both(make) -> tuple[Row, ...]:
    """Return the rows of controls that both modes show, at their places."""
    simple = {"image": "setup", "tuning": "prompt", "prompt": "prompt", "run": "run", "results": "results"}
    advanced = {"image": "task", "tuning": "task.tuning", "prompt": "prompts", "run": "run.run", "results": "run"}
    return make({key: f"simple.{at}" for key, at in simple.items()} | {"table": "simple.records.table"}) + make(
        {key: f"advanced.{at}" for key, at in advanced.items()} | {"table": "advanced.results.table"}
    )


def shared(at: dict[str, str]) -> tuple[Row, ...]:
    image, tuning, prompt, run, results, table = (
        at[key] for key in ("image", "tuning", "prompt", "run", "results", "table")
    )
    return (
        Row(f"{image}.image", choose("other"), job),
        Row(f"{image}.refresh", press, job, other_selected),
        Row(f"{image}.limits", press, job),
        Row(f"{image}.channels.mode", choose("RGB"), job, scene="channels"),
        *(Row(f"{image}.channels.colours[{k}]", choose("-"), job, _in_colour, scene="channels") for k in range(3)),
        Row(f"{image}.window.local", press, job, scene="large"),
        Row(f"{image}.window.side", choose("512 x 512"), job, _local, scene="large"),
        Row(f"{image}.window.whole", press, job, scene="large"),
        Row(f"{tuning}.threshold", _high_threshold, masks, example_found),
        Row(f"{prompt}.polarity", choose("Negative"), next_polarity),
        Row(f"{prompt}.box_polarity", choose("Counter-example"), next_box, task(Task.EXEMPLAR)),
        Row(f"{prompt}.text", type_in("red", enter=True), masks, task(Task.TEXT), scene="words"),
        Row(f"{prompt}.create", press, layers, _two_d),
        Row(f"{prompt}.objects.previous", press, aimed, two_objects),
        Row(f"{prompt}.objects.next", press, aimed, two_objects),
        Row(f"{prompt}.objects.begin", press, aimed, one_object),
        Row(f"{prompt}.objects.delete", press, masks, one_object),
        Row(f"{prompt}.objects.reading", press, masks, corrected),
        Row(f"{prompt}.objects.undo", press, masks, one_object),
        Row(f"{prompt}.objects.redo", press, masks, undone),
        Row(f"{run}.run", press, masks, box_drawn),
        Row(f"{run}.cancel", press, _cancelled, running),
        Row(f"{run}.clear_preview", press, layers, one_object),
        Row(f"{run}.mask_ops", press, lambda driver: len(driver.viewer.window.dock_widgets)),
        Row(f"{results}.accepting.accept_clear", press, accepted, one_object),
        Row(f"{results}.accepting.accept_only", press, accepted, one_object),
        Row(f"{results}.accepting.undo_accept", press, accepted, accepted_one),
        Row(f"{results}.accepting.edit", press, layers, accepted_one, scene="large"),
        Row(f"{results}.saving.folder", _type_folder, saves, one_object),
        Row(f"{results}.saving.choose", press, saves, one_object),
        Row(f"{results}.saving.format", choose("PNG"), saves, one_object),
        Row(f"{results}.saving.filename", type_in("mine"), saves, one_object),
        Row(f"{results}.saving.open_folder", press, lambda driver: list(driver.opened), _saved),
        Row(f"{results}.saving.everywhere", press, saves, two_pictures_with_masks),
        Row(f"{results}.saving.save", press, files, one_object),
        Row(f"{results}.saving.save_clean", press, layers, one_object),
        Row(f"{results}.saving.save_labels", press, layers, one_object),
        Row(f"{table}.table", click_first_row, aimed, table_open),
        Row(f"{table}.all_planes", press, _rows_shown, table_of_two_pictures),
        Row(f"{table}.copy", press, clipboard, table_open),
        Row(f"{table}.export", press, files, table_open),
    )


def _cancelled(driver: Driver) -> bool:
    return driver.state.run.message == "Cancelled."


def _saved(driver: Driver) -> None:
    one_object(driver)
    saves(driver)


def _rows_shown(driver: Driver) -> int:
    """Rows of the table of the mode in use."""
    page = driver.widget.advanced if driver.state.task.advanced else driver.widget.simple
    (table,) = page.findChildren(QTableView)
    return table.model().rowCount()


def _high_threshold(driver: Driver, spin) -> None:
    set_to(0.99)(driver, spin)
    driver.pump(0.3)


def _in_colour(driver: Driver) -> None:
    driver.state.task.mix = None
    driver.widget.controller.channels.show((0, 1, 2))
    driver.wait_until_idle()


def _local(driver: Driver) -> None:
    driver.state.task.local = True
    driver.pump(0.05)


def _two_d(driver: Driver) -> None:
    task(Task.IMAGE)(driver)
    driver.viewer.layers.selection.active = driver.viewer.layers["cells"]


def _type_folder(driver: Driver, field) -> None:
    type_in(str(driver.folder / "typed"))(driver, field)


# -- what only one mode has, or the strip above both -----------------------------------------------


def then_run(act):
    """Return what chooses, and runs."""

    def do(driver: Driver, control) -> None:
        act(driver, control)
        driver.pump(0.05)
        driver.widget.controller.run()

    return do


def ran(driver: Driver) -> None:
    """A box in a layer of the user's, which counts for every picture, and its mask on the one in use."""
    own_shapes(driver)
    driver.widget.controller.choice.choose(PromptKind.BOX, str(driver.viewer.layers["mine"].unique_id))
    driver.widget.controller.run()
    driver.wait_until_idle()
    assert pictures(driver) == ["cells"]


def rung(driver: Driver) -> int:
    """How often it rings when a run is done; each takes a minute by the clock of the test."""
    driver.widget.controller.clearing.preview()
    driver.rung.clear()
    driver.widget.controller.run()
    driver.wait_until_idle()
    return len(driver.rung)


def crop_given(driver: Driver) -> None:
    task(Task.EXEMPLAR)(driver)
    driver.state.task.exemplar_source = ExemplarSource.CROP


def two_crops_given(driver: Driver) -> None:
    driver.viewer.add_image(several()[:40, :40], name="third")
    driver.widget.controller.choose_image(str(driver.viewer.layers["cells"].unique_id))
    crop_given(driver)
    driver.state.task.crop_image = str(driver.viewer.layers["other"].unique_id)


def second_point_selected(driver: Driver) -> None:
    one_object(driver)
    add(driver, 70, 70)
    driver.widget.controller.live.toggle_next()
    points(driver).selected_data = {1}


def polarities(driver: Driver) -> list[str]:
    return [str(one) for one in points(driver).features["polarity"]]


def own_points(driver: Driver) -> None:
    driver.viewer.add_points([[95, 95]], name="mine")


def own_shapes(driver: Driver) -> None:
    task(Task.IMAGE, PromptKind.BOX)(driver)
    driver.viewer.add_shapes([[[75, 75], [75, 115], [115, 115], [115, 75]]], name="mine")


def own_labels(driver: Driver) -> None:
    task(Task.IMAGE, PromptKind.LABELS)(driver)
    painted = np.zeros((SIDE, SIDE), np.uint8)
    painted[85:105, 85:105] = 1
    driver.viewer.add_labels(painted, name="mine")


def on_a_frame(frame: int):
    """Return what puts a point on a frame of the stack."""

    def before(driver: Driver) -> None:
        task(Task.VIDEO)(driver)
        driver.viewer.dims.set_current_step(0, frame)
        one_object(driver)

    return before


def followed_forward(driver: Driver) -> None:
    on_a_frame(2)(driver)
    driver.state.task.direction = Direction.FORWARD
    driver.widget.controller.run()
    frames(driver)
    driver.state.task.direction = Direction.BACKWARD


def frames(driver: Driver) -> list[int]:
    """The frames that objects were followed onto."""
    driver.wait_until_idle()
    driver.wait(lambda: not driver.state.video.running, "The propagation")
    found = [layer for layer in driver.viewer.layers if layer.name == names.PROPAGATED]
    return [int(k) for k in np.flatnonzero(np.any(found[0].data, axis=(1, 2)))] if found else []


def ctrl_enter(driver: Driver, field) -> None:
    type_in("red")(driver, field)
    QTest.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)


# -- SAM3, in the order in which it is loaded and given back ----------------------------------------


def in_memory(driver: Driver) -> str:
    """On what SAM3 runs; empty where it is not in memory."""
    driver.wait(lambda: not driver.state.model.looking and not driver.state.run.background_works, "SAM3")
    driver.wait_until_idle()
    made = runtime._runtime._engines.get("sam3")
    return str(made.engine._engine._question.options["device"]) if driver.state.model.loaded and made else ""


def loaded(driver: Driver) -> None:
    if not in_memory(driver):
        driver.widget.controller.model.load_image()
    assert in_memory(driver)


def validated(driver: Driver) -> bool:
    driver.wait(lambda: not driver.state.model.looking, "The folder")
    return driver.state.run.message.startswith("Model directory looks valid.")


def load_answered(driver: Driver) -> str:
    """What SAM3 runs on once a question was asked."""
    one_object(driver)
    driver.pump(0.7)
    return in_memory(driver)


def not_loaded(driver: Driver) -> None:
    driver.state.model.load_on_run = False
    in_memory(driver)
    driver.widget.controller.model.unload()
    driver.wait(lambda: not driver.state.model.loaded, "Unload")


def loaded_with_masks(driver: Driver) -> None:
    loaded(driver)
    one_object(driver)
    driver.widget.controller.saving.save_and_clean()
    assert in_memory(driver), "it stays in memory unless it is told otherwise"
    one_object(driver)


def save_and_clean(driver: Driver, box) -> None:
    press(driver, box)
    driver.widget.controller.saving.save_and_clean()
    files(driver)


def load_on(device: str):
    """Return what chooses a device, and loads."""

    def act(driver: Driver, box) -> None:
        choose(device)(driver, box)
        loaded(driver)

    return act


def answers(driver: Driver) -> str:
    return driver.widget.top.model.status.text()


SAM3_ROWS = rows(
    "sam3",
    Row("advanced.model.validate", press, validated),
    Row("advanced.model.load_image", press, in_memory, not_loaded),
    Row("top.model.unload", press, in_memory, loaded),
    Row("top.choices.device", load_on("CPU"), in_memory),
    Row("advanced.model.unload", press, in_memory, loaded),
    Row("advanced.model.load_video", press, in_memory, not_loaded),
    Row("simple.results.saving.unload", save_and_clean, in_memory, loaded_with_masks),
    Row("advanced.model.load_on_run", press, load_answered, not_loaded),
    Row("advanced.run.saving.unload", save_and_clean, in_memory, loaded_with_masks),
    Row("top.choices.type", choose("SAM3.1"), answers),
)


def toggled(mode: str) -> tuple[Row, ...]:
    return tuple(
        Row(f"simple.setup.tasks[{one.value}]", press, job, task(Task.TEXT if one is not Task.TEXT else Task.IMAGE))
        for one in Task
    )


ROWS = (
    Row("top.engine", choose("Built-in (no model)"), state("model.reason")),
    Row("top.sound", press, rung, box_drawn),
    Row("top.modes[False]", press, shown("advanced"), lambda driver: setattr(driver.state.task, "advanced", True)),
    Row("top.modes[True]", press, shown("advanced"), lambda driver: setattr(driver.state.task, "advanced", False)),
    Row("top.keys", press, shown("sheet")),
    Row("top.model.folder", press, answers),
    Row("top.model.get", press, shown("get_sam3")),
    *toggled("simple"),
    Row("simple.setup.channels.axis", set_to(0), job, scene="untold"),
    *(
        Row(f"simple.prompt.kinds.buttons[{kind.value}]", press, job, task(Task.IMAGE, other))
        for kind, other in zip(PromptKind, [*[*PromptKind][1:], PromptKind.POINTS], strict=True)
    ),
    Row("simple.prompt.reset", press, lambda driver: len(points(driver).data), one_object),
    Row("simple.run.clear_results", press, state("results.rows"), one_object),
    Row("simple.records.open_table", press, shown("simple.records.table"), one_object),
    Row("simple.records.open_log", press, shown("simple.records.log_panel")),
    Row("simple.records.log_panel.copy", press, clipboard, log_open),
    *rows_both(shared),
    *(
        Row(f"{at}.direction", then_run(choose("forward")), frames, on_a_frame(2), scene="stack")
        for at in ("simple.setup", "advanced.task.tuning")
    ),
    *(Row(f"{at}.go_on", press, frames, followed_forward, scene="stack") for at in ("simple.run", "advanced.run.run")),
    *SAM3_ROWS,
    Row("advanced.task.task", choose("2D segmentation"), job),
    Row("advanced.task.batch", then_run(press), pictures, ran),
    Row("advanced.task.exemplar.source", choose("Use separate crop image"), job, task(Task.EXEMPLAR)),
    Row("advanced.task.exemplar.image", choose("third"), job, two_crops_given),
    Row("advanced.task.exemplar.region", choose("Box from Shapes layer"), job, crop_given),
    Row("advanced.task.tuning.axis", set_to(0), job, scene="untold"),
    Row("advanced.task.section.opener", press, shown("advanced.task.tuning")),
    Row("advanced.prompts.kind", choose("Box"), job, task(Task.IMAGE)),
    Row("advanced.prompts.apply", press, polarities, second_point_selected),
    Row("advanced.prompts.lines", ctrl_enter, masks, task(Task.TEXT), scene="words"),
    Row("advanced.prompts.section.opener", press, shown("advanced.prompts.layers")),
    Row("advanced.prompts.layers.points", choose("mine"), masks, own_points),
    Row("advanced.prompts.layers.shapes", then_run(choose("mine")), masks, own_shapes),
    Row("advanced.prompts.layers.labels", then_run(choose("mine")), masks, own_labels),
    Row("advanced.prompts.layers.refresh", press, said),
    Row("advanced.prompts.clear", press, lambda driver: len(points(driver).data), one_object),
    Row("advanced.results.clear_results", press, state("results.rows"), one_object),
    Row("advanced.log_panel.copy", press, clipboard, log_open),
    *(
        Row(f"advanced.sections[{name.value}].opener", press, shown(f"advanced.{at}"))
        for name, at in (
            (Section.MODEL, "model"),
            (Section.TASK, "task"),
            (Section.PROMPTS, "prompts"),
            (Section.RUN, "run"),
            (Section.RESULTS, "results"),
            (Section.LOG, "log_panel"),
        )
    ),
)


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
    own.output.unload = False
    own.task.advanced = scene == "sam3"  # where Load model when running is off: nothing is loaded meanwhile
    own.task.batch, own.task.phrase_lines, own.task.direction = False, "", Direction.BOTH
    own.task.exemplar_source, own.task.crop_image = ExemplarSource.TARGET, None
    own.task.crop_region = CropRegion.WHOLE
    own.panel.opened, own.panel.sound = OPEN_AT_FIRST, False
    controller.model.ask(False)
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

    unnamed = [one for part in (plain.widget.top, plain.widget.simple, plain.widget.advanced)
               for one in interactive(part) if one not in there.values()]  # fmt: skip

    assert not unnamed, [(type(one).__name__, one.toolTip()) for one in unnamed]
    assert sorted(told) == sorted(set(told)), "a control has two rows"
    assert set(told) == set(there), (set(there) - set(told), set(told) - set(there))


def tried(driver: Driver, scene: str) -> list[str]:
    """Return the rows of a scene that had no effect, and why."""
    dead = []
    for row in (one for one in ROWS if one.scene == scene):
        anew(driver, scene)
        driver.state.task.advanced = row.path.startswith("advanced") or (scene == "sam3" and row.path.startswith("top"))
        try:
            row.before(driver)
            driver.pump(0.05)
            before = row.seen(driver)
            row.act(driver, all_controls(driver)[row.path])
            driver.wait_until_idle()
            after = row.seen(driver)
        except AssertionError as error:
            dead.append(f"{row.path}: {error}")
            continue
        if before == after:
            dead.append(f"{row.path}: {before!r} before and after")
    return dead


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scene", ["plain", "channels", "untold", "large", "words", "stack"])
def test_every_control_has_an_effect(plain, scene):
    dead = tried(plain, scene)

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
    dead = tried(sam3, "sam3")

    assert not dead, "\n".join(dead)
