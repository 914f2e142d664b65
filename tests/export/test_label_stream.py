"""Label stacks that are written plane by plane: readable from the first one on, corrected, resumed, made one file."""

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.export import omezarr, stack_files
from napari_sam3_assistant.export.images import read_labels
from napari_sam3_assistant.export.label_stream import LabelStream
from napari_sam3_assistant.export.places import Place
from napari_sam3_assistant.export.stack_files import save_stack, slabs

SHAPE = (5, 140, 150)
PLANE = Plane(1, 2, ((0, 0),))


def at(frame):
    return PLANE.at(0, frame)


def levels_of(path):
    group = zarr.open_group(path, mode="r")
    (image,) = group.attrs["multiscales"]
    return [group[one["path"]][...] for one in image["datasets"]]


def labels(seed=0, shape=SHAPE, high=9):
    return np.random.default_rng(seed).integers(0, high, shape).astype(np.uint32)


def test_each_plane_can_be_read_as_soon_as_it_is_written(tmp_path):
    stream = LabelStream(tmp_path / "a.ome.zarr", SHAPE, PLANE, Place(scale=(2.0, 0.5, 0.5), units=("micrometer",) * 3))
    seen = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")["0"]
    assert not seen[...].any()

    stream.write(at(3), labels()[3])

    np.testing.assert_array_equal(seen[3], labels()[3])
    assert seen.chunks == (1, 140, 150)
    assert [one.shape for one in levels_of(stream.folder)] == [(5, 140, 150), (5, 70, 75)]
    assert read_labels(stream.folder).place == Place(scale=(2.0, 0.5, 0.5), units=("micrometer",) * 3)
    assert stream.finish() == tmp_path / "a.ome.zarr"


def test_only_blocks_with_labels_are_on_the_disk_and_a_correction_takes_them_away_again(tmp_path, monkeypatch):
    monkeypatch.setattr(omezarr, "BLOCK_SIDE", 64)
    stream = LabelStream(tmp_path / "a.ome.zarr", SHAPE, PLANE)

    def files():
        found = (path.relative_to(stream.folder / "0") for path in (stream.folder / "0").rglob("*") if path.is_file())
        return sorted("/".join(one.parts) for one in found if not one.name.startswith("."))

    stream.write(at(2), np.ones((10, 10), np.uint16), (60, 120))
    assert files() == ["2/0/1", "2/0/2", "2/1/1", "2/1/2"]
    stream.write(at(2), np.full((4, 4), 7, np.uint16), (0, 0))

    assert files() == ["2/0/0"]
    assert levels_of(stream.folder)[0].sum() == 7 * 16
    stream.write(at(2), np.zeros((0, 0), np.uint16))
    assert files() == []


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_axes_any_order_of_planes_and_any_part_give_the_stack_at_every_level(data, tmp_path_factory):
    ndim = data.draw(st.integers(3, 5))
    rows, cols = data.draw(st.permutations(range(ndim)))[:2]
    long = st.integers(1, 200)
    shape = tuple(data.draw(long if axis in (rows, cols) else st.integers(1, 2)) for axis in range(ndim))
    others = [axis for axis in range(ndim) if axis not in (rows, cols)]
    plane = Plane(rows, cols, tuple((axis, 0) for axis in others))
    path = tmp_path_factory.mktemp("any") / "a.ome.zarr"
    side, omezarr.BLOCK_SIDE = omezarr.BLOCK_SIDE, 50
    try:
        stream, expected = LabelStream(path, shape, plane), np.zeros(shape, np.uint32)
        view = np.moveaxis(expected, (*others, rows, cols), range(ndim))
        for turn in range(data.draw(st.integers(1, 6))):
            if turn and data.draw(st.booleans()):
                stream = LabelStream(path, shape, plane, resume=True)
            index = tuple(data.draw(st.integers(0, shape[axis] - 1)) for axis in others)
            top, left = (data.draw(st.integers(-5, shape[axis])) for axis in (rows, cols))
            high = data.draw(st.sampled_from([3, 3, 70_000]))
            part = labels(turn, (data.draw(st.integers(0, 120)), data.draw(st.integers(0, 120))), high)
            stream.write(Plane(rows, cols, tuple(zip(others, index, strict=True))), part, (top, left))
            view[index] = 0
            inside = part[max(-top, 0) :, max(-left, 0) :]
            room = view[index][max(top, 0) :, max(left, 0) :]
            inside = inside[: room.shape[0], : room.shape[1]]
            room[: inside.shape[0], : inside.shape[1]] = inside
    finally:
        omezarr.BLOCK_SIDE = side

    assert stream.dtype == (np.uint32 if expected.max() > 65_535 else stream.dtype)
    for level, factor in zip(levels_of(path), (1, *omezarr.FACTORS), strict=False):
        picked = tuple(slice(None, None, factor if axis in (rows, cols) else 1) for axis in range(ndim))
        np.testing.assert_array_equal(level, expected[picked])


def test_labels_are_16_bits_until_one_needs_32(tmp_path):
    stream = LabelStream(tmp_path / "a.ome.zarr", SHAPE, PLANE)
    stream.write(at(0), labels()[0])
    assert stream.dtype == np.uint16

    stream.write(at(1), np.full((3, 3), 70_000))

    assert stream.dtype == np.uint32
    full = levels_of(stream.folder)[0]
    np.testing.assert_array_equal(full[0], labels()[0])
    assert full[1, 1, 1] == 70_000
    assert sorted(path.name for path in stream.folder.iterdir()) == [".zattrs", ".zgroup", "0-uint32", "1-uint32"]
    resumed = LabelStream(tmp_path / "a.ome.zarr", SHAPE, PLANE, resume=True)
    assert resumed.dtype == np.uint32


