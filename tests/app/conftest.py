"""Mask Operations without their widget: a real viewer, and the controller over the real worker."""

from __future__ import annotations

import pytest

from napari_sam3_assistant.app import runtime as runtimes
from napari_sam3_assistant.app.masking.controller import MaskController
from napari_sam3_assistant.app.masking.state import MaskState
from napari_sam3_assistant.widgets.bind import on_main


@pytest.fixture
def runtime():
    yield runtimes.acquire()
    runtimes.release()


@pytest.fixture
def open_masks(runtime, qapp):
    """Return a function that makes the controller of a viewer."""
    made = []

    def open_masks(viewer) -> MaskController:
        made.append(MaskController(viewer, MaskState(), runtime, on_main))
        return made[-1]

    on_main(lambda: None)
    yield open_masks
    for one in made:
        one.close()


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


@pytest.fixture
def finish(qtbot):
    """Return a function that waits until an operation is done and returns what it said."""

    def finish(masks: MaskController) -> str:
        qtbot.waitUntil(lambda: not masks.state.busy, timeout=10_000)
        return masks.state.message

    return finish
