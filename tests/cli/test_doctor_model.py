"""What doctor says of SAM3: its packages, its device, the folder that get-model fills, and the room there is."""

from __future__ import annotations

import json

import pytest

from napari_sam3_assistant.engines import machine
from napari_sam3_assistant.engines.machine import Machine
from napari_sam3_assistant.export import journal_folder
from tests.engines.weights import small

examining = pytest.importorskip("napari_sam3_assistant.cli.examining")


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Give the test folders of its own, and return the one that get-model fills."""
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return examining.own_folder()


@pytest.fixture
def found(shell, own):
    """Return a function that runs doctor and returns its exit code and what it found."""

    def found(*arguments):
        ended = shell("doctor", "--json", *arguments)
        return ended.code, {f"{one['group']}/{one['name']}": one for one in json.loads(ended.out)["findings"]}

    return found


def test_without_a_folder_it_says_which_one_would_be_filled(found, own):
    code, said = found()

    assert code == 0 and not said["Model folder/folder"]["ok"]
    assert str(own) in said["Model folder/folder"]["detail"] and "get-model" in said["Model folder/folder"]["remedy"]


def test_the_folder_that_get_model_fills_is_looked_into(found, own):
    small.write_sam3(own)

    code, said = found()

    assert code == 0 and said["Model folder/folder"]["detail"] == str(own)
    assert said["Model folder/serves"]["detail"].startswith("points")
    assert str(own) in said["Kept/models"]["detail"] and "KB in" in said["Kept/models"]["detail"]


def test_a_half_filled_one_is_no_failure_unless_it_is_named(found, own):
    own.mkdir(parents=True)
    small.write_config(own)

    unnamed, said = found()
    named, _ = found("--model", own)

    assert (unnamed, named) == (0, 1)
    assert not said["Model folder/folder"]["ok"] and not said["Model folder/folder"]["needed"]


def test_packages_that_are_missing_have_one_command_for_this_machine(found, monkeypatch):
    real = examining._version
    monkeypatch.setattr(examining, "_version", lambda name: None if name in ("torch", "safetensors") else real(name))
    monkeypatch.setattr(machine, "look", lambda: Machine("Linux", nvidia=True, python="/opt/python"))

    _, said = found()

    command = "/opt/python -m pip install 'torch>=2.6' safetensors"
    assert said["SAM3/torch"]["remedy"] == said["SAM3/safetensors"]["remedy"] == command


def test_the_device_is_told_in_words_without_asking_torch(found, monkeypatch):
    monkeypatch.setattr(machine, "look", lambda: Machine("Linux", nvidia=True, torch="cuda"))
    monkeypatch.setattr(examining, "_version", lambda name: "1.0")

    _, said = found()

    assert said["Device/NVIDIA driver"]["ok"]
    assert "CUDA, if torch finds the GPU" in said["Device/SAM3 would take"]["detail"]


def test_the_room_on_the_disk_is_told(found):
    _, said = found()

    for name in ("models", "converted copies", "embeddings"):
        assert said[f"Kept/{name}"]["detail"].endswith("free")


def test_how_many_journals_there_are_and_where_is_told(found):
    folder = journal_folder.journal_folder()
    _, said = found()
    assert said["Kept/journals"]["detail"] == f"none, in {folder}"
    folder.mkdir()
    (folder / "one.journal").write_bytes(b"")

    _, said = found()

    assert said["Kept/journals"]["detail"] == f"1 of pictures whose accepted objects are in no file, in {folder}"
