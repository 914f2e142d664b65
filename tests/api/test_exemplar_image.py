"""segment(exemplar_image=): all that look like an example in a picture of its own."""

import numpy as np
import pytest

from napari_sam3_assistant import segment
from napari_sam3_assistant.api import Picture, Segmenter
from napari_sam3_assistant.core.errors import ImageError, PromptError
from napari_sam3_assistant.samples import nuclei
from napari_sam3_assistant.testing import two_squares


def test_a_nucleus_of_another_picture_finds_most():
    target, other = nuclei(0), nuclei(1)
    rows, cols = np.nonzero(other.truth == 12)
    box = rows.min() - 2, cols.min() - 2, rows.max() + 3, cols.max() + 3

    with Segmenter("builtin") as segmenter:
        boxed = segmenter.segment(target.image, exemplar_image=other.image, exemplar_box=box)
        whole = segmenter.segment(
            target.image, exemplar_image=other.image[box[0] - 6 : box[2] + 6, box[1] - 6 : box[3] + 6]
        )

    assert boxed.encode_ms and not whole.encode_ms  # the target is read once
    for result in (boxed, whole):
        assert 0.85 * target.truth.max() < len(result.objects) < 1.05 * target.truth.max()
        assert {one.prompt for one in result.objects} == {"like the example"}


def test_pixels_of_another_size_are_brought_to_those_of_the_target():
    large = Picture("large", (np.kron(two_squares(), np.ones((2, 2), np.uint8)),), scale=(50, 50), units=("nm", "nm"))
    target = Picture("target", (two_squares(),), scale=(0.1, 0.1), units=("micrometer", "micrometer"))
    bare = Picture("bare", large.levels)

    told, untold = (
        segment(target, exemplar_image=one, exemplar_box=(16, 16, 48, 48), engine="builtin", window=(0, 0, 64, 72))
        for one in (large, bare)
    )

    assert len(told.objects) == 2 and len(untold.objects) < 2


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"exemplar_box": (1, 1, 9, 9)}, PromptError),
        ({"exemplar_image": two_squares(), "exemplar_box": (90, 1, 99, 9)}, PromptError),
        ({"exemplar_image": two_squares(), "text": "nucleus"}, PromptError),
        ({"exemplar_image": np.zeros((2, 3, 20, 20))}, ImageError),
        ({"exemplar_image": np.zeros((20, 20))}, PromptError),
        ({"exemplar_image": np.zeros((0, 20))}, ImageError),
        ({"exemplar_image": np.zeros((2, 2))}, PromptError),
        ({"exemplar_image": "none.tif"}, ImageError),
    ],
    ids=["no image", "outside", "words", "stack", "constant", "empty", "tiny", "no file"],
)
def test_what_cannot_be_is_refused_and_said_what_to_do(asked, error):
    with pytest.raises(error) as caught:
        segment(two_squares(), engine="builtin", **asked)

    assert caught.value.hint


def test_a_plane_too_large_to_search_whole_needs_a_window():
    large = np.zeros((20, 6000), np.uint8)

    with pytest.raises(PromptError, match="exemplar image") as caught:
        segment(large, exemplar_image=two_squares(), exemplar_box=(8, 8, 24, 24), engine="builtin")

    assert "window=" in caught.value.hint
