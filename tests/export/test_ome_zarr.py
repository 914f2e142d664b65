"""Labels as OME-Zarr: whole planes of which only the blocks with an object are written."""

import json
import os
import threading

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.core.errors import SaveError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.labels import to_labels
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.export import omezarr
from napari_sam3_assistant.export.atomic import write_folder
from napari_sam3_assistant.export.images import read_labels, save_labels
from napari_sam3_assistant.export.omezarr import save_masks
from napari_sam3_assistant.export.own_masks import is_own_mask
from napari_sam3_assistant.export.places import Place

MASK = np.ones((40, 50), bool)
HUGE = (60_000, 60_000)


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def levels_of(path):
    group = zarr.open_group(path, mode="r")
    (image,) = group.attrs["multiscales"]
    return [group[one["path"]] for one in image["datasets"]], image


def test_two_objects_of_a_huge_plane_take_the_room_of_two_objects(tmp_path):
    masks = [PlacedMask(MASK, (100, 200)), PlacedMask(MASK, (55_000, 58_000))]

    path = save_masks(masks, [1, 2], tmp_path / "m.ome.zarr", plane_shape=HUGE, scale=(0.5, 0.25), units="micrometer")

    (full, half, *_), image = levels_of(path)
    assert full.shape == HUGE and half.shape == (30_000, 30_000) and full.dtype == np.uint16
    assert full[120, 220] == 1 and full[55_010, 58_010] == 2 and half[27_510, 29_010] == 2
    assert size_of(path) < 100_000
    assert [one["coordinateTransformations"][0]["scale"] for one in image["datasets"][:2]] == [[0.5, 0.25], [1.0, 0.5]]
    assert image["axes"][0] == {"name": "y", "type": "space", "unit": "micrometer"}


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_masks_anywhere_are_the_labels_of_the_whole_plane_at_every_level(data, tmp_path_factory):
    shape = data.draw(st.tuples(st.integers(1, 300), st.integers(1, 300)))
    place = st.tuples(st.integers(-30, 310), st.integers(-30, 310))
    masks = [PlacedMask(MASK, data.draw(place)) for _ in range(data.draw(st.integers(1, 4)))]
    values = list(range(1, len(masks) + 1))
    path = tmp_path_factory.mktemp("any") / "m.ome.zarr"
    blocks, omezarr.BLOCK_SIDE = omezarr.BLOCK_SIDE, 64
    try:
        save_masks(masks, values, path, plane_shape=shape)
    finally:
        omezarr.BLOCK_SIDE = blocks

    labels = to_labels(masks, whole(shape), values=values, overlap="last")
    for level, factor in zip(levels_of(path)[0], (1, *omezarr.FACTORS), strict=False):
        np.testing.assert_array_equal(level[...], labels[::factor, ::factor])


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((1, 1), "yx"), ((1, 5), "yx"), ((3, 200, 190), "zyx"), ((2, 3, 70, 80), "tzyx"), ((2, 2, 3, 8, 9), "tczyx")],
)
def test_stacks_keep_their_shape_and_say_which_axis_is_which(tmp_path, shape, axes):
    labels = np.arange(np.prod(shape), dtype=np.uint32).reshape(shape)
    scale = tuple(map(float, range(1, len(shape) + 1)))

    path = save_labels(labels, tmp_path / "m.ome.zarr", scale=scale, units="micrometer")

    saved = read_labels(path)
    np.testing.assert_array_equal(saved.labels, labels)
    assert saved.place == Place(scale=scale, units=("micrometer",) * len(shape))
    assert "".join(axis["name"] for axis in levels_of(path)[1]["axes"]) == axes


def test_a_film_is_told_from_a_stack_by_the_unit_of_its_first_axis(tmp_path):
    units = ("second", "pixel", "pixel")

    path = save_labels(np.ones((2, 8, 9), np.uint8), tmp_path / "m.zarr", scale=(2, 1, 1), units=units)

    assert levels_of(path)[1]["axes"][:2] == [
        {"name": "t", "type": "time", "unit": "second"},
        {"name": "y", "type": "space"},
    ]


def test_other_readers_of_ome_zarr_find_labels(tmp_path):
    reader, io = pytest.importorskip("ome_zarr.reader"), pytest.importorskip("ome_zarr.io")
    path = save_masks([PlacedMask(MASK, (3, 4))], [7], tmp_path / "m.ome.zarr", plane_shape=(300, 200), scale=(0.5, 2))

    (node,) = reader.Reader(io.parse_url(str(path)))()

    assert any(isinstance(spec, reader.Label) for spec in node.specs)
    assert [level.shape for level in node.data] == [(300, 200), (150, 100)]
    assert node.data[0][10, 10].compute() == 7
    assert node.metadata["coordinateTransformations"][1] == [{"type": "scale", "scale": [1.0, 4.0]}]


def test_where_the_objects_lie_is_noted_and_such_a_mask_is_no_picture(tmp_path):
    path = save_masks(
        [PlacedMask(MASK)], [1], tmp_path / "a_mask_01.ome.zarr", plane_shape=(100, 90), scale=(2, 3), plane=[(0, 4)]
    )
    zarr.create_array(tmp_path / "a_mask_02.ome.zarr", shape=(2, 2), dtype="u1")

    assert read_labels(path).place == Place((0, 0), (100, 90), (2.0, 3.0), None, ((0, 4),))
    assert is_own_mask(path) and not is_own_mask(tmp_path / "a_mask_02.ome.zarr")
    assert json.loads((path / ".zattrs").read_text())["multiscales"][0]["version"] == "0.4"


def test_a_folder_that_fails_half_way_is_not_there_and_the_older_one_is_whole(tmp_path):
    def fail(folder):
        (folder / "half").write_text("half")
        raise OSError(28, "No space left on device")

    path = save_masks([PlacedMask(MASK)], [1], tmp_path / "m.ome.zarr", plane_shape=(100, 90))

    with pytest.raises(SaveError, match="disk is full"):
        write_folder(path, fail, overwrite=True)
    with pytest.raises(SaveError, match="disk is full"):
        write_folder(tmp_path / "new.ome.zarr", fail)
    with pytest.raises(SaveError, match="there already"):
        save_masks([PlacedMask(MASK)], [2], path, plane_shape=(100, 90))

    assert read_labels(path).labels.max() == 1 and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_named_lets_the_older_one_come_back(tmp_path, monkeypatch):
    path = save_masks([PlacedMask(MASK)], [1], tmp_path / "m.ome.zarr", plane_shape=(100, 90))
    rename = os.rename

    def refuse(source, target):
        if target == path and source != path and (source / ".zgroup").exists() and refuse.times:
            refuse.times -= 1
            raise OSError(5, "Input/output error")
        rename(source, target)

    refuse.times = 1
    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(SaveError):
        save_masks([PlacedMask(MASK)], [2], path, plane_shape=(100, 90), overwrite=True)

    assert read_labels(path).labels.max() == 1 and list(tmp_path.iterdir()) == [path]


def test_of_many_writers_of_one_folder_exactly_one_succeeds(tmp_path):
    path, done, refused = tmp_path / "m.ome.zarr", [], []
    barrier = threading.Barrier(6)

    def fill(folder):
        (folder / "a").write_text("a")
        barrier.wait()

    def write(number):
        try:
            done.append(write_folder(path, fill))
        except SaveError:
            refused.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(done) == 1 and len(refused) == 5
    assert list(tmp_path.iterdir()) == [path]