@pytest.mark.parametrize(("suffix", "read"), [(".tif", tifffile.imread), (".npy", np.load)])
def test_one_file_is_made_of_it_at_the_end_a_few_planes_at_a_time(tmp_path, suffix, read, monkeypatch):
    monkeypatch.setattr(stack_files, "MOST_BYTES", 1)
    place = Place(scale=(2.0, 0.5, 0.5), units=("micrometer",) * 3)
    stream = LabelStream(tmp_path / f"a{suffix}", SHAPE, PLANE, place)
    for frame in reversed(range(5)):
        stream.write(at(frame), labels()[frame])
    assert stream.folder == tmp_path / "a.ome.zarr"

    path = stream.finish()

    assert list(tmp_path.iterdir()) == [path]
    made = read(path)
    np.testing.assert_array_equal(made, labels())
    assert made.dtype == np.uint16


def test_a_tiff_stack_says_what_imagej_wants_to_know_and_reads_as_ours(tmp_path):
    place = Place(scale=(2.0, 0.5, 0.5), units=("micrometer",) * 3)

    save_stack(labels().astype(np.uint16), tmp_path / "a.tif", place)
    save_stack(labels(0, (2, 3, 20, 30)).astype(np.uint16), tmp_path / "b.tif", Place(), letters="tcyx")

    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.is_imagej and tiff.series[0].axes == "ZYX"
        assert tiff.imagej_metadata["spacing"] == 2.0 and tiff.imagej_metadata["unit"] == "um"
    saved = read_labels(tmp_path / "a.tif")
    assert saved.place == place
    np.testing.assert_array_equal(saved.labels, labels())
    with tifffile.TiffFile(tmp_path / "b.tif") as tiff:
        assert tiff.is_imagej and tiff.series[0].axes == "TCYX"


def test_pieces_of_a_stack_are_whole_planes_in_order():
    made = labels(0, (3, 4, 10, 12))

    for most in (1, 10 * 12 * 4 * 2, 10**9):
        pieces = list(slabs(made, most))
        assert all(piece.shape[-2:] == (10, 12) for piece in pieces)
        np.testing.assert_array_equal(
            np.concatenate([one.reshape(-1, 10, 12) for one in pieces]), made.reshape(-1, 10, 12)
        )
    assert len(list(slabs(made, 1))) == 12


def test_nothing_is_overwritten_unasked(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"mine")
    with pytest.raises(SaveError, match=r"a\.tif is there already"):
        LabelStream(tmp_path / "a.tif", SHAPE, PLANE)
    LabelStream(tmp_path / "b.ome.zarr", SHAPE, PLANE).write(at(0), labels()[0])
    for path in ("b.ome.zarr", "b.npy"):
        with pytest.raises(SaveError, match=r"b\.ome\.zarr is there already"):
            LabelStream(tmp_path / path, SHAPE, PLANE)

    LabelStream(tmp_path / "a.tif", SHAPE, PLANE, overwrite=True).finish()
    LabelStream(tmp_path / "b.ome.zarr", SHAPE, PLANE, overwrite=True)

    assert tifffile.imread(tmp_path / "a.tif").shape == SHAPE
    assert not levels_of(tmp_path / "b.ome.zarr")[0].any()


def test_another_stack_is_not_gone_on_with(tmp_path):
    LabelStream(tmp_path / "a.ome.zarr", SHAPE, PLANE)

    with pytest.raises(SaveError, match="not of this stack") as refused:
        LabelStream(tmp_path / "a.ome.zarr", (6, 140, 150), PLANE, resume=True)

    assert refused.value.hint


def test_a_full_disk_is_an_error_with_advice_and_what_is_done_stays(tmp_path, monkeypatch):
    from zarr.storage import _local

    stream = LabelStream(tmp_path / "a.tif", SHAPE, PLANE)
    stream.write(at(0), labels()[0])

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(_local, "_put", full)
        with pytest.raises(SaveError, match="The disk is full") as refused:
            stream.write(at(1), labels()[1])
    assert refused.value.hint
    np.testing.assert_array_equal(levels_of(stream.folder)[0][0], labels()[0])

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(SaveError, match="The disk is full"):
            stream.finish()
    assert not (tmp_path / "a.tif").exists()

    stream.write(at(1), labels()[1])
    np.testing.assert_array_equal(tifffile.imread(stream.finish())[:2], labels()[:2])


def test_what_was_written_before_a_kill_can_be_opened(tmp_path):
    program = f"""
import os, signal
import numpy as np
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.export.label_stream import LabelStream
from pathlib import Path
stream = LabelStream(Path({str(tmp_path / "a.tif")!r}), {SHAPE}, Plane(1, 2, ((0, 0),)))
for frame in (0, 1, 2):
    stream.write(Plane(1, 2, ((0, frame),)), np.full((140, 150), frame + 1, np.uint16))
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -9

    (seen, half) = levels_of(tmp_path / "a.ome.zarr")

    assert [set(np.unique(one)) for one in seen] == [{1}, {2}, {3}, {0}, {0}]
    assert half.max() == 3
    assert json.loads((tmp_path / "a.ome.zarr" / ".zattrs").read_text())["multiscales"][0]["version"] == "0.4"


def test_the_reader_of_ome_zarr_finds_labels(tmp_path):
    reader, io = pytest.importorskip("ome_zarr.reader"), pytest.importorskip("ome_zarr.io")
    stream = LabelStream(tmp_path / "a.ome.zarr", SHAPE, PLANE, Place(scale=(3.0, 1.0, 1.0)))
    stream.write(at(4), labels()[4])

    (node,) = reader.Reader(io.parse_url(str(stream.folder)))()

    assert any(isinstance(spec, reader.Label) for spec in node.specs)
    np.testing.assert_array_equal(node.data[0][4].compute(), labels()[4])
