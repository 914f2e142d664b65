"""The benchmarks run, on tiny pictures, and yield rows. What they measure is no matter of tests."""

import sys

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import (
    cells,
    clicks,
    curve,
    freezes,
    imports,
    isolation,
    large,
    masks,
    objects,
    planes,
    propagation,
    propagation_parts,
    waits,
)
from benchmarks.opened import Opened
from benchmarks.rows import Row, show
from benchmarks.scenes import CHUNK, in_memory, on_disk
from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.layers import names


@pytest.fixture
def opened(make_napari_viewer):
    opened = Opened(make_napari_viewer(show=True))
    yield opened
    opened.widget.close()


def are_rows(rows):
    return bool(rows) and all(isinstance(row, Row) and np.isfinite(row.ours) for row in rows)


def test_a_row_tells_ratio_and_whether_its_target_is_held(capsys):
    row = Row("a click", 4.0, "ms", 2.0, "a copy", "390 ms", 3.0, "once")

    show("Clicks", [row, Row("encodes", 1, "", target=1), Row("no target", 5)])

    printed = capsys.readouterr().out
    assert (row.ratio, row.held) == (2.0, False)
    assert "2.00" in printed and "NO" in printed and "yes" in printed and "bare: a copy; once" in printed


def test_a_sparse_pyramid_holds_only_what_was_written_and_counts_what_is_read(tmp_path):
    scene = on_disk(tmp_path / "plane", 8 * CHUNK, patch=CHUNK)

    row, col = scene.places[0]
    around = np.asarray(scene.data[0][row - 20 : row + 20, col - 20 : col + 20])

    assert around.max() > 50 and scene.store.chunks == 1
    assert [level.shape[0] for level in scene.data] == [8192, 4096, 2048, 1024, 512]
    assert len(list((tmp_path / "plane" / "0").rglob("c/*/*"))) == 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_own_time_is_told_apart_from_the_engines(opened, dtype):
    rows = waits.own_time(opened, in_memory(256, dtype), "tiny", 2, public="", target=20)

    assert are_rows(rows) and len(rows) == 3
    assert "bare" not in opened.viewer.layers


def test_memory_and_chunks_of_a_window_are_told(opened, tmp_path):
    scene = on_disk(tmp_path / "plane", 4 * CHUNK)

    rows = waits.memory(opened, scene, "tiny", public="", target=50)

    assert are_rows(rows)
    assert 1 <= rows[-1].ours <= 4  # chunks


def test_planes_of_any_side_are_measured_and_their_growth_is_told(opened, tmp_path, capsys):
    scene = on_disk(tmp_path / "plane", 3 * CHUNK, CHUNK, rgb=True)

    figures = planes.measured(opened, scene, tmp_path / "masks", 1)
    two = [large.Plane(side, True, figures, planes.copied_ms(scene), 0.5) for side in (3072, 6144)]
    missed = large.show(two, list(figures))

    assert large.growth(two, planes.NEW) == pytest.approx(0)
    assert 1 <= figures[planes.CHUNKS].usual <= 4 and figures[planes.FILE].usual > 0
    assert 0 < figures[planes.MEMORY].usual < 50
    assert all(np.isfinite(one.usual) for one in figures.values()) and missed <= 2 * len(figures)
    assert "3,072² RGB" in capsys.readouterr().out
    assert curve.drawn(two, (planes.NEW,)).count("<circle") == 2
    assert not [layer.name for layer in opened.viewer.layers if layer.name.startswith("bare")]


def test_twenty_prompts_are_one_encode_and_no_click_is_lost(opened):
    scene = in_memory(256)

    encodes, lost = waits.encodes(opened, scene, 20), waits.lost(opened, scene, 12)

    assert encodes[0].ours == 1
    assert lost[0].ours == 0


