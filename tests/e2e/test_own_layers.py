"""What users do to pictures and to our layers with napari's own tools."""

from __future__ import annotations

import numpy as np

from napari_sam3_assistant.app.task_state import PromptKind
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.layers.accepted import accepted_layer
from tests.conftest import squares
from tests.e2e.hands import add, objects


def begin_two(driver) -> None:
    """Make an object of each square."""
    driver.wait_until_idle()
    add(driver, 35, 35)
    driver.widget.controller.board.begin_object()
    add(driver, 95, 95)
    assert set(objects(driver)) == {1, 2}


def test_a_picture_that_is_moved_and_scaled_takes_prompts_masks_and_accepted_objects_along(open_again):
    driver = open_again((squares(), {}), show=False)
    begin_two(driver)
    driver.widget.controller.accepting.accept(clear=False)
    before = objects(driver)

    image = driver.viewer.layers[0]
    image.scale, image.translate = (2, 2), (10, 10)
    add(driver, 97, 97)

    assert objects(driver) == before, "no object was asked about at another place"
    for layer in (driver.viewer.layers[names.POINTS], accepted_layer(driver.viewer, image)):
        assert tuple(layer.scale) == (2, 2) and tuple(layer.translate) == (10, 10)


def test_a_picture_that_is_moved_leaves_the_user_s_own_points_where_they_are(open_again):
    driver = open_again((squares(), {}), show=False)
    driver.wait_until_idle()
    mine = driver.viewer.add_points([[35.0, 35.0]], name="mine")
    driver.widget.controller.choice.choose(PromptKind.POINTS, str(mine.unique_id))
    driver.wait_until_idle()

    driver.viewer.layers[0].translate = (7, 7)
    driver.wait_until_idle()

    assert tuple(mine.translate) == (0, 0)
    assert tuple(driver.viewer.layers[names.POINTS].translate) == (7, 7)


def test_a_mirrored_picture_that_is_moved_takes_its_points_along(open_again):
    driver = open_again((squares(), {"scale": (1, -2)}), show=False)
    begin_two(driver)
    before, image, own = objects(driver), driver.viewer.layers[0], driver.viewer.layers[names.POINTS]
    assert (own.scale > 0).all(), "napari 0.7 cannot select a point in a layer of negative scale"

    image.translate, image.scale = (10, 300), (3, -4)
    add(driver, 97, 97)

    assert objects(driver) == before
    np.testing.assert_allclose(own.data_to_world((95, 95)), image.data_to_world((95, 95)))


def test_a_preview_converted_to_an_image_is_no_picture_and_the_next_one_is_ours(open_again):
    driver = open_again((squares(), {"name": "cells"}), show=False)
    begin_two(driver)
    preview = driver.viewer.layers[names.PREVIEW_LABELS]
    data = np.array(preview.data)
    driver.viewer.layers.remove(preview)
    driver.viewer.add_image(data, name=names.PREVIEW_LABELS)
    driver.wait_until_idle()
    driver.viewer.layers.selection.active = driver.viewer.layers[names.POINTS]

    for row in (90, 100):
        driver.widget.controller.board.begin_object()
        add(driver, row, row)

    assert driver.state.task.summary.startswith("cells: 128 x 128")
    assert len(objects(driver)) == 2
    assert sum(layer.name.startswith(names.PREVIEW_LABELS) for layer in driver.viewer.layers) == 2


def test_deleting_the_preview_is_one_step(open_again):
    driver = open_again((squares(), {}), show=False)
    begin_two(driver)
    before = objects(driver)

    driver.viewer.layers.remove(names.PREVIEW_LABELS)
    driver.wait_until_idle()
    assert not objects(driver)
    driver.widget.controller.board.undo()
    driver.wait_until_idle()

    assert objects(driver) == before and names.PREVIEW_LABELS in driver.viewer.layers


def test_the_same_object_is_not_accepted_twice_and_the_message_says_so(open_again):
    driver = open_again((squares(), {}), show=False)
    begin_two(driver)
    driver.widget.controller.accepting.accept(clear=True)
    layer = accepted_layer(driver.viewer, driver.viewer.layers[0])
    before = layer.data.copy()
    add(driver, 37, 37)

    driver.widget.controller.accepting.accept(clear=True)

    assert np.array_equal(layer.data, before) and "accepted already" in driver.state.run.message.lower()
    assert driver.state.results.accepted == 2


def test_saving_the_preview_says_what_is_not_in_the_file(open_again, tmp_path):
    driver = open_again((squares(), {}), show=False)
    begin_two(driver)
    driver.widget.controller.accepting.accept(clear=True, ids=(1,))
    driver.state.output.folder = str(tmp_path)

    driver.widget.controller.saving.save()
    driver.wait(lambda: not driver.state.output.saving, "The end of saving")

    assert driver.state.run.message.endswith("1 accepted object is not in it.")


def test_an_image_that_is_opened_over_our_layers_is_laid_below_them(open_driver):
    driver = open_driver((squares(), {"name": "first"}), show=False)
    add(driver, 35, 35)
    viewer = driver.viewer

    viewer.add_image(squares()[::-1].copy(), name="second")
    driver.wait_until_idle()

    order = [layer.name for layer in viewer.layers]
    assert order.index("second") < order.index(names.PREVIEW_LABELS) < order.index(names.POINTS)
    assert driver.state.task.image == str(viewer.layers["second"].unique_id)
