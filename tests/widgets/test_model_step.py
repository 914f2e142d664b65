"""Step 1 of the mode Advanced and the strip above: type, device, Validate, Load, Unload, Load model when running."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_sam3_assistant.app import model_availability, runtime
from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.core.errors import DeviceError
from napari_sam3_assistant.engines import machine, registry
from napari_sam3_assistant.engines.host import HostedEngine
from napari_sam3_assistant.engines.protocol import Capabilities
from napari_sam3_assistant.engines.registry import BUILTIN, EngineSpec
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.widgets import store
from napari_sam3_assistant.widgets.main_widget import MainWidget
from tests.conftest import squares
from tests.engines.weights import small

ROOT = Path(__file__).resolve().parents[2]
SLOW = 20_000  # milliseconds, to catch what hangs
WORDS = Capabilities(text=True, devices=())


@pytest.fixture
def open_widget(make_napari_viewer_proxy, qtbot, tmp_path_factory, monkeypatch):
    """Return a function that opens the widget in Advanced on a picture; SAM3 is the tests' own, in its process."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    spec = EngineSpec("sam3", "SAM3", needs=("json",), factory="tests.widgets.double:Double", capabilities=WORDS)
    monkeypatch.setattr(registry, "_OURS", (BUILTIN, spec))
    viewer = make_napari_viewer_proxy()
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):  # not before: napari keeps its icons there
        monkeypatch.setenv(name, str(tmp_path_factory.mktemp("home")))
    opened = []

    def open_widget(*, folder: Path | None = None, loads: bool = False) -> MainWidget:
        store.settings().setValue("workspace_mode", "advanced")
        store.settings().setValue("load_model_when_running", "yes" if loads else "no")
        if folder is not None:
            store.settings().setValue("model_dir", str(folder))
        if not len(viewer.layers):
            viewer.add_image(squares(), name="cells")
        made = MainWidget(viewer)
        opened.append(made)
        qtbot.waitUntil(lambda: not made.state.model.looking, timeout=SLOW)
        qtbot.wait(20)  # it is drawn
        return made

    yield open_widget
    for made in opened:
        made.close()
        made.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def folder(tmp_path):
    return small.write_sam3(tmp_path / "sam3")


@pytest.fixture
def multiplex(tmp_path):
    """Return a folder with SAM 3.1 multiplex alone."""
    made = tmp_path / "multiplex"
    made.mkdir()
    small.write_pt(made / "sam3.1_multiplex.pt", {"detector.x.interactive_convs.0.weight": np.zeros(3, "f4")})
    return made


def step(widget):
    return widget.advanced.model


def pick(combo, value: str) -> None:
    """Choose an entry as a user does."""
    index = combo.findData(value)
    assert index >= 0
    combo.setCurrentIndex(index)
    combo.activated.emit(index)


def idle(widget, qtbot) -> None:
    phases = (Phase.IDLE, Phase.FAILED)
    qtbot.waitUntil(lambda: widget.state.run.phase in phases and not widget.controller.busy, timeout=SLOW)
    qtbot.wait(20)  # it is drawn


def load(widget, qtbot) -> None:
    step(widget).load_image.click()
    qtbot.waitUntil(lambda: widget.state.model.loaded, timeout=SLOW)
    idle(widget, qtbot)


def click(widget, *at) -> None:
    widget.controller.viewer.layers[names.POINTS].add([*at])


def made():
    return runtime._runtime._engines.get("sam3")


def logged(widget) -> str:
    return "\n".join(line.text for line in widget.state.activity.lines)


# -- the strip -------------------------------------------------------------------------------------


def test_type_and_device_are_shown_in_advanced_alone_with_the_devices_there_are(open_widget, qtbot, monkeypatch):
    monkeypatch.setattr(machine, "expected_device", lambda seen: "cuda")
    widget = open_widget()
    choices = widget.top.choices

    def entries(combo):
        return [(combo.itemText(k), combo.itemData(k)) for k in range(combo.count())]

    assert choices.isVisibleTo(widget)
    assert entries(choices.type) == [("SAM3.0", "sam3"), ("SAM3.1", "sam3.1")]
    assert entries(choices.device) == [("Automatic", "auto"), ("GPU / CUDA", "cuda"), ("CPU", "cpu")]
    assert choices.type.accessibleName() == "Model type" and "Automatic takes the best" in choices.device.toolTip()
    widget.state.task.advanced = False
    qtbot.waitUntil(lambda: not choices.isVisibleTo(widget))


