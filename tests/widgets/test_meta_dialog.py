"""Meta's package in the widget: its Python chosen and checked, what is missing said, SAM3.1 by the model type."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_sam3_assistant.app.model_state import ModelType
from napari_sam3_assistant.engines import registry
from napari_sam3_assistant.engines.interpreters import VARIABLE
from napari_sam3_assistant.engines.meta import installed
from napari_sam3_assistant.engines.meta.installed import Installed, Problem
from napari_sam3_assistant.widgets.main_widget import MainWidget
from tests.conftest import squares
from tests.engines.weights import small

SLOW = 20_000  # milliseconds, to catch what hangs
META = "Meta's sam3"
GOOD = Installed(python="3.11.7", versions={"sam3": "0.1.4", "torch": "2.12.1"})


@pytest.fixture(autouse=True)
def nothing_here(monkeypatch):
    """This Python has no package of Meta's, and no other one is named."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(registry, "META", replace(registry.META, needs=("no_such_module_anywhere",)))


@pytest.fixture
def found(monkeypatch):
    """Return what is in whichever Python is looked into; a test says."""
    says = {"is": GOOD}
    monkeypatch.setattr(installed, "look_in", lambda interpreter: says["is"])
    return says


@pytest.fixture
def widget(make_napari_viewer_proxy, qtbot):
    viewer = make_napari_viewer_proxy()
    viewer.add_image(squares(), name="cells")
    made = MainWidget(viewer)
    qtbot.addWidget(made)
    return made


def choose(widget: MainWidget, title: str) -> None:
    index = widget.top.engine.findText(title)
    widget.top.engine.setCurrentIndex(index)
    widget.top.engine.activated.emit(index)


def use_folder(widget: MainWidget, qtbot, folder) -> None:
    widget.controller.model.choose_folder(folder)
    qtbot.waitUntil(lambda: widget.state.model.known is not None, timeout=SLOW)


def test_chosen_where_no_python_has_it_the_dialog_opens_and_nothing_changes_on_cancel(widget):
    choose(widget, META)

    assert widget.meta.isVisible() and widget.top.engine.currentText() == "Automatic"
    widget.meta.reject()
    assert not widget.meta.isVisible() and widget.state.model.engine == "auto"


def test_a_python_is_checked_and_every_problem_is_said_with_what_to_do(widget, qtbot, found):
    lacks = Problem("torchvision is made for another torch.", "Install both anew.", True)
    found["is"] = replace(GOOD, multiplex=True, problems=(lacks, Problem("There are two.", "Remove one.", False)))
    choose(widget, META)

    widget.meta.python.setText(sys.executable)
    widget.meta.check.click()
    qtbot.waitUntil(lambda: "sam3 0.1.4" in widget.meta.text.text(), timeout=SLOW)

    text = widget.meta.text.text()
    assert "cannot be used" in text and "Install both anew." in text and "There are two. Remove one." in text
    assert text.startswith("\N{WARNING SIGN} Meta's package cannot be used with it.")
    assert "unverified" in text and widget.meta.check.isEnabled()


def test_the_versions_that_matter_are_said_and_no_others(widget, qtbot, found):
    found["is"] = replace(GOOD, versions={"sam3": "0.1.4", "torch": "2.12.1", "regex": "2026.11.15", "numpy": ""})
    choose(widget, META)

    widget.meta.python.setText(sys.executable)
    widget.meta.check.click()
    qtbot.waitUntil(lambda: "sam3 0.1.4" in widget.meta.text.text(), timeout=SLOW)

    text = widget.meta.text.text()
    assert text.startswith("Meta's package can be used with it.\nPython 3.11.7, sam3 0.1.4, torch 2.12.1.\n")


def test_what_to_enter_is_seen_whole_in_the_empty_field(widget):
    choose(widget, META)

    field = widget.meta.python
    assert field.fontMetrics().horizontalAdvance(field.placeholderText()) < field.width() - 8


def test_what_is_no_python_is_said_and_the_dialog_stays(widget, qtbot):
    choose(widget, META)

    widget.meta.python.setText("/no/such/python")
    widget.meta.ok.click()
    qtbot.waitUntil(lambda: "no Python" in widget.meta.text.text())

    assert widget.meta.isVisible() and widget.state.meta.python == ""


def test_a_real_python_without_the_package_is_told_apart(widget, qtbot):
    choose(widget, META)

    widget.meta.python.setText(sys.executable)
    widget.meta.check.click()
    qtbot.waitUntil(lambda: "cannot be used" in widget.meta.text.text(), timeout=SLOW)

    assert "pip install" in widget.meta.text.text()


