"""Image layers as sources."""

import dask.array as da
import numpy as np

from napari_sam3_assistant.layers.images import Sources, active_image, image_layers, layer_by_id


def test_replaced_pixels_raise_the_version_and_a_refresh_does_not(viewer):
    sources = Sources()
    image = viewer.add_image(np.zeros((9, 9)))
    first = sources.of(image)

    image.refresh()
    refreshed = sources.of(image)
    image.data = np.ones((9, 9))
    replaced = sources.of(image)

    assert (first.version, refreshed.version, replaced.version) == (0, 0, 1)
    assert first.identity == replaced.identity == str(image.unique_id)


def test_colour_is_what_napari_says_not_a_length_of_three(viewer):
    sources = Sources()

    assert sources.of(viewer.add_image(np.zeros((40, 40, 3), np.uint8))).rgb
    assert sources.of(viewer.add_image(np.zeros((40, 40, 4), np.uint8))).color_axis == 2
    assert not sources.of(viewer.add_image(np.zeros((9, 9, 3), np.uint8), rgb=False)).rgb
    assert not sources.of(viewer.add_image(np.zeros((3, 9, 9)))).rgb


def test_a_pyramid_has_its_levels_and_a_lazy_array_stays_lazy(viewer):
    sources = Sources()
    pyramid = viewer.add_image([np.zeros((16, 16)), np.zeros((8, 8))], multiscale=True)
    lazy = viewer.add_image(da.zeros((16, 16)), contrast_limits=(0, 1))

    assert [level.shape for level in sources.of(pyramid).levels] == [(16, 16), (8, 8)]
    assert isinstance(sources.of(lazy).levels[0], da.Array)


def test_a_forgotten_layer_is_no_longer_watched(viewer):
    sources = Sources()
    image = viewer.add_image(np.zeros((9, 9)))
    before = len(image.events.data.callbacks)
    sources.of(image)
    assert len(image.events.data.callbacks) == before + 1

    sources.close()

    assert len(image.events.data.callbacks) == before


def test_the_active_image_is_the_selected_one_else_the_topmost_visible(viewer):
    assert active_image(viewer) is None
    low, high = viewer.add_image(np.zeros((9, 9))), viewer.add_image(np.zeros((9, 9)))
    labels = viewer.add_labels(np.zeros((9, 9), int))

    assert active_image(viewer) is high
    high.visible = False
    assert active_image(viewer) is low
    viewer.layers.selection.active = high
    assert active_image(viewer) is high
    assert image_layers(viewer) == [low, high]
    assert layer_by_id(viewer, str(labels.unique_id)) is labels and layer_by_id(viewer, None) is None
