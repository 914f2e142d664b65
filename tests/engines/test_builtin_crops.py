"""An example in a picture of its own, compared by the built-in engine."""

from contextlib import suppress

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.intensity import limits_of, to_rgb
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, CropExemplar, Query
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.host import HostedEngine
from napari_sam3_assistant.samples import nuclei
from napari_sam3_assistant.testing import FIRST_SQUARE, iou, noise, rgb, two_squares

MARGIN = 6


def encode(engine, image):
    return engine.encode(image, progress=no_progress, cancel=CancelToken())


@pytest.fixture(scope="module")
def pair():
    """The built-in engine, a picture of nuclei that it has read, its truth, and a crop of one of another picture."""
    engine, target, other = BuiltinEngine(), nuclei(0), nuclei(1)
    rows, cols = np.nonzero(other.truth == 12)
    top, left = rows.min() - MARGIN, cols.min() - MARGIN
    image = to_rgb(other.image, limits_of([other.image]))
    crop = image[top : rows.max() + 1 + MARGIN, left : cols.max() + 1 + MARGIN].copy()
    return engine, encode(engine, to_rgb(target.image, limits_of([target.image]))), target.truth, crop


def whole(picture):
    return Query(crop=CropExemplar(picture, Box(0, 0, *picture.shape[:2])))


def recall(found, truth):
    """The share of the objects that are found with IoU 0.5 or more; none twice."""
    hits = set()
    for one in found:
        inside = one.mask.within(Box(0, 0, *truth.shape))
        label = np.bincount(truth[inside]).argmax()
        if label and (inside & (truth == label)).sum() / (inside | (truth == label)).sum() >= 0.5:
            hits.add(label)
    return len(hits) / truth.max()


@pytest.mark.parametrize(
    "change",
    [lambda crop: crop, lambda crop: crop // 2, lambda crop: (crop * 0.8 + 40).astype(np.uint8), np.rot90],
    ids=["same light", "half the light", "brighter ground", "turned"],
)
def test_a_nucleus_of_another_picture_finds_most_whatever_the_light(pair, change):
    engine, embedding, truth, crop = pair

    found = engine.find(embedding, whole(np.ascontiguousarray(change(crop)))).above(0.35)

    assert recall(found, truth) > 0.85 and len(found) < 1.05 * truth.max()


def test_a_whole_crop_shows_what_lies_in_its_middle_with_or_without_a_margin(pair):
    engine, embedding, _, crop = pair
    slim, wide = (
        crop[MARGIN - 2 : 2 - MARGIN, MARGIN - 2 : 2 - MARGIN],
        np.pad(crop, ((9, 9), (9, 9), (0, 0)), "reflect"),
    )

    counts = [len(engine.find(embedding, whole(np.ascontiguousarray(one))).above(0.35)) for one in (slim, crop, wide)]

    assert max(counts) - min(counts) <= 0.15 * max(counts)


def test_a_crop_and_an_example_on_the_image_go_together_and_a_counter_example_takes_away(pair):
    engine, embedding, truth, crop = pair
    rows, cols = np.nonzero(truth == 20)
    box = Box(rows.min(), cols.min(), rows.max() + 1, cols.max() + 1)
    query = whole(crop)
    alone = engine.find(embedding, query)
    worst = alone.above(0.35)[-1].mask.box

    both = engine.find(embedding, Query(exemplars=(BoxPrompt(box),), crop=query.crop))
    less = engine.find(embedding, Query(exemplars=(BoxPrompt(worst, False),), crop=query.crop))

    assert both.scores.max() == 1 and alone.scores.max() < 1  # the score of an example that lies on the image
    assert 0 < len(less.above(0.35)) < len(alone.above(0.35))


def test_a_crop_of_the_image_itself_finds_what_a_box_on_it_finds():
    engine, picture = BuiltinEngine(), rgb(two_squares())
    embedding = encode(engine, picture)

    found = engine.find(embedding, Query(crop=CropExemplar(picture, FIRST_SQUARE))).above(0.35)

    assert len(found) == 2 and all(
        max(iou(one.mask, box) for one in found) > 0.8 for box in (FIRST_SQUARE, Box(36, 40, 52, 56))
    )


@pytest.mark.parametrize("grey_is", ["crop", "image"])
def test_grey_and_colour_are_compared_by_lightness(grey_is):
    engine, grey = BuiltinEngine(), rgb(two_squares())
    colour = grey.copy()
    colour[..., 2] //= 2
    image, crop = (colour, grey) if grey_is == "crop" else (grey, colour)

    found = engine.find(encode(engine, image), Query(crop=CropExemplar(crop, FIRST_SQUARE))).above(0.35)

    assert len(found) == 2


def test_a_crop_in_which_nothing_stands_out_is_refused():
    engine = BuiltinEngine()

    with pytest.raises(PromptError, match="Nothing stands out") as caught:
        engine.find(encode(engine, rgb(two_squares())), whole(np.full((20, 20, 3), 90, np.uint8)))

    assert caught.value.hint


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (2, 2), (4, 300), (300, 4)])
def test_tiny_and_thin_crops_and_images_do_no_harm(shape):
    engine = BuiltinEngine()
    for image, crop in ((noise((60, 70)), noise(shape, 1)), (noise(shape), noise((30, 30), 1))):
        with suppress(PromptError):  # a crop may show nothing
            assert engine.find(encode(engine, image), whole(crop)).shape == image.shape[:2]


def test_the_box_of_a_crop_holds_a_pixel_of_it():
    with pytest.raises(PromptError):
        CropExemplar(noise((20, 20)), Box(30, 30, 40, 40))
    with pytest.raises(PromptError):
        CropExemplar(np.zeros((0, 20, 3), np.uint8), Box(0, 0, 4, 4))


def test_a_crop_reaches_an_engine_in_a_process_of_its_own(pair):
    engine, embedding, _, crop = pair
    hosted = HostedEngine("napari_sam3_assistant.engines.builtin.engine:BuiltinEngine", name="builtin")
    large = np.pad(crop, ((150, 150), (150, 150), (0, 0)), "reflect")  # through shared memory
    query = Query(crop=CropExemplar(large, Box(150, 150, 150 + crop.shape[0], 150 + crop.shape[1])))
    try:
        hosted.load(progress=no_progress, cancel=CancelToken())
        assert hosted.capabilities.crops
        target = nuclei(0).image
        there = hosted.find(encode(hosted, to_rgb(target, limits_of([target]))), query)
    finally:
        hosted.close()

    here = engine.find(embedding, query)

    np.testing.assert_array_equal(here.scores, there.scores)
    np.testing.assert_array_equal(here.boxes, there.boxes)
