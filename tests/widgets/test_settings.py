"""Settings of every origin: each control's own, those of earlier versions, and garbage."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qtpy.QtCore import QByteArray, QPoint

from napari_sam3_assistant.app.model_state import DeviceName, ModelType
from napari_sam3_assistant.app.panel_state import OPEN_AT_FIRST, Section
from napari_sam3_assistant.app.state import AppState
from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.core.window_rule import SIDES
from napari_sam3_assistant.export.images import FORMATS
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.jobs import Task
from napari_sam3_assistant.widgets import store
from napari_sam3_assistant.widgets.bind import Bindings

OTHERS = {
    "workspace_mode": True,
    "model_dir": "/models/sam3, ü",
    "model_type": ModelType.SAM31,
    "device": DeviceName.CPU,
    "load_model_when_running": False,
    "confidence_threshold": 0.4,
    "quick_mask_output_dir": "/out",
    "quick_mask_output_format": "png",
    "unload_after_saving": True,
    "write_while_running": True,
    "direction_3d": Direction.BACKWARD,
    "follow_frames": True,
    "task_complete_sound_enabled_v2": True,
    "task": Task.EXEMPLAR,
    "prompt_type": PromptKind.LABELS,
    "local_inference": True,
    "roi_size": 4096,
    "open_sections": frozenset({Section.MODEL, Section.LOG}),
    "open_table": True,
    "open_log": True,
    "server_address": "http://gpu:8000",
    "server_addresses": ("http://gpu:8000", "https://gpu.example.org/sam3"),
    "server_token_in_keyring": False,
    "meta_python": "/envs/sam3/bin/python",
    "sam31_diagnostics": True,
}
"""A value of each control that it has not at first."""
KEYS = tuple(OTHERS)


def value(state: AppState, one) -> object:
    return getattr(getattr(state, one.part), one.field)


def loaded() -> AppState:
    return store.load(AppState(), "auto")


@pytest.fixture
def bindings():
    made = Bindings()
    yield made
    made.close()


def said(state: AppState) -> list[str]:
    return [line.text for line in state.activity.lines]


@pytest.mark.parametrize("one", store.KEPT, ids=lambda one: one.key)
def test_each_control_is_as_it_was_at_the_next_start(one, bindings):
    state, fresh = loaded(), AppState()
    store.remember(state, bindings, lambda: "auto")
    other = OTHERS[one.key]
    assert value(state, one) == value(fresh, one) != other

    setattr(getattr(state, one.part), one.field, other)
    again = loaded()

    assert value(again, one) == other and not said(again)
    unchanged = [value(again, other) == value(fresh, other) for other in store.KEPT if other is not one]
    assert all(unchanged)


def test_what_belongs_to_a_picture_is_not_remembered(bindings):
    state = loaded()
    store.remember(state, bindings, lambda: "auto")

    state.task.channel_axis, state.task.mix, state.task.limits = 0, (0, 1, 2), "0 as black"

    again = loaded().task
    assert (again.channel_axis, again.mix, again.limits) == (-1, None, None)


def test_every_section_can_be_folded_for_good(bindings):
    state = loaded()
    assert state.panel.opened == OPEN_AT_FIRST
    store.remember(state, bindings, lambda: "auto")

    state.panel.opened = frozenset()

    assert loaded().panel.opened == frozenset() and not said(loaded())


# -- what an earlier version wrote ---------------------------------------------------------------------


def test_settings_of_an_earlier_version_are_taken_over(bindings):
    written = {
        "workspace_mode": "advanced",
        "model_dir": "/models/advanced",
        "model_type": "sam3",
        "device": "cpu",
        "confidence_threshold": 0.5,
        "quick_mask_output_dir": "/masks",
        "quick_mask_output_format": "NumPy (.npy)",
        "simple_model_dir": "/models/simple",
        "simple_device": "cuda",
        "task_complete_sound_enabled_v2": "true",
        "folder_batch_output_format": "OME-Zarr",
    }
    for key, what in written.items():
        store.settings().setValue(key, what)

    state = loaded()

    assert state.task.advanced and state.model.folder == "/models/advanced" and state.task.threshold == 0.5
    assert (state.output.folder, state.output.format) == ("/masks", "npy") and state.panel.sound
    assert not said(state)
    store.remember(state, bindings, lambda: "auto")
    assert store.settings().value("simple_model_dir") == "/models/simple", "what is not ours any more stays"
    assert loaded().model.folder == "/models/advanced"


def test_the_folder_of_simple_is_taken_over_once(bindings):
    store.settings().setValue("simple_model_dir", "/models/simple")
    state = loaded()
    store.remember(state, bindings, lambda: "auto")
    assert state.model.folder == "/models/simple" == loaded().model.folder

    state.model.folder = ""

    assert loaded().model.folder == "", "a folder that was given up does not come back"
    assert store.settings().value("simple_model_dir") == "/models/simple"


def test_the_threshold_nobody_chose_becomes_automatic_and_one_that_was_chosen_stays(bindings):
    store.settings().setValue("confidence_threshold", "0.35")
    state = loaded()
    store.remember(state, bindings, lambda: "auto")
    assert state.task.threshold is None is loaded().task.threshold

    state.task.threshold = 0.35

    assert loaded().task.threshold == 0.35


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("TIFF", "tiff"), ("tiff", "tiff"), (".tif", "tiff"), ("tif", "tiff"), (".tiff", "tiff"),
        ("NumPy (.npy)", "npy"), (".npy", "npy"), ("npy", "npy"), ("PNG", "png"), (".png", "png"),
        ("OME-Zarr", "zarr"), (".ome.zarr", "zarr"), ("ome.zarr", "zarr"), ("zarr", "zarr"),
    ],
)  # fmt: skip
def test_a_format_is_known_by_every_name_it_was_given(written, wanted):
    store.settings().setValue("quick_mask_output_format", written)

    assert loaded().output.format == wanted


@pytest.mark.parametrize(
    ("written", "wanted"),
    [(True, True), (False, False), ("true", True), ("false", False), (1, True), (0, False), ("1", True), ("0", False),
     ("True", True), ("yes", True), ("no", False)],
)  # fmt: skip
def test_a_tick_is_read_as_any_version_of_qt_wrote_it(written, wanted):
    store.settings().setValue("task_complete_sound_enabled_v2", written)
    store.settings().setValue("unload_after_saving", written)

    state = loaded()

    assert (state.panel.sound, state.output.unload) == (wanted, wanted) and not said(state)


# -- garbage -------------------------------------------------------------------------------------------

GARBAGE = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="advncesimplxtru0123456789.,-+e ", max_size=12),
    st.integers(-(2**31), 2**31 - 1),
    st.floats(),
    st.booleans(),
    st.none(),
    st.binary(max_size=20),
    st.binary(max_size=20).map(QByteArray),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(0, 9), max_size=2),
    st.integers(100_000, 100_001).map(lambda count: "x" * count),
    st.builds(QPoint, st.integers(0, 9), st.integers(0, 9)),
    st.dates().map(lambda day: datetime.datetime(day.year, day.month, day.day)),
)


def makes_sense(state: AppState) -> bool:
    """Whether every field holds what its control can show."""
    task, panel, output = state.task, state.panel, state.output
    ticks = (task.advanced, task.local, panel.sound, output.unload)
    ticks += (state.model.load_on_run, state.results.table, state.activity.shown)
    texts = (state.model.folder, output.folder, state.model.engine)
    return (
        all(type(one) is bool for one in ticks)
        and all(isinstance(one, str) and len(one) <= 4096 for one in texts)
        and output.format in FORMATS
        and task.local_side in SIDES
        and isinstance(task.task, Task)
        and isinstance(task.prompt, PromptKind)
        and isinstance(state.model.model_type, ModelType)
        and state.model.device_wanted in tuple(DeviceName)
        and (task.threshold is None or 0 < task.threshold <= 1)
        and all(isinstance(one, Section) for one in panel.opened)
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    found=st.dictionaries(st.sampled_from([*KEYS, "simple_model_dir", "engine", store.MIGRATED]), GARBAGE, max_size=5)
)
def test_garbage_is_ignored_and_said_with_its_key(found):
    kept = store.settings()
    kept.clear()
    for key, what in found.items():
        kept.setValue(key, what)

    state = loaded()

    assert makes_sense(state)
    lines, fresh = said(state), AppState()
    for one in store.KEPT:
        about = [line for line in lines if line.startswith(f"The setting {one.key} = ")]
        assert len(about) <= 1
        if about:
            assert one.key in found and value(state, one) == value(fresh, one)
            assert len(about[0]) < 300
    assert len(lines) <= len(found)


@pytest.mark.parametrize(
    ("key", "what", "shown"),
    [
        ("confidence_threshold", "1.5", "'1.5'"),
        ("quick_mask_output_format", "JPEG", "'JPEG'"),
        ("workspace_mode", ["a", "b"], "['a', 'b']"),
        ("roi_size", "1000", "'1000'"),
        ("open_sections", "task and more", "'task and more'"),
        ("model_dir", 7, "7"),
        ("engine", 7, "7"),
        ("quick_mask_output_dir", "x" * 100_000, "(100,002 letters)"),
        ("quick_mask_output_dir", "a\0b", r"'a\x00b'"),
        ("task_complete_sound_enabled_v2", "perhaps", "'perhaps'"),
    ],
)
def test_what_was_ignored_is_said_with_key_and_value(key, what, shown):
    store.settings().setValue(key, what)

    state = loaded()

    (line,) = said(state)
    assert line.startswith(f"The setting {key} = ") and shown in line and "was ignored: " in line
