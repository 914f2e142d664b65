"""Whatever is kept of a model's answers is kept for these very weights."""

import os

import pytest

from napari_sam3_assistant.engines.weights.inspect import ModelFolder
from napari_sam3_assistant.engines.weights.signature import BLOCK, BLOCKS, signature_of

NAME = "sam3.pt"


@pytest.fixture(params=[1000, 3 * BLOCK * BLOCKS])
def folder(request, tmp_path):
    (tmp_path / NAME).write_bytes(bytes(request.param))
    return tmp_path


def signature(folder):
    return signature_of(ModelFolder(folder), folder / NAME)


def test_the_same_file_has_the_same_signature(folder):
    assert signature(folder) == signature(folder)


@pytest.mark.parametrize("at", [0, -1])
def test_another_file_with_the_same_name_size_and_time_has_another_one(folder, at):
    path = folder / NAME
    before, stat = signature(folder), path.stat()

    weights = bytearray(path.read_bytes())
    weights[at] = 1
    path.write_bytes(weights)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert path.stat().st_mtime_ns == stat.st_mtime_ns and signature(folder) != before


def test_a_config_beside_it_counts(folder):
    before = signature(folder)

    (folder / "config.json").write_text("{}")

    assert signature(folder) != before
