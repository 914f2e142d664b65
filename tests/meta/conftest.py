"""A small SAM3 in Meta's form, made once by Meta's own builder; without its package the tests here are left out."""

import pytest

WHY = "Meta's package is in .venv-meta: make setup-meta, and run these with its Python"


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory):
    """The folder of a small random ``sam3.pt``, for all tests to read."""
    pytest.importorskip("sam3", reason=WHY)
    import torch

    torch.set_num_threads(1)  # on tensors this small threads only get in each other's way
    from tests.meta.small import make

    return make(tmp_path_factory.mktemp("meta") / "small")


@pytest.fixture(scope="session")
def model(small_folder):
    """It, loaded."""
    from napari_sam3_assistant.core.progress import CancelToken, no_progress
    from napari_sam3_assistant.engines.meta.model import load
    from napari_sam3_assistant.engines.weights.inspect import ModelFolder

    return load(ModelFolder.inspect(small_folder), "cpu", progress=no_progress, cancel=CancelToken())
