"""segment(text=...): words in Python, answered by a small SAM3 of random weights."""

import numpy as np
import pytest

from napari_sam3_assistant import segment
from napari_sam3_assistant.api import Segmenter
from napari_sam3_assistant.core.errors import ModelFolderError, PromptError, Unsupported
from napari_sam3_assistant.export.stacks import Picture
from napari_sam3_assistant.testing import blobs
from tests.engines.sam3.conftest import WHY, own_cache, tiny_folder  # noqa: F401

PHRASES = ["nucleus", "cytoplasm", "debris", "vessel"]


@pytest.fixture(scope="module")
def sam3(tiny_folder):  # noqa: F811
    with Segmenter("sam3", tiny_folder) as made:
        yield made


def scores(sam3, text, **more):
    """Return the scores of all that there is for ``text``, the best first."""
    found = sam3.segment(blobs(), text=text, threshold=0.01, **more)
    return sorted(found.scores.values(), reverse=True)


def test_objects_have_the_phrase_as_class_and_areas_of_their_own(sam3):
    result = sam3.segment(blobs(), text="nucleus, cytoplasm", threshold=0.01)

    assert {(one.class_name, one.class_value, one.prompt) for one in result.objects} == {
        ("nucleus", 1, "nucleus"),
        ("cytoplasm", 2, "cytoplasm"),
    }
    assert [one.label for one in result.objects] == list(range(1, len(result.objects) + 1))
    assert all(one.area == np.count_nonzero(one.mask.mask) > 0 for one in result.objects)
    assert result.labels.min() == 0
    assert result.engine == "sam3"


def test_four_phrases_and_two_thresholds_on_one_view_are_one_run_of_the_vision_encoder(sam3, monkeypatch):
    from napari_sam3_assistant.engines.sam3 import tower

    runs, usual = [], tower.features
    monkeypatch.setattr(tower, "features", lambda *told: runs.append(1) or usual(*told))
    image = blobs(seed=3)
    first = sam3.segment(image, text="\n".join(PHRASES), threshold=0.1)
    second = sam3.segment(image, text=PHRASES, threshold=0.6)

    assert len(runs) == 1
    assert first.encode_ms > 0 == second.encode_ms
    assert min(second.scores.values(), default=1) >= 0.1


def test_a_threshold_keeps_what_scores_as_much_and_none_means_a_third(sam3):
    known = scores(sam3, "nucleus")
    middle = known[len(known) // 2]

    some = sam3.segment(blobs(), text="nucleus", threshold=middle)
    usual = sam3.segment(blobs(), text="nucleus")

    assert sorted(some.scores.values(), reverse=True) == [score for score in known if score >= middle]
    assert sorted(usual.scores.values(), reverse=True) == [score for score in known if score >= 0.35]


def test_notes_say_which_threshold_was_used(sam3):
    best = scores(sam3, "nucleus")[0]

    result = sam3.segment(blobs(), text="nucleus", threshold=min(best + 0.01, 1))

    assert len(result.objects) >= 1
    assert result.notes[0].startswith("Text prompt used by SAM3: 'nucleus' at threshold 0.1")
    assert f"Nothing reached {best + 0.01:.2f}." in result.notes[0]
    assert sam3.segment(blobs(), text="nucleus", threshold=0.01).notes == (
        "Text prompt used by SAM3: 'nucleus' at threshold 0.01.",
    )


def test_examples_beside_words_change_what_is_found_and_are_no_question_of_their_own(sam3):
    bare = sam3.segment(blobs(), text="nucleus", threshold=0.01)
    both = sam3.segment(blobs(), text="nucleus", exemplars=[(10, 10, 60, 60)], threshold=0.01)

    assert {one.class_name for one in both.objects} == {"nucleus"}
    assert sorted(bare.scores.values()) != sorted(both.scores.values())


def test_words_beside_points_are_objects_of_their_own(sam3):
    result = sam3.segment(blobs(), points=[(60, 60)], text="nucleus", threshold=0.01)

    assert [one.class_value for one in result.objects[:2]] == [0, 1]
    assert result.objects[0].class_name == ""


@pytest.mark.parametrize("text", ["細胞核", "🧫 colony", "cell " * 2000, "ядро, نواة"])
def test_any_script_and_any_length_is_read(sam3, text):
    assert sam3.segment(blobs(), text=text, threshold=0.01).engine == "sam3"


def test_two_hundred_phrases_are_read(sam3):
    result = sam3.segment(blobs(), text=[f"cell {number}" for number in range(200)], threshold=0.9)

    assert len(result.notes) == 200


@pytest.mark.parametrize("text", ["", " , ", [""], 7, b"cell", [7]])
def test_no_text_is_no_prompt(sam3, text):
    with pytest.raises(PromptError) as caught:
        sam3.segment(blobs(), text=text)

    assert caught.value.hint


def test_the_function_takes_words_as_the_segmenter_does(sam3, tiny_folder):  # noqa: F811
    once = segment(blobs(), text="nucleus", threshold=0.01, engine="sam3", model=tiny_folder)

    assert once.scores == sam3.segment(blobs(), text="nucleus", threshold=0.01).scores


def test_the_built_in_engine_says_how_to_get_one_that_reads():
    with pytest.raises(Unsupported) as caught:
        segment(blobs(), text="nucleus")

    assert "no model folder" in caught.value.message
    assert "model=" in caught.value.hint
    assert "--model" in caught.value.in_shell


def test_a_folder_without_a_model_is_an_error(tmp_path):
    pytest.importorskip("torch", reason=WHY)

    with pytest.raises(ModelFolderError):
        segment(blobs(), text="nucleus", engine="sam3", model=tmp_path)


def test_words_alone_need_a_window_on_a_large_plane_and_take_smaller_ones_whole(sam3):
    large = np.zeros((64, 4097), np.uint8)

    with pytest.raises(PromptError) as caught:
        sam3.segment(large, text="nucleus")
    told = sam3.segment(large, text="nucleus", window=(0, 1000, 64, 2000))
    whole = sam3.segment(large[:, :3000], text="nucleus")
    beside = sam3.segment(large, text="nucleus", exemplars=[(10, 2000, 40, 2040)])

    assert "window=" in caught.value.hint
    assert [one.shape for one in (told.windows[0], whole.windows[0])] == [(64, 1000), (64, 3000)]
    assert beside.windows[0].contains(20, 2020)
    assert beside.windows[0].shape[1] == 1024


def test_words_look_at_all_of_a_large_plane_that_has_a_smaller_copy(sam3):
    plane = Picture("slide", tuple(np.zeros((64 >> k, 8200 >> k), np.uint8) for k in range(3)))

    result = sam3.segment(plane, text="nucleus", threshold=0.01)

    assert [one.shape for one in result.windows] == [(64, 8200)]
    assert result.shape == (64, 8200)
