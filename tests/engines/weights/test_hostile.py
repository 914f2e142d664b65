"""Files that would do harm if they were opened as torch opens files by default: nothing in them is run."""

import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import ModelFolderError
from napari_sam3_assistant.engines.weights.convert import prepare
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from tests.engines.weights import small


class Evil:
    """Makes a file or a folder where it is unpickled."""

    def __init__(self, path, how):
        self.path, self.how = str(path), how

    def __reduce__(self):
        if self.how == "system":
            return os.system, (f"touch '{self.path}'",)
        if self.how == "mkdir":
            return os.mkdir, (self.path,)
        return eval, (f"__import__('os').mkdir({self.path!r})",)


def refused(folder) -> str:
    """Return why a folder cannot be used, after every way into it was tried."""
    known = ModelFolder.inspect(folder)
    assert not known.ready
    with pytest.raises(ModelFolderError):
        prepare(folder)
    return known.problem


@pytest.mark.parametrize("how", ["system", "mkdir", "eval"])
@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_a_pickle_with_code_is_refused_and_runs_nothing(tmp_path, how, protocol):
    marker = tmp_path / "it_ran"
    (tmp_path / "model").mkdir()
    evil = pickle.dumps({"model": Evil(marker, how)}, protocol)
    small.write_pt(tmp_path / "model" / "sam3.pt", small.meta_tensors(), evil)

    problem = refused(tmp_path / "model")

    assert "nothing of it was run" in problem
    assert any(word in problem for word in ("system", "mkdir", "eval"))
    assert not marker.exists()
    pickle.loads(evil)  # it would have
    assert marker.exists()


def test_code_hidden_behind_good_weights_is_refused(tmp_path):
    marker = tmp_path / "it_ran"
    (tmp_path / "model").mkdir()
    good = small.pickle_of(small.meta_tensors())
    code = b"cposix\nsystem\n(" + small._text(f"touch '{marker}'") + b"tR0"
    small.write_pt(tmp_path / "model" / "sam3.pt", small.meta_tensors(), good[:-1] + code + b".")

    assert "posix.system" in refused(tmp_path / "model")
    assert not marker.exists()


@pytest.mark.parametrize("start", [b"\x80\x02", b"\x80\x04"])
def test_a_bare_pickle_is_not_opened(tmp_path, start):
    marker = tmp_path / "it_ran"
    (tmp_path / "sam3.pt").write_bytes(pickle.dumps(Evil(marker, "system"), start[1]))

    assert "may hold programs" in refused(tmp_path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "table",
    [
        b"\x80\x02r\xff\xff\xff\xff.",  # a memo of four thousand million places
        b"\x80\x02\x82\x01.",  # an extension
        b"\x80\x02}ciobuiltins\nx\n.",
        b"\x80\x02",
        b"",
        b"garbage",
        b"\x80\x02" + b"]" * 1000,
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b".",
    ],
)
def test_odd_pickles_are_refused_without_filling_the_memory(tmp_path, table):
    small.write_pt(tmp_path / "sam3.pt", {}, table or b".")

    assert "sam3.pt" in refused(tmp_path)


def tensor(storage_key="0", count=36, offset=0, shape=(6, 6), strides=(6, 1), kind=b"FloatStorage"):
    text, number = small._text, small._number
    storage = (
        b"(" + text("storage") + b"ctorch\n" + kind + b"\n" + text(storage_key) + text("cpu") + number(count) + b"tQ"
    )
    sizes = [b"(" + b"".join(map(number, one)) + b"t" for one in (shape, strides)]
    return (
        b"\x80\x02}"
        + text("x")
        + b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage
        + number(offset)
        + (b"".join(sizes) + b"\x89}tRs.")
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"count": 10_000},
        {"count": -1},
        {"offset": 1},
        {"offset": -1},
        {"shape": (7, 6)},
        {"shape": (1 << 30, 6), "strides": (0, 1)},
        {"strides": (-6, 1)},
        {"storage_key": "../../../etc/passwd"},
        {"kind": b"NoStorage"},
    ],
)
def test_a_tensor_outside_its_bytes_is_refused(tmp_path, bad):
    values = {"x": np.zeros((6, 6), "f4")}
    small.write_pt(tmp_path / "sam3.pt", values, tensor())
    assert "another model" in refused(tmp_path)  # it can be read, and is not SAM3

    small.write_pt(tmp_path / "sam3.pt", values, tensor(**bad))
    assert "damaged" in refused(tmp_path) or "NoStorage" in refused(tmp_path)


def test_a_packed_archive_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "sam3.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}" + b"0" * 10_000_000)

    assert "damaged" in refused(tmp_path)


def test_a_value_changed_on_the_way_is_found_by_its_checksum(tmp_path):
    small.write_meta(tmp_path)
    path = tmp_path / "sam3.pt"
    content = bytearray(path.read_bytes())
    where = bytes(content).index(small.meta_tensors()["tracker.no_mem_embed"].tobytes())
    content[where] ^= 1
    path.write_bytes(content)

    assert ModelFolder.inspect(tmp_path).ready  # looking reads no values
    with pytest.raises(ModelFolderError, match=r"checksum of tracker\.no_mem_embed"):
        prepare(tmp_path)
    assert not list(tmp_path.glob("*converted*")) and not list(tmp_path.glob(".*"))


def test_a_hundred_damaged_files_never_raise(tmp_path):
    random = np.random.default_rng(0)
    whole = small.write_pt(tmp_path / "sam3.pt", dict(list(small.meta_tensors().items())[:40])).read_bytes()
    for _ in range(100):
        content = bytearray(whole)
        for place in random.integers(0, len(content), 20):
            content[place] = random.integers(0, 256)
        (tmp_path / "sam3.pt").write_bytes(content[: random.integers(len(content) // 2, len(content) + 1)])

        assert ModelFolder.inspect(tmp_path).problem
