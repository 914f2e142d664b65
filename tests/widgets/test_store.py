"""What is remembered from one start to the next, and what is not believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import QByteArray, QSettings

from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.widgets import store
from napari_sam3_assistant.widgets.bind import Bindings


@pytest.fixture
def bindings():
    made = Bindings()
    yield made
    made.close()


def remembered(default_engine: str = "auto") -> AppState:
    return store.load(AppState(), default_engine)


def test_the_file_and_the_keys_are_those_that_earlier_versions_wrote():
    found = store.settings()

    assert (found.organizationName(), found.applicationName()) == ("napari-sam3-assistant", "sam3-assistant")
    assert (store.FOLDER, store.FORMAT) == ("quick_mask_output_dir", "quick_mask_output_format")


def test_the_tests_have_settings_of_their_own(tmp_path_factory):
    assert Path(store.settings().fileName()).is_relative_to(tmp_path_factory.getbasetemp())


def test_nothing_is_remembered_at_first():
    state, fresh = remembered(), AppState()

    assert (state.output.folder, state.output.format) == (fresh.output.folder, fresh.output.format)
    assert state.model.engine == "auto" and store.settings().allKeys() == []


def test_each_choice_is_there_at_the_next_start(bindings):
    state = remembered()
    store.remember(state, bindings, lambda: "auto")

    state.output.folder, state.output.format, state.model.engine = "/data/a, b = c%20d/ü", "png", "builtin"
    state.output.unload = state.output.while_running = True

    again = remembered()
    assert (again.output.folder, again.output.format) == ("/data/a, b = c%20d/ü", "png")
    assert again.model.engine == "builtin" and again.output.unload and again.output.while_running


def test_a_widget_that_was_closed_writes_no_more(bindings):
    state = remembered()
    store.remember(state, bindings, lambda: "auto")

    bindings.close()
    state.output.folder = "/later"

    assert remembered().output.folder == ""


@pytest.mark.parametrize(
    "broken", [["a", "b"], QByteArray(b"\xff\x00"), 7, True, {"a": 1}, "", "no such thing"], ids=repr
)
@pytest.mark.parametrize("key", [store.FOLDER, store.FORMAT, store.ENGINE])
def test_what_makes_no_sense_is_as_if_nothing_were_remembered(key, broken):
    store.settings().setValue(key, broken)

    state = remembered()

    assert all(isinstance(one, str) for one in (state.output.folder, state.output.format, state.model.engine))
    assert state.output.format == "tiff"


def test_a_file_that_is_no_settings_file_is_survived(bindings):
    path = Path(store.settings().fileName())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x00\xff[General\nquick_mask_output_dir=@Variant(\\0\\0)\nengine=@Invalid()\n= =\n" * 3)

    state = remembered()
    store.remember(state, bindings, lambda: "auto")
    state.output.format = "npy"

    assert remembered().output.format == "npy" and remembered().model.engine == "auto"


def test_a_place_that_cannot_be_written_is_survived(bindings):
    Path(store.settings().fileName()).mkdir(parents=True)
    state = remembered()
    store.remember(state, bindings, lambda: "auto")

    state.output.folder = "/somewhere"

    written = store.settings()
    written.sync()
    assert written.status() != QSettings.Status.NoError and state.output.folder == "/somewhere"


def test_the_default_engine_is_used_until_one_is_chosen(bindings):
    assert remembered("builtin").model.engine == "builtin"
    store.settings().setValue(store.ENGINE, "auto")

    assert remembered("builtin").model.engine == "auto"


def test_choosing_the_default_engine_again_leaves_the_preference_in_charge(bindings):
    state = remembered("auto")
    store.remember(state, bindings, lambda: "auto")

    state.model.engine = "builtin"
    assert store.chosen_engine() == "builtin"
    state.model.engine = "auto"

    assert store.chosen_engine() == "" and remembered("builtin").model.engine == "builtin"


def test_an_engine_that_is_gone_is_forgotten_once_another_has_taken_its_place(bindings):
    store.settings().setValue(store.ENGINE, "gone")
    state = remembered()
    state.model.engine = "auto"  # as the controller does when it finds no such engine

    store.remember(state, bindings, lambda: "auto")

    assert store.chosen_engine() == ""


def test_the_threshold_is_remembered_under_the_key_of_earlier_versions_and_none_as_none(bindings):
    state = remembered()
    store.remember(state, bindings, lambda: "auto")

    state.task.threshold = 0.4
    assert store.settings().value("confidence_threshold") == "0.4" and remembered().task.threshold == 0.4
    state.task.threshold = None
    assert remembered().task.threshold is None


@pytest.mark.parametrize("broken", ["much", "1.5", "-1", "nan", "0"])
def test_a_threshold_that_is_none_is_not_believed(broken):
    store.settings().setValue(store.THRESHOLD, broken)

    assert remembered().task.threshold is None
