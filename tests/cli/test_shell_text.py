"""segment --text: words in the shell, answered by a small SAM3 of random weights."""

import json
from pathlib import Path

import pytest
from PIL import Image

from napari_sam3_assistant.core.geometry import slices
from napari_sam3_assistant.export.images import read_labels
from napari_sam3_assistant.testing import blobs
from tests.engines.sam3.conftest import own_cache, tiny_folder  # noqa: F401


@pytest.fixture
def cells(tmp_path):
    path = tmp_path / "cells.png"
    Image.fromarray(blobs()).save(path)
    return path


@pytest.fixture
def words(shell, cells, tiny_folder):  # noqa: F811
    """Return a function that runs ``segment`` on a picture, with the small model and more options."""
    return lambda *more: shell("segment", cells, "--engine", "sam3", "--model", tiny_folder, *more)


def test_each_phrase_names_its_objects_in_the_file_and_in_the_json(words):
    ended = words("--text", "nucleus; find all vessels", "--text", "debris", "--threshold", "0.01", "--json")

    (entry,) = json.loads(ended.out)["images"]
    labels = read_labels(Path(entry["saved"])).labels
    assert ended.code == 0
    assert {(one["class"], one["class_value"]) for one in entry["objects"]} == {
        ("nucleus", 1),
        ("vessels", 2),
        ("debris", 3),
    }
    assert entry["covered"] == [one["label"] for one in entry["objects"] if not (labels == one["label"]).any()]
    assert ("The file shows nothing of" in ended.err) == bool(entry["covered"])
    assert entry["notes"][1] == "Text prompt used by SAM3: 'vessels' at threshold 0.01."
    assert entry["notes"][1] in ended.err


def test_the_table_shows_the_phrase_as_it_was_typed(words):
    ended = words("--text", "[red]cell[/red] 🧫", "--threshold", "0.01")

    assert ended.code == 0
    assert "[red]cell[/red] 🧫" in ended.out.splitlines()[1]


def test_what_was_asked_without_words_has_no_class(shell, cells):
    ended = shell("segment", cells, "--point", "60,60", "--json")

    (entry,) = json.loads(ended.out)["images"]
    assert [(one["class"], one["class_value"]) for one in entry["objects"]] == [(None, None)]
    assert entry["notes"] == []


def test_without_sam3_it_says_once_what_to_do_and_reads_no_image(shell, tmp_path):
    ended = shell("segment", tmp_path / "no.tif", tmp_path / "none.tif", "--text", "nucleus")

    assert ended.code == 1
    assert ended.out == ""
    assert ended.err.count("get-model") == 1
    assert "--model FOLDER" in ended.err


@pytest.mark.parametrize("text", ["", " , ", "# nothing"])
def test_a_text_without_a_phrase_is_wrong_use(shell, cells, text):
    ended = shell("segment", cells, "--text", text)

    assert ended.code == 2
    assert "--text" in ended.err


def test_a_negative_example_alone_is_enough_beside_words(words):
    assert words("--text", "nucleus", "--exemplar", "10,10,60,60,-").code == 0


def test_the_shell_the_engine_here_and_the_one_in_its_own_process_give_the_same_mask(words, tiny_folder):  # noqa: F811
    from napari_sam3_assistant.core.progress import CancelToken, no_progress
    from napari_sam3_assistant.core.prompts import PointPrompt, Prompts
    from napari_sam3_assistant.engines import registry

    ended = words("--point", "60,60", "--json")
    (entry,) = json.loads(ended.out)["images"]
    saved = read_labels(Path(entry["saved"])).labels > 0
    for make in (registry.create, registry.host):
        engine, told = make("sam3", folder=tiny_folder), {"progress": no_progress, "cancel": CancelToken()}
        engine.load(**told)
        answer = engine.segment(engine.encode(blobs(), **told), Prompts((PointPrompt(60, 60),)))
        engine.close()

        assert saved.any() and answer.mask.area == saved.sum()
        assert saved[slices(answer.mask.box)][answer.mask.mask].all()
