"""A person reviews a thousand objects with the keys of the canvas: what each key takes, and what is left in memory."""

from __future__ import annotations

import gc
import time

import napari
import numpy as np
import psutil
from napari.utils._proxies import PublicOnlyProxy
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from benchmarks.rows import Row, middle, show
from napari_sam3_assistant.app.masking.review import REVIEW
from napari_sam3_assistant.app.masking.review_state import OBJECTS
from napari_sam3_assistant.layers.world import camera_of
from napari_sam3_assistant.widgets.canvas import canvas_of
from napari_sam3_assistant.widgets.mask_operations_widget import MaskOperationsWidget

SIDE, OBJECTS_A_SIDE, PITCH = 2048, 32, 64
WARM = 24
KEYS = (Qt.Key.Key_K, Qt.Key.Key_K, Qt.Key.Key_Q, Qt.Key.Key_J)


def disks() -> np.ndarray:
    """Return 1,024 disks of as many labels on 2,048 x 2,048 pixels."""
    rng, labels = np.random.default_rng(0), np.zeros((SIDE, SIDE), np.uint16)
    row, col = np.ogrid[:PITCH, :PITCH]
    for k in range(OBJECTS_A_SIDE**2):
        top, left = PITCH * (k // OBJECTS_A_SIDE), PITCH * (k % OBJECTS_A_SIDE)
        disk = (row - PITCH / 2) ** 2 + (col - PITCH / 2) ** 2 < rng.uniform(8, 28) ** 2
        labels[top : top + PITCH, left : left + PITCH][disk] = k + 1
    return labels


def main(arguments: list[str]) -> int:
    """Print what a key takes, beside what the camera alone takes; 0 where the targets are held."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1366, 768)
    layer = viewer.add_labels(disks(), name="cells")
    proxy = PublicOnlyProxy(viewer)
    widget = MaskOperationsWidget(proxy)
    viewer.window.add_dock_widget(widget, name="masks")
    widget.state.tab = REVIEW
    review = widget.controller.review
    review.choose(OBJECTS, str(layer.unique_id))
    _rest(widget)
    canvas = canvas_of(widget)
    if canvas is None:
        print("napari has no canvas on this screen.")
        return 1
    review.walk(1)
    _rest(widget)
    bare = middle(_camera(viewer, k) for k in range(30))
    _review(canvas, WARM)
    count = OBJECTS_A_SIDE**2 - WARM
    half = count // 2
    first_keys, first_drawn = _review(canvas, half)
    before = _resident_mb()
    last_keys, last_drawn = _review(canvas, count - half)
    grown = _resident_mb() - before
    decided = int((layer.features["review_status"] != "unreviewed").sum())
    rows = [
        Row("a key of the review: what it does", middle(first_keys + last_keys), target=30),
        Row("a key of the review, to drawn", middle(first_drawn), bare=bare, bare_name="moving the camera, to drawn"),
        Row("the same, of the last 500", middle(last_drawn), bare=bare, bare_name="as above"),
        Row("memory that the last 500 have taken", grown, "MB", target=8),
        Row("objects reviewed", decided, "objects"),
    ]
    show(f"{count + WARM:,} objects of {SIDE:,} x {SIDE:,} pixels reviewed with keys alone", rows)
    viewer.close()
    return 0 if all(row.held in (None, True) for row in rows) else 1


def _review(canvas: object, count: int) -> tuple[list[float], list[float]]:
    """Press keys; return how long each took to be done, and to be drawn, in ms."""
    done, drawn = [], []
    for k in range(count):
        start = time.perf_counter()
        QTest.keyClick(canvas, KEYS[k % len(KEYS)])
        done.append(1e3 * (time.perf_counter() - start))
        QApplication.processEvents()
        drawn.append(1e3 * (time.perf_counter() - start))
    return done, drawn


def _camera(viewer: napari.Viewer, k: int) -> float:
    start = time.perf_counter()
    camera_of(viewer).center = (0, 300.0 + k, 300.0 + k)
    QApplication.processEvents()
    return 1e3 * (time.perf_counter() - start)


def _resident_mb() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


def _rest(widget: MaskOperationsWidget) -> None:
    end = time.perf_counter() + 0.5
    while time.perf_counter() < end or widget.state.busy:
        QApplication.processEvents()
