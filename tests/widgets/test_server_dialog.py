"""Choosing a server: its address, its token and where that is kept, a test of it, and what is remembered."""

from __future__ import annotations

import logging
import socket

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLineEdit

from napari_sam3_assistant.app import tokens
from napari_sam3_assistant.app.server_state import Link
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.widgets import store
from napari_sam3_assistant.widgets.main_widget import MainWidget
from tests.conftest import squares
from tests.server.conftest import running
from tests.server.stub import StubEngine

SLOW = 20_000  # milliseconds, to catch what hangs
TOKEN = "a-token-nobody-may-see-but-the-server"


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 5

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def ring():
    """The system's keyring."""
    before, made = keyring.get_keyring(), Ring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch):
    """No token is known, and no keyring of this machine is asked."""
    monkeypatch.setattr(tokens, "_told", {})
    monkeypatch.setattr(tokens, "_turns", {})
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def open_widget(make_napari_viewer_proxy, qtbot):
    """Return a function that opens the widget on a picture."""
    viewer = make_napari_viewer_proxy()
    viewer.add_image(squares(), name="cells")

    def open_widget() -> MainWidget:
        made = MainWidget(viewer)
        qtbot.addWidget(made)
        return made

    return open_widget


def choose_server(widget: MainWidget):
    """Choose ``Server...`` as a user does; return the dialog."""
    engine = widget.top.engine
    index = engine.findText("Server...")
    engine.setCurrentIndex(index)
    engine.activated.emit(index)
    return widget.server


def use(widget: MainWidget, qtbot, address: str, token: str = ""):
    """Choose a server and wait until its engine answers."""
    dialog = choose_server(widget)
    dialog.address.setEditText(address)
    dialog.token.setText(token)
    dialog.ok.click()
    qtbot.waitUntil(lambda: widget.state.server.link is Link.CONNECTED, timeout=SLOW)


def said_of(widget: MainWidget, qtbot, address: str, *, token: str = "") -> str:
    """Press ``Test`` and return what is said."""
    dialog = choose_server(widget)
    dialog.address.setEditText(address)
    dialog.token.setText(token)
    dialog.test.click()
    qtbot.waitUntil(lambda: not widget.state.server.trial.running, timeout=SLOW)
    dialog.draw()
    return dialog.text.text()


