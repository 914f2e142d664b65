"""What users see of SAM3's model: found, missing, on its way; and what they can do about it."""

from __future__ import annotations

import logging
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest
from qtpy.QtCore import QEvent, QSettings
from qtpy.QtWidgets import QApplication, QFileDialog, QLineEdit, QScrollArea

from napari_sam3_assistant.app import runtime
from napari_sam3_assistant.app.getting import STOPPED
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.engines import machine, registry
from napari_sam3_assistant.engines.registry import BUILTIN, EngineSpec
from napari_sam3_assistant.engines.weights import fetch
from napari_sam3_assistant.widgets import store
from napari_sam3_assistant.widgets.main_widget import MainWidget
from napari_sam3_assistant.widgets.model_row import CHOOSE_FOLDER
from tests.conftest import squares
from tests.engines.weights import small
from tests.engines.weights.hub import TOKEN, Hub, running

ROOT = Path(__file__).resolve().parents[2]
SLOW = 20_000  # milliseconds, to catch what hangs


@pytest.fixture(autouse=True)
def reaches_our_tests(monkeypatch):
    """Let the engine's process import the tests; and no token of the machine's is used."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def install(monkeypatch):
    """Return a function that makes an engine sam3 which needs these modules."""

    def install(*needs, gone=()):
        spec = EngineSpec("sam3", "SAM3", needs=needs, factory="tests.widgets.double:Double")
        monkeypatch.setattr(registry, "_OURS", (BUILTIN, spec))
        for module in (registry, machine):
            monkeypatch.setattr(module, "find_spec", lambda name: None if name in gone else find_spec(name))

    install("json")
    return install


@pytest.fixture
def open_widget(make_napari_viewer_proxy, install, qtbot, tmp_path_factory, monkeypatch):
    """Return a function that opens the widget, on a picture or on none; the user's folders are the test's own."""
    viewer = make_napari_viewer_proxy()
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):  # not before: napari keeps its icons there
        monkeypatch.setenv(name, str(tmp_path_factory.mktemp("home")))

    opened = []

    def open_widget(*, picture: bool = True) -> MainWidget:
        if picture and not len(viewer.layers):
            viewer.add_image(squares(), name="cells")
        made = MainWidget(viewer)
        opened.append(made)
        qtbot.waitUntil(lambda: not made.state.model.looking, timeout=SLOW)
        return made

    yield open_widget
    for made in opened:
        made.close()
        made.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def pick(monkeypatch):
    """Return a function that says which folder the user picks in the next dialog; and the titles of the dialogs."""
    titles = []

    def pick(folder) -> list[str]:
        def dialog(parent, title, start):
            titles.append(title)
            return str(folder)

        monkeypatch.setattr(QFileDialog, "getExistingDirectory", dialog)
        return titles

    return pick


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Run a hub with the files of SAM3 in miniature, behind a licence."""
    constants = pytest.importorskip("huggingface_hub.constants")
    for name in ("HF_TOKEN_PATH", "HF_STORED_TOKENS_PATH"):
        monkeypatch.setattr(constants, name, str(tmp_path / "no" / name))
    monkeypatch.setattr(fetch, "_CHUNK", 4096)
    source = small.write_sam3(tmp_path / "of the hub")
    files = {path.name: path.read_bytes() for path in source.iterdir()}
    with running(Hub(files, tokens={TOKEN})) as one:
        monkeypatch.setenv("HF_ENDPOINT", one.address)
        yield one


@pytest.fixture
def gate(monkeypatch):
    """Let downloads wait after each piece until the gate is opened."""
    opened, waits, stream = threading.Event(), threading.Event(), fetch._stream_once

    def patiently(remote, part, start, tell, cancel: CancelToken):
        def told(count):
            tell(count)
            if count > start and part.name.startswith("model.safetensors"):
                waits.set()
                while not opened.wait(0.01):
                    cancel.raise_if_cancelled()

        stream(remote, part, start, told, cancel)

    monkeypatch.setattr(fetch, "_stream_once", patiently)
    return opened, waits


def row(widget):
    return widget.top.model


def said(widget) -> str:
    """Return what the line below the row says."""
    can = row(widget)
    return can.advice.text() if can.advice.isVisibleTo(widget) else can.reason.text()


def choose(widget, qtbot, folder) -> None:
    widget.controller.model.choose_folder(folder)
    qtbot.waitUntil(lambda: not widget.state.model.looking, timeout=SLOW)
    qtbot.waitUntil(lambda: row(widget).status.text().split()[-1] in ("ok", "missing"))


