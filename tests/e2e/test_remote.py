"""The engine of a server in the widget: its masks are those of the engine here, and nothing is lost when it is away."""

from __future__ import annotations

import socket
import time

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_sam3_assistant.app import server_link
from napari_sam3_assistant.app.server_state import Link
from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.remote.engine import RemoteEngine
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.jobs import Task
from tests.e2e.conftest import our_threads
from tests.e2e.hands import add, labels, objects, several
from tests.server.conftest import running

GONE = (Link.OFFLINE,)


def serving(port: int = 0, engine: BuiltinEngine | None = None):
    """Run a server that hangs up at once when it ends."""
    return running(engine or BuiltinEngine(), port=port, drain_s=0)


@pytest.fixture
def impatient(monkeypatch):
    """A server that is lost is given up soon, and looked for often."""
    monkeypatch.setitem(RemoteEngine.__init__.__kwdefaults__, "patience_s", 0.5)
    monkeypatch.setattr(server_link, "LOOK_S", 0.1)


def use(driver: Driver, address: str) -> None:
    """Choose a server, and wait until its engine answers."""
    driver.widget.controller.model.server.accept(address, "", keep=False)
    driver.wait(lambda: driver.state.server.link is Link.CONNECTED, "The server")
    rest(driver)


def rest(driver: Driver) -> None:
    """Wait until later answers are there, too."""
    driver.wait(lambda: not driver.widget.controller.standby.at_work, "The server's answer")
    driver.wait_until_idle()


def answered_by(driver: Driver) -> list[str]:
    """The engine of each object."""
    return [talk.answer.engine for talk in driver.widget.controller.board.draft.talks.values() if talk.answer]


def another(driver: Driver, row: int, col: int) -> None:
    driver.widget.controller.board.begin_object()
    add(driver, row, col)


def test_a_server_that_goes_and_comes_back_loses_no_click(open_driver, impatient):
    with serving() as there:
        port = there.port
        driver = open_driver((several(), {"name": "cells"}), show=False)
        add(driver, 35, 35)
        here = labels(driver)
        use(driver, there.url)
        rest(driver)
        assert answered_by(driver) == ["remote"] and np.array_equal(labels(driver), here)

    another(driver, 35, 95)  # the built-in engine answers meanwhile
    driver.wait(lambda: driver.state.server.link in GONE, "Its absence")
    rest(driver)
    row = driver.widget.top.model
    driver.wait(lambda: row.builtin.isVisibleTo(driver.widget), "The offer")
    assert "cannot be reached" in row.advice.text()
    assert "stopped" not in driver.state.run.background  # nobody has stopped it
    assert len(objects(driver)) == 2 and answered_by(driver) == ["remote", "builtin"]

    with serving(port):
        driver.wait(lambda: answered_by(driver) == ["remote", "remote"], "The server's answer")
        driver.wait(lambda: driver.state.server.link is Link.CONNECTED, "The server")
        rest(driver)
        assert driver.state.run.phase is Phase.IDLE and not row.builtin.isVisibleTo(driver.widget)

    driver.wait(lambda: driver.state.server.link is not Link.CONNECTED, "Its absence")
    row.builtin.click()
    another(driver, 95, 35)
    assert driver.state.model.in_use == "builtin" and len(objects(driver)) == 3
    assert answered_by(driver)[-1] == "builtin" and driver.state.server.address


def followed(driver: Driver) -> np.ndarray:
    return np.asarray(driver.viewer.layers[names.PROPAGATED].data)


def propagate(driver: Driver) -> None:
    """Follow the object under a point on the first frame."""
    driver.widget.controller.choose_task(Task.VIDEO)
    driver.widget.controller.arm()
    driver.wait_until_idle()
    driver.viewer.dims.set_current_step(0, 0)
    driver.viewer.layers[names.POINTS].add([0, 35, 35])
    driver.wait_until_idle()
    driver.widget.controller.propagation.start()


def stack() -> np.ndarray:
    return np.stack([np.roll(several(), frame, axis=1) for frame in range(12)])


def done(driver: Driver) -> bool:
    return not driver.state.video.running and driver.state.run.phase in (Phase.IDLE, Phase.FAILED)


class Leisurely(BuiltinEngine):
    """Takes its time for a frame, so that a server ends before the frames do."""

    def encode(self, image, *, progress, cancel):
        time.sleep(0.05)
        return super().encode(image, progress=progress, cancel=cancel)


def test_a_server_that_starts_anew_in_the_middle_of_a_propagation_changes_no_mask(open_driver, monkeypatch):
    driver = open_driver((stack(), {"name": "film"}), show=False)
    propagate(driver)
    driver.wait(lambda: driver.state.video.done == 12 and done(driver), "The frames")
    here = followed(driver).copy()
    driver.widget.controller.propagation.forget()
    driver.viewer.layers[names.POINTS].data = np.zeros((0, 3))
    driver.wait_until_idle()

    with serving(engine=Leisurely()) as there:
        port = there.port
        use(driver, there.url)
        propagate(driver)
        driver.wait(lambda: driver.state.video.done >= 2, "Some frames")
    monkeypatch.setattr(server_link, "LOOK_S", 0.1)
    with serving(port, Leisurely()):  # soon enough: it goes on by itself
        driver.wait(lambda: driver.state.video.done >= 6, "Some more")
        driver.widget.controller.standby.session.engine.loaded()._engine._link._patience_s = 0.1
    driver.wait(lambda: done(driver), "The end of patience")
    assert driver.state.video.done < 12 and driver.state.run.phase is Phase.FAILED, driver.state.run
    with serving(port):  # found again
        driver.wait(lambda: driver.state.video.done == 12 and done(driver), "The rest")

    assert driver.state.run.phase is Phase.IDLE, driver.state.run
    assert np.array_equal(followed(driver), here)


@pytest.mark.parametrize("gone", [False, True], ids=["mute", "gone"])
def test_a_viewer_is_closed_though_its_server_is_dead(open_driver, gone):
    driver = open_driver((several(), {"name": "cells"}), show=False)
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections, and never says a word
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        if gone:
            mute.close()
        driver.widget.controller.model.server.accept(address, "", keep=False)
        add(driver, 35, 35)
        assert len(objects(driver)) == 1 and answered_by(driver) == ["builtin"]

        driver.viewer.close()
        driver.pump(0.1)

        driver.wait(lambda: not our_threads(), "The end of the threads")
    QApplication.processEvents()
