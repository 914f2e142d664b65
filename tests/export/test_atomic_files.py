import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.export import atomic
from napari_sam3_assistant.export.atomic import write_file, write_folder
from napari_sam3_assistant.export.images import FORMATS, read_labels, save_labels

each_suffix = pytest.mark.parametrize("suffix", [kind.suffix for kind in FORMATS.values()])

LABELS = np.ones((4, 5), np.uint8)


def noise(side=512):
    """Labels that no compression makes small."""
    return np.random.default_rng(0).integers(0, 2**16, (side, side), dtype=np.uint16)


def mount(folder, *options):
    """Mount a small file system in memory, or return False where that is not allowed."""
    program = shutil.which("mount")
    command = [program, "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    return program is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def full_disk(tmp_path):
    """A folder in which 64 kB can be written, and a word for how that is brought about."""
    folder = tmp_path / "small"
    folder.mkdir()
    if mount(folder, "size=64k"):
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
        return
    # Not allowed to mount: instead, no file may grow beyond 64 kB. Python ignores the signal; writing fails.
    import resource  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    yield folder
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def locked_folder(tmp_path):
    """A folder with a file in which nothing may be written."""
    folder = tmp_path / "locked"
    folder.mkdir()
    if os.geteuid():
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)
    elif mount(folder, "ro"):
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
    else:  # root without the right to mount: the kernel's own files cannot be joined by others
        yield Path("/proc/self")


@each_suffix
def test_a_full_disk_is_said_and_leaves_nothing_behind(full_disk, suffix):
    with pytest.raises(SaveError, match=r"full|larger than this disk") as caught:
        save_labels(noise(), full_disk / f"m{suffix}")

    assert "folder" in caught.value.hint
    assert list(full_disk.iterdir()) == []


@each_suffix
def test_a_full_disk_leaves_the_older_file_as_it_was(full_disk, suffix):
    path = save_labels(LABELS, full_disk / f"m{suffix}")

    with pytest.raises(SaveError):
        save_labels(noise(), path, overwrite=True)

    np.testing.assert_array_equal(read_labels(path).labels, LABELS)
    assert list(full_disk.iterdir()) == [path]


def test_after_a_full_disk_what_fits_is_saved(full_disk):
    with pytest.raises(SaveError):
        save_labels(noise(), full_disk / "m.npy")

    assert save_labels(LABELS, full_disk / "m.npy").exists()


def test_a_folder_that_may_not_be_written_is_named(locked_folder):
    with pytest.raises(SaveError, match=r"may not be written|no folder") as caught:
        save_labels(LABELS, locked_folder / "m.tif")

    assert str(locked_folder) in caught.value.message
    assert "another folder" in caught.value.hint


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SaveError, match="no folder") as caught:
        save_labels(LABELS, tmp_path / "gone" / "m.tif")

    assert str(tmp_path / "gone") in caught.value.message


def test_a_file_in_place_of_the_folder_is_not_touched(tmp_path):
    (tmp_path / "file").write_text("mine")

    with pytest.raises(SaveError, match="no folder"):
        save_labels(LABELS, tmp_path / "file" / "m.tif")

    assert (tmp_path / "file").read_text() == "mine"


@each_suffix
def test_an_existing_file_is_not_overwritten_unasked(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(b"mine")

    with pytest.raises(SaveError, match="there already") as caught:
        save_labels(LABELS, path)

    assert caught.value.hint
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]


@each_suffix
def test_an_existing_file_is_replaced_when_asked(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(b"old")

    save_labels(LABELS, path, overwrite=True)

    np.testing.assert_array_equal(read_labels(path).labels, LABELS)
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_of_that_name_is_not_replaced(tmp_path):
    (tmp_path / "m.tif").mkdir()

    for overwrite in (False, True):
        with pytest.raises(SaveError, match=r"there already|is a folder"):
            save_labels(LABELS, tmp_path / "m.tif", overwrite=overwrite)

    assert (tmp_path / "m.tif").is_dir()
    assert len(list(tmp_path.iterdir())) == 1


def no_links(*_):
    raise OSError(errno.EOPNOTSUPP, "no links here")


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_while_writing_wins(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(atomic.os, "link", no_links)
    path = tmp_path / "m.npy"

    def write(file):
        file.write(b"ours")
        path.write_bytes(b"theirs")

    with pytest.raises(SaveError, match="there already"):
        write_file(path, write)

    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("links", [True, False])
def test_of_many_writers_of_one_name_exactly_one_succeeds(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(atomic.os, "link", no_links)
    path, done, refused = tmp_path / "m.npy", [], []
    barrier = threading.Barrier(8)

    def write(number):
        barrier.wait()
        try:
            write_file(path, lambda file: file.write(b"%d" % number * 1000))
            done.append(number)
        except SaveError:
            refused.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(done) == 1
    assert len(refused) == 7
    assert path.read_bytes() == b"%d" % done[0] * 1000
    assert list(tmp_path.iterdir()) == [path]


def test_disks_without_links_get_their_files_too(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic.os, "link", no_links)

    path = save_labels(LABELS, tmp_path / "m.tif")

    np.testing.assert_array_equal(read_labels(path).labels, LABELS)
    assert list(tmp_path.iterdir()) == [path]


def test_any_failure_of_the_writer_leaves_nothing_behind(tmp_path):
    def write(file):
        file.write(b"half")
        raise ValueError("bug")

    with pytest.raises(ValueError, match="bug"):
        write_file(tmp_path / "m.npy", write)

    assert list(tmp_path.iterdir()) == []


def test_the_file_has_the_rights_that_files_of_this_user_have(tmp_path):
    (tmp_path / "plain").touch()

    path = save_labels(LABELS, tmp_path / "m.tif")

    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert path.stat().st_nlink == 1


def test_a_name_that_is_too_long_is_said(tmp_path):
    with pytest.raises(SaveError, match="too long"):
        save_labels(LABELS, tmp_path / ("a" * 300 + ".tif"))

    assert list(tmp_path.iterdir()) == []


def test_the_content_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    seen = []
    fsync, link = os.fsync, os.link
    monkeypatch.setattr(atomic.os, "fsync", lambda handle: (seen.append("fsync"), fsync(handle))[1])
    monkeypatch.setattr(atomic.os, "link", lambda a, b: (seen.append("link"), link(a, b))[1])

    save_labels(LABELS, tmp_path / "m.tif")

    assert seen[:2] == ["fsync", "link"]


def test_a_process_that_is_killed_while_writing_leaves_no_file_of_that_name(tmp_path):
    code = f"""
import os, signal
from pathlib import Path
from napari_sam3_assistant.export.atomic import write_file

def write(file):
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)

write_file(Path({str(tmp_path / "m.tif")!r}), write)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)

    assert done.returncode == -9
    assert not (tmp_path / "m.tif").exists()


def test_nothing_is_left_of_a_folder_though_threads_of_its_writer_go_on_for_a_moment(tmp_path):
    def straggle(folder):
        for number in range(20):
            (folder / str(number)).mkdir(parents=True, exist_ok=True)
            time.sleep(0.01)

    stragglers = []

    def write(folder):
        stragglers.append(threading.Thread(target=straggle, args=(folder,)))
        stragglers[0].start()
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(SaveError):
        write_folder(tmp_path / "cells.ome.zarr", write)
    stragglers[0].join()

    assert os.listdir(tmp_path) == []
