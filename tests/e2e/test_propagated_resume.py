"""What was followed outlives the process: killed, closed, resumed, discarded, saved."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.export import journal_folder
from napari_sam3_assistant.export.images import read_labels
from napari_sam3_assistant.export.journal_folder import ENVIRONMENT
from napari_sam3_assistant.export.label_stream import LabelStream
from napari_sam3_assistant.export.run_record import SUFFIX, RunRecord
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.jobs import Task
from tests.e2e.journal_hands import Headless
from tests.e2e.test_propagation import iou
from tests.e2e.video_hands import FRAMES, begin, film, truth

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def start():
    """Return a function that opens a widget without a window; all are closed at the end."""
    opened = []

    def start(data=None, viewer=None) -> Headless:
        layers = () if viewer is not None else ((film() if data is None else data, {"name": "film"}),)
        opened.append(Headless(*layers, viewer=viewer))
        return opened[-1]

    yield start
    for one in opened:
        if not one.app.closed:
            one.close()


def records() -> list[Path]:
    return sorted(journal_folder.journal_folder().glob(f"*{SUFFIX}"))


def half_done(start, frames: int = 10, **options) -> Headless:
    """Follow the square through some frames, and stop."""
    one = start()
    begin(one, **options)
    one.wait(lambda: one.state.video.done > frames and one.app.records.path is not None)
    one.app.cancel()
    one.wait(lambda: not one.state.video.running)
    return one


def offered(one: Headless) -> str:
    one.wait(lambda: bool(one.state.video.resumable))
    return one.state.video.resumable


def not_offered(one: Headless) -> bool:
    end = time.monotonic() + 0.3
    one.wait(lambda: time.monotonic() > end)
    return not one.state.video.resumable


def labels(one: Headless) -> np.ndarray:
    return np.asarray(one.viewer.layers[names.PROPAGATED].data)


def resume(one: Headless) -> None:
    offered(one)
    one.app.offers.resume()
    one.wait(lambda: not one.state.video.resuming and not one.state.video.resumable)
    assert one.state.run.phase is Phase.IDLE, one.state.run.message


def test_a_killed_process_is_resumed_and_goes_on_with_the_frames_left(start, tmp_path, monkeypatch):
    folder = tmp_path / "killed"
    env = {**os.environ, ENVIRONMENT: str(folder)}
    command = [sys.executable, "-m", "tests.e2e.video_hands", "0.02"]
    child = subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    said = 0
    while said < 8:
        said = int(child.stdout.readline())
    child.kill()
    said = max([said, *(int(line) for line in child.communicate()[0].splitlines(keepends=True) if line.endswith("\n"))])
    monkeypatch.setenv(ENVIRONMENT, str(folder))

    one = start()
    assert offered(one).startswith("1 object was followed through this picture, on ")
    resume(one)

    done = one.state.video.done
    assert said <= done < FRAMES
    assert one.state.video.session
    assert (one.state.task.task, one.state.task.direction) == (Task.VIDEO, Direction.FORWARD)
    assert all(iou(labels(one)[frame] > 0, truth(frame)) > 0.9 for frame in range(done))
    assert not labels(one)[done:].any()
    assert np.allclose(one.viewer.layers[names.POINTS].data, [[0, 20, 20]])
    begun = labels(one)[:done].copy()

    one.app.propagation.go_on()
    one.wait(lambda: one.state.video.running)
    one.wait(lambda: not one.state.video.running)

    assert one.state.video.done == FRAMES, one.state.run.message
    assert np.array_equal(labels(one)[:done], begun)
    assert all(iou(labels(one)[frame] > 0, truth(frame)) > 0.9 for frame in range(FRAMES))


def test_what_was_resumed_and_left_again_is_offered_again(start):
    one = half_done(start)
    done = one.state.video.done
    one.close()
    second = start()
    resume(second)
    second.app.propagation.go_on()
    second.wait(lambda: second.state.video.done > done + 3)
    second.close()

    third = start()
    resume(third)

    assert third.state.video.done > done + 3
    assert len(records()) == 1


def test_a_picture_of_other_pixels_is_offered_nothing(start):
    half_done(start).close()

    assert not_offered(start(film()[::-1].copy()))


def test_discard_puts_it_away(start):
    half_done(start).close()
    one = start()
    offered(one)

    one.app.offers.discard()

    assert not one.state.video.resumable
    one.wait(lambda: not records())
    assert list(journal_folder.journal_folder().glob(f"*{journal_folder.ASIDE}"))
    one.close()
    assert not_offered(start())


def test_another_napari_that_still_follows_it_keeps_it(start):
    one = half_done(start)

    assert not_offered(start())
    one.close()


def test_what_was_cleared_is_offered_no_more_and_a_removed_picture_is(start):
    one = half_done(start)
    one.app.clearing.preview()
    one.wait(lambda: not records())
    one.close()
    assert not_offered(start())

    one = half_done(start)
    one.viewer.layers.remove(one.viewer.layers["film"])
    end = time.monotonic() + 0.4
    one.wait(lambda: time.monotonic() > end)
    assert len(records()) == 1
    one.viewer.add_image(film(), name="again")
    one.turn()
    offered(one)


def test_what_was_saved_is_offered_no_more(start, tmp_path):
    one = half_done(start)
    one.state.output.folder = str(tmp_path)
    one.app.saving.save()
    one.wait(lambda: one.state.output.saved is not None)
    one.close()
    assert len(records()) == 1, "there are frames left"

    one = start()
    resume(one)
    one.app.propagation.go_on()
    one.wait(lambda: one.state.video.done == FRAMES and not one.state.video.running)
    one.state.output.folder = str(tmp_path)
    one.app.saving.save()
    one.wait(lambda: one.state.output.saved is not None)
    one.close()

    assert records() == []
    assert not_offered(start())


def test_a_full_disk_is_said_once_and_the_run_goes_on(start, monkeypatch):
    write, count = RunRecord.write, []

    def full(record, change):
        count.append(change)
        if len(count) < 3:
            write(record, change)
            return
        raise SaveError("The disk is full.", hint="Free some space.")

    monkeypatch.setattr(RunRecord, "write", full)
    one = start()
    begin(one)
    one.wait(lambda: not one.state.video.running)

    assert one.state.video.done == FRAMES
    said = [line.text for line in one.state.activity.lines if "not kept for a later napari" in line.text]
    assert len(said) == 1


def test_written_while_it_runs_the_output_has_each_frame_and_the_record_beside_it(start, tmp_path):
    one = start()
    one.state.output.folder, one.state.output.while_running = str(tmp_path), True
    begin(one)
    one.wait(lambda: one.state.video.done > 10 and one.app.records.path is not None)
    one.app.cancel()
    one.wait(lambda: not one.state.video.running and one.state.output.saved is not None)
    done, path = one.state.video.done, one.state.output.saved

    assert np.array_equal(read_labels(path).labels, labels(one))
    assert one.app.records.path.parent == tmp_path
    assert records() == []
    one.close()

    second = start()
    second.state.output.folder = str(tmp_path)
    second.viewer.add_image(film(), name="again")
    second.app.choose_image(str(second.viewer.layers["again"].unique_id))
    resume(second)
    assert second.state.video.done == done
    second.app.propagation.go_on()
    second.wait(lambda: second.state.video.running)
    second.wait(lambda: not second.state.video.running and second.state.output.saved is not None)

    assert second.state.output.saved == path
    assert second.state.video.done == FRAMES
    assert np.array_equal(read_labels(path).labels, labels(second))


def test_a_full_disk_under_the_output_ends_the_run_and_it_goes_on_once_there_is_room(start, tmp_path, monkeypatch):
    write, count = LabelStream.write, []

    def full(stream, *args):
        count.append(args)
        if len(count) == 6:
            raise SaveError("The disk is full; film was not saved.", hint="Free some space.")
        write(stream, *args)

    monkeypatch.setattr(LabelStream, "write", full)
    one = start()
    one.state.output.folder, one.state.output.while_running = str(tmp_path), True
    begin(one)
    one.wait(lambda: not one.state.video.running and one.state.run.phase is Phase.FAILED)
    assert "The disk is full" in one.state.run.message

    one.app.propagation.go_on()
    one.wait(lambda: one.state.video.done == FRAMES and not one.state.video.running)
    one.wait(lambda: one.state.output.saved is not None)

    assert np.array_equal(read_labels(one.state.output.saved).labels, labels(one))


def test_an_output_that_is_deleted_meanwhile_ends_the_run_and_is_written_anew_when_it_goes_on(start, tmp_path):
    folder = tmp_path / "output"
    one = start()
    one.state.output.folder, one.state.output.while_running = str(folder), True
    begin(one)
    one.wait(lambda: one.state.video.done > 3 and one.app.records.path is not None and any(folder.glob("*.zarr")))
    one.wait(lambda: any(folder.glob("*.zarr/.zattrs")))
    shutil.rmtree(folder, ignore_errors=True)
    one.wait(lambda: not one.state.video.running and one.state.run.phase is Phase.FAILED)
    assert f"is gone from {folder}. What is done stays." in one.state.run.message
    assert one.state.run.hint == "Put it back, or have all of it written anew. Then press Propagate."
    assert any("not kept for a later napari" in line.text for line in one.state.activity.lines)

    one.app.propagation.go_on()
    one.wait(lambda: one.state.video.done == FRAMES and not one.state.video.running)
    one.wait(lambda: one.state.output.saved is not None)

    assert np.array_equal(read_labels(one.state.output.saved).labels, labels(one))


def test_points_come_back_on_their_frames_where_a_plane_was_in_use_before(start):
    half_done(start).close()
    one = start(film()[0, :60])
    one.app.arm()
    again = one.viewer.add_image(film(), name="again")
    one.app.choose_image(str(again.unique_id))
    one.viewer.dims.set_current_step(0, 2)

    resume(one)
    one.app.propagation.go_on()
    one.wait(lambda: one.state.video.running)
    one.wait(lambda: not one.state.video.running)

    assert np.allclose(one.viewer.layers[names.POINTS].data, [[0, 20, 20]])
    assert set(one.app.propagation.video.given) == {0}
    assert one.state.video.done == FRAMES