def test_the_lines_that_install_it_are_copied(widget):
    choose(widget, META)

    widget.meta.copy.click()

    assert "pip install sam3 torch torchvision" in QApplication.clipboard().text()


def test_a_python_that_has_it_answers_from_sam3_pt(widget, qtbot, found, tmp_path):
    use_folder(widget, qtbot, small.write_meta(tmp_path / "meta"))
    choose(widget, META)

    widget.meta.python.setText(sys.executable)
    widget.meta.ok.click()
    qtbot.waitUntil(lambda: widget.state.model.in_use == "meta")

    assert not widget.meta.isVisible() and widget.state.meta.python == sys.executable
    assert widget.state.model.reason.startswith("Meta's sam3: sam3.pt in")
    assert widget.controller.standby.session.engine.name == "meta"
    qtbot.waitUntil(lambda: widget.top.model.python.isVisibleTo(widget))


def test_what_is_wrong_with_the_python_is_seen_in_the_row_once_it_was_looked_into(widget, qtbot, found, tmp_path):
    found["is"] = replace(GOOD, python="3.9.1")
    use_folder(widget, qtbot, small.write_meta(tmp_path / "meta"))

    widget.controller.model.meta.accept(sys.executable)
    qtbot.waitUntil(lambda: "too old" in widget.top.model.advice.text(), timeout=SLOW)

    assert widget.state.model.in_use == "builtin" and widget.state.model.engine == "meta"


def test_a_python_that_was_deleted_since_is_said_at_the_next_look(widget, qtbot, found, tmp_path):
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    use_folder(widget, qtbot, small.write_meta(tmp_path / "meta"))
    widget.controller.model.meta.accept(str(tmp_path / "env"))
    assert widget.state.model.in_use == "meta"

    python.unlink()
    widget.controller.model.look_again()
    qtbot.waitUntil(lambda: widget.state.model.in_use == "builtin", timeout=SLOW)

    assert "there is no Python" in widget.state.model.reason


def test_sam3_1_follows_beside_the_built_in_engine_where_the_package_has_its_code(widget, qtbot, found, tmp_path):
    folder = tmp_path / "multiplex"
    folder.mkdir()
    small.write_pt(folder / "sam3.1_multiplex.pt", {"detector.x.interactive_convs.0.weight": np.zeros(3, "f4")})
    use_folder(widget, qtbot, folder)
    widget.controller.model.choose_type(ModelType.SAM31)
    widget.controller.model.meta.accept(sys.executable)
    qtbot.waitUntil(lambda: "no code for SAM3.1" in widget.state.model.reason, timeout=SLOW)
    assert widget.controller.model.follower() is None and widget.state.model.engine == "auto"

    found["is"] = replace(GOOD, multiplex=True)
    widget.controller.model.look_again()
    qtbot.waitUntil(lambda: "unverified" in widget.state.model.reason, timeout=SLOW)

    assert widget.state.model.in_use == "builtin" and widget.controller.model.follower().name == "multiplex"
    line = widget.top.model.reason
    qtbot.waitUntil(lambda: line.text() == widget.state.model.reason)
    assert line.fontMetrics().horizontalAdvance(line.text()) < 380, "seen whole in a dock of the least width"


def test_for_sam3_1_a_folder_of_sam3_0_says_to_choose_that_type_and_keeps_the_name_of_meta(
    widget, qtbot, found, tmp_path
):
    use_folder(widget, qtbot, small.write_meta(tmp_path / "models"))
    widget.controller.model.meta.accept(sys.executable)
    widget.controller.model.choose_type(ModelType.SAM31)

    qtbot.waitUntil(lambda: "until SAM3.1 can" in widget.top.model.advice.text(), timeout=SLOW)

    assert widget.top.model.advice.text() == (
        "Built-in answers until SAM3.1 can: Meta's package reads sam3.1_multiplex.pt, and models holds sam3.pt alone. "
        "Put sam3.1_multiplex.pt into the folder, or choose SAM3.0 (in Advanced)."
    )


def test_without_a_folder_nothing_speaks_of_a_button_that_is_not_there(widget, qtbot, found):
    widget.controller.model.meta.accept(sys.executable)
    widget.state.task.advanced = True
    qtbot.waitUntil(lambda: not widget.top.model.get.isVisibleTo(widget), timeout=SLOW)

    step = widget.advanced.model
    assert "Get SAM3" not in step.validate.toolTip() + step.load_image.toolTip()


def test_diagnostics_are_for_sam3_1_in_the_mode_that_shows_them(widget):
    state = widget.state
    state.meta.diagnostics, state.model.model_type = True, ModelType.SAM31

    assert not state.diagnoses
    state.task.advanced = True
    assert state.diagnoses
    state.model.model_type = ModelType.SAM3
    assert not state.diagnoses
