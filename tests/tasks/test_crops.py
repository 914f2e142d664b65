"""A crop is read, brought to the target's pixels, and compared, or shown beside it as one picture."""

import dask.array as da
import numpy as np
import pytest

from napari_sam3_assistant.core.errors import PromptError, TooLargeError
from napari_sam3_assistant.core.geometry import Box
from napari_sam3_assistant.core.planes import Plane
from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import BoxPrompt, CropExemplar, Query
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.core.sources import Source, array_source, estimate_limits
from napari_sam3_assistant.core.windows import Window, whole
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.engines.protocol import Capabilities, VideoLimits
from napari_sam3_assistant.tasks.beside import GAP, beside
from napari_sam3_assistant.tasks.crops import CropPlace, read_crop, resampled
from napari_sam3_assistant.tasks.find import find_plane
from napari_sam3_assistant.tasks.scheduler import Scheduler
from napari_sam3_assistant.tasks.session import EngineHandle, ImageSession
from napari_sam3_assistant.tasks.view import View
from napari_sam3_assistant.testing import rgb, two_squares
from tests.conftest import squares

PLANE = Plane(0, 1)


def view_of(picture, window=None, level=0, levels=()):
    source = Source("target", (picture, *levels), name="target")
    return View(source, PLANE, window or whole(picture.shape[:2]), level)


def place(picture, box=None, zoom=(1.0, 1.0), **about):
    return CropPlace(array_source(picture, identity="crop", name="crop", **about), PLANE, box, zoom)


def read(picture, box=None, zoom=(1.0, 1.0), target=None, **about):
    view = target or view_of(np.zeros((600, 700), np.uint8))
    return read_crop(place(picture, box, zoom, **about), view, estimate_limits)


def gradient(shape=(40, 60)):
    return np.add.outer(np.arange(shape[0]), np.arange(shape[1])).astype(np.uint8)


# -- reading ---------------------------------------------------------------------------------------


def test_a_whole_crop_is_read_whole_and_its_box_is_all_of_it():
    crop = read(gradient())

    np.testing.assert_array_equal(crop.picture, rgb(gradient()))
    assert crop.box == Box(0, 0, 40, 60)


def test_of_a_box_as_much_is_read_as_lies_round_it():
    picture = gradient((1000, 1000)) % 251

    crop = read(picture, Box(500, 400, 530, 420))
    near = read(picture, Box(2, 0, 32, 20))

    assert crop.picture.shape == near.picture.shape == (128, 128, 3)
    top, left, bottom, right = map(int, crop.box.corners)
    np.testing.assert_array_equal(crop.picture[top:bottom, left:right, 0], picture[500:530, 400:420])
    assert near.box == Box(2, 0, 32, 20)


def test_a_box_is_cut_to_the_crop_and_one_beside_it_is_refused():
    assert read(gradient(), Box(-10, 30, 20, 90)).box == Box(0, 30, 20, 60)
    with pytest.raises(PromptError, match="outside the crop image crop"):
        read(gradient(), Box(0, 60, 20, 90))


def test_only_the_part_that_is_needed_is_read_of_a_lazy_crop():
    seen = []

    def block(part, block_info=None):
        seen.append(block_info[0]["array-location"])
        return part

    lazy = da.from_array(gradient((2048, 2048)), chunks=512).map_blocks(
        block, dtype=np.uint8, meta=np.zeros((0, 0), np.uint8)
    )
    about = array_source(lazy, identity="crop", name="crop")

    read_crop(
        CropPlace(about, PLANE, Box(100, 100, 130, 130)), view_of(np.zeros((600, 700), np.uint8)), estimate_limits
    )

    assert [tuple(map(tuple, one)) for one in seen] == [((0, 512), (0, 512))]


def test_limits_of_intensity_are_the_crops_own():
    picture = np.full((40, 40), 1000, np.uint16)
    picture[10:30, 10:30] = 3000

    crop = read(picture)

    assert crop.picture.min() == 0 and crop.picture.max() == 255


@pytest.mark.parametrize(("zoom", "shape"), [((2, 2), (80, 120)), ((0.5, 0.5), (20, 30)), ((1, 0.5), (40, 30))])
def test_a_crop_is_brought_to_the_targets_pixels(zoom, shape):
    crop = read(gradient(), Box(10, 20, 30, 40), zoom)

    assert crop.picture.shape[:2] == shape
    assert crop.box == Box(10 * zoom[0], 20 * zoom[1], 30 * zoom[0], 40 * zoom[1])


