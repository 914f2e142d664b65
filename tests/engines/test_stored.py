"""Embeddings that stay, by an engine without a model: what is found again, and every way in which a folder fails."""

from __future__ import annotations

import errno
import importlib.util
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.engines import store
from napari_sam3_assistant.engines.store import SUFFIX, Store
from napari_sam3_assistant.engines.stored import StoredEngine, stored
from napari_sam3_assistant.engines.storing import StoreOptions, key_of
from tests.engines.storing import Plain, encode, picture, same

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "embeddings"


def files(folder):
    return sorted(folder.glob(f"*{SUFFIX}"))


def keep(folder, *pictures, most_bytes=2**30, **engine):
    """Encode pictures by an engine of a session of its own, and return what came of it."""
    made = StoredEngine(Plain(**engine), StoreOptions(folder, most_bytes), wait=True)
    for one in pictures:
        encode(made, one)
    made.close()
    return made.stored


def test_a_picture_of_yesterday_is_not_encoded_again(folder):
    keep(folder, picture())
    plain, told = Plain(), []
    today = stored(plain, StoreOptions(folder))

    found = encode(today, picture(), lambda *said: told.append(said))

    assert plain.encodes == 0 and told == [(1.0, "Read from disk")]
    assert same(found, encode(plain, picture()))
    assert (today.stored.found, today.stored.encoded) == (1, 0)


@pytest.mark.parametrize("change", ["a pixel", "the shape", "the weights"])
def test_whatever_could_change_the_answer_is_encoded_anew(folder, change):
    keep(folder, picture())
    other = picture()
    if change == "a pixel":
        other[39, 49, 2] ^= 1
    if change == "the shape":
        other = other.reshape(50, 40, 3)

    counts = keep(folder, other, weights="another" if change == "the weights" else "first")

    assert (counts.found, counts.encoded) == (0, 1) and len(files(folder)) == 2


def test_an_engine_that_cannot_be_stored_stays_as_it_is(folder):
    plain = Plain(stores=False)

    assert stored(plain, StoreOptions(folder)) is plain and stored(Plain(), None).weights == "first"
    assert not folder.exists()


def test_what_is_no_picture_is_refused_as_by_the_engine(folder):
    with pytest.raises(EngineError, match="8-bit RGB"):
        encode(stored(Plain(), StoreOptions(folder)), np.zeros((4, 4), np.float32))


def test_features_that_are_no_numbers_are_not_kept(folder):
    counts = keep(folder, picture(), broken=True)

    assert counts.encoded == 1 and counts.written == 0 and not list(folder.iterdir())


def test_the_least_recently_used_are_given_up_for_others(folder):
    one = keep(folder, picture(0)) and files(folder)[0].stat().st_size
    keep(folder, picture(1), picture(2))
    for age, seed in ((300, 0), (200, 1), (100, 2)):
        os.utime(folder / f"{key_of('plain', 'first', picture(seed))}{SUFFIX}", (time.time() - age,) * 2)
    keep(folder, picture(0))  # read again: now the newest

    keep(folder, picture(3), most_bytes=int(2.9 * one))

    left = {seed for seed in range(4) if (folder / f"{key_of('plain', 'first', picture(seed))}{SUFFIX}").exists()}
    assert left == {0, 3}


def test_one_that_is_larger_than_all_may_be_is_not_kept_and_costs_no_other_one(folder):
    keep(folder, picture())

    keep(folder, picture(1, (90, 90)), most_bytes=30_000)

    assert len(files(folder)) == 1


@pytest.mark.parametrize("where", [0.02, 0.3, 0.6, 0.97, "cut", "empty", "no zip", "other arrays", "another form"])
def test_what_is_damaged_is_encoded_anew_and_replaced(folder, where, monkeypatch):
    keep(folder, picture())
    (path,) = files(folder)
    whole = path.read_bytes()
    if isinstance(where, float):  # the features, headers, and the list of what the zip holds
        at = int(where * len(whole))
        path.write_bytes(whole[:at] + bytes(255 - one for one in whole[at : at + 64]) + whole[at + 64 :])
    elif where == "other arrays":
        Store(StoreOptions(folder)).write(path.name.removesuffix(SUFFIX), store.Stored({"a": np.ones(3)}, (40, 50)))
    elif where == "another form":
        with monkeypatch.context() as patch:
            patch.setattr(store, "FORM", 99)
            os.rename(path, folder / "old")
            keep(folder, picture())
    else:
        path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "no zip": b"x" * 5000}[where])

    counts = keep(folder, picture())

    assert (counts.found, counts.encoded, counts.problem) == (0, 1, None)
    assert keep(folder, picture()).found == 1


