"""segment(everything=True): every object, without a prompt."""

import numpy as np
import pytest

from napari_sam3_assistant import segment
from napari_sam3_assistant.core.errors import PromptError
from napari_sam3_assistant.samples import nuclei


@pytest.fixture(scope="module")
def sample():
    return nuclei(3)


@pytest.fixture(scope="module")
def result(sample):
    return segment(sample.image, everything=True, engine="builtin")


def test_every_object_has_a_label_a_score_and_the_word(sample, result):
    assert 0.8 * sample.truth.max() < len(result.objects) < 1.2 * sample.truth.max()
    assert [one.label for one in result.objects] == list(range(1, len(result.objects) + 1))
    assert {one.prompt for one in result.objects} == {"everything"}
    assert list(result.scores.values()) == sorted(result.scores.values(), reverse=True)
    assert result.labels.shape == sample.truth.shape


def test_a_threshold_keeps_the_better_ones(sample, result):
    middle = sorted(result.scores.values())[len(result.objects) // 2]

    better = segment(sample.image, everything=True, threshold=middle, engine="builtin")

    assert list(better.scores.values()) == [score for score in result.scores.values() if score >= middle]


def test_a_window_is_all_that_is_looked_at(sample):
    found = segment(sample.image, everything=True, window=(100, 100, 300, 300), engine="builtin")

    assert 0 < len(found.objects) < sample.truth.max()
    assert all(100 <= one.box[0] < one.box[2] <= 300 for one in found.objects)


@pytest.mark.parametrize("prompt", [{"points": [(5, 5)]}, {"boxes": [(1, 1, 9, 9)]}, {"text": "cell"}], ids=str)
def test_a_prompt_beside_everything_is_refused(sample, prompt):
    with pytest.raises(PromptError, match="without a prompt") as caught:
        segment(sample.image, everything=True, engine="builtin", **prompt)
    assert caught.value.hint


def test_a_plane_that_is_too_large_asks_where_to_look():
    with pytest.raises(PromptError, match="too many to look for every object"):
        segment(np.zeros((4100, 8), np.uint8), everything=True, engine="builtin")


def test_a_grid_that_cannot_be_is_refused(sample):
    with pytest.raises(PromptError, match="300 points a side"):
        segment(sample.image, everything=True, points_per_side=300, engine="builtin")
