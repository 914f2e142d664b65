"""What was accepted outlives the process: killed, closed, opened again from elsewhere, restored or discarded."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import dask.array as da
import numpy as np
import pytest

from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.export import journal_folder
from napari_sam3_assistant.export.journal_folder import ENVIRONMENT
from napari_sam3_assistant.export.journal_writer import Journal
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.accepted import accepted_layer
from tests.e2e.journal_hands import SHAPE, Headless, journals, mask_of, picture

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder():
    return journal_folder.journal_folder()


@pytest.fixture
def start():
    """Return a function that opens a widget without a window; all are closed at the end."""
    opened = []

    def start(*layers, viewer=None) -> Headless:
        opened.append(Headless(*(layers or ((picture(), {"name": "cells"}),) * (viewer is None)), viewer=viewer))
        return opened[-1]

    yield start
    for one in opened:
        if not one.app.closed:
            one.close()


def left_behind(start, *layers, count: int = 12) -> np.ndarray:
    """Accept objects and close without saving; return the labels."""
    one = start(*layers)
    for number in range(count):
        one.accept(mask_of(number))
    one.settle()
    labels = labels_of(one)
    one.close()
    return labels


def labels_of(one: Headless) -> np.ndarray:
    layer = accepted_layer(one.viewer, one.viewer.layers[0])
    return np.zeros(SHAPE, int) if layer is None else layer.data.copy()


def offered(one: Headless):
    one.wait(lambda: one.state.journal.offer is not None)
    return one.state.journal.offer


def restored(one: Headless) -> None:
    offered(one)
    one.app.accepting.offers.restore()
    one.wait(lambda: one.state.journal.offer is None)
    one.settle()


def not_offered(one: Headless) -> bool:
    """Whether nothing is offered once all has been looked at."""
    end = time.monotonic() + 0.3
    one.wait(lambda: time.monotonic() > end)
    return one.state.journal.offer is None


# -- killed ---------------------------------------------------------------------------------------


def test_a_process_that_is_killed_loses_none_of_what_it_said_was_kept(tmp_path):
    folders, children = [tmp_path / name for name in "abc"], []
    for folder, pause_ms in zip(folders, ("0", "1", "5"), strict=True):
        command = [sys.executable, "-m", "tests.e2e.journal_hands", pause_ms]
        env = {**os.environ, ENVIRONMENT: str(folder)}
        children.append(subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.PIPE, text=True))
    lines = [child.stdout.readline() for child in children]

    for child in children:
        time.sleep(random.uniform(0.01, 0.2))
        child.kill()

    for folder, child, first in zip(folders, children, lines, strict=True):
        said = [int(line) for line in (first, *child.communicate()[0].splitlines(keepends=True)) if line.endswith("\n")]
        (content,) = journals(folder)
        assert said == list(range(len(said))) and set(range(1, len(said) + 1)) <= set(content.objects)
        for number in said:
            kept = content.objects[number + 1].object().mask
            assert kept.offset == mask_of(number).offset and np.array_equal(kept.mask, mask_of(number).mask)


def test_an_accept_is_kept_by_the_time_it_is_said(start, folder):
    one = start()
    one.accept(mask_of(0))
    one.settle()

    for number in range(1, 20):
        one.accept(mask_of(number))
        one.settle()
        (content,) = journals(folder)
        assert len(content.objects) == number + 1


# -- opened again -----------------------------------------------------------------------------------


def test_what_was_left_is_offered_and_restored_with_numbers_classes_and_scores(start, folder):
    labels = left_behind(start)

    one = start()
    offer = offered(one)
    assert offer.count == 12 and abs(offer.when - time.time()) < 60
    restored(one)

    assert np.array_equal(labels_of(one), labels) and len(np.unique(labels)) == 13
    records = one.app.accepting.records
    assert [record.id for record in records] == list(range(1, 13))
    assert {(r.facts.class_name, r.facts.score, r.facts.origin.engine) for r in records} == {
        ("nucleus", 0.75, "builtin")
    }
    assert one.state.run.message == "Restored 12 accepted objects as 1 to 12."
    one.wait(lambda: len(journals(folder)) == 1)
    (content,) = journals(folder)
    assert sorted(content.objects) == list(range(1, 13)), "they are in the journal of this process now"


def test_restoring_is_one_step(start):
    labels = left_behind(start)
    one = start()
    restored(one)

    one.app.board.undo()
    assert not labels_of(one).any() and not one.app.accepting.records
    one.app.board.redo()
    assert np.array_equal(labels_of(one), labels)


def test_what_was_discarded_is_not_offered_again_and_its_file_stays_a_while(start, folder):
    left_behind(start)
    one = start()
    offered(one)

    one.app.accepting.offers.discard()
    one.wait(lambda: one.state.run.message.startswith("Discarded 12 accepted objects"))

    assert one.state.journal.offer is None and not labels_of(one).any()
    assert not journals(folder) and len(list(folder.glob("*.aside"))) == 1
    assert not_offered(start())


def test_the_same_picture_is_known_by_another_name_lazily_and_as_an_array(start):
    left_behind(start, count=1)

    for data in (picture(), da.from_array(picture(), chunks=100)):
        again = start((data, {"name": "other name"}))
        assert offered(again).count == 1
        again.close()


def test_another_picture_of_the_same_name_and_shape_is_offered_nothing(start):
    left_behind(start)

    assert not_offered(start((picture(1), {"name": "cells"})))


def test_two_pictures_have_a_journal_each_and_the_offer_follows_the_one_in_use(start, folder):
    two = (picture(), {"name": "a"}), (picture(1), {"name": "b"})
    one = start(*two)
    for layer, numbers in ((one.viewer.layers["a"], (0, 1)), (one.viewer.layers["b"], (2,))):
        one.app.choose_image(str(layer.unique_id))
        for number in numbers:
            one.accept(mask_of(number))
    one.settle()
    one.close()
    assert sorted(len(content.objects) for content in journals(folder)) == [1, 2]

    again = start(*two)
    for name, count in (("a", 2), ("b", 1), ("a", 2)):
        again.app.choose_image(str(again.viewer.layers[name].unique_id))
        assert offered(again).count == count


def test_restoring_beside_what_was_accepted_since_keeps_both(start):
    labels = left_behind(start)
    one = start()
    offered(one)
    one.accept(mask_of(100))
    one.accept(mask_of(3))  # what is kept has that too

    restored(one)

    now = labels_of(one)
    assert {record.id for record in one.app.accepting.records} == {1, 2, *range(3, 6), *range(7, 15)}
    others = (labels > 0) & (labels != 4)
    assert np.array_equal(now[others], labels[others] + 2), "numbers that are taken are moved up together"
    assert "as 3, 4, 5, 7" in one.state.run.message and "1 left out" in one.state.run.message


def test_what_two_processes_left_is_restored_together_each_object_once(start, folder):
    left_behind(start, count=3)
    journal = next(iter(folder.glob("*.journal")))
    kept = journal.read_bytes()
    one = start()
    offered(one)
    one.app.accepting.offers.discard()
    one.wait(lambda: not list(folder.glob("*.journal")))
    for number in (2, 7):
        one.accept(mask_of(number))
    one.settle()
    one.close()
    journal.write_bytes(kept)

    again = start()
    assert offered(again).count == 5
    restored(again)

    assert len(again.app.accepting.records) == 4
    again.wait(lambda: len(list(folder.glob("*.journal"))) == len(list(folder.glob("*.lock"))) == 1)


def test_a_journal_of_a_living_process_is_not_offered_and_both_keep_their_own(start, folder):
    first, second = start(), start()
    first.accept(mask_of(0))
    first.settle()
    second.accept(mask_of(1))
    second.accept(mask_of(2))
    second.settle()

    assert not_offered(start())
    assert sorted(len(content.objects) for content in journals(folder)) == [1, 2]


def test_the_same_picture_added_again_is_offered_what_its_layer_had(start):
    one = start()
    one.accept(mask_of(0), mask_of(1))
    one.settle()

    one.viewer.layers.clear()
    one.turn()
    one.viewer.add_image(picture(), name="again")

    assert offered(one).count == 2


# -- edits ------------------------------------------------------------------------------------------


def test_the_journal_follows_undo_redo_painting_and_deletion(start, folder):
    one = start()
    one.accept(mask_of(0), mask_of(1))
    one.accept(mask_of(2))
    one.settle()

    one.app.accepting.undo_last()
    one.settle()
    assert sorted(journals(folder)[0].objects) == [1, 2]
    one.app.board.undo()
    one.settle()
    assert sorted(journals(folder)[0].objects) == [1, 2, 3]

    layer = accepted_layer(one.viewer, one.viewer.layers[0])
    layer.data[300:310, 300:320] = 2
    layer.data[layer.data == 3] = 0
    layer.refresh()
    layer.events.paint(value=[])
    one.wait(lambda: sorted(journals(folder)[0].objects) == [1, 2])
    painted = layer.data.copy()
    one.close()

    again = start()
    restored(again)
    assert np.array_equal(labels_of(again), painted)

    again.viewer.layers.remove(accepted_layer(again.viewer, again.viewer.layers[0]))
    again.wait(lambda: not journals(folder))
    again.app.board.undo()
    again.settle()
    assert sorted(journals(folder)[0].objects) == [1, 2] and np.array_equal(labels_of(again), painted)


def test_an_object_over_another_comes_back_over_it_and_undo_shows_the_lower_one(start):
    small = PlacedMask(np.ones((4, 4), bool), (40, 40))
    one = start()
    one.accept(PlacedMask(np.ones((20, 20), bool), (30, 30)))
    one.accept(small)
    one.settle()
    labels = labels_of(one)
    one.close()

    again = start()
    restored(again)

    assert labels[41, 41] == 2 and np.array_equal(labels_of(again), labels)
    again.app.accepting.undo_last()
    assert labels_of(again)[41, 41] == 1


def test_an_object_whose_lower_one_was_taken_back_comes_back(start):
    one = start()
    one.accept(PlacedMask(np.ones((20, 20), bool), (30, 30)))
    one.accept(PlacedMask(np.ones((4, 4), bool), (40, 40)))
    _, upper = one.app.accepting.records
    one.app.accepting.restore((upper,))
    one.settle()
    labels = labels_of(one)
    one.close()
    assert (labels == 2).sum() == 16 and (labels == 1).sum() == 0

    again = start()
    restored(again)

    assert np.array_equal(labels_of(again), labels)


def test_slices_of_a_stack_come_back_on_their_slices(start):
    stack = picture(3, (5, 200, 240)), {"name": "stack"}
    one = start(stack)
    for at in (1, 4):
        one.viewer.dims.set_point(0, at)
        one.turn()
        one.accept(mask_of(at, (200, 240)))
    one.settle()
    labels = labels_of(one)
    one.close()

    again = start(stack)
    restored(again)

    assert [int(part.max()) for part in labels] == [0, 1, 0, 0, 2]
    assert np.array_equal(labels_of(again), labels)


def test_objects_of_a_plane_of_60_000_pixels_come_back(start):
    levels = [np.broadcast_to(np.uint8(9), (60_000 >> k, 60_000 >> k)) for k in range(7)]
    large = levels, {"name": "large", "contrast_limits": (0, 255), "multiscale": True}
    one = start(large)
    far = mask_of(1).shifted(50_000, 51_000)
    one.accept(mask_of(0), far)
    one.settle()
    one.close()

    again = start(large)
    restored(again)

    layer = accepted_layer(again.viewer, again.viewer.layers[0])
    (row, col), (height, width) = far.offset, far.mask.shape
    assert layer.multiscale and len(again.app.accepting.records) == 2
    number = next(one.id for one in again.app.accepting.records if one.mask.offset == far.offset)
    seen = np.asarray(layer.data[0][row : row + height, col : col + width])
    assert np.array_equal(seen == number, far.mask)


# -- saved ------------------------------------------------------------------------------------------


def saved(one: Headless, folder: Path) -> None:
    one.state.output.folder = str(folder)
    one.app.saving.save()
    one.wait(lambda: not one.state.output.saving)
    assert one.state.output.saved is not None, one.state.run


def test_saving_removes_the_journal_and_what_is_accepted_after_it_begins_a_new_one(start, folder, tmp_path):
    one = start()
    one.accept(mask_of(0), mask_of(1))
    one.settle()

    saved(one, tmp_path)
    one.wait(lambda: not journals(folder))
    one.accept(mask_of(2))
    one.settle()
    assert sorted(journals(folder)[0].objects) == [3]
    one.close()

    assert offered(start()).count == 1


def test_closing_after_saving_leaves_nothing_to_offer(start, folder, tmp_path):
    one = start()
    one.accept(mask_of(0), mask_of(1))
    saved(one, tmp_path)
    one.close()

    assert not journals(folder) and not list(folder.glob("*.lock"))


def test_what_is_painted_after_the_saving_is_kept_again(start, folder, tmp_path):
    one = start()
    one.accept(mask_of(0), mask_of(1))
    saved(one, tmp_path)
    one.wait(lambda: not journals(folder))

    layer = accepted_layer(one.viewer, one.viewer.layers[0])
    layer.data[300:310, 300:320] = 2
    layer.events.paint(value=[])

    one.wait(lambda: bool(journals(folder)))
    assert sorted(journals(folder)[0].objects) == [2]


def test_a_widget_opened_again_goes_on_with_its_journal_and_offers_nothing(start, folder):
    one = start()
    one.accept(mask_of(0), mask_of(1))
    one.settle()
    (path,) = folder.glob("*.journal")
    viewer = one.viewer
    one.close()

    again = start(viewer=viewer)
    again.accept(mask_of(2))
    again.settle()

    assert list(folder.glob("*.journal")) == [path] and sorted(journals(folder)[0].objects) == [1, 2, 3]
    assert not_offered(again)


# -- trouble ----------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_said_once_and_work_goes_on(start, folder, monkeypatch):
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("a file where the folder should be")
    one, failed = start(), []
    fail = one.app.status.fail
    monkeypatch.setattr(one.app.status, "fail", lambda error: failed.append(error) or fail(error))

    for number in range(3):
        one.accept(mask_of(number))
        one.wait(lambda: bool(failed))
        one.turn()

    assert len(failed) == 1 and "not kept" in failed[0].message and str(folder) in failed[0].message and failed[0].hint
    assert len(np.unique(labels_of(one))) == 4 and not one.app.accepting.journals.kept
    folder.unlink()
    one.accept(mask_of(3))
    one.settle()
    assert sorted(journals(folder)[0].objects) == [1, 2, 3, 4], "all is kept once it can be"


def test_a_disk_that_fills_is_said_and_what_fits_later_is_kept(start, folder, monkeypatch):
    one = start()
    one.accept(mask_of(0))
    one.settle()

    def full(self, records):
        raise SaveError("The disk is full.", hint="Free some space.")

    monkeypatch.setattr(Journal, "write", full)
    one.accept(mask_of(1))
    one.wait(lambda: "The disk is full" in one.state.run.message)
    monkeypatch.undo()
    one.accept(mask_of(2))
    one.settle()

    assert sorted(journals(folder)[0].objects) == [1, 2, 3]


def test_a_journal_that_another_process_has_restored_meanwhile_gives_nothing(start, folder):
    left_behind(start)
    one, other = start(), start()
    offered(one)
    restored(other)

    one.app.accepting.offers.restore()
    one.wait(lambda: not one.state.journal.reading)

    assert not one.app.accepting.records and names.ACCEPTED not in one.viewer.layers
    one.wait(lambda: len(journals(folder)) == 1)
    assert len(journals(folder)[0].objects) == 12
