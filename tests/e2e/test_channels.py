"""Channels, time and depth, with files that other programs wrote and napari's own readers opened."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pytest
import tifffile
import zarr
from qtpy.QtCore import Qt

from napari_sam3_assistant.app.state import Phase, PromptKind
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.tasks.jobs import Task
from tests.conftest import squares
from tests.e2e.hands import add, add_box, objects

OTHER = squares()[::-1, ::-1].copy()
"""Squares at 18 to 47 and 78 to 107."""
EMPTY = np.full_like(OTHER, 20)


def ome_tiff(folder, data, axes, **about):
    path = folder / "cells.ome.tif"
    tifffile.imwrite(path, data, metadata={"axes": axes, **about}, photometric="rgb" if axes[-1] == "S" else "minisblack")
    return path


def ome_zarr(folder, data, axes):
    path = folder / "cells.zarr"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own, where it is imported
        from ome_zarr.writer import write_image
    write_image(data, zarr.open_group(path, mode="w"), axes=axes)
    return path


def opened(open_driver, path):
    driver = open_driver()
    driver.viewer.open(str(path), plugin="napari")
    driver.wait_until_idle()
    driver.pump(0.05)
    return driver


def image(driver):
    return driver.viewer.layers[0]


def mask(driver):
    return driver.state.results.current.segmentation.mask


@pytest.mark.parametrize("write", [ome_tiff, ome_zarr])
def test_the_channel_time_and_depth_on_screen_are_those_that_are_segmented(open_driver, tmp_path, write):
    data = np.stack([np.stack([EMPTY, EMPTY]), np.stack([EMPTY, squares()]), np.stack([EMPTY, EMPTY])]).astype("uint16")
    axes = "TCYX" if write is ome_tiff else "tcyx"
    driver = opened(open_driver, write(tmp_path, data * 100, axes))
    driver.viewer.dims.set_current_step(0, 1)
    driver.viewer.dims.set_current_step(1, 1)

    add(driver, 35, 35)

    assert driver.widget.controller.on_screen().source.channel_axis == 1
    assert driver.state.results.current.view.plane == Plane(2, 3, ((0, 1), (1, 1)))
    assert 800 < mask(driver).area < 1000 and driver.widget.simple.setup.channels.isVisible()
