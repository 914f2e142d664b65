"""segment --everything: every object, in the shell."""

import json
from pathlib import Path

import pytest

from napari_sam3_assistant.export.images import read_labels


def test_every_object_is_found_and_saved(shell, squares):
    ended = shell("segment", squares, "--everything", "--engine", "builtin", "--json")

    (entry,) = json.loads(ended.out)["images"]
    labels = read_labels(Path(entry["saved"])).labels
    assert ended.code == 0
    assert {one["prompt"] for one in entry["objects"]} == {"everything"}
    assert labels[20, 20] != labels[60, 70]
    assert labels[20, 20] and labels[60, 70]


def test_a_threshold_of_one_leaves_nothing(shell, squares):
    ended = shell("segment", squares, "--everything", "--threshold", "1", "--engine", "builtin")

    assert ended.code == 0
    assert "nothing found" in ended.out


@pytest.mark.parametrize(
    "more",
    [["--point", "20,20"], ["--box", "1,1,9,9"], ["--exemplar", "1,1,9,9"], ["--text", "cell"]],
    ids=lambda more: more[0],
)
def test_a_prompt_beside_it_is_wrong_use_and_one_sentence_says_so(shell, squares, more):
    ended = shell("segment", squares, "--everything", *more)

    assert ended.code == 2
    assert "Every object is looked for without a prompt." in ended.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--everything", "--points-per-side", "0"], "0 points a side are no grid. Give 1 to 256."),
        (["--everything", "--points-per-side", "many"], "is not a whole number"),
        (["--point", "20,20", "--points-per-side", "8"], "A grid of points goes with --everything."),
    ],
    ids=["none", "a word", "without everything"],
)
def test_a_grid_that_cannot_be_is_wrong_use(shell, squares, options, said):
    ended = shell("segment", squares, *options)

    assert ended.code == 2
    assert said in ended.err
