"""The strip of objects along the frames: where clicks and keys lead, what is marked and how, in themes and for many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QColor, QContextMenuEvent, QHelpEvent, QImage, QPalette
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QToolTip

from napari_sam3_assistant.tasks.quality import Strip
from napari_sam3_assistant.widgets.shared.cells import Line, cells_of, marked, runs, shade, shades
from napari_sam3_assistant.widgets.shared.strip import LEGEND, MOST_ROWS, StripView
from napari_sam3_assistant.widgets.shared.strip_paint import Scene

FRAMES = 20


def strip_of(object_id: int = 1, count: int = FRAMES, doubtful=(), said=()) -> Strip:
    frames = np.arange(count)
    why = np.isin(frames, doubtful).astype(np.uint8)
    zeros = np.zeros(count, np.float32)
    score = np.where(why, 0.35, 0.95).astype(np.float32)
    return Strip(object_id, frames, 100.0 + frames, score, np.isin(frames, said), why, zeros, zeros)


@pytest.fixture
def view(qtbot):
    """A strip as wide as in a narrow dock, in a window of its own."""
    made = StripView()
    qtbot.addWidget(made)
    made.resize(360, 140)
    made.show()
    return made


def show(view: StripView, *strips: Strip, frames: int = FRAMES, frame: int | None = 3, **more) -> None:
    scene = Scene(strips, frames, frame, more.get("unread", {}), more.get("selected"))
    view.show_scene(scene, lambda frame, object_id: f"{object_id} on {frame}")
    view.resize(view.width(), view.sizeHint().height())
    QApplication.processEvents()


def painted(view: StripView) -> QImage:
    return view.grab().toImage()


def differ(view: StripView, one: QImage, frame: int, object_id: int) -> bool:
    """Whether what is seen of a frame of an object is another than before."""
    now, at, ratio = painted(view), view.place_of(frame, object_id), one.devicePixelRatio()
    side = 7
    spots = [(at.x() + x, at.y() + y) for x in range(-side, side + 1) for y in range(-9, 10)]
    return any(one.pixel(int(x * ratio), int(y * ratio)) != now.pixel(int(x * ratio), int(y * ratio)) for x, y in spots)


def test_a_click_asks_for_the_frame_and_object_that_are_seen_there(view):
    show(view, strip_of(1), strip_of(4))
    asked = []
    view.asked.connect(lambda frame, object_id: asked.append((frame, object_id)))

    for frame, object_id in ((0, 1), (7, 4), (FRAMES - 1, 4)):
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.place_of(frame, object_id))
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(2, view.place_of(0, 4).y()))

    assert asked == [(0, 1), (7, 4), (FRAMES - 1, 4), (3, 4)]


def test_of_thousands_of_frames_each_pixel_is_a_cell_and_no_mark_is_lost(view):
    show(view, strip_of(1, 5000, doubtful=[1234], said=[4321]), frames=5000)
    line = view.line
    cells = cells_of(view.scene.strips[0], line)

    assert line.count == int(line.width) < 360
    assert np.flatnonzero(cells.doubtful).tolist() == [line.cell_of(1234)]
    assert np.flatnonzero(cells.said).tolist() == [line.cell_of(4321)]
    assert cells.score[line.cell_of(1234)] == pytest.approx(0.35)
    asked = []
    view.asked.connect(lambda frame, object_id: asked.append(frame))
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.place_of(1234, 1))
    assert abs(asked[0] - 1234) <= 5000 / line.width + 1


def test_keys_lead_from_frame_to_frame_and_from_object_to_object(view):
    show(view, strip_of(1), strip_of(4), frame=3, selected=1)
    asked = []
    view.asked.connect(lambda frame, object_id: asked.append((frame, object_id)))

    keys = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp, Qt.Key.Key_Home, Qt.Key.Key_End)
    for key in (*keys, Qt.Key.Key_Down, Qt.Key.Key_Up):
        QTest.keyClick(view, key)

    assert asked == [(2, 1), (4, 1), (13, 1), (0, 1), (0, 1), (FRAMES - 1, 1), (3, 4), (3, 1)]


def test_marks_differ_by_their_shape_and_the_current_frame_by_a_line(view):
    show(view, strip_of(1), frame=3)
    before = painted(view)

    for changed, frame in (
        ({"strips": (replace(strip_of(1), why=strip_of(1, doubtful=[8]).why),)}, 8),
        ({"strips": (replace(strip_of(1), said=strip_of(1, said=[8]).said),)}, 8),
        ({"unread": {8: "damaged"}}, 8),
        ({"frame": 8}, 8),
    ):
        scene = replace(Scene((strip_of(1),), FRAMES, 3, {}, None), **changed)
        view.show_scene(scene, lambda frame, object_id: "")
        assert differ(view, before, frame, 1), changed
        assert not differ(view, before, 14, 1), changed


@pytest.mark.parametrize("ground", ["#262930", "#efebe9"])
def test_scores_and_marks_stand_out_in_both_themes_also_for_those_who_see_fewer_colours(ground):
    back = QColor(ground)
    low, high = shades()[0], shades()[-1]

    # what the eye takes from a colour where red and green are one: yellow against blue, and how light it is
    def seen(colour: QColor) -> np.ndarray:
        yellow = 0.5 * (colour.red() + colour.green())
        return np.array([yellow, colour.blue(), 0.3 * colour.red() + 0.6 * colour.green() + 0.1 * colour.blue()])

    assert np.abs(seen(low) - seen(high)).max() > 60
    for one in (low, high):
        assert np.abs(seen(one) - seen(back)).max() > 60


def test_of_many_objects_some_are_seen_and_one_scrolls_to_the_others(view):
    few = view.sizeHint().height()
    show(view, *(strip_of(id) for id in range(1, 51)))
    bar = view.verticalScrollBar()
    assert view.height() == few + (MOST_ROWS - 1) * view.row_px
    assert (bar.value(), bar.maximum()) == (0, (50 - MOST_ROWS) * view.row_px)

    show(view, *(strip_of(id) for id in range(1, 51)), selected=40)

    assert bar.value() > 0
    assert view.place_at(view.place_of(5, 40)) == (5, 40)
    show(view, strip_of(1))
    assert bar.maximum() == 0


def test_the_tip_and_the_description_say_what_is_known(view, monkeypatch):
    show(view, strip_of(1), strip_of(4), frame=3, selected=4)
    said = []
    monkeypatch.setattr(QToolTip, "showText", lambda at, text, *more: said.append(text))
    for at in (view.place_of(7, 4), QPoint(2, 2)):
        event = QHelpEvent(QEvent.Type.ToolTip, at, view.viewport().mapToGlobal(at))
        QApplication.sendEvent(view.viewport(), event)

    assert said == ["4 on 7", LEGEND]
    assert (view.accessibleName(), view.accessibleDescription()) == ("Strip of objects", "4 on 3")


def test_the_menu_is_for_the_frame_and_object_under_the_mouse_or_for_the_selected_one(view):
    show(view, strip_of(1), strip_of(4), frame=3, selected=4)
    asked = []
    view.menu.connect(lambda frame, object_id, at: asked.append((frame, object_id)))
    at = view.place_of(7, 1)
    for reason, place in ((QContextMenuEvent.Reason.Mouse, at), (QContextMenuEvent.Reason.Keyboard, QPoint(0, 0))):
        QApplication.sendEvent(view.viewport(), QContextMenuEvent(reason, place, view.viewport().mapToGlobal(place)))

    assert asked == [(7, 1), (3, 4)]


def test_nothing_to_show_is_no_error(view):
    show(view, frames=0, frame=None)
    painted(view)
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Down):
        QTest.keyClick(view, key)

    assert view.place_at(QPoint(200, 5)) == (None, 0)
    view.setPalette(QPalette(QColor("white")))
    painted(view)


def test_cells_of_a_line_meet_without_a_gap():
    line = Line(7, 10.0, 100.0)

    edges = [line.edges(cell) for cell in range(line.count)]

    assert [one[0] for one in edges[1:]] == [one[1] for one in edges[:-1]]
    assert (edges[0][0], edges[-1][1]) == (10, 110)
    assert [line.frame_at(sum(one) / 2) for one in edges] == list(range(7))
    assert (line.frame_at(9.9), line.frame_at(110)) == (None, None)
    assert runs(marked([2, 3, 6, 99], line)) == [(2, 4), (6, 7)]
    assert (shade(0.0), shade(1.0)) == (0, len(shades()) - 1)
