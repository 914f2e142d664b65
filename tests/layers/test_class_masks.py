import numpy as np
import pytest

from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.layers.blocks import write_note
from napari_sam3_assistant.layers.class_masks import (
    LayerClass,
    class_of,
    free_name,
    is_accepted_object,
    placed_on,
    sources_of,
)
from napari_sam3_assistant.masks.registry import MaskObject, Origin


def layer(viewer, **options):
    return viewer.add_labels(np.ones((4, 6), np.uint8), **options)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, LayerClass()),
        ({"class_name": "axon", "class_value": 7}, LayerClass("axon", 7)),
        ({"class_name": None, "class_value": np.int64(7)}, LayerClass("", 7)),
        ({"class_name": "axon", "class_value": 0}, LayerClass("axon", 1)),
        ({"class_name": "axon", "class_value": True}, LayerClass("axon", 1)),
        ({"class_name": "axon", "class_value": "7"}, LayerClass("axon", 1)),
        ({"class_name": "a", "class_color": [0, 0.5, 1]}, LayerClass("a", 1, (0.0, 0.5, 1.0))),
        ({"class_name": "a", "class_color": "red"}, LayerClass("a", 1)),
        ({"class_name": "a", "class_color": (0, 0, 7)}, LayerClass("a", 1)),
    ],
)
def test_a_class_is_read_from_the_metadata_that_anyone_wrote(viewer, metadata, expected):
    assert class_of(layer(viewer, metadata=metadata)) == expected


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, False),
        ({"sam3_role": "accepted_object"}, True),
        ({"sam3_role": "accepted_object", "review_status": "needs_edit"}, True),
        ({"sam3_role": "accepted_object", "review_status": "rejected"}, False),
        ({"sam3_role": "rejected_object"}, False),
    ],
)
def test_what_was_rejected_is_no_accepted_object(viewer, metadata, expected):
    assert is_accepted_object(layer(viewer, metadata=metadata)) is expected


def test_a_preview_of_ours_tells_its_picture_and_what_was_asked(viewer):
    viewer.add_image(np.zeros((4, 6)), name="first")
    image = viewer.add_image(np.zeros((4, 6)), name="slide")
    preview = layer(viewer, name="SAM3 preview labels")
    mask = PlacedMask(np.ones((1, 1), bool), (0, 0))
    items = (MaskObject(1, mask), MaskObject(2, mask, origin=Origin("slide", "nucleus")))
    write_note(preview, {"image": str(image.unique_id), "items": items})

    assert sources_of(viewer, preview) == {
        "source_image_layer": "slide",
        "source_preview_layer": "SAM3 preview labels",
        "source_task": "nucleus, points",
    }


def test_what_a_layer_tells_itself_goes_before_what_is_guessed(viewer):
    viewer.add_image(np.zeros((4, 6)), name="first")
    told = {"source_image_layer": "slide", "source_task": "text"}

    found = sources_of(viewer, layer(viewer, metadata=told))

    assert (found["source_image_layer"], found["source_task"]) == ("slide", "text")


def test_names_that_are_taken_are_numbered_from_two(viewer):
    for _ in range(3):
        layer(viewer, name=free_name(viewer, "mask"))
    assert [one.name for one in viewer.layers] == ["mask", "mask 2", "mask 3"]


@pytest.mark.parametrize("offset", [(0, 0), (3, -2)])
def test_the_place_of_a_layer_is_found_through_any_common_transform(viewer, offset):
    affine = np.array([[0.9, 0.2, 5], [-0.1, 1.1, 6], [0, 0, 1]])
    geometry = {"scale": (0.1, 0.3), "rotate": 40, "shear": (0.2,), "affine": affine}
    base = layer(viewer, translate=(7, 8), **geometry)
    inner = np.linalg.inv(affine) @ [*base.data_to_world(offset), 1]
    other = layer(viewer, translate=inner[:2], **geometry)

    assert placed_on(viewer, base, other).offset == offset


def test_units_that_cannot_be_compared_are_refused(viewer):
    base, other = layer(viewer, name="a", units=("um", "um")), layer(viewer, name="b", units=("s", "s"))
    with pytest.raises(PromptError, match="b is in second, a in micrometer"):
        placed_on(viewer, base, other)


def test_a_quarter_turn_is_a_rotation(viewer):
    base, other = layer(viewer, name="a"), layer(viewer, name="b", rotate=90)
    with pytest.raises(PromptError, match="b is rotated against a"):
        placed_on(viewer, base, other)
