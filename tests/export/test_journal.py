"""The file of a journal: whole records survive whatever happens to the others."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.core.fingerprints import Fingerprint
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.export import journal, journal_folder, journal_writer
from napari_sam3_assistant.export.appended import AppendedFile
from napari_sam3_assistant.export.journal import KeptObject
from napari_sam3_assistant.export.journal_folder import Claim
from napari_sam3_assistant.export.journal_writer import Journal

PICTURE = Fingerprint((40, 60), "uint8", False, 7, path="/data/cells.tif", name="cells")
PLANE = Plane(1, 2, ((0, 3),))


def made(id: int, *, seed: int = 0, side: int = 9) -> KeptObject:
    mask = np.random.default_rng(seed + id).random((side, side + 2)) > 0.4
    return KeptObject(
        id, PlacedMask(mask, (id, 2 * id)), PLANE, id, 0.25 * (id % 4), "nucleus", "cells", "points", "builtin", 3
    )


def written(folder, *ids: int) -> Journal:
    one = Journal(journal_folder.new_path(folder, PICTURE))
    one.open()
    one.of([PICTURE])
    list(one.put(made(id) for id in ids))
    return one


def same(one: KeptObject, other: KeptObject) -> bool:
    facts = ("id", "plane", "act", "score", "class_name", "layer", "prompt", "engine", "frame")
    return all(getattr(one, name) == getattr(other, name) for name in facts) and (
        one.mask.offset == other.mask.offset and np.array_equal(one.mask.mask, other.mask.mask)
    )


def test_what_was_written_is_read_as_it_was(tmp_path):
    one = written(tmp_path, 1, 2, 5)

    found = journal.read(one.path)

    assert found.pictures == (PICTURE,) and not found.broken
    assert sorted(found.objects) == [1, 2, 5]
    assert all(same(stored.object(), made(id)) for id, stored in found.objects.items())
    one.close()


def test_the_newest_record_of_a_number_counts_and_what_is_dropped_is_gone(tmp_path):
    one = written(tmp_path, 1, 2, 3)
    changed = made(2, seed=50)

    list(one.put([changed]))
    one.drop([1])

    objects = journal.read(one.path).objects
    assert sorted(objects) == [2, 3] and same(objects[2].object(), changed)
    one.close()


def test_a_torn_tail_costs_the_torn_record_alone_at_every_length(tmp_path):
    one = written(tmp_path, 1, 2)
    whole = one.path.stat().st_size
    list(one.put([made(3)]))
    one.close()
    data = one.path.read_bytes()

    for length in range(whole, len(data)):
        found = journal.parse(data[:length])
        assert sorted(found.objects) == [1, 2] and found.end == whole and not found.broken


def test_a_journal_with_a_torn_tail_is_gone_on_with(tmp_path):
    one = written(tmp_path, 1, 2)
    one.close()
    data = one.path.read_bytes()
    one.path.write_bytes(data[:-5])

    again = Journal(one.path)
    left = again.open()
    list(again.put([made(4)]))
    again.close()

    found = journal.read(one.path)
    assert sorted(left) == [1] and sorted(found.objects) == [1, 4] and not found.broken


def test_a_broken_record_in_the_middle_costs_itself_alone(tmp_path):
    one = written(tmp_path, *range(1, 6))
    one.close()
    data = bytearray(one.path.read_bytes())
    start = data.index(journal.read(one.path).objects[3].raw)

    for at in range(start, start + len(journal.read(one.path).objects[3].raw)):
        broken = bytearray(data)
        broken[at] ^= 0x5A
        found = journal.parse(bytes(broken))
        assert {1, 2, 4, 5} <= set(found.objects), at
        assert all(same(found.objects[id].object(), made(id)) for id in (1, 2, 4, 5))
        assert found.broken == 1 or 3 in found.objects


@pytest.mark.parametrize("data", [b"", b"something else", journal.MAGIC, os.urandom(5000), journal.MARK * 50])
def test_what_is_no_journal_holds_nothing(data):
    assert not journal.parse(data).objects


def test_a_record_that_makes_no_sense_is_left_out():
    data = journal.MAGIC + journal._record({"is": "object", "id": 1, "size": [3, 3]}, b"no zlib")

    assert journal.parse(data).objects[1].object() is None


def test_a_journal_in_use_is_not_offered_and_one_that_was_let_go_is(tmp_path):
    one = written(tmp_path, 1, 2)
    assert not journal_folder.find(tmp_path, [PICTURE])

    one.close()

    (found,) = journal_folder.find(tmp_path, [PICTURE])
    assert found.path == one.path and sorted(found.content.objects) == [1, 2]
    assert not journal_folder.find(tmp_path, [Fingerprint((40, 60), "uint8", False, 8)])
    assert not journal_folder.find(tmp_path, [PICTURE], [one.path])


def test_pixels_are_read_only_where_a_journal_may_be_of_such_a_picture(tmp_path):
    assert not journal_folder.any_like(tmp_path, PICTURE)
    written(tmp_path, 1).close()

    assert journal_folder.any_like(tmp_path, replace(PICTURE, checksum=0, path="", name=""))
    assert not journal_folder.any_like(tmp_path, replace(PICTURE, shape=(41, 60)))
    assert not journal_folder.any_like(tmp_path, replace(PICTURE, dtype="uint16"))


def test_a_journal_without_its_first_record_is_known_by_its_name(tmp_path):
    one = written(tmp_path, 1, 2)
    one.close()
    data = bytearray(one.path.read_bytes())
    data[: len(journal.MAGIC) + 40] = bytes(len(journal.MAGIC) + 40)
    one.path.write_bytes(data)

    (found,) = journal_folder.find(tmp_path, [PICTURE])

    assert sorted(found.content.objects) == [1, 2]


def test_an_empty_journal_leaves_no_file(tmp_path):
    one = written(tmp_path, 1)

    one.drop([1])
    one.tidy()

    assert not list(tmp_path.iterdir())


def test_pixels_that_were_replaced_make_another_picture_that_counts_too(tmp_path):
    one, other = written(tmp_path, 1, 2), Fingerprint((40, 60), "uint8", False, 9)

    one.of([PICTURE, other])
    one.close()

    assert journal.pictures_in(one.path) == (PICTURE, other)
    assert [len(journal_folder.find(tmp_path, [picture])) for picture in (PICTURE, other)] == [1, 1]
    assert sorted(journal.read(one.path).objects) == [1, 2]


def test_a_journal_that_has_grown_is_written_anew_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_writer, "ROOM", 1000)
    one = written(tmp_path, 1, 2)

    for seed in range(30):
        list(one.put([made(2, seed=seed, side=20)]))
        one.tidy()
    list(one.put([made(3)]))
    one.close()

    found = journal.read(one.path)
    assert one.path.stat().st_size < 3500 and sorted(found.objects) == [1, 2, 3]
    assert same(found.objects[2].object(), made(2, seed=29, side=20))
    assert [path.suffix for path in tmp_path.iterdir() if path != one.path] == [".lock"]


def test_a_full_disk_is_said_and_what_was_written_before_stays(tmp_path, monkeypatch):
    one = written(tmp_path, 1, 2)
    write, room = AppendedFile._write, [30]

    def half(self, data):
        write(self, data[: room[0]])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(AppendedFile, "_write", half)
    with pytest.raises(SaveError, match="disk is full"):
        list(one.put([made(3)]))
    monkeypatch.undo()
    list(one.put([made(4)]))
    one.close()

    found = journal.read(one.path)
    assert sorted(found.objects) == [1, 2, 4] and not found.broken


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(SaveError, match="cannot be made"):
        Journal(tmp_path / "file" / "one.journal").open()


def test_two_cannot_write_one_journal(tmp_path):
    one = written(tmp_path, 1)

    with pytest.raises(SaveError, match="Another napari"):
        Journal(one.path).open()

    assert Claim.take(one.path) is None
    one.close()


def test_what_was_put_away_is_not_offered_and_goes_after_a_week(tmp_path):
    one = written(tmp_path, 1)
    one.close()

    journal_folder.put_away(one.path)

    aside = one.path.with_suffix(journal_folder.ASIDE)
    assert not journal_folder.find(tmp_path, [PICTURE]) and aside.exists()
    journal_folder.sweep(tmp_path, lambda: aside.stat().st_mtime + 6.9 * journal_folder.DAY_S)
    assert aside.exists()
    journal_folder.sweep(tmp_path, lambda: aside.stat().st_mtime + 7.1 * journal_folder.DAY_S)
    assert not aside.exists()


def test_the_folder_is_the_users_own_unless_the_environment_names_another(tmp_path, monkeypatch):
    monkeypatch.setenv(journal_folder.ENVIRONMENT, str(tmp_path / "mine"))
    assert journal_folder.journal_folder() == tmp_path / "mine"

    monkeypatch.delenv(journal_folder.ENVIRONMENT)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert journal_folder.journal_folder().parts[-2:] == ("napari-sam3-assistant", "journals")
