"""The samples in napari: its menu, its layers, and which of them the widget uses."""

import npe2
import pytest

from napari_sam3_assistant.demo.driver import Driver
from napari_sam3_assistant.samples import SAMPLES
from napari_sam3_assistant.samples.napari_samples import LAYERS

PLUGIN = "napari-sam3-assistant"


@pytest.fixture
def opened(make_napari_viewer):
    """Return a function that opens a sample in a real viewer, as its menu does, and returns the layers."""

    def opened(key):
        viewer = make_napari_viewer()
        viewer.open_sample(PLUGIN, key)
        return list(viewer.layers)

    return opened


def test_every_sample_is_in_the_menu_under_its_title():
    manifest = npe2.PluginManifest.from_distribution(PLUGIN)

    listed = {one.key: one.display_name for one in manifest.contributions.sample_data}

    assert listed == {key: entry.title for key, entry in SAMPLES.items()}
    assert LAYERS.keys() == SAMPLES.keys()


@pytest.mark.parametrize("key", [key for key in SAMPLES if key != "multichannel"])
def test_a_sample_opens_as_one_image_of_its_true_size(opened, key):
    sample = SAMPLES[key].make()

    (layer,) = opened(key)

    assert layer.name == sample.name
    assert layer.rgb is sample.rgb
    assert layer.data.shape == sample.image.shape
    assert layer.ndim == sample.truth.ndim
    assert tuple(layer.scale) == sample.scale
    assert tuple(str(unit) for unit in layer.units) == sample.units
    assert layer.axis_labels == sample.axis_labels


def test_channels_open_as_layers_over_each_other_each_with_its_own_contrast(opened):
    sample = SAMPLES["multichannel"].make()

    layers = opened("multichannel")

    assert [layer.name for layer in layers] == ["Cells spots", "Cells cytoplasm", "Cells nuclei"]
    assert [layer.blending for layer in layers] == ["translucent_no_depth", "additive", "additive"]
    assert len({layer.colormap.name for layer in layers}) == 3
    limits = [layer.contrast_limits[1] for layer in layers]
    assert limits[0] * 2 < limits[1] < limits[2] / 10
    for layer in layers:
        assert layer.data.shape == sample.truth.shape
        assert tuple(layer.scale) == sample.scale
        assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]


@pytest.mark.parametrize("key", SAMPLES)
def test_the_truth_lies_on_the_picture(make_napari_viewer, key):
    viewer, sample = make_napari_viewer(), SAMPLES[key].make()
    viewer.open_sample(PLUGIN, key)
    picture = viewer.layers[0]

    truth = viewer.add_labels(sample.truth, **sample.placement)

    assert (truth.extent.world == picture.extent.world).all()
    assert truth.units == picture.units
    assert viewer.dims.ndim == sample.truth.ndim


@pytest.mark.parametrize(
    ("key", "used"),
    [("nuclei_stack", "Nuclei stack"), ("dividing_cells", "Dividing cells"), ("multichannel", "Cells nuclei")],
)
def test_the_widget_uses_the_sample_that_was_opened(make_napari_viewer, key, used):
    driver = Driver(make_napari_viewer(show=True))

    driver.viewer.open_sample(PLUGIN, key)
    driver.pump(0.2)
    driver.wait_until_idle()

    (layer,) = (one for one in driver.viewer.layers if str(one.unique_id) == driver.state.task.image)
    assert layer.name == used