def download(widget, qtbot, folder, token=TOKEN):
    """Open the panel, fill it in and press Download; return it."""
    row(widget).get.click()
    panel = widget.get_sam3
    panel.folder.setText(str(folder))
    panel.token.setText(token)
    panel.download.click()
    return panel


def ended(widget, qtbot) -> None:
    qtbot.waitUntil(lambda: not widget.state.model.download.running, timeout=SLOW)
    qtbot.wait(20)  # it is drawn


# -- the folder ------------------------------------------------------------------------------------


def test_without_a_folder_the_row_says_so_and_offers_sam3(open_widget):
    widget = open_widget()

    assert row(widget).status.text() == "Model: not set"
    assert row(widget).folder.toolTip() == "Select model folder"
    assert row(widget).get.isVisibleTo(widget) and not row(widget).unload.isVisibleTo(widget)
    assert said(widget) == "Built-in: no model folder chosen"


def test_a_good_folder_is_taken_at_once_and_remembered(open_widget, pick, qtbot, tmp_path):
    widget = open_widget(picture=False)
    folder = small.write_sam3(tmp_path / "sam3")
    titles = pick(folder)

    row(widget).folder.click()

    qtbot.waitUntil(lambda: widget.state.model.in_use == "sam3", timeout=SLOW)
    qtbot.waitUntil(lambda: row(widget).status.text() == "Model: SAM3.0 ok")
    assert titles == [CHOOSE_FOLDER[False]] == ["Select SAM3.0 model directory"]
    assert store.settings().value("model_dir") == str(folder) == row(widget).folder.toolTip()
    assert said(widget) == f"SAM3: model in {folder}"
    assert "points, boxes, masks, text" in row(widget).status.toolTip()
    assert "Device: " in row(widget).reason.toolTip()
    assert not row(widget).get.isVisibleTo(widget) and not row(widget).unload.isEnabled()


@pytest.mark.parametrize("key", ["simple_model_dir", "model_dir"])
def test_a_folder_remembered_is_used_again(open_widget, qtbot, tmp_path, key):
    store.settings().setValue(key, str(small.write_sam3(tmp_path / "sam3")))

    widget = open_widget(picture=False)

    qtbot.waitUntil(lambda: widget.state.model.in_use == "sam3", timeout=SLOW)


def test_a_dialog_that_is_dismissed_changes_nothing(open_widget, pick):
    widget = open_widget()
    pick("")

    row(widget).folder.click()

    assert widget.state.model.folder == "" and row(widget).status.text() == "Model: not set"


def test_a_half_downloaded_folder_is_said_in_text_with_what_to_do(open_widget, qtbot, tmp_path):
    widget = open_widget()
    small.write_config(tmp_path)
    (tmp_path / "model.safetensors.incomplete").write_bytes(b"x")

    choose(widget, qtbot, tmp_path)

    assert row(widget).status.text() == "Model: SAM3.0 missing"
    qtbot.waitUntil(lambda: "half downloaded. Press Get SAM3" in said(widget))
    assert str(tmp_path) in row(widget).status.toolTip() and "get-model" in row(widget).status.toolTip()
    assert widget.state.model.in_use == "builtin"
    row(widget).get.click()
    assert widget.get_sam3.folder.text() == str(tmp_path), "the download goes on there"


def test_a_folder_of_another_model_says_which_and_what_to_do(open_widget, qtbot, tmp_path):
    import numpy as np

    small.write_safetensors(
        tmp_path / "model.safetensors", {"image_encoder.trunk.blocks.0.norm1.weight": np.zeros(2, "f4")}
    )
    widget = open_widget()

    choose(widget, qtbot, tmp_path)

    qtbot.waitUntil(lambda: "is SAM 2, not SAM3. Get model.safetensors" in said(widget))