def test_the_dialog_of_the_folder_is_called_as_the_mode_has_it(open_widget, monkeypatch):
    titles = []
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda parent, title, start: titles.append(title) or "")
    widget = open_widget()

    widget.top.model.folder.click()
    widget.state.task.advanced = False
    widget.top.model.folder.click()

    assert titles == ["Select SAM3 model directory", "Select SAM3.0 model directory"]


def test_what_is_chosen_is_there_at_the_next_start_under_the_keys_of_earlier_versions(open_widget, folder):
    widget = open_widget(loads=True)
    widget.controller.model.choose_folder(folder)
    pick(widget.top.choices.type, "sam3.1")
    pick(widget.top.choices.device, "cpu")
    step(widget).load_on_run.click()

    kept = store.settings()
    assert [kept.value(key) for key in ("model_dir", "model_type", "device")] == [str(folder), "sam3.1", "cpu"]
    again = store.load(type(widget.state)(), "auto").model
    assert (again.model_type, again.device_wanted, again.load_on_run) == ("sam3.1", "cpu", False)


@pytest.mark.parametrize("broken", ["sam9", "", "7"])
def test_settings_that_make_no_sense_are_as_if_nothing_were_remembered(broken, open_widget):
    store.settings().setValue("model_type", broken)
    store.settings().setValue("device", broken)

    model = open_widget().state.model

    assert (model.model_type, model.device_wanted) == ("sam3", "auto")


# -- the device ------------------------------------------------------------------------------------


def test_a_device_reaches_the_engine_and_another_one_unloads_it_until_the_next_question(open_widget, qtbot, folder):
    widget = open_widget(folder=folder, loads=True)
    qtbot.waitUntil(lambda: widget.state.model.loaded, timeout=SLOW)
    idle(widget, qtbot)
    assert made().engine._engine._question.options == {"folder": folder, "device": "auto"}

    pick(widget.top.choices.device, "cpu")
    qtbot.waitUntil(lambda: not widget.state.model.loaded, timeout=SLOW)

    assert "Device changed; unloaded SAM3 model so it reloads on the selected device." in logged(widget)
    assert made() is None
    click(widget, 35, 35)
    qtbot.waitUntil(lambda: widget.state.model.loaded, timeout=SLOW)
    assert made().engine._engine._question.options["device"] == "cpu"
    idle(widget, qtbot)


def test_a_remembered_device_that_is_gone_gives_way_to_automatic_and_that_is_said(open_widget, folder):
    store.settings().setValue("device", "mps")

    widget = open_widget(folder=folder)

    choices = widget.top.choices
    assert choices.device.currentData() == "auto" and choices.device.findData("mps") < 0
    assert "GPU / MPS was chosen, and is not here. Automatic is used" in choices.device.toolTip()
    assert "GPU / MPS was chosen, and is not here" in logged(widget)
    assert store.settings().value("device") == "mps", "it may be there again next time"


def test_a_device_that_torch_does_not_find_is_given_up_with_a_message(open_widget, qtbot, folder, monkeypatch):
    monkeypatch.setattr(machine, "expected_device", lambda seen: "cuda")
    load_usually = HostedEngine.load

    def refuse(self, **told):
        if self._question.options["device"] == "cuda":
            raise DeviceError("This machine has no CUDA to compute on, only CPU.", hint="Check the driver.")
        load_usually(self, **told)

    monkeypatch.setattr(HostedEngine, "load", refuse)
    widget = open_widget(folder=folder)
    pick(widget.top.choices.device, "cuda")

    step(widget).load_image.click()
    qtbot.waitUntil(lambda: widget.state.run.phase is Phase.FAILED, timeout=SLOW)
    qtbot.wait(50)

    assert widget.state.run.message == "Cannot load image model: This machine has no CUDA to compute on, only CPU."
    assert widget.state.run.hint == "Check the driver. Automatic is used from now on: ask again."
    assert widget.top.choices.device.currentData() == "auto" and widget.top.choices.device.findData("cuda") < 0
    load(widget, qtbot)
    assert made().engine._engine._question.options["device"] == "auto"


# -- the type --------------------------------------------------------------------------------------


