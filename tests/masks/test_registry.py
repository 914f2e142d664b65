import numpy as np
import pytest

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import Box, PlacedMask
from napari_sam3_assistant.core.windows import Window
from napari_sam3_assistant.masks.registry import MaskObject, Objects, Origin


def square(row, col, side=3):
    return PlacedMask(np.ones((side, side), bool), (row, col))


def test_numbers_start_at_one_and_are_never_given_twice():
    objects = Objects().add(square(0, 0)).add(square(5, 5))

    objects = objects.remove([2]).add(square(9, 9)).clear().add(square(1, 1))

    assert [item.id for item in objects] == [4]


def test_a_reserved_number_is_given_to_nobody_else():
    objects, number = Objects().add(square(0, 0)).reserve()

    assert number == 2 and 2 not in objects
    assert objects.add(square(1, 1)).newest.id == 3
    assert objects.put(number, square(2, 2)).add(square(3, 3)).newest.id == 3


def test_putting_adds_an_object_with_the_caller_s_number():
    objects = Objects().add(square(0, 0)).put(9, square(5, 5), score=0.5, class_name="axon", status="accepted")

    assert [item.id for item in objects] == [1, 9] and objects.newest.class_name == "axon"
    assert objects.add(square(1, 1)).newest.id == 10


def test_putting_replaces_the_object_of_that_number_in_its_place():
    objects = Objects().add(square(0, 0), class_name="axon").add(square(5, 5))

    put = objects.put(1, square(7, 7, 2), origin=Origin(prompt="box"))

    assert [item.id for item in put] == [1, 2] and put.next_id == 3
    assert (put[1].mask.area, put[1].class_name, put[1].origin.prompt) == (4, "", "box")
    assert objects[1].mask.area == 9


def test_an_empty_mask_or_number_zero_cannot_be_put():
    for number, mask in ((1, PlacedMask(np.zeros((4, 4), bool))), (0, square(0, 0))):
        with pytest.raises(PromptError):
            Objects().put(number, mask)


def test_collections_are_values():
    none = Objects()
    one = none.add(square(0, 0))

    two = one.add(square(5, 5))

    assert (len(none), len(one), len(two)) == (0, 1, 2)
    assert two.newest.id == 2
    assert none.newest is None


def test_masks_are_cut_to_their_pixels():
    mask = np.zeros((100, 100), bool)
    mask[40:43, 50:55] = True

    item = Objects().add(PlacedMask(mask, (1000, 2000))).newest

    assert item.mask.mask.shape == (3, 5)
    assert item.mask.offset == (1040, 2050)


def test_replacing_changes_what_is_named_and_keeps_number_and_order():
    objects = Objects().add(square(0, 0), score=0.5, class_name="axon").add(square(5, 5))

    changed = objects.replace(1, mask=square(7, 7, 2), status="accepted")

    first = changed[1]
    assert [item.id for item in changed] == [1, 2]
    assert (first.mask.area, first.status, first.score, first.class_name) == (4, "accepted", 0.5, "axon")
    assert changed[2] is objects[2]
    assert objects[1].status == "unreviewed"


def test_the_box_holds_all_objects():
    objects = Objects().add(square(2, 30)).add(square(10, 4, 5))

    assert objects.box == Box(2, 4, 15, 33)
    assert Objects().box is None


def test_labels_show_the_numbers_the_newest_on_top():
    objects = Objects().add(square(0, 0)).add(square(1, 1)).remove([]).add(square(50, 50))

    labels = objects.labels(Window(0, 0, 5, 5))

    assert labels.tolist() == [
        [1, 1, 1, 0, 0],
        [1, 2, 2, 2, 0],
        [1, 2, 2, 2, 0],
        [0, 2, 2, 2, 0],
        [0, 0, 0, 0, 0],
    ]


def test_pointing_finds_the_newest_object_there():
    objects = Objects().add(square(0, 0)).add(square(1, 1))

    assert objects.at(1.4, 0.6).id == 2
    assert objects.at(0, 0).id == 1
    assert objects.at(30, 30) is None


@pytest.mark.parametrize("verb", ["get", "replace", "remove"])
def test_a_number_that_is_not_there_is_refused(verb):
    objects = Objects().add(square(0, 0))
    verbs = {
        "get": lambda: objects[7],
        "replace": lambda: objects.replace(7, score=0.1),
        "remove": lambda: objects.remove([1, 7]),
    }

    with pytest.raises(PromptError, match="no object 7"):
        verbs[verb]()

    assert 1 in objects
    assert 7 not in objects


def test_an_empty_mask_is_no_object():
    with pytest.raises(PromptError, match="empty"):
        Objects().add(PlacedMask(np.zeros((4, 4), bool)))


def test_an_object_cannot_be_background():
    with pytest.raises(PromptError, match="0 is background"):
        MaskObject(0, square(0, 0))