@pytest.fixture
def closed_port():
    """A port where nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield one.getsockname()[1]


def test_choosing_a_server_asks_which_and_changes_nothing_before(open_widget):
    widget = open_widget()

    dialog = choose_server(widget)

    assert dialog.isVisible() and widget.state.model.engine == "auto"
    assert widget.top.engine.currentText() == "Automatic"
    assert dialog.token.echoMode() == QLineEdit.EchoMode.Password
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible() and not widget.state.server.asking and widget.state.model.engine == "auto"


def test_a_test_tells_what_the_server_is(open_widget, qtbot):
    widget = open_widget()

    with running(BuiltinEngine()) as there:
        said = said_of(widget, qtbot, there.url)

    assert " ms." in said and "points, boxes, masks and examples" in said and "through frames" in said, said
    assert "words" not in said and not said.startswith("\N{WARNING SIGN}")
    assert widget.state.model.engine == "auto"


@pytest.mark.parametrize("bad", ["", "ftp://here", "http://a b", "name:0", "http://user:secret@here"])
def test_what_is_no_address_is_said_and_kept_nowhere(open_widget, bad):
    widget = open_widget()
    dialog = choose_server(widget)
    dialog.address.setEditText(bad)

    dialog.ok.click()
    dialog.draw()

    assert dialog.isVisible() and dialog.text.text().startswith("\N{WARNING SIGN}")
    assert widget.state.server.address == "" and widget.state.server.recent == ()


def test_a_server_that_is_not_there_or_refuses_is_told_apart(open_widget, qtbot, closed_port):
    widget = open_widget()

    with running(StubEngine(), tokens=(TOKEN,)) as there:
        refused = said_of(widget, qtbot, there.url, token="wrong")
        came_in = said_of(widget, qtbot, there.url, token=TOKEN)
    nobody = said_of(widget, qtbot, f"127.0.0.1:{closed_port}")

    assert "token" in refused and "token" not in came_in
    assert "Nothing listens" in nobody and "Built-in" in nobody
    for said in (refused, nobody):
        assert said.startswith("\N{WARNING SIGN}") and "Error" not in said and "Errno" not in said


def test_a_test_that_waits_can_be_stopped(open_widget, qtbot):
    widget = open_widget()
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections, and never says a word
        dialog = choose_server(widget)
        dialog.address.setEditText(f"127.0.0.1:{mute.getsockname()[1]}")
        dialog.test.click()
        qtbot.waitUntil(lambda: dialog.stop.isEnabled(), timeout=SLOW)
        assert not dialog.test.isEnabled() and dialog.bar.isVisible()

        dialog.stop.click()
        qtbot.waitUntil(lambda: dialog.test.isEnabled(), timeout=SLOW)
        qtbot.waitUntil(lambda: widget.state.server.keyring is not None, timeout=SLOW)  # it was looked for meanwhile

    assert dialog.text.text() == "Stopped."


def test_another_address_ends_the_test_of_the_one_before(open_widget):
    widget = open_widget()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        dialog = choose_server(widget)
        dialog.address.setEditText(f"127.0.0.1:{mute.getsockname()[1]}")
        dialog.test.click()

        dialog.address.setEditText("elsewhere:8000")
        dialog.draw()

    assert dialog.test.isEnabled() and dialog.text.text() == ""


def test_a_known_token_is_said_however_the_address_is_written(open_widget):
    widget = open_widget()
    tokens.tell("http://gpu-box:8000", TOKEN)
    dialog = choose_server(widget)

    said = []
    for text in ("gpu-box", "http://gpu-box:8000/app", "gpu-box:9000", ""):
        dialog.address.setEditText(text)
        said.append(dialog.token.placeholderText().startswith("Known"))

    assert said == [True, True, False, False]


def test_the_token_of_a_pasted_address_is_not_left_to_be_read(open_widget):
    widget = open_widget()
    dialog = choose_server(widget)
    edit = dialog.address.lineEdit()
    edit.setText(f"http://gpu-box:8000/app#token={TOKEN}")

    edit.editingFinished.emit()

    assert (dialog.address.currentText(), dialog.token.text()) == ("gpu-box:8000", TOKEN)
    assert dialog.token.echoMode() == QLineEdit.EchoMode.Password
    edit.editingFinished.emit()
    assert dialog.token.text() == TOKEN


def test_the_row_says_which_server_answers_and_hides_what_is_of_a_model_here(open_widget, qtbot):
    widget = open_widget()

    with running(BuiltinEngine()) as there:
        use(widget, qtbot, there.url)
        place = there.url.removeprefix("http://")
        row = widget.top.model
        qtbot.waitUntil(lambda: row.reason.text().endswith(" ms"), timeout=SLOW)

        assert row.reason.text().startswith(f"Server: Built-in at {place}, ")
        assert widget.top.engine.currentText() == "Server..."
        shown = {
            name for name in ("folder", "get", "unload", "builtin", "server") if getattr(row, name).isVisibleTo(widget)
        }
        assert shown == {"server"} and not widget.state.model.reads
        row.server.click()
        assert widget.server.isVisible() and widget.server.address.currentText() == there.url
        widget.server.reject()
        widget.controller.model.choose_engine("builtin")
        qtbot.waitUntil(lambda: len(there.app.state.sessions) == 0, timeout=SLOW)  # it hangs up


def test_a_token_is_kept_in_the_keyring_where_wanted_and_nowhere_else(open_widget, qtbot, ring, caplog):
    caplog.set_level(logging.DEBUG)
    with running(StubEngine(), tokens=(TOKEN,)) as there:
        widget = open_widget()
        choose_server(widget)
        qtbot.waitUntil(lambda: widget.server.keep.isEnabled(), timeout=SLOW)
        assert widget.server.keep.isChecked()
        use(widget, qtbot, f"{there.url}/app#token={TOKEN}")  # the address that the server has printed
        qtbot.waitUntil(lambda: list(ring.kept.values()) == [TOKEN], timeout=SLOW)
        tokens._told.clear()  # napari is started anew
        widget.close()
        again = open_widget()
        again.controller.model.link.connect()
        qtbot.waitUntil(lambda: again.state.server.link is Link.CONNECTED, timeout=SLOW)

        choose_server(again)
        qtbot.waitUntil(lambda: again.server.keep.isEnabled(), timeout=SLOW)
        again.server.keep.setChecked(False)
        again.server.ok.click()
        qtbot.waitUntil(lambda: not ring.kept, timeout=SLOW)
        qtbot.waitUntil(lambda: again.state.server.link is Link.CONNECTED, timeout=SLOW)

    written = "".join(str(store.settings().value(key)) for key in store.settings().allKeys())
    logged = "".join(line.text for line in (*widget.state.activity.lines, *again.state.activity.lines))
    assert there.url in written
    ours = "".join(one.getMessage() for one in caplog.records if not one.name.startswith("uvicorn"))  # the server's own
    for where in (written, logged, ours, repr(again.state.server)):
        assert TOKEN not in where


def test_without_a_keyring_a_token_is_asked_for_once(open_widget, qtbot):
    widget = open_widget()
    with running(StubEngine(), tokens=(TOKEN,)) as there:
        use(widget, qtbot, there.url, TOKEN)
        dialog = choose_server(widget)
        qtbot.waitUntil(lambda: widget.state.server.keyring == "", timeout=SLOW)

        assert dialog.token.text() == "" and not dialog.keep.isEnabled() and "No keyring" in dialog.keep.toolTip()
        dialog.ok.click()  # as it is: the token is known
        qtbot.waitUntil(lambda: widget.state.server.link is Link.CONNECTED, timeout=SLOW)


def test_a_wrong_token_is_said_where_one_enters_another(open_widget, qtbot):
    widget = open_widget()
    with running(StubEngine(), tokens=(TOKEN,)) as there:
        dialog = choose_server(widget)
        dialog.address.setEditText(there.url)
        dialog.ok.click()
        row = widget.top.model
        qtbot.waitUntil(lambda: widget.state.server.link is Link.REFUSED, timeout=SLOW)
        qtbot.waitUntil(lambda: row.advice.isVisibleTo(widget), timeout=SLOW)

        assert "refuses the token" in row.advice.text() and row.builtin.isVisibleTo(widget)
        use(widget, qtbot, there.url, TOKEN)


def test_the_server_of_last_time_is_in_use_again_but_not_asked(open_widget, qtbot):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.setblocking(False)
        address = f"http://127.0.0.1:{mute.getsockname()[1]}"
        store.settings().setValue("server_address", address)
        store.settings().setValue("server_addresses", address)
        store.settings().setValue(store.ENGINE, "remote")

        widget = open_widget()
        qtbot.wait(1000)  # a view that has been on screen for so long would have been read

        assert widget.state.model.in_use == "remote" and widget.state.server.recent == (address,)
        assert widget.top.model.reason.text().endswith("not asked yet")
        with pytest.raises(BlockingIOError):
            mute.accept()
