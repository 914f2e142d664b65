"""napari's preferences of this plugin: read at the start, followed while a widget is open."""

from __future__ import annotations

import logging
from pathlib import Path

import napari.settings
import pytest
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox

from napari_sam3_assistant.app import runtime
from napari_sam3_assistant.app.preferences import Preferences
from napari_sam3_assistant.engines.embeddings import default_bytes
from napari_sam3_assistant.engines.store import default_folder
from napari_sam3_assistant.engines.storing import StoreOptions
from napari_sam3_assistant.widgets import napari_bridge, store
from napari_sam3_assistant.widgets.main_widget import MainWidget
from tests.conftest import squares

GIB = 2**30
KNOWN = hasattr(napari.settings, "get_plugin_settings")
pytestmark = pytest.mark.skipif(not KNOWN, reason="napari before 0.9 has no preferences of plugins")


@pytest.fixture
def settings():
    return napari.settings.get_plugin_settings(napari_bridge.PLUGIN)


@pytest.fixture
def opened(make_napari_viewer_proxy, qtbot):
    """Return a function that opens a widget on an image."""

    def opened() -> MainWidget:
        viewer = make_napari_viewer_proxy()
        viewer.add_image(squares())
        made = MainWidget(viewer)
        qtbot.addWidget(made)
        return made

    return opened


def embeddings():
    made = runtime.acquire()  # the widget's: there is one in a process
    runtime.release()
    return made.embeddings


def test_the_tests_have_preferences_of_their_own(settings, tmp_path_factory):
    assert Path(settings.config_path).is_relative_to(tmp_path_factory.getbasetemp())


def test_unset_they_are_as_without_them(settings, opened):
    assert napari_bridge.preferences() == Preferences()

    assert opened().state.model.engine == "auto" and embeddings().most_bytes == default_bytes()


def test_what_is_set_is_used_by_the_next_widget(settings, opened):
    settings.engine.default_engine = "builtin"
    settings.memory.encoded_images_gib = 0.25

    widget = opened()

    assert widget.state.model.engine == "builtin" and widget.top.engine.currentText() == "Built-in (no model)"
    assert embeddings().most_bytes == GIB // 4
    assert store.chosen_engine() == "", "the preference is written in one place"


def test_a_change_is_followed_while_the_widget_is_open(settings, opened):
    widget = opened()

    settings.engine.default_engine = "builtin"
    settings.memory.encoded_images_gib = 0.5

    assert widget.state.model.engine == "builtin" and widget.state.model.reason == "Built-in: chosen"
    assert embeddings().most_bytes == GIB // 2 and store.chosen_engine() == ""
    settings.memory.encoded_images_gib = 0
    assert embeddings().most_bytes == default_bytes()


def test_an_engine_chosen_in_the_widget_stays(settings, opened):
    widget = opened()
    widget.top.engine.activated.emit(1)
    assert store.chosen_engine() == "builtin"

    settings.engine.default_engine = "builtin"
    settings.engine.default_engine = "auto"

    assert widget.state.model.engine == "builtin"


def test_a_closed_widget_follows_no_more(settings, opened):
    widget = opened()
    widget.close()

    settings.engine.default_engine = "builtin"

    assert widget.state.model.engine == "auto"


def test_what_is_set_is_there_after_a_restart(settings):
    settings.memory.encoded_images_gib = 1.5
    settings.memory.stacks_in_memory_mb = 100
    settings.engine.default_engine = "builtin"

    napari.settings._clear_plugin_settings_cache()

    assert napari_bridge.preferences() == Preferences("builtin", round(1.5 * GIB), 100 * 2**20)


def test_a_broken_file_leaves_them_as_at_first(settings, caplog):
    path = Path(settings.config_path)
    path.write_text("engine: {default_engine: gone}\nmemory: {encoded_images_gib: -3}\n", encoding="utf-8")
    napari.settings._clear_plugin_settings_cache()

    with caplog.at_level(logging.CRITICAL):
        assert napari_bridge.preferences() == Preferences()


def test_napari_without_preferences_of_plugins_is_no_fault(monkeypatch, opened):
    monkeypatch.delattr(napari.settings, "get_plugin_settings")

    assert opened().state.model.engine == "auto"


def test_another_plugin_s_broken_preferences_do_not_keep_ours_from_opening(monkeypatch, opened, caplog):
    def broken(plugin):
        raise TypeError("not ours")

    monkeypatch.setattr(napari.settings, "get_plugin_settings", broken)

    assert opened().state.model.engine == "auto" and "preferences of plugins" in caplog.text


def test_napari_s_dialog_shows_them_and_what_is_set_there_acts(settings, opened, qtbot):
    from napari._qt.dialogs.preferences_dialog import PreferencesDialog

    widget = opened()
    dialog = PreferencesDialog()
    qtbot.addWidget(dialog)
    names = [dialog._list.item(k).text() for k in range(dialog._list.count())]
    page = dialog._stack.widget(names.index("SAM3 Assistant"))

    page.findChild(QComboBox).setCurrentText("builtin")
    page.findChild(QDoubleSpinBox).setValue(3)

    assert widget.state.model.engine == "builtin" and embeddings().most_bytes == 3 * GIB


def test_embeddings_stay_on_disk_where_that_is_ticked(settings, tmp_path):
    assert napari_bridge.preferences().embeddings is None
    settings.disk.keep_embeddings = True
    assert napari_bridge.preferences().embeddings == StoreOptions(default_folder(), 20 * GIB)

    settings.disk.embeddings_folder, settings.disk.embeddings_gib = f" {tmp_path} ", 1.5

    assert napari_bridge.preferences().embeddings == StoreOptions(tmp_path, round(1.5 * GIB))
