"""Advanced: all that look like an example in a picture of its own."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_sam3_assistant.app.state import Phase
from napari_sam3_assistant.app.task_state import CropRegion, ExemplarSource
from napari_sam3_assistant.core.labels import to_labels
from napari_sam3_assistant.core.windows import whole
from napari_sam3_assistant.layers import names
from napari_sam3_assistant.samples import histology, nuclei
from napari_sam3_assistant.tasks.jobs import Task
from tests.e2e.hands import add_box, objects, several

MARGIN = 6


@pytest.fixture
def with_crop(open_again):
    """A function that opens a target and crop images, and chooses the crop as the source of the exemplar."""

    def with_crop(target, *crops, show=False):
        driver = open_again((target, {"name": "target"}), show=show)
        for number, crop in enumerate(crops, 1):
            data, options = crop if isinstance(crop, tuple) else (crop, {})
            driver.viewer.add_image(data, **{"name": f"crop {number}", **options})
        driver.widget.controller.choose_image(str(driver.viewer.layers["target"].unique_id))
        driver.state.task.advanced = True
        driver.widget.controller.choose_task(Task.EXEMPLAR)
        choose(driver, "source", "Use separate crop image")
        return driver

    return with_crop


def rows(driver):
    return driver.widget.advanced.task.exemplar


def choose(driver, row, text):
    """Choose an entry of a row as a user does."""
    driver.pump(0.02)
    box = getattr(rows(driver), row)
    index = box.findText(text)
    assert index >= 0 and box.isEnabled(), (text, box.toolTip())
    box.setCurrentIndex(index)
    box.activated.emit(index)
    driver.pump(0.02)


def run(driver):
    driver.pump(0.02)
    button = driver.widget.advanced.run.run.run
    assert button.isEnabled(), button.toolTip()
    button.click()
    driver.wait_until_idle()


def crop_of(sample, label, margin=MARGIN):
    """A picture of one object of a sample."""
    top, left, bottom, right = frame(sample, label, margin)
    return sample.image[top:bottom, left:right].copy()


def frame(sample, label, margin=MARGIN):
    rows_, cols = np.nonzero(sample.truth == label)
    return rows_.min() - margin, cols.min() - margin, rows_.max() + 1 + margin, cols.max() + 1 + margin


def inner(sample, count=1):
    """Labels of objects that lie away from the borders."""
    high, wide = sample.truth.shape
    found = []
    for label in range(1, int(sample.truth.max()) + 1):
        top, left, bottom, right = frame(sample, label, 40)
        if top > 0 and left > 0 and bottom < high and right < wide:
            found.append(label)
    return found[:count]


def scores(driver, truth):
    """Precision and recall of the objects on the board; one is found where IoU is 0.5 or more."""
    masks = [item.mask for item in driver.state.results.objects]
    shown = to_labels(masks, whole(truth.shape))
    pairs = np.unique(np.stack([shown.ravel(), truth.ravel()]), axis=1).T
    hits = 0
    for one, other in pairs:
        if one and other:
            a, b = shown == one, truth == other
            hits += (a & b).sum() / (a | b).sum() >= 0.5
    return hits / max(len(masks), 1), hits / truth.max()


# -- what is found ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("sample", "least"), [(nuclei, (0.97, 0.85)), (histology, (0.97, 0.8))])
def test_a_crop_of_one_object_of_another_picture_finds_most(with_crop, sample, least):
    target, other = sample(0), sample(1)
    rgb = {"rgb": True} if target.image.ndim == 3 else {}  # napari takes a small picture in colour for a stack
    driver = with_crop(target.image, (crop_of(other, inner(other)[0]), rgb))

    run(driver)

    precision, recall = scores(driver, target.truth)
    assert precision >= least[0] and recall >= least[1], (precision, recall)
    assert driver.state.run.message == f"Found {len(objects(driver))} objects."
    assert {item.origin.prompt for item in driver.state.results.objects} == {"exemplar"}


def test_a_box_on_the_crop_image_shows_the_example_and_the_newest_counts(with_crop):
    target, other = nuclei(0), nuclei(1)
    driver = with_crop(target.image, (other.image, {"translate": (0, 600)}))
    choose(driver, "region", "Box from Shapes layer")
    assert driver.state.task.usable == 0
    assert driver.state.task.left_out.startswith("There is no box on the crop image crop 1 on this plane.")
    driver.widget.advanced.prompts.create.click()
    boxes = driver.viewer.layers[names.BOXES]

    for label in inner(other, 2):
        top, left, bottom, right = frame(other, label, 2)
        add_box(boxes, top, left + 600, bottom, right + 600)
    assert driver.state.task.in_use.startswith("crop crop 1, the newest of 2 boxes, ")
    run(driver)

    precision, recall = scores(driver, target.truth)
    assert precision > 0.9 and recall > 0.8, (precision, recall)


def test_a_counter_example_on_the_target_goes_with_a_crop(with_crop):
    target, other = nuclei(0), nuclei(1)
    driver = with_crop(target.image, crop_of(other, inner(other)[0]))
    run(driver)
    before = len(objects(driver))
    worst = min(driver.state.results.objects, key=lambda item: item.score).mask.box
    driver.widget.controller.arm()
    driver.state.task.positive_box = False
    add_box(driver.viewer.layers[names.BOXES], *worst.corners)
    assert driver.state.task.in_use.endswith(", 1 counter-example")

    run(driver)

    assert 0 < len(objects(driver)) < before


def test_examples_on_the_target_are_left_out_and_said(with_crop, engine):
    driver = with_crop(several(), several()[15:55, 15:55])
    driver.widget.controller.arm()
    add_box(driver.viewer.layers[names.BOXES], 78, 18, 112, 52)

    run(driver)

    assert driver.state.task.left_out == "1 example on the target image left out: a crop image is used."
    assert engine.asked[-1].exemplars == () and engine.asked[-1].crop.picture.shape == (40, 40, 3)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_crop_with_pixels_of_another_size_is_brought_to_those_of_the_target(with_crop, engine, scale):
    target, other = nuclei(0), nuclei(1)
    crop = crop_of(other, inner(other)[0])
    fine = np.kron(crop, np.ones((2, 2), crop.dtype)) if scale == 0.5 else crop[::2, ::2]
    lengths = {"scale": (0.3 * scale,) * 2, "units": ("um", "um")}
    driver = with_crop(target.image, (fine, lengths))
    layer = driver.viewer.layers["target"]
    layer.scale, layer.units = (0.3, 0.3), ("um", "um")

    run(driver)

    assert f"resampled {scale:g} times to the target's pixel size" in driver.state.task.in_use
    assert abs(engine.asked[-1].crop.picture.shape[0] - crop.shape[0]) <= 2
    precision, recall = scores(driver, target.truth)
    assert precision > 0.9 and recall > 0.7, (precision, recall)


def test_without_units_a_pixel_stands_for_a_pixel_however_layers_are_turned(with_crop, engine):
    driver = with_crop(several(), (several()[15:55, 15:55], {"scale": (3, 3), "rotate": 30}))

    run(driver)

    assert driver.state.task.in_use == "crop crop 1, whole, 40 x 40 px"
    assert engine.asked[-1].crop.picture.shape == (40, 40, 3) and len(objects(driver)) >= 2


@pytest.mark.parametrize("kind", ["lazy", "pyramid", "deep", "rgb", "float"])
def test_crops_of_any_kind_are_read_where_the_sliders_stand(with_crop, engine, kind):
    plain = several()[15:55, 15:55]
    data, options = {
        "lazy": (da.from_array(plain, chunks=16), {}),
        "pyramid": ([plain, plain[::2, ::2]], {"multiscale": True}),
        "deep": (np.stack([np.stack([np.full_like(plain, 9), plain])] * 2), {}),
        "rgb": (np.repeat(plain[..., None], 3, axis=2), {"rgb": True}),
        "float": (np.where(plain == plain.min(), np.nan, plain / 255.0), {}),
    }[kind]
    driver = with_crop(several(), (data, options))
    if kind == "deep":
        driver.viewer.dims.set_current_step(1, 1)

    run(driver)

    assert driver.state.run.phase is Phase.IDLE, driver.state.run
    assert len(objects(driver)) >= 2 and engine.asked[-1].crop.picture.max() > 100


def test_a_grey_crop_of_a_colour_target_compares_lightness(with_crop):
    target, other = histology(0), histology(1)
    grey = crop_of(other, inner(other)[0]).mean(axis=2).astype(np.uint8)
    driver = with_crop(target.image, grey)

    run(driver)

    precision, recall = scores(driver, target.truth)
    assert precision > 0.8 and recall > 0.6, (precision, recall)


# -- what cannot be --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crop", "said"),
    [
        (np.full((20, 20), 7, np.uint8), "shows one value only"),
        (np.full((20, 20), np.nan), "shows one value only"),
        (np.arange(4, dtype=np.uint8).reshape(2, 2) * 60, "too small to compare"),
        (np.random.default_rng(0).integers(0, 255, (300, 20), np.uint8), "larger than what is searched"),
    ],
    ids=["constant", "nan", "tiny", "large"],
)
def test_a_crop_that_cannot_be_an_example_is_refused_and_said(with_crop, crop, said):
    driver = with_crop(several(), crop)

    run(driver)

    assert driver.state.run.phase is Phase.FAILED
    assert said in driver.state.run.message and driver.state.run.hint
    assert not objects(driver)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # napari divides by the length
def test_an_empty_crop_cannot_be_run_with(with_crop):
    driver = with_crop(several(), (np.zeros((0, 20, 20)), {"contrast_limits": (0, 1)}))

    assert driver.state.task.usable == 0 and "is empty" in driver.state.task.left_out
    assert not driver.widget.advanced.run.run.run.isEnabled()


def test_a_box_beside_the_crop_image_is_no_example(with_crop):
    driver = with_crop(several(), (several(), {"translate": (0, 500)}))
    choose(driver, "region", "Box from Shapes layer")
    driver.widget.advanced.prompts.create.click()

    add_box(driver.viewer.layers[names.BOXES], 18, 18, 52, 52)  # on the target

    assert driver.state.task.usable == 0 and "There is no box on the crop image" in driver.state.task.left_out


# -- choosing --------------------------------------------------------------------------------------


def test_the_only_other_image_is_chosen_and_of_several_the_user_chooses(with_crop):
    driver = with_crop(several(), several()[:40, :40])
    assert rows(driver).image.currentText() == "crop 1"

    driver.viewer.add_image(several()[40:80, 40:80], name="crop 2")
    driver.widget.controller.choose_image(str(driver.viewer.layers["target"].unique_id))
    driver.pump(0.02)
    assert rows(driver).image.currentIndex() == -1
    assert driver.widget.advanced.prompts.hint.text() == "Select a crop image layer to use as the exemplar source."
    assert not driver.widget.advanced.run.run.run.isEnabled()
    choose(driver, "image", "crop 2")
    driver.viewer.layers["crop 2"].name = "nucleus"
    driver.pump(0.02)
    assert rows(driver).image.currentText() == "nucleus" and "crop nucleus, whole" in driver.state.task.in_use

    driver.viewer.layers.remove("nucleus")
    driver.pump(0.02)
    assert rows(driver).image.currentText() == "crop 1", "the only one that is left"
    driver.viewer.layers.remove("crop 1")
    driver.pump(0.02)
    assert not rows(driver).image.isEnabled() and "Open a second image first" in rows(driver).image.toolTip()


def test_the_crop_image_that_becomes_the_target_is_said_to_be_both(with_crop):
    driver = with_crop(several(), several()[:40, :40], several()[:50, :50])
    choose(driver, "image", "crop 1")

    driver.widget.controller.choose_image(str(driver.viewer.layers["crop 1"].unique_id))

    said = "Target image and exemplar crop image are both 'crop 1'."
    assert driver.state.task.usable == 0 and driver.state.task.left_out.startswith(said)


def test_to_select_the_crop_image_in_the_layer_list_leaves_the_target(with_crop):
    driver = with_crop(several(), several()[:40, :40])
    target = driver.state.task.image

    driver.viewer.layers.selection.active = driver.viewer.layers["crop 1"]

    assert driver.state.task.image == target


def test_in_simple_the_source_of_the_exemplar_has_no_effect_and_comes_back(with_crop, engine):
    driver = with_crop(several(), several()[15:55, 15:55])
    driver.state.task.advanced = False
    driver.widget.controller.arm()
    assert driver.state.task.usable == 0
    add_box(driver.viewer.layers[names.BOXES], 18, 18, 52, 52)
    driver.widget.controller.run()
    driver.wait_until_idle()
    assert engine.asked[-1].crop is None and len(engine.asked[-1].exemplars) == 1

    driver.state.task.advanced = True
    driver.pump(0.02)

    assert driver.state.task.exemplar_source is ExemplarSource.CROP and "crop crop 1" in driver.state.task.in_use


def test_the_rows_tell_what_enables_them(with_crop):
    driver = with_crop(several(), several()[:40, :40])
    choose(driver, "source", "Use box from target image")
    assert rows(driver).source.isEnabled() and not rows(driver).image.isEnabled()
    assert rows(driver).region.toolTip() == "Choose Use separate crop image first."

    driver.widget.controller.choose_task(Task.TEXT)
    driver.pump(0.02)

    assert not rows(driver).source.isEnabled()
    assert rows(driver).source.toolTip() == "Choose the task Exemplar segmentation first."
    assert driver.state.task.crop_region is CropRegion.WHOLE


def test_a_crop_image_deleted_while_it_is_compared_does_no_harm(with_crop, engine):
    driver = with_crop(several(), several()[15:55, 15:55])
    engine.delay = 0.2
    driver.widget.advanced.run.run.run.click()

    driver.viewer.layers.remove("crop 1")
    driver.wait_until_idle()

    assert len(objects(driver)) >= 2 and driver.state.task.usable == 0
