"""What has to be there before a control is tried, what users do to one that is no plain one, and what is seen then."""

from __future__ import annotations

import socket
from dataclasses import replace

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QTableView

from napari_sam3_assistant.app import runtime
from napari_sam3_assistant.app.model_state import ModelType
from napari_sam3_assistant.app.panel_state import Section
from napari_sam3_assistant.app.server_state import Link
from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import ExemplarSource, PromptKind
from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.jobs import Task
from tests.e2e.controls import (
    choose,
    files,
    masks,
    pictures,
    press,
    saves,
    set_to,
    type_in,
)
from tests.e2e.hands import add, add_box, points, several

SIDE = 128

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


def meta_chosen(driver: Driver) -> None:
    """Meta's package is chosen, and no Python that has it."""
    driver.widget.controller.model.choose_engine(registry.META.name)


def sam31_on_frames(driver: Driver) -> None:
    """SAM3.1 is chosen, to follow objects."""
    driver.widget.controller.model.choose_type(ModelType.SAM31)
    driver.widget.controller.choose_task(Task.VIDEO)


def server_away(driver: Driver) -> None:
    """A server is chosen that is not there."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        driver.widget.controller.model.server.accept(f"127.0.0.1:{one.getsockname()[1]}", "", keep=False)
        driver.wait(lambda: driver.state.server.link is Link.OFFLINE, "Its absence")
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


def cancelled(driver: Driver) -> bool:
    return driver.state.run.message == "Cancelled."


def saved(driver: Driver) -> None:
    one_object(driver)
    saves(driver)


def rows_shown(driver: Driver) -> int:
    """Rows of the table of the mode in use."""
    page = driver.widget.advanced if driver.state.task.advanced else driver.widget.simple
    (table,) = page.findChildren(QTableView)
    return table.model().rowCount()


def high_threshold(driver: Driver, spin) -> None:
    set_to(0.99)(driver, spin)
    driver.pump(0.3)


def in_colour(driver: Driver) -> None:
    driver.state.task.mix = None
    driver.widget.controller.channels.show((0, 1, 2))
    driver.wait_until_idle()


def with_a_window(driver: Driver) -> None:
    driver.state.task.local = True
    driver.pump(0.05)


def two_d(driver: Driver) -> None:
    task(Task.IMAGE)(driver)
    driver.viewer.layers.selection.active = driver.viewer.layers["cells"]


def type_folder(driver: Driver, field) -> None:
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


def frames_written(driver: Driver) -> list[str]:
    """The frames that are in files, once all is done."""
    frames(driver)
    driver.pump(0.1)
    return [path for path in files(driver) if ".ome.zarr" in path]


def left_behind(driver: Driver) -> None:
    """What was followed by another napari, which was not saved; the picture was opened again."""
    followed_forward(driver)
    controller = driver.widget.controller
    driver.wait(lambda: controller.records.path is not None, "The record")
    record = controller.records.path
    kept = {path: path.read_bytes() for path in record.parent.glob(f"{record.stem}*") if path.is_file()}
    picture = driver.viewer.layers["cells"]
    driver.viewer.layers.remove(picture)
    driver.pump(0.3)
    driver.viewer.layers.remove(names.PROPAGATED)
    out = driver.folder / "out"
    out.mkdir(exist_ok=True)
    for path, data in kept.items():
        (out / f"left-{path.name}").write_bytes(data)
    driver.viewer.add_image(picture.data, name="cells", axis_labels=("z", "y", "x"))
    driver.wait(lambda: bool(driver.state.video.resumable), "The offer")
    driver.pump(0.05)


def one_frame_of(frame: int):
    """Return what puts a point on a frame, and wants no other one."""

    def before(driver: Driver) -> None:
        on_a_frame(frame)(driver)
        driver.state.task.first_frame = driver.state.task.last_frame = frame

    return before


def on_a_frame_of_films(driver: Driver) -> None:
    """A point on a frame of four stacks, one for each time."""
    films = driver.viewer.add_image(np.stack([several()] * 12).reshape(3, 4, SIDE, SIDE), name="films")
    films.axis_labels = ("t", "z", "y", "x")
    driver.widget.controller.choose_image(str(films.unique_id), arm=True)
    task(Task.VIDEO)(driver)
    driver.viewer.dims.set_current_step(1, 2)
    one_object(driver)


def frames_of_films(driver: Driver) -> tuple[int, ...]:
    """Over how many times and slices objects were followed."""
    driver.wait_until_idle()
    driver.wait(lambda: not driver.state.video.running, "The propagation")
    found = [layer for layer in driver.viewer.layers if layer.name == names.PROPAGATED]
    return tuple(int(one.max()) for one in np.nonzero(found[0].data)[:2]) if found else ()


def on_screen(driver: Driver) -> int:
    """The frame on screen, once all is done."""
    driver.wait_until_idle()
    driver.wait(lambda: not driver.state.video.running, "The propagation")
    return int(driver.viewer.dims.current_step[0])


def followed_with_a_fault(driver: Driver) -> None:
    """An object that was followed through the stack, and has a doubtful frame."""
    on_a_frame(0)(driver)
    driver.widget.controller.run()
    frames(driver)
    tracks = driver.widget.controller.propagation.tracks
    plane = tracks.plane_at(2)
    tracks.restore(plane, [replace(one, score=0.1) for one in tracks.seen(plane).values()])
    driver.state.video.version += 1
    driver.wait(lambda: driver.state.video.doubtful == 1, "The doubt")
    driver.pump(0.05)


def click_on_frame(frame: int):
    """Return what clicks on a frame of the first object of the strip."""

    def act(driver: Driver, strip) -> None:
        at = strip.place_of(frame, strip.scene.strips[0].object_id)
        QTest.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=at)

    return act


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
