"""A real viewer with the real widget docked, and a hand that clicks in its canvas."""

from __future__ import annotations

import gc
import threading

import napari
import pytest
from qtpy.QtWidgets import QApplication

from napari_sam3_assistant.demo.driver import Driver
from tests.e2e.hands import Watched


@pytest.fixture
def open_driver(make_napari_viewer):
    """Return a function that opens a viewer of 1000 x 700, and the widget in it where wanted."""

    def open_driver(*layers, show: bool = True) -> Driver:
        viewer = make_napari_viewer(show=show)
        viewer.window.resize(1000, 700)
        for data, options in layers:
            viewer.add_image(data, **options)
        return Driver(viewer)

    return open_driver


def our_threads() -> list[str]:
    """Names of the threads of ours that are alive."""
    return [one.name for one in threading.enumerate() if one.name.startswith("sam3-assistant")]


@pytest.fixture
def engine(monkeypatch):
    """Return the built-in engine that will answer, watched."""
    made = Watched()
    monkeypatch.setattr("napari_sam3_assistant.engines.registry.create", lambda name: made)
    return made


_kept: list = []


@pytest.fixture(scope="module")
def _end_of_module(qapp):
    """Close the viewer that the tests of a module have shared."""
    yield
    while _kept:
        _kept.pop().close()
        qapp.processEvents()
        gc.collect()


@pytest.fixture
def open_again(_end_of_module):
    """As ``open_driver``; the tests of the module share one viewer, which costs a third. The widget is a new one."""

    def open_again(*layers, show: bool = True) -> Driver:
        if not _kept:
            _kept.append(napari.Viewer(show=show))
            _kept[0].window.resize(1000, 700)
        viewer = _kept[0]
        viewer.window._qt_window.setVisible(show)  # what is not shown is not drawn
        for data, options in layers:
            viewer.add_image(data, **options)
        viewer.reset_view()
        return Driver(viewer)

    yield open_again
    if _kept:
        _kept[0].window.remove_dock_widget("all")
        _kept[0].layers.clear()
        _kept[0].dims.order = range(_kept[0].dims.ndim)
        QApplication.processEvents()
