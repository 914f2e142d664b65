"""Pictures that a server keeps: one for the same pixels, as long as somebody holds it, then as memory allows."""

import gc

import numpy as np
import pytest

from napari_sam3_assistant.core.progress import CancelToken, no_progress
from napari_sam3_assistant.core.prompts import PointPrompt, Prompts
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.embeddings import EmbeddingCache
from napari_sam3_assistant.server.model.pictures import PictureStore, picture_of
from napari_sam3_assistant.server.model.questions import view_of_picture
from napari_sam3_assistant.tasks.image import segment_plane
from napari_sam3_assistant.wire.refusals import Refusal

BYTES = 10 * 10 * 3


def grey(value: int):
    return picture_of(np.full((10, 10, 3), value, np.uint8))


def test_the_same_picture_is_kept_once():
    store = PictureStore(10 * BYTES, 100 * BYTES)
    first = store.add(grey(1))

    assert store.add(grey(1)) is first
    assert store.get(first.image_id) is first
    assert (len(store), store.nbytes) == (1, BYTES)


def test_pictures_of_the_same_pixels_but_other_values_keep_their_own_window():
    store, pixels = PictureStore(10 * BYTES, 100 * BYTES), np.zeros((10, 10, 3), np.uint8)

    dark, bright, shallow = (store.add(picture_of(pixels, "", window)) for window in ((0.0, 9.0), (0.0, 900.0), None))

    assert [one.intensity_window for one in (dark, bright, shallow)] == [(0.0, 9.0), (0.0, 900.0), None]
    assert store.get(bright.image_id) is bright


def test_a_tenant_does_not_see_the_pictures_of_another():
    store = PictureStore(10 * BYTES, 100 * BYTES)
    taken = store.add(grey(1), "one")

    assert store.get(taken.image_id, "two") is None
    assert store.get(taken.image_id) is None
    assert store.get(taken.image_id, "one") is taken


def test_the_one_used_longest_ago_is_forgotten_first():
    store = PictureStore(2 * BYTES, 100 * BYTES)
    names = [store.add(grey(value)).image_id for value in (1, 2)]
    store.get(names[0])

    names.append(store.add(grey(3)).image_id)

    assert [store.get(name) is not None for name in names] == [True, False, True]
    assert store.nbytes == 2 * BYTES


def test_what_somebody_holds_is_not_forgotten_until_it_is_let_go():
    store = PictureStore(BYTES, 100 * BYTES)
    held = store.add(grey(1))
    name = held.image_id
    for value in range(2, 9):
        store.add(grey(value))

    assert store.get(name) is held and len(store) == 1
    store.add(grey(9))
    del held
    gc.collect()
    assert store.get(name) is None


def test_pictures_in_use_leave_no_memory_for_more_than_there_is():
    store = PictureStore(BYTES, 3 * BYTES)
    held = [store.add(grey(value)) for value in (1, 2, 3)]

    with pytest.raises(Refusal) as caught:
        store.add(grey(4))

    assert caught.value.code == "busy" and caught.value.kind.retryable
    held.pop()
    assert store.add(grey(4)).shape == (10, 10)


def test_a_picture_larger_than_all_that_is_kept_lives_as_long_as_it_is_held():
    store = PictureStore(BYTES - 1, 100 * BYTES)
    held = store.add(grey(1))
    name = held.image_id

    assert store.get(name) is held
    del held
    assert store.get(name) is None and store.nbytes == 0


def test_a_picture_of_up_to_twice_what_an_engine_needs_is_looked_at_as_it_is():
    assert view_of_picture(picture_of(np.zeros((100, 4032, 3), np.uint8))).level == 0


@pytest.mark.parametrize(("shape", "seen"), [((6000, 8000), (1512, 2016)), ((8001, 4999), (2016, 1259))])
def test_a_larger_picture_is_looked_at_smaller_by_averages(shape, seen):
    pixels = np.zeros((*shape, 3), np.uint8)
    pixels[:, ::2] = 200

    view = view_of_picture(picture_of(pixels))

    looked_at = view.read()
    assert looked_at.shape == (*seen, 3)
    assert looked_at.min() > 60 and looked_at.max() < 140  # not 0 or 200, as single pixels would be
    assert view.window.shape == shape


@pytest.mark.parametrize("value", [PointPrompt(4400, 6600), PointPrompt(100, 7900)])
def test_a_mask_of_a_large_picture_is_in_its_own_pixels(value):
    pixels = np.zeros((6000, 8000, 3), np.uint8)
    pixels[4000:5000, 6000:7500] = 230
    pixels[:200, 7800:] = 200
    truth = (4000, 6000, 5000, 7500) if value.row > 1000 else (0, 7800, 200, 8000)

    found = segment_plane(
        BuiltinEngine(),
        EmbeddingCache(),
        view_of_picture(picture_of(pixels)),
        Prompts((value,)),
        progress=no_progress,
        cancel=CancelToken(),
    )

    box = found.segmentation.mask.box
    assert np.abs(np.array(box.corners) - truth).max() <= 8, box  # a pixel of what was looked at is 4 wide
    assert found.segmentation.mask.value_at(*value.pixel)


def test_pixels_that_are_not_in_order_of_memory_make_the_same_picture():
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)

    assert picture_of(pixels[:, ::-1][:, ::-1]).image_id == picture_of(pixels).image_id
    assert picture_of(np.asfortranarray(pixels)).image_id == picture_of(pixels).image_id