def test_with_sam3_1_the_built_in_engine_answers_2d_tasks_and_it_says_why(open_widget, qtbot, multiplex):
    widget = open_widget(folder=multiplex)
    row = widget.top.model
    assert row.status.text() == "Model: SAM3.0 missing"

    pick(widget.top.choices.type, "sam3.1")
    qtbot.waitUntil(lambda: row.status.text() == "Model: SAM3.1 ok")

    assert "SAM3.1 video multiplex selected" in logged(widget)
    assert row.advice.text() == (
        "Built-in answers until SAM3.1 can: sam3 and torchvision not installed here. "
        "Press Python... and choose one that has it."
    )
    assert not step(widget).load_image.isEnabled() and not step(widget).load_video.isEnabled()
    assert step(widget).load_image.toolTip() == model_availability.VIDEO_ONLY
    assert "sam3 and torchvision not installed here" in step(widget).load_video.toolTip().replace("Sam3", "sam3")
    click(widget, 35, 35)
    idle(widget, qtbot)
    assert widget.state.results.current.engine == "builtin"
    widget.controller.choose_task(Task.TEXT)
    widget.state.task.text = "cell"
    widget.controller.run()
    assert widget.state.run.phase is Phase.FAILED
    assert widget.state.run.message.startswith("SAM3.1 video multiplex supports 3D/video propagation only")
    widget.state.task.advanced = False
    qtbot.waitUntil(lambda: row.status.text() == "Model: SAM3.1 ok")


def test_sam3_is_unloaded_when_the_type_changes_and_serves_again_when_it_changes_back(open_widget, qtbot, folder):
    widget = open_widget(folder=folder)
    load(widget, qtbot)

    pick(widget.top.choices.type, "sam3.1")
    qtbot.waitUntil(lambda: not widget.state.model.loaded, timeout=SLOW)
    qtbot.wait(20)

    assert widget.top.model.status.text() == "Model: SAM3.1 missing" and widget.state.model.in_use == "builtin"
    assert "Model type changed; unloaded SAM3 model so it reloads from the selected folder." in logged(widget)
    pick(widget.top.choices.type, "sam3")
    qtbot.waitUntil(lambda: widget.top.model.status.text() == "Model: SAM3.0 ok")
    assert widget.state.model.in_use == "sam3"


def test_a_folder_with_both_serves_either_type(open_widget, qtbot, folder, multiplex):
    (multiplex / "sam3.1_multiplex.pt").rename(folder / "sam3.1_multiplex.pt")
    widget = open_widget(folder=folder)
    status = widget.top.model.status.text

    assert status() == "Model: SAM3.0 ok"
    pick(widget.top.choices.type, "sam3.1")
    qtbot.waitUntil(lambda: status() == "Model: SAM3.1 ok")


# -- Step 1 ----------------------------------------------------------------------------------------


def test_without_a_folder_every_button_says_what_to_do_first(open_widget):
    can = step(open_widget())

    for one in (can.validate, can.load_image, can.load_video):
        assert not one.isEnabled() and one.toolTip() == "Choose a Model Folder first, or press Get SAM3."
    assert not can.unload.isEnabled() and can.unload.toolTip() == "SAM3 is not in memory."
    assert not can.load_on_run.isChecked() and can.load_on_run.isEnabled()


def test_validate_looks_anew_and_says_what_is_there_and_what_each_task_needs(open_widget, qtbot, folder):
    widget = open_widget(folder=folder)

    step(widget).validate.click()
    qtbot.waitUntil(lambda: widget.state.run.message.startswith("Model directory looks valid."), timeout=SLOW)

    assert "SAM3.0: 2D, Text, Exemplar and 3D/video" in widget.state.run.message
    assert "Text and Exemplar need tokenizer.json, or merges.txt, too: there." in logged(widget)
    (folder / "model.safetensors").unlink()
    step(widget).validate.click()
    qtbot.waitUntil(lambda: widget.state.run.phase is Phase.FAILED, timeout=SLOW)
    assert "There are no weights in" in widget.state.run.message and "get-model" in widget.state.run.hint
    assert "2D and Live Points need config.json and model.safetensors, or sam3.pt: missing (model.safetensors" in (
        logged(widget)
    )
    assert widget.state.model.in_use == "builtin"