def test_what_is_half_written_is_never_read_and_is_swept_later(folder):
    keep(folder, picture())
    (path,) = files(folder)
    drafts = [folder / f"{path.name.removesuffix(SUFFIX)}.{c * 32}.part" for c in "ab"]
    for draft in drafts:
        draft.write_bytes(path.read_bytes()[:1000])
    path.unlink()
    os.utime(drafts[0], (time.time() - 2 * store.OLD_S,) * 2)

    counts = keep(folder, picture())

    assert counts.found == 0 and not drafts[0].exists() and drafts[1].exists(), "one may still be written"


def test_a_process_that_is_killed_while_it_writes_leaves_nothing_that_is_read(folder):
    code = (
        "import os; from napari_sam3_assistant.engines import store;"
        "from tests.engines.storing import picture; from tests.engines.test_stored import keep;"
        "from pathlib import Path; os.replace = lambda *a: os._exit(9);"
        f"keep(Path({str(folder)!r}), picture())"
    )

    ended = subprocess.run([sys.executable, "-c", code], env=_env(), cwd=ROOT, timeout=120, check=False)

    assert ended.returncode == 9 and len(list(folder.iterdir())) == 1 and not files(folder)
    assert keep(folder, picture()).found == 0


def test_two_processes_may_write_the_same_at_once(folder):
    code = (
        "from tests.engines.storing import picture; from tests.engines.test_stored import keep;"
        f"from pathlib import Path; print(keep(Path({str(folder)!r}), *map(picture, range(8))).problem)"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code], env=_env(), cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]

    said = [one.communicate(timeout=120)[0] for one in both]

    assert said == ["None\n", "None\n"] and len(list(folder.iterdir())) == 8
    assert keep(folder, *map(picture, range(8))).found == 8


def test_a_full_disk_is_said_and_work_goes_on(folder, monkeypatch):
    def full(path, embedding):
        path.write_bytes(b"a part")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store, "_write", full)

    counts = keep(folder, picture(0), picture(1), picture(2))

    assert counts.encoded == 3 and counts.written == 0 and not list(folder.iterdir())
    assert "is full" in counts.problem.message and "Make room" in counts.problem.hint


def test_a_disk_is_not_filled_to_the_brim(folder, monkeypatch):
    monkeypatch.setattr(store, "free_at", lambda folder: store.SPARE)

    counts = keep(folder, picture())

    assert "is full" in counts.problem.message and not list(folder.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_limit_on_the_size_of_files_is_as_a_full_disk(folder):
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000));"
        "from tests.engines.storing import picture; from tests.engines.test_stored import keep;"
        f"from pathlib import Path; print(keep(Path({str(folder)!r}), picture(), picture(1)))"
    )

    ended = subprocess.run(
        [sys.executable, "-B", "-c", code], env=_env(), cwd=ROOT, timeout=120, capture_output=True, text=True
    )

    assert ended.returncode == 0, ended.stderr
    assert "encoded=2, written=0" in ended.stdout and "no more is allowed" in ended.stdout
    assert not list(folder.iterdir())


def test_a_file_in_the_place_of_the_folder_is_said(folder):
    folder.write_text("a file")

    counts = keep(folder, picture())

    assert counts.encoded == 1 and "is no folder" in counts.problem.message and folder.read_text() == "a file"


