"""What files say of their axes: as their writers wrote it, or nothing."""

import json

import numpy as np
import pytest
import tifffile

from napari_sam3_assistant.export.axes import NOTHING, FileAxes, axes_in


def test_an_imagej_file_names_its_axes(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((3, 2, 8, 9), np.uint16), imagej=True, metadata={"axes": "ZCYX"})

    assert axes_in(path, (3, 2, 8, 9)) == FileAxes(("z", "c", "y", "x"))


def test_of_several_pictures_in_a_file_the_one_that_was_opened_counts(tmp_path):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(np.zeros((3, 8, 9), np.uint16), metadata={"axes": "ZYX"})
        tiff.write(np.zeros((2, 8, 9), np.uint16), metadata={"axes": "CYX", "Channel": {"Name": ["a", "b"]}})

    assert axes_in(path, (2, 8, 9)) == FileAxes(("c", "y", "x"), ("a", "b"))
    assert axes_in(path, (5, 8, 9)) == NOTHING


@pytest.mark.parametrize("axes", [["c", "y", "x"], [{"name": "wave", "type": "channel"}, {"name": "y"}, {"name": "x"}]])
def test_ome_zarr_of_both_formats_names_its_axes_and_channels(tmp_path, axes):
    told = {"multiscales": [{"axes": axes}], "omero": {"channels": [{"label": "DAPI"}, {}]}}
    for name, whole in ((".zattrs", told), ("zarr.json", {"attributes": {"ome": told}})):
        folder = tmp_path / f"{name}.zarr"
        folder.mkdir()
        (folder / name).write_text(json.dumps(whole))

        assert axes_in(folder, (2, 8, 9)) == FileAxes(("c", "y", "x"), ("DAPI", ""))
        assert axes_in(folder, (8, 9)) == NOTHING, "not the picture that was opened"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"attributes": 3}'])
def test_files_that_are_broken_say_nothing(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "zarr.json").write_bytes(content)

    for name in ("a.tif", "a.zarr", "gone.tif"):
        assert axes_in(tmp_path / name, (2, 8, 9)) == NOTHING