def test_a_target_read_coarsely_gets_a_crop_as_coarse():
    target = view_of(np.zeros((600, 600), np.uint8), level=1, levels=(np.zeros((150, 150), np.uint8),))

    assert read(gradient(), target=target).picture.shape == (10, 15, 3)


def test_of_a_pyramid_the_level_is_read_that_is_fine_enough():
    levels = tuple(np.full((400 // k, 400 // k), 50 * k, np.uint8) for k in (1, 2, 4))
    for level in levels:
        level[: len(level) // 2] = 0
    pyramid = CropPlace(Source("crop", levels, name="crop"), PLANE, None, (0.3, 0.3))

    crop = read_crop(pyramid, view_of(np.zeros((600, 600), np.uint8)), estimate_limits)

    assert crop.picture.shape == (120, 120, 3) and crop.picture.max() == 100


def test_resampling_keeps_where_things_are():
    picture = rgb(np.zeros((64, 64), np.uint8))
    picture[16:32, 32:48] = 200

    for factor in (0.25, 0.5, 3):
        small = resampled(picture, (round(64 * factor), round(64 * factor)))[..., 0] > 100
        rows, cols = np.nonzero(small)
        assert abs((rows.mean() + 0.5) / factor - 24) < 1 and abs((cols.mean() + 0.5) / factor - 40) < 1


@pytest.mark.parametrize(
    ("picture", "zoom", "said"),
    [
        (np.full((20, 20), 9, np.uint8), (1, 1), "shows one value only"),
        (np.full((20, 20), np.nan), (1, 1), "shows one value only"),
        (gradient((2, 2)), (1, 1), "too small"),
        (gradient((40, 40)), (0.05, 0.05), "too small"),
        (gradient((40, 800)), (1, 1), "larger than what is searched of the target image, 600 x 700 px"),
        (gradient((40, 40)), (100, 100), "larger than what is searched"),
    ],
)
def test_what_cannot_be_an_example_is_refused(picture, zoom, said):
    with pytest.raises(PromptError, match=said) as caught:
        read(picture, None, zoom)

    assert caught.value.hint


def test_a_crop_that_is_too_much_to_read_is_refused_unread():
    def never(*_, **__):
        raise AssertionError

    huge = da.from_array(np.zeros((1, 1), np.uint8)).map_blocks(never, dtype=np.uint8, meta=np.zeros((0, 0), np.uint8))
    huge = da.broadcast_to(huge, (20_000, 20_000))

    with pytest.raises(TooLargeError):
        read(huge, None, (0.01, 0.01))


# -- beside ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "image", "shape"),
    [((90, 100), (0, 38), (90, 138)), ((300, 100), (38, 0), (338, 100)), ((10, 100), (0, 38), (30, 138))],
    ids=["left", "above", "taller than the target"],
)
def test_crop_and_target_are_one_picture_with_a_gap(target, image, shape):
    crop = CropExemplar(np.full((30, 30, 3), 90, np.uint8), Box(2, 3, 12, 13))

    shown = beside(crop, target)
    one = shown.compose(np.full((*target, 3), 200, np.uint8))

    assert one.shape == (*shape, 3) and shown.image == Box(*image, image[0] + target[0], image[1] + target[1])
    assert (one == 90).sum() == crop.picture.size and (one == 200).sum() == target[0] * target[1] * 3
    ring = one[30 : 30 + GAP, :30] if image[0] else one[:30, 30 : 30 + GAP]
    assert ring.shape[0 if image[0] else 1] == GAP and not ring.any()


def test_counter_examples_move_along_and_the_crops_box_is_an_example():
    crop = CropExemplar(np.full((30, 30, 3), 90, np.uint8), Box(2, 3, 12, 13))
    shown = beside(crop, (100, 100))

    asked = shown.question(Query(exemplars=(BoxPrompt(Box(5, 6, 9, 10), False),), crop=crop))

    assert asked == Query(exemplars=(BoxPrompt(Box(2, 3, 12, 13)), BoxPrompt(Box(5, 44, 9, 48), False)))


def test_what_lies_outside_the_target_is_dropped_and_coordinates_are_the_targets():
    shown = beside(CropExemplar(np.full((30, 30, 3), 90, np.uint8), Box(0, 0, 30, 30)), (100, 100))
    boxes = np.array([(0, 0, 20, 30), (0, 28, 20, 42), (10, 30, 30, 78), (10, 48, 30, 68)], np.float32)
    found = Candidates(
        np.array([1, 0.9, 0.8, 0.7], np.float32),
        boxes,
        tuple(np.ones((4, 4), np.float32) for _ in boxes),
        boxes,
        (100, 138),
    )

    kept = shown.on_image(found)

    assert kept.shape == (100, 100)
    assert [tuple(box) for box in kept.boxes.tolist()] == [(10, 0, 30, 40), (10, 10, 30, 30)]
    cut, inside = kept.above(0)
    assert cut.mask.box == Box(10, 0, 30, 40) and inside.mask.box == Box(10, 10, 30, 30)


# -- finding ---------------------------------------------------------------------------------------


class OnlyInside(BuiltinEngine):
    """Takes examples in the picture itself alone, as SAM3 does; notes what it encodes and is asked."""

    capabilities = Capabilities(video=VideoLimits(), honours_clicks=True, threshold=0.35)

    def __init__(self):
        super().__init__()
        self.encoded, self.asked = [], []

    def encode(self, image, **told):
        self.encoded.append(image.shape[:2])
        return super().encode(image, **told)

    def find(self, embedding, query):
        self.asked.append(query)
        return super().find(embedding, query)


def find(engine, embeddings, query, view=None):
    view = view or view_of(squares())
    return find_plane(engine, embeddings, view, query, progress=no_progress, cancel=CancelToken())


@pytest.mark.parametrize(
    ("make", "box"),
    [(BuiltinEngine, None), (BuiltinEngine, Box(8, 8, 24, 24)), (OnlyInside, Box(8, 8, 24, 24))],
    ids=["compares a whole crop", "compares a box on it", "in one picture"],
)
def test_objects_like_the_crop_are_found_on_the_target(make, box):
    crop = two_squares()[:32, :32] if box is None else two_squares()
    large = squares()  # squares of 30 px; those of the crop have 16

    found = find(make(), EmbeddingCache(), Query(crop=place(crop, box, (30 / 16, 30 / 16))), view_of(large))

    boxes = [one.mask.box for one in found.above(0.35)]
    assert len(boxes) == 2
    for (top, left, bottom, right), corner in zip(sorted(box.corners for box in boxes), (20, 80), strict=True):
        assert max(abs(top - corner), abs(left - corner), abs(bottom - corner - 30), abs(right - corner - 30)) <= 3


def test_a_target_that_is_encoded_is_compared_without_another_encoding():
    engine, embeddings = OnlyInside(), EmbeddingCache()
    engine.capabilities = BuiltinEngine.capabilities
    find(engine, embeddings, Query(exemplars=(BoxPrompt(Box(18, 18, 52, 52)),)))

    find(engine, embeddings, Query(crop=place(squares()[15:55, 15:55])))

    assert engine.encoded == [(128, 128)]


def test_crop_and_target_as_one_picture_are_encoded_once():
    engine, embeddings = OnlyInside(), EmbeddingCache()
    crop = place(squares()[15:55, 15:55])

    first = find(engine, embeddings, Query(crop=crop))
    again = find(engine, embeddings, Query(exemplars=(BoxPrompt(Box(80, 80, 110, 110), False),), crop=crop))
    find(engine, embeddings, Query(crop=place(squares()[10:55, 15:55])))

    assert engine.encoded == [(128, 176), (128, 176)]
    assert first.encode_ms and not again.encode_ms
    assert [one.positive for one in engine.asked[1].exemplars] == [True, False]


def test_a_crop_lies_beside_the_window_that_is_looked_at():
    engine = OnlyInside()
    view = view_of(squares(), Window(60, 60, 128, 128))

    found = find(engine, EmbeddingCache(), Query(crop=place(squares()[15:55, 15:55])), view)

    assert engine.encoded == [(68, 116)]
    (one,) = found.above(0.5)
    assert one.mask.value_at(95, 95) and not one.mask.value_at(70, 70)


def test_a_target_that_was_read_with_a_crop_is_not_taken_for_one_that_was_read_alone():
    scheduler, engine = Scheduler(), OnlyInside()
    try:
        session = ImageSession(
            scheduler, EmbeddingCache(), EngineHandle("builtin", lambda: engine, loaded=lambda: engine)
        )
        session.set_source(array_source(squares(), identity="target"))
        query = Query(crop=place(squares()[15:55, 15:55]))

        assert len(session.find(query, PLANE).result(20).chosen.objects) == 2

        assert session.has(PLANE, whole((128, 128)), query) and not session.has(PLANE, whole((128, 128)))
        session.prepare(PLANE).result(20)
        assert session.has(PLANE, whole((128, 128)))
    finally:
        scheduler.close(timeout=5)