def test_sam3_answers_from_its_folder_and_unload_gives_its_memory_back(open_widget, qtbot, tmp_path):
    widget = open_widget()
    choose(widget, qtbot, small.write_sam3(tmp_path / "sam3"))

    qtbot.waitUntil(lambda: row(widget).unload.isEnabled(), timeout=SLOW)
    assert widget.state.model.loaded
    qtbot.waitUntil(lambda: said(widget).startswith("SAM3 on CPU: model in"))
    qtbot.waitUntil(lambda: not widget.controller.busy, timeout=SLOW)
    process = runtime._runtime._engines["sam3"].engine._engine.pid
    row(widget).unload.click()

    qtbot.waitUntil(lambda: not row(widget).unload.isEnabled(), timeout=SLOW)
    assert not widget.state.model.loaded and "sam3" not in runtime._runtime._engines
    assert process and not Path(f"/proc/{process}").exists()
    widget.controller.viewer.layers["SAM3 points"].add([35, 35])
    qtbot.waitUntil(lambda: widget.state.model.loaded, timeout=SLOW)
    qtbot.waitUntil(lambda: len(widget.state.results.objects) == 1, timeout=SLOW)


def test_another_folder_closes_the_engine_of_the_first(open_widget, qtbot, tmp_path):
    widget = open_widget()
    choose(widget, qtbot, small.write_sam3(tmp_path / "one"))
    qtbot.waitUntil(lambda: widget.state.model.loaded, timeout=SLOW)
    first = runtime._runtime._engines["sam3"]

    choose(widget, qtbot, small.write_sam3(tmp_path / "two"))

    qtbot.waitUntil(
        lambda: "sam3" in runtime._runtime._engines and runtime._runtime._engines["sam3"] is not first, timeout=SLOW
    )
    assert not first.engine.ready and first.engine._engine.pid is None
    qtbot.waitUntil(lambda: widget.state.model.loaded, timeout=SLOW)


def test_a_folder_changed_while_sam3_reads_is_loaded_all_the_same(open_widget, qtbot, tmp_path):
    widget = open_widget()
    choose(widget, qtbot, small.write_sam3(tmp_path / "one"))
    qtbot.waitUntil(lambda: widget.controller.standby.at_work, timeout=SLOW)

    second = small.write_sam3(tmp_path / "two")
    widget.controller.model.choose_folder(second)

    qtbot.waitUntil(lambda: widget.state.model.in_use == "sam3" and widget.state.model.loaded, timeout=SLOW)
    assert runtime._runtime._engines["sam3"].target.folder == second


# -- the engine ------------------------------------------------------------------------------------


def test_sam3_is_in_the_list_and_choosing_it_too_early_shows_how_to_get_it(open_widget, qtbot):
    widget = open_widget()
    index = widget.top.engine.findData("sam3")

    widget.top.engine.setCurrentIndex(index)
    widget.top.engine.activated.emit(index)

    assert widget.state.model.engine == "sam3" and widget.state.model.in_use == "builtin"
    qtbot.waitUntil(widget.get_sam3.isVisible)
    assert not widget.get_sam3.isModal()
    qtbot.waitUntil(lambda: "Built-in answers until SAM3 can: no model folder chosen" in said(widget))
    assert "Get SAM3" in said(widget)


def test_sam3_answers_when_its_folder_comes_later(open_widget, qtbot, tmp_path):
    widget = open_widget(picture=False)
    widget.controller.model.choose_engine("sam3")

    choose(widget, qtbot, small.write_sam3(tmp_path / "sam3"))

    assert widget.state.model.in_use == "sam3"


def test_the_built_in_engine_needs_no_model(open_widget, qtbot):
    widget = open_widget()

    widget.controller.model.choose_engine("builtin")

    qtbot.waitUntil(lambda: row(widget).status.text() == "Model: not needed (built-in)")
    assert said(widget) == "Built-in: chosen"


# -- packages --------------------------------------------------------------------------------------


def test_missing_packages_come_with_the_command_that_installs_them(open_widget, install, qtbot):
    install("torch", "transformers", gone=("torch", "transformers", "huggingface_hub"))
    widget = open_widget()

    row(widget).get.click()

    panel = widget.get_sam3
    command = panel.command.toPlainText()
    assert panel.packages.isVisibleTo(panel) and not panel.download_page.isVisibleTo(panel)
    assert "torch, transformers and huggingface_hub" in panel.about.text()
    assert "pip install" in command and "transformers>=5.23" in command and "torch>=2.6" in command
    panel.copy.click()
    assert QApplication.clipboard().text() == command and panel.copy.text() == "Copied"
    assert "restart napari" in panel.after.text()


def test_missing_packages_are_said_where_a_folder_is_chosen(open_widget, install, qtbot, tmp_path):
    install("torch", gone=("torch",))
    widget = open_widget()

    choose(widget, qtbot, small.write_sam3(tmp_path / "sam3"))

    qtbot.waitUntil(lambda: said(widget) == "Built-in: torch not installed. Press Get SAM3: it says how to install it.")
    assert row(widget).get.isVisibleTo(widget)


