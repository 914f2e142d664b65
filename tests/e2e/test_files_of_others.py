"""Pictures that other programs wrote, opened through the readers that people use: which pixels are read of them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tifffile
import zarr

from tests.conftest import squares
from tests.e2e.hands import points

EMPTY = np.full_like(squares(), 20)
AREA = 888
"""Of the mask of the first square."""
HAYSTACK = {"T": 2, "C": 3, "Z": 2}


def needle(axes: str, at: dict[str, int]) -> np.ndarray:
    """A picture of these axes whose squares are at one place alone; it is a little brighter there than elsewhere."""
    shape = [HAYSTACK[axis] for axis in axes]
    picture = np.broadcast_to(EMPTY, (*shape, *EMPTY.shape)).astype(np.uint16)
    picture[tuple(at[axis] for axis in axes)] = squares()
    return picture * 50


def ome_tiff(path, picture, axes, **how):
    tifffile.imwrite(path, picture, ome=True, photometric="minisblack", metadata={"axes": f"{axes}YX"}, **how)


def imagej(path, picture, axes):
    order = "TZC"
    turned = np.moveaxis(picture, [axes.index(one) for one in order if one in axes], range(len(axes)))
    there = "".join(one for one in order if one in axes)
    tifffile.imwrite(path, turned, imagej=True, metadata={"axes": f"{there}YX"})
    return there


def pyramid(path, picture, axes):
    with tifffile.TiffWriter(path, ome=True) as file:
        how = {"tile": (64, 64), "photometric": "minisblack"}
        file.write(picture, subifds=1, metadata={"axes": f"{axes}YX"}, **how)
        file.write(picture[..., ::2, ::2], subfiletype=1, **how)


def ome_zarr(path, picture, *, version, omero):
    """Write frames of channels of slices, half as large in the second level."""
    from ome_zarr.format import FormatV04, FormatV05
    from ome_zarr.writer import add_metadata, write_multiscale

    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    fmt = FormatV04() if version == "0.4" else FormatV05()
    about = [{"name": one.lower(), "type": {"T": "time", "C": "channel"}.get(one, "space")} for one in "TCZYX"]
    sizes = [[{"type": "scale", "scale": [1, 1, 2, side, side]}] for side in (2, 4)]
    levels = [picture, picture[..., ::2, ::2]]
    write_multiscale(levels, group, axes=about, fmt=fmt, coordinate_transformations=sizes)
    if omero:
        channels = [{"label": f"dye {k}", "color": "00FF00"} for k in range(HAYSTACK["C"])]
        add_metadata(group, {"omero": {"channels": channels}}, fmt=fmt)


def opened(open_driver, path, plugin="napari"):
    driver = open_driver(show=False)
    driver.viewer.open(str(path), plugin=plugin)
    driver.wait_until_idle()
    return driver


def look(driver, layer, place) -> None:
    """Move the sliders to a place of the layer."""
    world = layer.data_to_world((*place, 0, 0))
    for axis, at in enumerate(world[:-2]):
        driver.viewer.dims.set_point(axis + driver.viewer.dims.ndim - layer.ndim, at)
    driver.wait_until_idle()


def area(driver, layer, place) -> int:
    """Click in the first square, with the sliders at a place of the layer; return the area of the mask."""
    look(driver, layer, place)
    driver.widget.controller.board.begin_object()
    layer_of_points = points(driver)
    layer_of_points.add(layer_of_points.world_to_data(layer.data_to_world((*place, 35, 35))[-layer_of_points.ndim :]))
    driver.wait_until_idle()
    return driver.state.results.current.segmentation.mask.area


def found_at(driver, layer, axes, at) -> None:
    """Assert that the squares are read where they are, and one step beside that on every axis nothing is."""
    here = tuple(at[axis] for axis in axes)
    assert area(driver, layer, here) == AREA
    plane = driver.state.results.current.view.plane
    assert plane.index == tuple(enumerate(here)) and (plane.row_axis, plane.col_axis) == (len(axes), len(axes) + 1)
    for k, axis in enumerate(axes):
        beside = (*here[:k], (here[k] + 1) % HAYSTACK[axis], *here[k + 1 :])
        assert area(driver, layer, beside) > 2 * AREA, f"something is seen beside the squares on {axis}"


@pytest.mark.parametrize(("axes", "write"), [("TCZ", ome_tiff), ("CZ", ome_tiff), ("TC", pyramid), ("TZC", imagej)])
def test_tiff_files_are_read_at_the_channel_frame_and_slice_on_screen(open_driver, tmp_path, axes, write):
    at = {"T": 1, "C": 2, "Z": 1}
    path = tmp_path / ("cells.tif" if write is imagej else "cells.ome.tif")
    axes = write(path, needle(axes, at), axes) or axes
    driver = opened(open_driver, path)
    layer = driver.viewer.layers[0]

    found_at(driver, layer, axes, at)

    assert driver.state.results.current.view.source.channel_axis == axes.index("C")
    assert len(driver.state.task.channels) == HAYSTACK["C"]


def test_an_ome_tiff_in_colour_is_read_in_colour(open_driver, tmp_path):
    colour = np.stack([EMPTY, squares(), EMPTY], -1)
    tifffile.imwrite(tmp_path / "he.ome.tif", colour, ome=True, photometric="rgb", metadata={"axes": "YXS"})
    driver = opened(open_driver, tmp_path / "he.ome.tif")

    assert area(driver, driver.viewer.layers[0], ()) == AREA

    source = driver.state.results.current.view.source
    assert source.rgb and source.channel_axis == 2


@pytest.mark.parametrize(("version", "omero"), [("0.4", True), ("0.5", False), ("0.5", True)])
def test_ome_zarr_through_naparis_own_reader_is_one_layer_with_a_channel_axis(open_driver, tmp_path, version, omero):
    at = {"T": 1, "C": 2, "Z": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ome-zarr's own
        ome_zarr(tmp_path / "cells.zarr", needle("TCZ", at), version=version, omero=omero)
    driver = opened(open_driver, tmp_path / "cells.zarr")

    found_at(driver, driver.viewer.layers[0], "TCZ", at)

    assert driver.state.results.current.view.source.channel_axis == 1
    assert driver.state.task.channels == (("0 dye 0", "1 dye 1", "2 dye 2") if omero else ("0", "1", "2"))


@pytest.mark.parametrize(("version", "omero"), [("0.4", False), ("0.5", True)])
def test_ome_zarr_through_its_plugin_is_a_layer_for_each_channel(open_driver, tmp_path, version, omero):
    pytest.importorskip("napari_ome_zarr")
    at = {"T": 1, "C": 2, "Z": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ome_zarr(tmp_path / "cells.zarr", needle("TCZ", at), version=version, omero=omero)
    driver = opened(open_driver, tmp_path / "cells.zarr", plugin="napari-ome-zarr")
    images = [layer for layer in driver.viewer.layers if layer.ndim == 4 and "SAM3" not in layer.name]
    assert len(images) == 3 and tuple(images[2].scale) == (1, 2, 2, 2)

    for channel, layer in enumerate(images):
        driver.viewer.layers.selection.active = layer
        driver.widget.controller.arm()
        driver.wait_until_idle()
        assert driver.state.task.image == str(layer.unique_id) and not driver.state.task.channels
        if channel == 2:
            found_at(driver, layer, "TZ", at)
        else:
            assert area(driver, layer, (1, 1)) > 2 * AREA
