"""What a session keeps is small, and bounded; steps come and go in any order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.server.session import history
from napari_sam3_assistant.server.session.kept import KeptMask, kept
from napari_sam3_assistant.server.session.objects import Board, Said, Seen
from napari_sam3_assistant.server.session.stateless import Recent
from napari_sam3_assistant.wire.masks import decode
from napari_sam3_assistant.wire.refusals import Refusal
from napari_sam3_assistant.wire.values import Point


def point(number: int) -> Point:
    return Point(x=number, y=0)


def test_a_kept_mask_is_the_mask_and_a_small_part_of_its_size():
    mask = PlacedMask(np.tri(1000, 1200, dtype=bool), (40, 60))

    one = kept(mask, (2000, 2000))

    assert one.nbytes < mask.mask.nbytes / 20
    assert np.array_equal(one.placed().mask, mask.trimmed().mask)
    assert one.placed().offset == mask.offset
    assert one.bbox == (60, 40, 1060, 1040)


@pytest.mark.parametrize(("size", "format"), [(100, "rle"), (1000, "bits")])
def test_a_kept_mask_is_told_as_a_client_may_send_it_back(size, format):
    noise = PlacedMask(np.random.default_rng(0).random((size, size)) > 0.5, (3, 5))
    shape = size + 10, size + 10

    drawn = kept(noise, shape).drawn()

    back = decode(drawn.mask, drawn.mask_format, shape, drawn.bbox).trimmed()
    assert drawn.mask_format == format
    assert (back.offset, back.area) == (noise.trimmed().offset, noise.area)


def test_old_steps_are_given_up_when_their_masks_take_too_much(monkeypatch):
    noise = np.random.default_rng(0).random((6, 100, 100)) > 0.5
    masks = [kept(PlacedMask(one), (100, 100)) for one in noise]
    monkeypatch.setattr(history, "MOST_BYTES", 3 * masks[0].nbytes)
    board = Board(5)

    for mask in masks:
        board.say(1, Said(mask=mask))

    assert 1 <= _until_refused(board.undo) <= 3


def test_the_masks_of_all_steps_are_not_looked_at_again_for_each_step():
    class Counted(KeptMask):
        looks = 0

        @property
        def nbytes(self) -> int:
            Counted.looks += 1
            return len(self.data)

    points = tuple(point(number) for number in range(50))
    objects = {number: Said(points, mask=Counted(b"x", (9, 9), (0, 0, 1, 1), 1)) for number in range(1, 11)}

    Board(10).restore(objects, 1)

    assert Counted.looks <= 4 * 10 * 50  # once each time a step holds it


def test_what_is_taken_back_or_forgotten_makes_room_for_masks(monkeypatch):
    noise = np.random.default_rng(0).random((3, 100, 100)) > 0.5
    first, second, third = (kept(PlacedMask(one), (100, 100)) for one in noise)
    monkeypatch.setattr(history, "MOST_BYTES", 1.5 * first.nbytes)
    board = Board(5)
    board.create()
    board.say(1, Said((point(1),)))
    board.say(2, Said(mask=first))
    board.forget(2)
    board.say(1, Said(mask=second))
    board.undo()

    board.say(1, Said(mask=third))

    assert _until_refused(board.undo) == 2


def test_steps_are_limited(monkeypatch):
    monkeypatch.setattr(history, "MOST_STEPS", 10)
    board = Board(5)

    for number in range(30):
        board.say(1, Said((point(number),)))

    for _ in range(10):
        board.undo()
    assert board.objects[1] == Said((point(19),))
    with pytest.raises(Refusal, match="Nothing to undo"):
        board.undo()


def test_the_answer_about_an_object_is_given_up_with_the_object():
    board = Board(5)
    board.seen[1] = Seen(board.objects[1], 0.9, (0, 0, 1, 1), 1)

    board.delete(1)

    assert board.seen == {}


def test_the_least_recently_used_is_forgotten_first():
    recent: Recent[str] = Recent(2, 100)
    first, second = recent.add("first", 40), recent.add("second", 40)
    recent.get(first)

    recent.add("third", 40)

    assert (recent.get(first), recent.get(second)) == ("first", None)


def test_the_newest_is_kept_whatever_it_takes():
    recent: Recent[str] = Recent(2, 100)
    old = recent.add("old", 10)

    large = recent.add("large", 500)

    assert (recent.get(old), recent.get(large)) == (None, "large")


@given(st.lists(st.tuples(st.sampled_from(["say", "new", "delete"]), st.integers(1, 4)), max_size=25))
def test_undoing_all_and_redoing_all_leads_back(steps):
    board = Board(50)
    for number, (verb, object_id) in enumerate(steps):
        if verb == "new":
            board.create()
        elif object_id in board.objects:
            if verb == "say":
                said = board.objects[object_id]
                board.say(object_id, Said((*said.points, point(number))))
            else:
                board.delete(object_id)
    before = dict(board.objects)

    undone = _until_refused(board.undo)
    assert all(said.empty for said in board.objects.values())
    redone = _until_refused(board.redo)

    assert undone == redone
    assert {number: said for number, said in board.objects.items() if not said.empty} == {
        number: said for number, said in before.items() if not said.empty
    }
    assert board.selected in board.objects


def _until_refused(step) -> int:
    count = 0
    while True:
        try:
            step()
        except Refusal:
            return count
        count += 1