def test_validate_of_a_folder_without_sam3_1_names_the_file_that_is_missing(open_widget, qtbot, folder):
    widget = open_widget(folder=folder)
    pick(widget.top.choices.type, "sam3.1")

    step(widget).validate.click()
    qtbot.waitUntil(lambda: widget.state.run.phase is Phase.FAILED, timeout=SLOW)

    assert widget.state.run.message == (
        f"Meta's package reads sam3.1_multiplex.pt, and {folder} holds model.safetensors alone."
    )
    assert widget.state.run.hint == "Put sam3.1_multiplex.pt into the folder, or choose SAM3.0 (in Advanced)."


def test_load_brings_sam3_into_memory_and_unload_gives_it_back(open_widget, qtbot, folder):
    widget = open_widget(folder=folder)
    assert not widget.state.model.loaded and "One model in memory serves images" in step(widget).load_image.toolTip()

    step(widget).load_video.click()
    assert widget.state.run.phase is Phase.LOADING and widget.state.run.message == "Loading model..."
    qtbot.waitUntil(lambda: widget.state.model.loaded, timeout=SLOW)
    idle(widget, qtbot)

    assert "SAM3 video predictor loaded on CPU. Next: select a frame/slice" in logged(widget)
    assert not step(widget).load_image.isEnabled() and "in memory already" in step(widget).load_image.toolTip()
    process = made().engine._engine.pid
    step(widget).unload.click()
    qtbot.waitUntil(lambda: not widget.state.model.loaded, timeout=SLOW)
    qtbot.wait(50)
    assert process and not Path(f"/proc/{process}").exists()
    assert widget.state.run.message == "SAM3's memory was given back. Load 2D Model loads it again."


def test_cancel_stops_loading(open_widget, qtbot, folder, monkeypatch):
    def load(self, *, progress, cancel):
        while True:
            cancel.raise_if_cancelled()

    monkeypatch.setattr(HostedEngine, "load", load)
    widget = open_widget(folder=folder)
    step(widget).load_image.click()
    qtbot.waitUntil(lambda: widget.advanced.run.run.cancel.isEnabled(), timeout=SLOW)
    assert "Cancel stops it" in step(widget).load_image.toolTip()

    widget.advanced.run.run.cancel.click()
    idle(widget, qtbot)

    assert widget.state.run.message == "Loading was stopped. SAM3 is not in memory."
    assert step(widget).load_image.isEnabled()


# -- Load model when running ------------------------------------------------------------------------


def test_unchecked_a_run_loads_nothing_and_the_built_in_engine_answers(open_widget, qtbot, folder):
    widget = open_widget(folder=folder)

    click(widget, 35, 35)
    idle(widget, qtbot)
    qtbot.wait(600)  # by now it would have begun to read the view

    assert widget.state.results.current.engine == "builtin" and made() is None
    assert widget.top.model.reason.text() == ("Built-in: SAM3 is not loaded (press Load 2D Model)")
    load(widget, qtbot)
    qtbot.waitUntil(lambda: not widget.state.run.background_works, timeout=SLOW)
    widget.controller.board.begin_object()
    click(widget, 95, 95)
    idle(widget, qtbot)
    assert widget.state.results.current.engine == "sam3"


@pytest.mark.parametrize("task", [Task.LIVE_POINTS, Task.TEXT])
def test_unchecked_a_run_that_only_sam3_may_answer_says_what_to_press(open_widget, qtbot, folder, task):
    widget = open_widget(folder=folder)
    if task is Task.LIVE_POINTS:
        widget.controller.model.choose_engine("sam3")
        click(widget, 35, 35)
    else:
        widget.controller.choose_task(task)
        widget.state.task.text = "cell"
        widget.controller.run()
    qtbot.waitUntil(lambda: widget.state.run.phase is Phase.FAILED, timeout=SLOW)

    assert widget.state.run.message == "SAM3 is not in memory, and Load model when running is off."
    assert "Press Load 2D Model in Step 1" in widget.state.run.hint and made() is None


def test_in_simple_it_is_as_if_checked(open_widget, qtbot, folder):
    widget = open_widget(folder=folder)
    assert not widget.state.loads_when_running

    widget.state.task.advanced = False
    qtbot.waitUntil(lambda: widget.state.model.loaded, timeout=SLOW)

    assert not widget.state.model.load_on_run, "the choice comes back in Advanced"
    idle(widget, qtbot)


def test_checking_it_lets_sam3_read_the_view(open_widget, qtbot, folder):
    widget = open_widget(folder=folder)

    step(widget).load_on_run.click()
    qtbot.waitUntil(lambda: widget.state.model.loaded, timeout=SLOW)

    idle(widget, qtbot)