def test_a_folder_that_is_read_only_is_read_and_not_written(folder, monkeypatch):
    keep(folder, picture())

    def refuse(path, *more, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("touch", "write_bytes"):  # who runs the tests may be one whom no permission stops
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr(os, "utime", refuse)

    counts = keep(folder, picture(), picture(1))

    assert (counts.found, counts.encoded) == (1, 1) and "cannot be written" in counts.problem.message
    assert len(files(folder)) == 1


def test_a_python_without_zarr_keeps_nothing_removes_nothing_and_says_so(folder, monkeypatch):
    keep(folder, picture())
    usual = importlib.util.find_spec
    monkeypatch.setattr(store, "find_spec", lambda name: None if name == "zarr" else usual(name))
    monkeypatch.setitem(sys.modules, "zarr", None)

    counts = keep(folder, picture())

    assert counts.encoded == 1 and "has no zarr" in counts.problem.message and len(files(folder)) == 1


def test_an_answer_does_not_wait_for_a_slow_disk(folder, monkeypatch):
    import threading

    free, usual = threading.Event(), store._write

    def slow(path, embedding):
        assert free.wait(60)
        usual(path, embedding)

    monkeypatch.setattr(store, "_write", slow)
    made = StoredEngine(Plain(), StoreOptions(folder))

    for seed in range(6):  # more than may wait
        encode(made, picture(seed))
    assert made.stored.encoded == 6 and made.stored.written == 0
    free.set()
    made.close()

    assert 1 <= made.stored.written < 6 and made.stored.problem is None


def test_a_folder_that_another_process_clears_or_removes_meanwhile_is_used_on(folder, monkeypatch):
    usual = store._write

    def cleared(path, embedding):
        usual(path, embedding)
        Store(StoreOptions(folder)).clear()

    with monkeypatch.context() as patch:
        patch.setattr(store, "_write", cleared)
        counts = keep(folder, picture())
    assert (counts.written, counts.problem) == (0, None)

    made = StoredEngine(Plain(), StoreOptions(folder), wait=True)
    folder.rmdir()
    encode(made, picture())
    made.close()

    assert (made.stored.written, made.stored.problem) == (1, None) and len(files(folder)) == 1


@pytest.mark.parametrize("named", ["~nobody-of-that-name/x", "a\0b"])
def test_what_is_no_name_of_a_folder_is_said(named):
    counts = keep(Path(named), picture())

    assert counts.encoded == 1 and "is no folder" in counts.problem.message


def test_a_part_that_is_gone_is_no_embedding_of_noughts(folder):
    keep(folder, picture())
    (path,) = files(folder)
    whole = path.read_bytes()
    at = whole.rindex(b"half/c/0/0")  # in the list of what the zip holds, which has no checksum
    path.write_bytes(whole[:at] + b"half/c/0/8" + whole[at + 10 :])

    counts = keep(folder, picture())

    assert (counts.found, counts.encoded) == (0, 1) and keep(folder, picture()).found == 1


@pytest.mark.parametrize("broken", ["other numpy", "version 2"])
def test_a_zarr_that_cannot_be_used_costs_no_file(folder, monkeypatch, broken):
    import zarr

    keep(folder, picture())
    if broken == "version 2":
        monkeypatch.delattr(zarr, "create_group")
    else:

        class Finder:
            def find_spec(self, name, path=None, target=None):
                if name == "zarr":
                    raise ValueError("numpy.dtype size changed, may indicate binary incompatibility")

        for name in [one for one in sys.modules if one.partition(".")[0] == "zarr"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
        monkeypatch.setattr(store, "find_spec", lambda name: True)

    counts = keep(folder, picture(), picture(1))

    assert (counts.found, counts.encoded, len(files(folder))) == (0, 2, 1) and "Update zarr" in counts.problem.hint


@pytest.mark.parametrize("what", ["pack", "unpack"])
def test_an_engine_that_cannot_pack_or_unpack_has_its_answer_all_the_same(folder, monkeypatch, what):
    keep(folder, picture())

    def fails(self, *asked):
        raise KeyError("levels")

    monkeypatch.setattr(Plain, what, fails)

    counts = keep(folder, picture(0), picture(1))

    assert counts.encoded == (1 if what == "pack" else 2)
    assert (counts.problem is None) is (what == "unpack")


def test_a_system_that_refuses_to_open_a_file_is_quoted(folder, monkeypatch):
    def refuse(path):
        raise OSError(errno.EMFILE, "Too many open files")

    made = StoredEngine(Plain(), StoreOptions(folder), wait=True)
    monkeypatch.setattr(Path, "touch", refuse)
    encode(made, picture())
    made.close()

    assert "Too many open files" in made.stored.problem.message


def test_what_is_cleared_is_ours_alone(folder):
    keep(folder, picture(), picture(1))
    for name in ("notes.txt", f"mine{SUFFIX}", f"{'a' * 31}{SUFFIX}"):
        (folder / name).write_text("mine")
    kept = Store(StoreOptions(folder))
    count, size = kept.totals()

    freed = kept.clear()

    assert count == 2 and freed == size > 0 and kept.totals() == (0, 0)
    assert len(list(folder.iterdir())) == 3


def test_a_file_is_a_zip_of_a_zarr_group_that_others_can_read(folder):
    import zarr

    keep(folder, picture())
    (path,) = files(folder)

    with zarr.storage.ZipStore(path, mode="r") as opened:
        group = zarr.open_group(opened, mode="r")
        assert list(group.attrs["shape"]) == [40, 50] and group["half"].dtype == np.float16
    assert zipfile.ZipFile(path).testzip() is None


def _env():
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), "OMP_NUM_THREADS": "1"}