def test_cancel_layers_and_saving_are_measured(opened, tmp_path):
    scene = in_memory(512)

    rows = [*waits.prompt_layer(opened, scene, 1), *waits.saved(opened, scene, tmp_path, 1)]
    rows += waits.cancelled(opened, in_memory(1024), 3)

    assert are_rows(rows) and len(rows) == 4
    assert list(tmp_path.glob("*.tif"))
    assert names.POINTS in opened.viewer.layers


@pytest.mark.parametrize("bare", [True, False])
def test_a_freeze_is_told_of_each_phase(make_napari_viewer, bare):
    found = freezes.phases(make_napari_viewer(show=True), in_memory(256), bare)

    assert set(found) == set(freezes.PHASES) == set(clicks.WHAT)


def test_a_scene_of_memory_is_the_same_in_another_process(tmp_path):
    scene = in_memory(256)

    freezes.keep(scene, tmp_path / "scene.npz")
    again = freezes.scene_of(tmp_path / "scene.npz", 256)

    assert np.array_equal(again.data, scene.data) and again.places == scene.places


def test_imports_are_measured_in_a_fresh_process():
    rows = imports.rows_of(imports.measured(1))

    assert are_rows(rows)
    assert [row.ours for row in rows[2:]] == [0, 0]


def test_what_is_waited_for_with_many_objects_is_measured(opened, tmp_path):
    scene = in_memory(256)

    rows = [*objects.accepted(opened, scene, "tiny", 1), *objects.correction_among(opened, scene, 3, 1)]
    rows += [*objects.boxes(opened, scene, 2, 1), *objects.example(opened, scene, 1)]
    rows += objects.prompt_layers(opened, on_disk(tmp_path / "plane", 4 * CHUNK), 1)

    assert are_rows(rows) and len(rows) == 9
    assert not [layer.name for layer in opened.viewer.layers if layer.name.startswith("bare")]


def test_operations_on_labels_are_measured():
    labels = masks.cells(128, 9)

    rows = [*masks.planes(labels, 100, 1, targets=True), *masks.one_object(labels, 1)]

    assert len(np.unique(labels)) == 10
    assert are_rows(rows) and len(rows) == 15 and rows[-1].bare


def test_a_hand_takes_what_its_keys_and_clicks_take():
    click, key = cells.CLICK, cells.KEY

    assert (click * 2 + key).count == 3
    assert (click * 2 + key).seconds == pytest.approx(2 * 1.3 + 0.28)
    assert (cells.STILL + cells.Actions(homes=1)).seconds == pytest.approx(0.2 + 0.4)


def test_cells_are_annotated_by_hand_in_two_ways_and_compared(make_napari_viewer, capsys):
    driver = Driver(make_napari_viewer(show=True))
    driver.viewer.window.resize(1366, 768)

    done = cells.measured(driver, 2)
    cells.show(done)

    assert [one.cells for one in done] == [2] * 5 and len(done[0].ious) == 2
    assert min(done[0].ious) > 0.5 and done[0].machine_s > 0
    assert done[0].actions.count < min(one.actions.count for one in done[2:])
    assert driver.state.results.accepted == 2, "the picture is opened anew for each way"
    assert "mean IoU" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["cells", "clicks", "imports", "objects"])
def test_without_a_screen_it_says_what_to_do(monkeypatch, capsys, name):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    assert command.main([name]) == 1
    assert "make bench" in capsys.readouterr().err


def test_an_unknown_benchmark_is_wrong_use(capsys):
    assert command.main(["unknown"]) == 2
    assert "clicks" in capsys.readouterr().err


def test_isolation_is_measured_beside_bare_calls():
    rows = isolation.measured(512)

    assert are_rows(rows) and len(rows) == 6
    assert rows[0].note == "18 candidates, 9 pairs"


def test_following_is_measured_beside_a_bare_loop(tmp_path):
    rows = [propagation.own_time("a run", (6, 32, 32), 3, 1, None)]
    rows += propagation.started_and_cancelled("built-in", BuiltinEngine(), 1)
    propagation_parts.stack_on_disk(tmp_path, 3, 32)

    assert are_rows(rows)
    assert (tmp_path / "stack.zarr").is_dir()
