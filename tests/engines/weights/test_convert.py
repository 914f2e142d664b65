"""Meta's file becomes a folder that transformers reads: its values as they are, whole or not at all."""

import errno
import json
import os
import shutil
from collections import namedtuple

import numpy as np
import pytest

from napari_sam3_assistant.core.errors import Cancelled, ModelFolderError, SaveError
from napari_sam3_assistant.core.progress import CancelToken
from napari_sam3_assistant.engines.weights import copies
from napari_sam3_assistant.engines.weights.convert import prepare
from napari_sam3_assistant.engines.weights.files import read_header
from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from tests.engines.weights import small


def read(path):
    with open(path, "rb") as file:
        entries, start = read_header(file, path.name)
        header = json.loads(path.read_bytes()[8:start])
        content = path.read_bytes()[start:]
    return {
        name: np.frombuffer(content[slice(*header[name]["data_offsets"])], "<f4").reshape(entry.shape)
        for name, entry in entries.items()
    }


def test_values_stay_as_they_are(tmp_path):
    meta = small.meta_tensors()

    made = read(prepare(small.write_meta(tmp_path)) / "model.safetensors")

    tower, words = "detector.backbone.vision_backbone.trunk.", "detector.backbone.language_backbone.encoder."
    ours = "detector_model.vision_encoder.backbone."
    np.testing.assert_array_equal(made[ours + "layer_norm.weight"], meta[tower + "ln_pre.weight"])
    for third, letter in enumerate("qkv"):
        np.testing.assert_array_equal(
            made[f"{ours}layers.7.attention.{letter}_proj.weight"],
            meta[tower + "blocks.7.attn.qkv.weight"][third * small.WIDTH : (third + 1) * small.WIDTH],
        )
    np.testing.assert_array_equal(made[ours + "embeddings.position_embeddings"], meta[tower + "pos_embed"][:, 1:])
    np.testing.assert_array_equal(
        made["detector_model.text_encoder.text_projection.weight"], meta[words + "text_projection"].T
    )
    np.testing.assert_array_equal(
        made["tracker_model.prompt_encoder.point_embed.weight"][2:3],
        meta["tracker.sam_prompt_encoder.point_embeddings.2.weight"],
    )
    assert set(made) >= set(small.sam3_tensors())


def test_the_copy_is_a_model_folder_with_its_words(tmp_path):
    copy = prepare(small.write_meta(tmp_path))

    known = ModelFolder.inspect(copy)

    assert copy == tmp_path / "sam3-converted"
    assert known.ready and known.loads_from == copy
    assert known.tasks == ModelFolder.inspect(tmp_path).tasks
    assert ModelFolder.inspect(tmp_path).loads_from == copy


def test_it_is_made_once_and_again_where_the_file_has_changed(tmp_path):
    first = prepare(small.write_meta(tmp_path)) / "model.safetensors"
    made = first.stat().st_mtime_ns

    prepare(tmp_path)
    assert first.stat().st_mtime_ns == made

    os.utime(tmp_path / "sam3.pt", (1, 1))
    assert ModelFolder.inspect(tmp_path).copy is None
    prepare(tmp_path)
    assert first.stat().st_mtime_ns != made
    assert [one.name for one in tmp_path.glob(".*")] == []


def test_progress_goes_up_to_one(tmp_path):
    told = []

    prepare(small.write_meta(tmp_path), progress=lambda fraction, message="": told.append(fraction))

    assert told == sorted(told)
    assert told[-1] == 1.0 and len(told) > 100


def test_cancelled_it_leaves_nothing_behind(tmp_path):
    cancel = CancelToken()
    small.write_meta(tmp_path)
    before = sorted(tmp_path.iterdir())

    with pytest.raises(Cancelled):
        prepare(tmp_path, progress=lambda *_: cancel.cancel(), cancel=cancel)

    assert sorted(tmp_path.iterdir()) == before


@pytest.fixture
def read_only(monkeypatch):
    """Make a folder one in which nothing can be made, whoever we are."""
    make = os.mkdir

    def of(folder):
        def mkdir(path, *args, **options):
            if str(path).startswith(str(folder)):
                raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
            make(path, *args, **options)

        monkeypatch.setattr(os, "mkdir", mkdir)

    return of


def test_beside_a_read_only_file_nothing_is_written_and_the_cache_is_used(tmp_path, own_cache, read_only):
    small.write_meta(tmp_path)
    before = sorted(tmp_path.iterdir())
    read_only(tmp_path)

    copy = prepare(tmp_path)

    assert sorted(tmp_path.iterdir()) == before
    assert copy.is_relative_to(own_cache)
    assert ModelFolder.inspect(tmp_path).loads_from == copy


Usage = namedtuple("Usage", "total used free")


def test_where_every_disk_is_full_nothing_is_begun(tmp_path, monkeypatch):
    small.write_meta(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 1000, 1000))

    with pytest.raises(SaveError, match=r"needs .* and the disk of .* has 1 KB free") as caught:
        prepare(tmp_path)

    assert "Free" in caught.value.hint
    assert sorted(tmp_path.rglob("*")) == before


def test_where_one_disk_is_full_the_other_is_used(tmp_path, own_cache, monkeypatch):
    small.write_meta(tmp_path)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: Usage(0, 0, 0 if str(path).startswith(str(tmp_path)) else 10**12)
    )

    assert prepare(tmp_path).is_relative_to(own_cache)


def test_a_disk_that_fills_on_the_way_leaves_nothing_behind(tmp_path, monkeypatch):
    small.write_meta(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))

    with pytest.raises(SaveError, match="No space left"):
        prepare(tmp_path)

    assert sorted(tmp_path.rglob("*")) == before


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path):
    small.write_meta(tmp_path)
    old, new = tmp_path / ".sam3-converted-0.part", tmp_path / ".sam3-converted-1.part"
    for one in (old, new):
        one.mkdir()
    os.utime(old, (1, 1))

    prepare(tmp_path)

    assert not old.exists() and new.exists()


def test_a_copy_that_lost_its_weights_is_made_again(tmp_path):
    copy = prepare(small.write_meta(tmp_path))
    (copy / copies.WEIGHTS).unlink()

    assert (prepare(tmp_path) / copies.WEIGHTS).is_file()


def test_a_folder_of_transformers_is_used_as_it_is(tmp_path):
    assert prepare(small.write_sam3(tmp_path)) == tmp_path
    assert not (tmp_path / copies.BESIDE).exists()


def test_a_name_that_is_not_sam3_s_is_refused(tmp_path):
    small.write_meta(tmp_path)
    small.write_pt(tmp_path / "sam3.pt", small.meta_tensors() | {"detector.new_part.weight": np.zeros(2, "f4")})

    with pytest.raises(ModelFolderError, match=r"detector\.new_part\.weight"):
        prepare(tmp_path)