# -- the download ----------------------------------------------------------------------------------


def test_a_download_ends_with_the_folder_chosen(open_widget, hub, qtbot, tmp_path):
    widget = open_widget(picture=False)

    panel = download(widget, qtbot, tmp_path / "models")

    ended(widget, qtbot)
    qtbot.waitUntil(lambda: widget.state.model.in_use == "sam3", timeout=SLOW)
    assert store.settings().value("model_dir") == str(tmp_path / "models")
    assert panel.text.text() == f"SAM3 is in {tmp_path / 'models'}."
    qtbot.waitUntil(lambda: panel.about.text().startswith("SAM3 is ready"))


def test_the_token_is_kept_nowhere(open_widget, hub, qtbot, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    widget = open_widget(picture=False)
    panel = download(widget, qtbot, tmp_path / "models")
    assert panel.token.echoMode() is QLineEdit.EchoMode.Password

    ended(widget, qtbot)
    qtbot.waitUntil(lambda: widget.state.model.in_use == "sam3", timeout=SLOW)
    panel.close()

    assert hub.sent and set(hub.sent) == {TOKEN}, "it was sent to the hub"
    kept = store.settings()
    everything = "".join(str(kept.value(key)) for key in kept.allKeys())
    everything += repr(widget.state) + repr(vars(widget.controller.model)) + repr(vars(widget.controller.model.getting))
    everything += caplog.text + panel.token.text()
    everything += "".join(path.read_text(errors="ignore") for path in tmp_path.rglob("*") if path.is_file())
    everything += Path(QSettings.fileName(kept)).read_text()
    assert TOKEN not in everything


@pytest.mark.parametrize(
    ("status", "token", "words"),
    [(401, "hf_wrong", "does not accept this token"), (403, "hf_other", "no access"), (401, "", "behind a licence")],
)
def test_a_refusal_says_what_to_do_and_another_try_works(open_widget, hub, qtbot, tmp_path, status, token, words):
    hub.refuse = status
    widget = open_widget(picture=False)
    panel = download(widget, qtbot, tmp_path / "models", token)
    ended(widget, qtbot)

    assert words in panel.text.text() and "huggingface.co/facebook/sam3" in panel.text.text()
    assert panel.download.isEnabled() and not panel.cancel.isEnabled()
    panel.token.setText(TOKEN)
    panel.download.click()
    qtbot.waitUntil(lambda: widget.state.model.in_use == "sam3", timeout=SLOW)


def test_the_token_of_the_environment_is_used_and_not_shown(open_widget, hub, qtbot, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    widget = open_widget(picture=False)

    panel = download(widget, qtbot, tmp_path / "models", "")

    assert panel.token.text() == "" and "HF_TOKEN is set" in panel.token.placeholderText()
    qtbot.waitUntil(lambda: widget.state.model.in_use == "sam3", timeout=SLOW)


def test_cancel_keeps_what_has_come_and_download_goes_on(open_widget, hub, gate, qtbot, tmp_path):
    opened, waits = gate
    widget = open_widget(picture=False)
    panel = download(widget, qtbot, tmp_path / "models")
    qtbot.waitUntil(waits.is_set, timeout=SLOW)
    qtbot.waitUntil(lambda: panel.cancel.isEnabled() and " of " in panel.text.text(), timeout=SLOW)
    assert panel.bar.isVisibleTo(panel) and not panel.download.isEnabled() and not panel.token.isEnabled()

    panel.cancel.click()

    ended(widget, qtbot)
    assert panel.text.text() == STOPPED
    opened.set()
    panel.download.click()
    qtbot.waitUntil(lambda: widget.state.model.in_use == "sam3", timeout=SLOW)
    first, second = hub.got("model.safetensors")
    assert first is None and second.startswith("bytes=") and second != "bytes=0-"


@pytest.mark.parametrize("what", ["panel", "widget"])
def test_closing_while_it_runs_stops_it_and_leaves_no_thread(open_widget, hub, gate, qtbot, tmp_path, what):
    widget = open_widget(picture=False)
    panel = download(widget, qtbot, tmp_path / "models")
    qtbot.waitUntil(gate[1].is_set, timeout=SLOW)

    (panel if what == "panel" else widget).close()

    if what == "panel":
        qtbot.waitUntil(lambda: not widget.state.model.download.running, timeout=SLOW)
        assert not widget.state.model.asking and widget.state.model.download.text == STOPPED
        widget.close()
    threads = lambda: [one.name for one in threading.enumerate() if one.name.startswith("sam3-assistant")]  # noqa: E731
    qtbot.waitUntil(lambda: not threads(), timeout=SLOW)
    assert not (tmp_path / "models" / "model.safetensors").exists()


def test_it_stops_with_its_viewer_also_while_another_one_is_open(open_widget, hub, gate, qtbot, tmp_path):
    widget = open_widget(picture=False)
    other = runtime.acquire()  # of another viewer
    download(widget, qtbot, tmp_path / "models")
    qtbot.waitUntil(gate[1].is_set, timeout=SLOW)
    session = widget.controller.model.getting._session

    widget._bindings.close()  # as when napari deletes the widget

    qtbot.waitUntil(lambda: not other.scheduler.busy(session), timeout=SLOW)
    runtime.release()


def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(open_widget, hub, qtbot, tmp_path, monkeypatch):
    from napari_sam3_assistant.engines.weights import amounts

    monkeypatch.setattr(amounts, "SPARE", 10**18)
    widget = open_widget(picture=False)
    panel = download(widget, qtbot, tmp_path / "models")
    ended(widget, qtbot)

    assert "The download needs" in panel.text.text() and "another disk" in panel.text.text()
    assert hub.got("model.safetensors") == []


def test_who_has_the_files_chooses_their_folder(open_widget, pick, qtbot, tmp_path):
    widget = open_widget(picture=False)
    pick(small.write_sam3(tmp_path / "sam3"))
    row(widget).get.click()

    widget.get_sam3.have.click()

    qtbot.waitUntil(lambda: widget.state.model.in_use == "sam3", timeout=SLOW)


def test_the_start_page_opens_the_panel(open_widget, qtbot):
    widget = open_widget(picture=False)

    widget.start.get_sam3.click()

    qtbot.waitUntil(widget.get_sam3.isVisible)
    widget.get_sam3.close()
    assert not widget.state.model.asking


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_small_laptop_needs_no_scroll_bar_while_sam3_reads(make_napari_viewer, theme, install, qtbot, tmp_path):
    viewer = make_napari_viewer(show=True)
    viewer.theme = theme
    viewer.window.resize(1366, 768)
    viewer.add_image(squares(), name="cells")
    dock, widget = viewer.window.add_plugin_dock_widget("napari-sam3-assistant", "SAM3 Assistant")
    widget.controller.model.choose_folder(small.write_sam3(tmp_path / "sam3"))
    qtbot.waitUntil(lambda: widget.state.model.in_use == "sam3", timeout=SLOW)
    qtbot.wait(300)  # the dock has claimed the width that it needs
    widget.state.run.background = "SAM3 reads this view: about 25 s on this CPU; the built-in engine answers meanwhile."
    qtbot.wait(200)
    (area,) = [area for area in widget.findChildren(QScrollArea) if area.isVisible()]

    assert not area.verticalScrollBar().isVisible() and dock.width() < 420
    assert row(widget).folder.isVisible() and row(widget).unload.isVisible()


def test_a_scroll_bar_goes_when_there_is_room_again(make_napari_viewer, install, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1366, 768)
    viewer.add_image(squares(), name="cells")
    _, widget = viewer.window.add_plugin_dock_widget("napari-sam3-assistant", "SAM3 Assistant")
    qtbot.wait(300)
    (area,) = [area for area in widget.findChildren(QScrollArea) if area.isVisible()]
    widget.state.model.engine, widget.state.model.reason = "sam3", "a long reason " * 30
    qtbot.waitUntil(lambda: area.verticalScrollBar().isVisible())

    widget.state.model.reason = "a short one"

    qtbot.waitUntil(lambda: not area.verticalScrollBar().isVisible())


def test_what_came_of_a_download_is_forgotten_when_another_folder_is_chosen(open_widget, qtbot, tmp_path):
    widget = open_widget()
    (tmp_path / "file").write_text("")
    panel = download(widget, qtbot, tmp_path / "file" / "sam3", token="hf bad")
    ended(widget, qtbot)
    assert "\N{WARNING SIGN}" in panel.text.text()

    panel.folder.setText(str(tmp_path / "another"))

    qtbot.waitUntil(lambda: not panel.text.text())
    assert not widget.state.model.download.problem
